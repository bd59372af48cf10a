"""Tunes simulated annealing of macro placement: temperatures and the chances of its five moves.

    python -m benchmarks.chip_annealing [--tries 24] [--moves 200000] [--check 3]

Random search from the settings in use: each try draws the first and last temperature (log-uniformly within
a factor of ten) and the chances of the five moves (Dirichlet around the present ones), anneals the same
generated designs with the same number of moves, and is ranked by its mean cost over greedy's. Then the best
and the present settings, and hill climbing, get the same processor time on other designs than those tuned on.
All macros may be mirrored, so that all five moves take part.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox_chip.generator import Recipe, generate_problem
from sandbox_chip.placers.annealing import CHANCES, COLD, HOT, MOVES, anneal
from sandbox_chip.placers.greedy import greedy
from sandbox_chip.placers.hill_climbing import hill_climbing
from sandbox_chip.placers.search import SearchBudget
from sandbox_chip.problem import Problem

FAMILIES = ("heavy", "banks", "blocks")
COUNTS = (30, 100)
GRID = 64


@dataclass(frozen=True, slots=True)
class Setting:
    """Arguments of `sandbox_chip.placers.annealing.anneal`."""

    hot: float
    cold: float
    chances: tuple[float, ...]

    def cost(self, problem: Problem, budget: SearchBudget, seed: int) -> float:
        """Wirelength after annealing, over greedy's."""
        result = anneal(problem, budget, seed, hot=self.hot, cold=self.cold, chances=self.chances)
        return result.cost / greedy(problem).cost


PRESENT = Setting(HOT, COLD, CHANCES)


def main() -> int:
    """Search, check and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tries", type=int, default=24)
    parser.add_argument("--moves", type=int, default=200_000, help="of each annealing in the search")
    parser.add_argument(
        "--check", type=float, default=3.0, help="processor time of each method on other designs, s"
    )
    arguments = parser.parse_args()
    tuned_on = designs(range(len(FAMILIES)))
    rng = np.random.default_rng(0)
    tries = [PRESENT, *(draw(rng) for _ in range(arguments.tries))]
    ranked = sorted(
        ((mean(setting, tuned_on, arguments.moves), setting) for setting in tries), key=lambda pair: pair[0]
    )
    best = ranked[0][1]
    result: dict[str, Any] = {
        "search": [{"cost": cost, **describe(setting)} for cost, setting in ranked],
        "check": check(best, designs(range(100, 100 + len(FAMILIES))), arguments.check),
    }
    print(table(result), file=sys.stderr)
    print(json.dumps(result, indent=2))
    return 0


def designs(seeds: Sequence[int]) -> list[Problem]:
    """One generated design for each family and size."""
    return [
        generate_problem(Recipe(family, (count, count), grid=GRID), seed, "mirror")[1]
        for count in COUNTS
        for family, seed in zip(FAMILIES, seeds, strict=True)
    ]


def draw(rng: np.random.Generator) -> Setting:
    """A setting near the present one."""
    hot, cold = (float(value * 10 ** rng.uniform(-1, 1)) for value in (PRESENT.hot, PRESENT.cold))
    chances = rng.dirichlet(10 * np.array(PRESENT.chances) + 0.5)
    return Setting(hot, min(cold, hot), tuple(float(chance) for chance in chances))


def mean(setting: Setting, problems: Sequence[Problem], moves: int) -> float:
    """Mean cost over greedy's with a fixed number of moves."""
    return float(np.mean([setting.cost(problem, SearchBudget(None, moves), 0) for problem in problems]))


def check(best: Setting, problems: Sequence[Problem], seconds: float) -> dict[str, float]:
    """Mean cost over greedy's on other designs, each method with the same processor time."""
    hill_climbing(problems[0], SearchBudget(None, 1), 0)  # compiled before any clock starts

    def budget() -> SearchBudget:
        return SearchBudget(seconds, timer=time.process_time)

    def climbed(problem: Problem) -> float:
        return hill_climbing(problem, budget(), 0).cost / greedy(problem).cost

    return {
        "present": float(np.mean([PRESENT.cost(problem, budget(), 0) for problem in problems])),
        "best": float(np.mean([best.cost(problem, budget(), 0) for problem in problems])),
        "hill-climbing": float(np.mean([climbed(problem) for problem in problems])),
    }


def describe(setting: Setting) -> dict[str, Any]:
    """A setting as JSON."""
    return {
        "hot": setting.hot,
        "cold": setting.cold,
        **{name: round(chance, 3) for name, chance in zip(MOVES, setting.chances, strict=True)},
    }


def table(result: dict[str, Any]) -> str:
    """Both parts as Markdown."""
    names = list(result["search"][0])
    rows = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    rows += ["| " + " | ".join(f"{row[name]:.4g}" for name in names) + " |" for row in result["search"]]
    rows += ["\n| on other designs | cost over greedy's |", "|---|---|"]
    rows += [f"| {name} | {cost:.4f} |" for name, cost in result["check"].items()]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
