"""Do shorter wires between macros make shorter wires of the whole design? Placers ranked by both.

    python -m benchmarks.chip_whole [--design FILE.aux:84 …] [--generated 2000] [--seconds 20] [--seeds 3]

Every placer places the macros in the same processor time; then the same analytic placer puts the standard
cells around them. Prints one JSON document with the wirelength between macros and pads, the total wirelength,
density overflow and RUDY of every placement, and Spearman's rank correlation of the two wirelengths: over all
placements, and over those of the searches alone. Tables in Markdown go to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.chip import random_legal
from sandbox_chip.config import ChipConfig
from sandbox_chip.designs import Design, DesignSource
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.placers.analytic import analytic
from sandbox_chip.placers.annealing import anneal
from sandbox_chip.placers.greedy import greedy
from sandbox_chip.placers.hill_climbing import hill_climbing
from sandbox_chip.placers.mixed_size import mixed_size
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget
from sandbox_chip.types import Places

SEARCHES: dict[str, Callable[..., Any]] = {
    "hill-climbing": hill_climbing,
    "annealing": anneal,
    "analytic": analytic,
    "rebuild": rebuild,
}

TIMED = (*SEARCHES, "mixed-size")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--design", nargs="*", default=[], help="FILE:GRID")
    parser.add_argument("--generated", nargs="*", type=int, default=[], help="cells of generated designs")
    parser.add_argument("--seconds", type=float, default=20.0, help="processor time of each search")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    result = []
    for text in arguments.design:
        name, _, grid = text.rpartition(":")
        result.append(_compare(name, ChipConfig(netlist=name, grid=int(grid), cells="analytic"), arguments))
    for cells in arguments.generated:
        config = ChipConfig(
            netlist="generated:heavy",
            grid=48,
            macros_min=40,
            macros_max=40,
            generated_cells=cells,
            design_seed=1,
            cells="analytic",
        )
        result.append(_compare(f"generated, 40 macros and {cells:,} cells", config, arguments))
    print(json.dumps(result, indent=2))
    return 0


def _compare(name: str, config: ChipConfig, arguments: argparse.Namespace) -> dict[str, Any]:
    """All placers on one design."""
    design = DesignSource(config).design(0)
    mixed_size(design.problem, _whole(design), SearchBudget(None, 2), 0)  # compiles
    rows = [_row(design, "greedy", greedy(design.problem).places)]
    for seed in range(arguments.seeds):
        rows.append(_row(design, "random", random_legal(design.problem, seed).places))
        for agent in TIMED:
            places = _search(design, agent, arguments.seconds, seed)
            rows.append(_row(design, agent, places))
            print(f"{name}: {rows[-1]}", file=sys.stderr, flush=True)
    searches = [row for row in rows if row["agent"] not in ("random", "greedy", "mixed-size")]
    result = {
        "design": name,
        "seconds": arguments.seconds,
        "rows": rows,
        "rank_correlation": _rank_correlation(rows),
        "rank_correlation_of_searches": _rank_correlation(searches),
    }
    print(_table(result), file=sys.stderr)
    return result


def _whole(design: Design) -> Any:
    if design.whole is None:
        raise SystemExit("the design has no standard cells")
    return design.whole


def _search(design: Design, agent: str, seconds: float, seed: int) -> Places:
    budget = SearchBudget(seconds, 0, time.process_time)
    search = partial(mixed_size, whole=_whole(design)) if agent == "mixed-size" else SEARCHES[agent]
    places: Places = search(design.problem, budget=budget, seed=seed).places
    return places


def _row(design: Design, agent: str, places: Places) -> dict[str, Any]:
    problem, whole = design.problem, _whole(design)
    figures = whole.figures(*whole.place(*problem.centres(places)))
    return {
        "agent": agent,
        "hpwl": float(wirelength(problem.arrays, all_bounds(problem.arrays, places))),
        "total_hpwl": figures.hpwl,
        "total_overflow": figures.overflow,
        "total_rudy": figures.rudy,
    }


def _rank_correlation(rows: list[dict[str, Any]]) -> float:
    lengths = [[row[name] for row in rows] for name in ("hpwl", "total_hpwl")]
    return float(spearmanr(*lengths).statistic)


def _table(result: dict[str, Any]) -> str:
    """Means over the seeds in Markdown, by rising total wirelength."""
    names = ("hpwl", "total_hpwl", "total_overflow", "total_rudy")
    agents = dict.fromkeys(row["agent"] for row in result["rows"])
    means = {}
    for agent in agents:
        values = [[row[name] for name in names] for row in result["rows"] if row["agent"] == agent]
        means[agent] = np.mean(values, axis=0).tolist()
    lines = [f"{result['design']}, {result['seconds']:g} s each", ""]
    lines += ["| placer | macros | total | overflow | RUDY |", "|---|---|---|---|---|"]
    for agent, (hpwl, total, overflow, rudy) in sorted(means.items(), key=lambda item: item[1][1]):
        lines.append(f"| {agent} | {hpwl:,.0f} | {total:,.0f} | {overflow:.3f} | {rudy:.3f} |")
    lines += [
        "",
        f"Rank correlation: {result['rank_correlation']:.2f}; "
        f"of the searches alone {result['rank_correlation_of_searches']:.2f}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
