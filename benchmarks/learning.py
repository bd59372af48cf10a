"""Does the learned policy beat the classical methods? Several training seeds, final policies, test seeds.

    python -m benchmarks.learning [SCENARIO…] [--algo ppo] [--seeds 5] [--steps N] [--runs-dir DIR]

Trains with the scenario's preset once a seed, one run after the other, then plays every final policy,
every best-validation policy and every baseline on the same test episodes. The unit of analysis is the
training run: its episodes are averaged first. Prints one JSON document, and a Markdown table on stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import replace
from typing import Any

from sandbox.evaluation import baseline_agents, evaluation_seeds, learned_agent, play_all
from sandbox.plans import make_plan
from sandbox.players import Players
from sandbox.progress import Silent
from sandbox.scenarios import load_problem
from sandbox.store import Run, strict
from sandbox.training import train_plan

DEFAULT = ("traffic/single-intersection", "traffic/cologne1", "traffic/ingolstadt1")


def main() -> int:
    """Train, evaluate, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenarios", nargs="*", default=DEFAULT)
    parser.add_argument("--algo", default="ppo")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--runs-dir", default="runs")
    arguments = parser.parse_args()
    results = [
        compare(name, arguments.algo, arguments.seeds, arguments.steps, arguments.runs_dir)
        for name in arguments.scenarios
    ]
    print(json.dumps(strict(results), indent=2))
    for result in results:
        print(table(result), file=sys.stderr)
    return 0


def compare(scenario: str, algo: str, seeds: int, steps: int | None, runs_dir: str) -> dict[str, Any]:
    """Train ``seeds`` runs and set them beside the baselines."""
    from pathlib import Path

    problem = load_problem(scenario)
    runs: list[Run] = []
    seconds: list[float] = []
    for seed in range(seeds):
        start = time.perf_counter()
        with Players(problem) as players:
            plan = make_plan(problem, algo, seed=seed, steps=steps)
            runs.append(train_plan(plan, Path(runs_dir), players, Silent()))
        seconds.append(time.perf_counter() - start)
        print(f"{scenario} seed {seed}: trained in {seconds[-1]:.0f} s", file=sys.stderr, flush=True)
    agents = [replace(learned_agent(run), name=f"final {seed}") for seed, run in enumerate(runs)]
    agents += [
        replace(learned_agent(run, "best"), name=f"best {seed}")
        for seed, run in enumerate(runs)
        if run.record.get("best")
    ]
    with Players(problem) as players:
        found = play_all(
            players, problem, [*agents, *baseline_agents(problem)], evaluation_seeds(problem), Silent()
        )
    best = found.best_baseline()
    assert best is not None
    final = [found.mean(f"final {seed}") for seed in range(seeds)]
    chosen = [found.mean(agent.name) for agent in agents if agent.name.startswith("best ")]
    sign = 1 if found.metric.better == "lower" else -1
    return {
        "scenario": scenario,
        "algorithm": algo,
        "metric": found.metric.name,
        "unit": found.metric.unit,
        "test_episodes": len(found.seeds),
        "steps": runs[0].record["steps"],
        "train_seconds": seconds,
        "final": final,
        "best_validation": chosen,
        "baselines": {agent.name: found.mean(agent.name) for agent in baseline_agents(problem)},
        "best_baseline": best,
        "ratio_to_best_baseline": [value / found.mean(best) for value in final],
        "seeds_that_beat_every_baseline": sum(sign * value < sign * found.mean(best) for value in final),
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    unit = result["unit"]
    best = result["best_baseline"]
    rows = [
        f"| agent | {result['metric']} ({unit}) |",
        "|---|---|",
        f"| {result['algorithm']}, final policies, mean of {len(result['final'])} seeds "
        f"(worst seed) | **{statistics.mean(result['final']):.1f}** ({max(result['final']):.1f}) |",
    ]
    if result["best_validation"]:
        rows.append(
            f"| {result['algorithm']}, best-validation policies "
            f"| {statistics.mean(result['best_validation']):.1f} |"
        )
    for name, value in sorted(result["baselines"].items(), key=lambda item: item[1]):
        rows.append(f"| {name}{' (best baseline)' if name == best else ''} | {value:.1f} |")
    slowest = max(result["train_seconds"])
    return "\n".join(
        [f"\n{result['scenario']}, {result['steps']:,} steps, at most {slowest:.0f} s a run", *rows]
    )


if __name__ == "__main__":
    sys.exit(main())
