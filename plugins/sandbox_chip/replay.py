"""The replay file of the placement task: episodes as data for the web page's player."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import ViewRequest
from sandbox.api.replay import write_replay
from sandbox_chip.episode import Episode
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.netlist import PAD
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.problem import Problem
from sandbox_chip.views import play

MAX_NETS = 1000
"""Nets in a replay: those of the greatest weight."""


def replay(request: ViewRequest) -> None:
    """Write the episodes of every agent and seed."""
    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            episode, record = play(request, agent, seed)
            episodes.append(
                {"agent": agent.name, "seed": seed, "metrics": dict(record.metrics), **_document(episode)}
            )
    write_replay(request.path, "chip", "chip/placement", episodes)


def _document(episode: Episode) -> dict[str, Any]:
    """What the viewer ``chip`` shows of an episode; lengths in µm from the canvas' lower-left corner."""
    problem = episode.problem
    netlist, grid = problem.netlist, problem.grid
    width, height = netlist.size
    return {
        "canvas": {"width": width, "height": height, "unit": "um"},
        "macros": [
            {
                "name": netlist.nodes[int(node)],
                "width": float(netlist.width[node]),
                "height": float(netlist.height[node]),
            }
            for node in problem.macros
        ],
        "frames": _frames(episode),
        "pads": _pads(problem),
        "nets": _nets(problem),
        "maps": [
            {"name": "RUDY", "columns": grid, "rows": grid, "values": episode.state.rudy.ravel().tolist()}
        ],
        "series": [{"name": "wirelength", "unit": "µm", "values": _wirelengths(episode)}],
    }


def _frames(episode: Episode) -> list[dict[str, Any]]:
    """Lower-left corner and orientation of every placed macro, in their order."""
    problem = episode.problem
    frames = []
    for macro in range(episode.state.num_placed):
        k, (x, y) = int(episode.state.places[macro, 2]), episode.state.centres[macro]
        frames.append(
            {
                "macro": macro,
                "x": float(x - problem.arrays.half_w[k, macro]),
                "y": float(y - problem.arrays.half_h[k, macro]),
                "orientation": ORIENTATIONS[problem.orientations[k, macro]],
            }
        )
    return frames


def _wirelengths(episode: Episode) -> list[float]:
    """Wirelength after each placed macro."""
    arrays, places = episode.problem.arrays, episode.state.places
    lengths = []
    for macro in range(episode.state.num_placed):
        so_far = places.copy()
        so_far[macro + 1 :, 2] = -1
        lengths.append(float(wirelength(arrays, all_bounds(arrays, so_far))))
    return lengths


def _pads(problem: Problem) -> list[list[float]]:
    netlist = problem.netlist
    left, bottom = netlist.canvas[:2]
    pads = (netlist.kind == PAD) & np.isfinite(netlist.x)
    return [
        [float(x - left), float(y - bottom)] for x, y in zip(netlist.x[pads], netlist.y[pads], strict=True)
    ]


def _nets(problem: Problem) -> list[list[list[int | float]]]:
    """Pins of the heaviest nets: macro and offset from its lower-left corner, or −1 and position."""
    netlist = problem.netlist
    left, bottom = netlist.canvas[:2]
    rank = np.full(len(netlist.kind), -1, np.int64)
    rank[problem.macros] = np.arange(problem.num_macros)
    nets = []
    for net in np.argsort(-netlist.net_weight, kind="stable")[:MAX_NETS]:
        pins: list[list[int | float]] = []
        for pin in netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]:
            node = int(netlist.pin_node[pin])
            if rank[node] >= 0:
                dx = netlist.pin_x[pin] + netlist.width[node] / 2
                dy = netlist.pin_y[pin] + netlist.height[node] / 2
                pins.append([int(rank[node]), float(dx), float(dy)])
            else:
                pins.append([-1, float(netlist.x[node] - left), float(netlist.y[node] - bottom)])
        nets.append(pins)
    return nets
