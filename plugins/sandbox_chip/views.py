"""Views of the placement task: pictures of placements, heat maps, and an animation."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox_chip import costs
from sandbox_chip.episode import Episode
from sandbox_chip.observations import LEGAL, NUM_FEATURES, SHARED_PLANES, WIRE_MASK, num_planes
from sandbox_chip.render import draw_placement, frame, new_figure
from sandbox_chip.types import Bytes, Floats, Image

MAX_FRAMES = 120
"""Pictures, about, of the animation of a design with more macros: some macros get no picture of their own."""


def play(request: ViewRequest, agent: ViewAgent, seed: int) -> tuple[Episode, Any]:
    """A finished episode and its record."""
    last: dict[str, Episode] = {}

    def on_moment(env: Any, moment: Moment) -> None:
        last["episode"] = env.unwrapped.core.episode

    record = request.play(agent, seed, on_moment)
    return last["episode"], record


def placement(request: ViewRequest) -> None:
    """Finished placements, one picture for every agent and seed."""
    finished = [
        (agent.name, seed, *play(request, agent, seed)) for agent in request.agents for seed in request.seeds
    ]
    columns = min(len(finished), 3)
    rows = -(-len(finished) // columns)
    figure, axes = new_figure(rows, columns, (4.6 * columns, 4.9 * rows))
    for axis, (name, seed, episode, record) in zip(axes, finished, strict=False):
        draw_placement(axis, episode)
        axis.set_title(f"{name}, seed {seed}\nHPWL {record.metrics['hpwl']:,.0f} µm", fontsize=9)
    for axis in axes[len(finished) :]:
        axis.remove()
    figure.savefig(request.path)


def heat_maps(request: ViewRequest) -> None:
    """Wire mask and legal cells halfway through, and RUDY, congestion and density at the end."""
    agent, seed = request.agents[0], request.seeds[0]
    halfway: dict[str, Any] = {}

    def on_moment(env: Any, moment: Moment) -> None:
        episode: Episode = env.unwrapped.core.episode
        if moment.step == episode.problem.num_macros // 2:
            halfway.update(planes=_planes(episode), macro=episode.state.num_placed)
        halfway["episode"] = episode

    request.play(agent, seed, on_moment)
    episode: Episode = halfway["episode"]
    planes = halfway.get("planes", _planes(episode))  # a dead end may come before half of the macros
    macro = halfway.get("macro", 0)
    horizontal, vertical, density = cost_maps(episode)
    wire_mask = _inside(episode, macro, planes[SHARED_PLANES + WIRE_MASK] ** 2)
    panels = [
        (f"wire mask of macro {macro + 1}, share of its range", wire_mask),
        ("legal cells", planes[SHARED_PLANES + LEGAL]),
        ("RUDY, in its unit", episode.rudy),
        ("horizontal congestion", horizontal),
        ("vertical congestion", vertical),
        ("share of the cell covered", density),
    ]
    figure, axes = new_figure(2, 3, (13, 8.2))
    for axis, (title, values) in zip(axes, panels, strict=True):
        shown = axis.imshow(values, origin="lower", cmap="viridis")
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=7)
        figure.colorbar(shown, ax=axis, shrink=0.85)
    figure.suptitle(f"{agent.name}, seed {seed}", fontsize=11)
    figure.savefig(request.path)


def order(request: ViewRequest) -> None:
    """The placement macro by macro, as an animation."""
    from PIL import Image as Pictures

    frames: list[Bytes] = []

    def on_moment(env: Any, moment: Moment) -> None:
        episode: Episode = env.unwrapped.core.episode
        every = max(episode.problem.num_macros // MAX_FRAMES, 1)
        if episode.over or episode.state.num_placed % every == 0:
            frames.append(frame(episode))

    request.play(request.agents[0], request.seeds[0], on_moment)
    images = [Pictures.fromarray(picture).quantize(64) for picture in frames]
    images[0].save(
        request.path,
        save_all=True,
        append_images=images[1:],
        duration=[180] * (len(images) - 1) + [2000],
        loop=0,
    )


def _planes(episode: Episode) -> Image:
    """Image planes of the present observation; see `sandbox_chip.observations.observe`."""
    grid, choices = episode.problem.grid, episode.problem.num_choices
    planes = np.zeros((num_planes(choices), grid, grid), np.float32)
    episode.observe(planes, np.zeros(NUM_FEATURES, np.float32), np.zeros(choices * grid * grid, bool))
    return planes


def _inside(episode: Episode, macro: int, plane: Image) -> Floats:
    """A plane of a macro with NaN where its corner cannot lie inside the canvas."""
    problem = episode.problem
    macro = min(macro, problem.num_macros - 1)
    columns = problem.grid - int(problem.arrays.footprint_w[0, macro]) + 1
    rows = problem.grid - int(problem.arrays.footprint_h[0, macro]) + 1
    shown = np.full(plane.shape, np.nan)
    shown[:rows, :columns] = plane[:rows, :columns]
    return shown


def cost_maps(episode: Episode) -> tuple[Floats, Floats, Floats]:
    """Horizontal and vertical congestion, and density, of the cost grid."""
    netlist, technology = episode.problem.netlist, episode.design.technology
    x, y, orientation = episode.centres()
    horizontal, vertical = costs.congestion_maps(netlist, technology, x, y, orientation)
    return horizontal, vertical, costs.density_map(netlist, technology, x, y, orientation)
