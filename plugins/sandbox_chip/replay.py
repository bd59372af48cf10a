"""The replay of the placement task: macros one after another with their nets, heat maps, wirelength."""

from __future__ import annotations

import numpy as np

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
from sandbox_chip.episode import Episode
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.netlist import MACRO as HARD_MACRO
from sandbox_chip.netlist import PAD, Netlist
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.views import cost_maps, play

MAX_NETS = 1000
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


def replay(request: ViewRequest) -> None:
    """The placements macro by macro with their nets and heat maps, and the wirelength."""
    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            episode, record = play(request, agent, seed)
            episodes.append(_replay(episode, agent.name, seed, dict(record.metrics)))
    write_replay(request.path, request.scenario, episodes)


def _replay(episode: Episode, agent: str, seed: int, metrics: dict[str, float]) -> ReplayEpisode:
    """A frame for every placed macro; the player begins with the whole placement."""
    lengths = []
    for macro in range(episode.state.num_placed):
        so_far = episode.state.places.copy()
        so_far[macro + 1 :, 2] = -1
        arrays = episode.problem.arrays
        lengths.append(float(wirelength(arrays, all_bounds(arrays, so_far))))
    names = [
        episode.problem.netlist.nodes[int(node)]
        for node in episode.problem.macros[: episode.state.num_placed]
    ]
    return ReplayEpisode(
        agent=agent,
        seed=seed,
        frames=episode.state.num_placed,
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
    k, index = np.maximum(episode.state.places[:, 2], 0), np.arange(problem.num_macros)
    half_w, half_h = problem.arrays.half_w[k, index], problem.arrays.half_h[k, index]
    corners_x, corners_y = x[problem.macros] - half_w, y[problem.macros] - half_h
    frames = []
    for macro in range(episode.state.num_placed):
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
    placed_in[problem.macros] = np.arange(problem.num_macros)
    paths, since = [], []
    for net in np.argsort(-netlist.net_weight, kind="stable")[:MAX_NETS]:
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
    horizontal, vertical, density = cost_maps(episode)
    maps = {
        "RUDY": episode.state.rudy,
        "congestion, horizontal": horizontal,
        "congestion, vertical": vertical,
        "density": density,
    }
    return [
        Grid(box=canvas, columns=values.shape[1], rows=values.shape[0], values=values.ravel(), layer=name)
        for name, values in maps.items()
    ]
