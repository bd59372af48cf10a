"""Placers ranked by circuit_training's proxy cost, at equal time: searches for wirelength beside one for it.

    python -m benchmarks.chip_proxy [--design netlist.pb.txt:initial.plc:64 …] [--generated 8] [--seconds 2]
        [--seeds 1]

Every search has the same processor time on one core. ``go-with-the-winners`` lowers the proxy cost itself,
soft macros included; the others lower the wirelength of hard macros. Prints one JSON document with all parts
of the cost, and for each design a row in Markdown on standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np

from sandbox_chip import costs
from sandbox_chip.config import ChipConfig
from sandbox_chip.designs import Design, DesignSource
from sandbox_chip.placers.annealing import anneal
from sandbox_chip.placers.greedy import greedy
from sandbox_chip.placers.hill_climbing import hill_climbing
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.placers.walkers import go_with_the_winners

SEARCHES = {"hill-climbing": hill_climbing, "annealing": anneal, "rebuild": rebuild}

AGENTS = ("greedy", *SEARCHES, "go-with-the-winners")

FIRST_SEED = 20_000
"""Of the generated designs."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--design", nargs="*", default=[], help="NETLIST:PLC:GRID")
    parser.add_argument("--generated", type=int, default=8, help="number of designs as those of chip/small")
    parser.add_argument("--seconds", type=float, default=2.0, help="processor time of each search")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    configs = []
    for text in arguments.design:
        netlist, placement, grid = text.rsplit(":", 2)
        configs.append(ChipConfig(netlist=netlist, placement=placement, grid=int(grid)))
    configs += [
        ChipConfig(grid=16, macros_min=10, macros_max=16, design_seed=FIRST_SEED + number)
        for number in range(arguments.generated)
    ]
    result = []
    print(f"| design | {' | '.join(AGENTS)} |\n|---|{'---|' * len(AGENTS)}", file=sys.stderr)
    for config in configs:
        rows = _compare(DesignSource(config).design(0), arguments.seconds, arguments.seeds)
        result.append(rows)
        means = [np.mean([row["proxy"] for row in rows["rows"] if row["agent"] == agent]) for agent in AGENTS]
        cells = " | ".join(f"{mean:.4f}" if np.isfinite(mean) else "dead end" for mean in means)
        print(f"| {rows['design']} | {cells} |", file=sys.stderr, flush=True)
    print(json.dumps(result, indent=2))
    return 0


def _compare(design: Design, seconds: float, seeds: int) -> dict[str, Any]:
    """All placers on one design."""
    for agent in AGENTS:
        _search(design, agent, SearchBudget(None, 4), 0)  # compiled before any clock starts
    rows = []
    for seed in range(seeds):
        for agent in AGENTS:
            result = _search(design, agent, SearchBudget(seconds, 0, time.process_time), seed)
            rows.append({"agent": agent, "seed": seed, **_costs(design, result), "history": result.history})
    return {"design": design.problem.netlist.name, "seconds": seconds, "rows": rows}


def _search(design: Design, agent: str, budget: SearchBudget, seed: int) -> SearchResult:
    if agent == "greedy":
        return greedy(design.problem)
    if agent == "go-with-the-winners":
        return go_with_the_winners(design.problem, design.technology, design.soft, budget, seed)
    return SEARCHES[agent](design.problem, budget, seed)


def _costs(design: Design, result: SearchResult) -> dict[str, float]:
    """Costs of a placement with its soft macros placed; infinite where not all macros are."""
    if not np.isfinite(result.cost):
        return dict.fromkeys(("proxy", "wirelength", "density", "congestion"), np.inf)
    x, y, orientation = design.problem.centres(result.places)
    if design.soft is not None:
        x, y = design.soft.place(x, y, orientation)
    measured = costs.evaluate(design.problem.netlist, design.technology, x, y, orientation)
    return {
        "proxy": measured.proxy,
        "wirelength": measured.wirelength,
        "density": measured.density,
        "congestion": measured.congestion,
    }


if __name__ == "__main__":
    sys.exit(main())
