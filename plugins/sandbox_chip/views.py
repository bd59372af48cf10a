"""Views of the placement task: pictures of placements, heat maps, an animation, and the replay file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import ViewRequest
from sandbox_chip import costs
from sandbox_chip.episode import Episode
from sandbox_chip.netlist import ORIENTATIONS
from sandbox_chip.render import canvas, draw_placement, frame, masks

MOST_NETS = 1000


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
    """The episodes as data for the web page's player."""
    from sandbox.api.replay import write_replay

    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            episode, record = _finished(request, agent, seed)
            episodes.append(
                {"agent": agent.name, "seed": seed, "metrics": dict(record.metrics), **_document(episode)}
            )
    write_replay(request.path, "chip", "chip/placement", episodes)


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


def _document(episode: Episode) -> dict[str, Any]:
    problem = episode.problem
    netlist, macros = problem.netlist, problem.macros
    left, bottom = netlist.canvas[:2]
    width, height = netlist.size
    frames, lengths = [], []
    arrays = problem.arrays
    from sandbox_chip.kernels import all_bounds, wirelength

    for macro in range(episode.index):
        column, row, k = (int(value) for value in episode.places[macro])
        frames.append(
            {
                "macro": macro,
                "x": column * arrays.step_x,
                "y": row * arrays.step_y,
                "orientation": ORIENTATIONS[problem.orientations[k]],
            }
        )
        so_far = episode.places.copy()
        so_far[macro + 1 :, 2] = -1
        lengths.append(float(wirelength(arrays, all_bounds(arrays, so_far))))
    rank = np.full(len(netlist.kind), -1, np.int64)
    rank[macros] = np.arange(len(macros))
    nets = []
    for net in np.argsort(-netlist.net_weight, kind="stable")[:MOST_NETS]:
        pins = []
        for pin in netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]:
            node = int(netlist.pin_node[pin])
            if rank[node] >= 0:
                dx, dy = (
                    netlist.pin_x[pin] + netlist.width[node] / 2,
                    netlist.pin_y[pin] + netlist.height[node] / 2,
                )
                pins.append([int(rank[node]), float(dx), float(dy)])
            else:
                pins.append([-1, float(netlist.x[node] - left), float(netlist.y[node] - bottom)])
        nets.append(pins)
    pads = (netlist.kind == 1) & np.isfinite(netlist.x)
    return {
        "canvas": {"width": width, "height": height, "unit": "um"},
        "macros": [
            {
                "name": netlist.nodes[int(m)],
                "width": float(netlist.width[m]),
                "height": float(netlist.height[m]),
            }
            for m in macros
        ],
        "frames": frames,
        "pads": [
            [float(x - left), float(y - bottom)]
            for x, y in zip(netlist.x[pads], netlist.y[pads], strict=True)
        ],
        "nets": nets,
        "maps": [
            {
                "name": "RUDY",
                "columns": problem.grid,
                "rows": problem.grid,
                "values": episode.cells.ravel().tolist(),
            }
        ],
        "series": [{"name": "wirelength", "unit": "µm", "values": lengths}],
    }
