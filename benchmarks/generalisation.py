"""How much a learned policy loses on demands and networks that it was not trained on.

    python -m benchmarks.generalisation RUN… --on SCENARIO[,KEY=VALUE…] [--on …] [--episodes N]

Every run's final policy and every baseline play the test episodes of each place; a place is a scenario,
with changes as ``--set`` takes them (``traffic/cologne1,config.demand=1.3``). The first place should be
the one that the policy was trained on. Prints one JSON document, and a Markdown table on stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

import sandbox
from benchmarks.mistakes import explained
from sandbox.records.base import strict
from sandbox.scenarios.resolve import load_scenario


def main() -> int:
    """Play everywhere and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", help="run directories of one algorithm")
    parser.add_argument("--on", action="append", required=True, metavar="SCENARIO[,KEY=VALUE…]")
    parser.add_argument("--episodes", type=int, default=5)
    arguments = parser.parse_args()
    places = [place(arguments.runs, where, arguments.episodes) for where in arguments.on]
    print(json.dumps(strict(places), indent=2))
    print("| place | learned | best baseline | ratio |\n|---|---|---|---|", file=sys.stderr)
    for one in places:
        print(
            f"| {one['place']} | {one['learned']:.1f} | {one['best_baseline']} {one['baseline']:.1f} "
            f"| {one['ratio']:.2f} |",
            file=sys.stderr,
        )
    return 0


def place(runs: list[str], where: str, episodes: int) -> dict[str, Any]:
    """The mean of the learned policies and the best baseline in one place."""
    scenario, *changes = where.split(",")
    changes.append(f"evaluation.episodes={episodes}")
    resolved = load_scenario(scenario, changes)
    baselines = [baseline.name for baseline in resolved.task.baselines]
    learned = [sandbox.evaluate([run], resolved) for run in runs]
    classical = sandbox.evaluate(baselines, resolved)
    values = [table.mean(table.agents[0].name) for table in learned]
    best = classical.optimum() or classical.best_baseline()
    assert best is not None
    mean, bar = statistics.mean(values), classical.mean(best)
    return {
        "place": where,
        "metric": resolved.metric.name,
        "runs": values,
        "learned": mean,
        "best_baseline": best,
        "baseline": bar,
        "ratio": mean / bar,
    }


if __name__ == "__main__":
    with explained():
        sys.exit(main())
