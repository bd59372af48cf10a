"""Views of the placement task: pictures of placements, heat maps, an animation, and the replay file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import ViewRequest
from sandbox.api.replay import (
    Circles,
    Clock,
    Grid,
    Kind,
    LegendEntry,
    Lines,
    Rectangles,
    Scene,
    Series,
    Texts,
    Things,
    write_replay,
)
from sandbox.api.replay import Episode as ReplayEpisode
from sandbox_chip import costs
from sandbox_chip.episode import Episode
from sandbox_chip.netlist import MACRO as HARD_MACRO
from sandbox_chip.netlist import ORIENTATIONS, PAD, Netlist
from sandbox_chip.render import canvas, draw_placement, frame, masks

MOST_NETS = 1000
"""Nets in a replay: those of the greatest weight."""

MACRO = Kind(
    name="macro",
    anchor="corner",
    colours=["blue", "orange"],
    opacity=0.5,
    line="ink",
    labels=True,
)
PLACED, LATEST = 0, 1
"""What the colours of a macro mean."""


def placement(request: ViewRequest) -> None:
    """Finished placements, one picture for every agent and seed."""
    drawn = [
        (agent.name, seed, *_finished(request, agent, seed))
        for agent in request.agents
        for seed in request.seeds
    ]
    columns = min(len(drawn), 3)
    rows = -(-len(drawn) // columns)
    figure, axes = canvas(rows, columns, (4.6 * columns, 4.9 * rows))
    for axis, (name, seed, episode, record) in zip(axes, drawn, strict=False):
        draw_placement(axis, episode.problem, episode.places)
        axis.set_title(f"{name}, seed {seed}\nHPWL {record.metrics['hpwl']:,.0f} µm", fontsize=9)
    for axis in axes[len(drawn) :]:
        axis.remove()
    figure.savefig(request.path)


def heat_maps(request: ViewRequest) -> None:
    """Wire mask and legal cells halfway through, and RUDY, congestion and density at the end."""
    agent, seed = request.agents[0], request.seeds[0]
    kept: dict[str, Any] = {}

    def watch(env: Any, moment: Any) -> None:
        episode: Episode = env.unwrapped.episode
        if moment.step == episode.problem.count // 2:
            kept["planes"], kept["index"] = masks(episode), episode.index
        kept["episode"] = episode

    request.play(agent, seed, watch)
    episode: Episode = kept["episode"]
    image = kept.get("planes", masks(episode))
    horizontal, vertical, density = _maps(episode)
    wire = _inside(episode, kept.get("index", 0), image[6] ** 2)
    panels = [
        (f"wire mask of macro {kept.get('index', 0) + 1}, share of its range", wire),
        ("legal cells", image[5]),
        ("RUDY, in its unit", episode.cells),
        ("horizontal congestion", horizontal),
        ("vertical congestion", vertical),
        ("share of the cell covered", density),
    ]
    figure, axes = canvas(2, 3, (13, 8.2))
    for axis, (title, values) in zip(axes, panels, strict=True):
        shown = axis.imshow(values, origin="lower", cmap="viridis")
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=7)
        figure.colorbar(shown, ax=axis, shrink=0.85)
    figure.suptitle(f"{agent.name}, seed {seed}", fontsize=11)
    figure.savefig(request.path)


def order(request: ViewRequest) -> None:
    """The placement macro by macro, as an animation."""
    from PIL import Image

    pictures: list[NDArray[np.uint8]] = []

    def watch(env: Any, moment: Any) -> None:
        episode: Episode = env.unwrapped.episode
        # A design of a thousand macros need not be a film of a thousand pictures.
        if episode.over or episode.index % max(episode.problem.count // 120, 1) == 0:
            pictures.append(frame(episode))

    request.play(request.agents[0], request.seeds[0], watch)
    images = [Image.fromarray(picture).quantize(64) for picture in pictures]
    images[0].save(
        request.path,
        save_all=True,
        append_images=images[1:],
        duration=[180] * (len(images) - 1) + [2000],
        loop=0,
    )


def replay(request: ViewRequest) -> None:
    """The placements macro by macro with their nets and heat maps, and the wirelength."""
    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            episode, record = _finished(request, agent, seed)
            episodes.append(_replay(episode, agent.name, seed, dict(record.metrics)))
    write_replay(request.path, request.scenario, episodes)


def _finished(request: ViewRequest, agent: Any, seed: int) -> tuple[Episode, Any]:
    """A played episode and its record."""
    kept: dict[str, Episode] = {}

    def watch(env: Any, moment: Any) -> None:
        kept["episode"] = env.unwrapped.episode

    record = request.play(agent, seed, watch)
    return kept["episode"], record


def _inside(episode: Episode, macro: int, plane: Any) -> Any:
    """A plane of a macro with NaN where its corner cannot lie inside the canvas."""
    macro = min(macro, episode.problem.count - 1)
    columns = episode.problem.grid - int(episode.arrays.cells_w[0, macro]) + 1
    rows = episode.problem.grid - int(episode.arrays.cells_h[0, macro]) + 1
    shown = np.full(plane.shape, np.nan)
    shown[:rows, :columns] = plane[:rows, :columns]
    return shown


def _maps(episode: Episode) -> tuple[Any, Any, Any]:
    """Congestion in both directions and density of the cost grid."""
    netlist, technology = episode.problem.netlist, episode.design.technology
    x, y, orientation = episode.centres()
    horizontal, vertical = costs.congestion_of(netlist, technology, x, y, orientation)
    return horizontal, vertical, costs.density_map(netlist, technology, x, y, orientation)


def _replay(episode: Episode, agent: str, seed: int, metrics: dict[str, float]) -> ReplayEpisode:
    """A frame for every placed macro; the player begins with the whole placement."""
    from sandbox_chip.kernels import all_bounds, wirelength

    lengths = []
    for macro in range(episode.index):
        so_far = episode.places.copy()
        so_far[macro + 1 :, 2] = -1
        arrays = episode.problem.arrays
        lengths.append(float(wirelength(arrays, all_bounds(arrays, so_far))))
    names = [episode.problem.netlist.nodes[int(node)] for node in episode.problem.macros[: episode.index]]
    return ReplayEpisode(
        agent=agent,
        seed=seed,
        frames=episode.index,
        clock=Clock(unit="macros", start=1.0),
        opens_at="end",
        metrics=metrics,
        scene=_scene(episode),
        series=[Series(name="wirelength of nets so far", unit="µm", values=lengths)],
        texts=[Texts(name="latest macro", values=names)],
    )


def _scene(episode: Episode) -> Scene:
    """Canvas, fixed blocks and pads, macros in their order, nets between what is placed, heat maps."""
    netlist = episode.problem.netlist
    left, bottom = netlist.canvas[:2]
    width, height = netlist.size
    canvas = (left, bottom, width, height)
    pads = (netlist.kind == PAD) & np.isfinite(netlist.x)
    fixed = np.flatnonzero((netlist.kind == HARD_MACRO) & netlist.fixed & np.isfinite(netlist.x))
    maps = _heat_layers(episode, canvas)
    return Scene(
        title="the placement",
        unit="µm",
        shapes=[
            Rectangles(boxes=[canvas], line="faint"),
            *maps,
            Rectangles(
                boxes=[_box(netlist, int(node)) for node in fixed],
                names=[netlist.nodes[int(node)] for node in fixed],
                fill="grey",
                line="ink",
                opacity=0.6,
            ),
            Circles(centres=np.stack((netlist.x[pads], netlist.y[pads]), axis=1), fill="grey", pixels=2.0),
            _net_lines(episode),
        ],
        things=[_macros(episode)],
        hidden=[layer.layer for layer in maps],
        legend=[
            LegendEntry(colour="blue", text="macro"),
            LegendEntry(colour="orange", text="latest macro"),
            LegendEntry(colour="grey", text="pad, fixed block"),
        ],
        scale=True,
    )


def _box(netlist: Netlist, node: int) -> tuple[float, float, float, float]:
    """Lower left corner and size of a block that is where the file put it."""
    width, height = float(netlist.width[node]), float(netlist.height[node])
    if ORIENTATIONS[int(netlist.orientation[node])][-1] in "EW":
        width, height = height, width
    return float(netlist.x[node]) - width / 2, float(netlist.y[node]) - height / 2, width, height


def _macros(episode: Episode) -> Things:
    """Every macro from its frame on, in another colour while it is the latest."""
    problem = episode.problem
    x, y, _ = episode.centres()
    k, index = np.maximum(episode.places[:, 2], 0), np.arange(problem.count)
    half_w, half_h = problem.arrays.half_w[k, index], problem.arrays.half_h[k, index]
    corners_x, corners_y = x[problem.macros] - half_w, y[problem.macros] - half_h
    frames = []
    for macro in range(episode.index):
        rows = [macro] if macro == 0 else [macro - 1, macro]
        frames.append(
            {
                "id": rows,
                "x": corners_x[rows],
                "y": corners_y[rows],
                "length": 2 * half_w[rows],
                "width": 2 * half_h[rows],
                "value": [PLACED] * (len(rows) - 1) + [LATEST],
            }
        )
    names = [problem.netlist.nodes[int(node)] for node in problem.macros]
    return Things.of(frames, [MACRO], names=names, keep=True)


def _net_lines(episode: Episode) -> Lines:
    """Lines from the pins to the middle of their net, for the heaviest nets, once both ends are placed."""
    problem = episode.problem
    netlist = problem.netlist
    pin_x, pin_y = netlist.pin_positions(*episode.centres())
    placed_in = np.zeros(len(netlist.kind), np.int64)
    placed_in[problem.macros] = np.arange(problem.count)
    paths, since = [], []
    for net in np.argsort(-netlist.net_weight, kind="stable")[:MOST_NETS]:
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]
        pins = pins[np.isfinite(pin_x[pins])]
        if len(pins) < 2:
            continue
        middle = [float(pin_x[pins].mean()), float(pin_y[pins].mean())]
        placed = placed_in[netlist.pin_node[pins]]
        second = int(np.partition(placed, 1)[1])
        for pin, first in zip(pins, placed.tolist(), strict=True):
            paths.append([[float(pin_x[pin]), float(pin_y[pin])], middle])
            since.append(max(first, second))
    opacity = 0.35 if len(paths) < 400 else 0.15
    return Lines(paths=paths, since=since, line="bad", opacity=opacity, layer="nets")


def _heat_layers(episode: Episode, canvas: tuple[float, float, float, float]) -> list[Grid]:
    """Heat maps of the finished placement, each a layer."""
    horizontal, vertical, density = _maps(episode)
    maps = {
        "RUDY": episode.cells,
        "congestion, horizontal": horizontal,
        "congestion, vertical": vertical,
        "density": density,
    }
    return [
        Grid(box=canvas, columns=values.shape[1], rows=values.shape[0], values=values.ravel(), layer=name)
        for name, values in maps.items()
    ]
