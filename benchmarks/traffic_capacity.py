"""The capacity region of traffic controllers: the largest demand at which queues stay bounded.

    python -m benchmarks.traffic_capacity [SCENARIO] [--agents fixed-time,max-pressure]
        [--sides 0.5,1,2] [--episodes 2] [--duration 3600] [--out region.png]

For each share of the demand from north and south (``demand_side``, generated demand only), the largest factor
on the demand is found by bisection, to 2 %, on the tuning seeds. Prints one JSON document, and draws the
boundaries with ``--out``: demand along the main road against demand across it, as factors on the scenario's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.mistakes import explained
from sandbox.scenarios.resolve import load_scenario
from sandbox_traffic.capacity import MAX_GROWTH, capacity
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.plugin import BASELINES

DEFAULT_AGENTS = "fixed-time,webster,actuated,max-pressure,max-wave,greedy-delay"


def main() -> int:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenario", nargs="?", default="traffic/single-intersection")
    parser.add_argument("--agents", default=DEFAULT_AGENTS)
    parser.add_argument("--sides", default="1", help="factors on the demand from north and south")
    parser.add_argument("--episodes", type=int, default=2)
    parser.add_argument("--duration", type=int, default=3600, help="of an episode, s")
    parser.add_argument("--out", type=Path, help="picture of the boundaries")
    arguments = parser.parse_args()
    sides = [float(part) for part in arguments.sides.split(",")]
    values = load_scenario(arguments.scenario).evaluation_config.model_dump()
    config = SignalConfig.model_validate(values | {"duration": arguments.duration})
    regions: dict[str, list[dict[str, float]]] = {}
    for name in arguments.agents.split(","):
        regions[name] = []
        for side in sides:
            changed = config if side == 1 else config.model_copy(update={"demand_side": side})
            factor = capacity(changed, _maker(name), arguments.episodes)
            regions[name].append({"demand_side": side, "demand": round(factor, 3)})
            print(f"{name}: {regions[name][-1]}", file=sys.stderr, flush=True)
    print(
        json.dumps(
            {
                "scenario": arguments.scenario,
                "episodes": arguments.episodes,
                "duration": arguments.duration,
                "max_growth": MAX_GROWTH,
                "largest_stable": regions,
            },
            indent=1,
        )
    )
    if arguments.out:
        draw(regions, arguments.out)
    return 0


def draw(regions: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Draw the boundary of each controller's region; those that are the same as one line."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    lines: dict[tuple[tuple[float, ...], ...], list[str]] = {}
    for name, points in regions.items():
        lines.setdefault(_boundary(points), []).append(name)
    for (along, across), names in lines.items():
        axes.plot(along, across, marker="o", label=",\n".join(names))
    axes.set_xlabel("demand from east and west, factor")
    axes.set_ylabel("demand from north and south, factor")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    FigureCanvasAgg(figure).print_figure(path, dpi=150)


def _boundary(points: Sequence[dict[str, float]]) -> tuple[tuple[float, ...], ...]:
    """Demand along and across the main road at each point, in the order of directions."""
    ordered = sorted(points, key=lambda point: point["demand_side"])
    along = tuple(point["demand"] for point in ordered)
    return along, tuple(point["demand"] * point["demand_side"] for point in ordered)


def _maker(name: str) -> Callable[[Any], Any]:
    """What makes the baseline ``name`` from an environment."""
    makes = {baseline.name: str(baseline.make) for baseline in BASELINES}
    if name not in makes:
        raise SystemExit(f"There is no baseline '{name}'. Known: {', '.join(makes)}.")
    module, _, function = makes[name].partition(":")
    make: Callable[[Any], Any] = getattr(importlib.import_module(module), function)
    return make


if __name__ == "__main__":
    with explained():
        sys.exit(main())
