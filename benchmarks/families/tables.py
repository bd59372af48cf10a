"""Q-learning, SARSA and Dyna-Q on lost sales, after ever more steps.

    python -m benchmarks.families tables [--seeds 3] [--steps 64000]

The gap of the greedy policy; the median over the seeds. Beside it what each round of the exact
solvers reports.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.families._lost_sales import average_cost_of, lost_sales, options, show, solved
from sandbox.api import TrainContext
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

NUM_ENVS = 16
ROUNDS = 8
SETTINGS = {
    "gamma": 0.9,
    "initial_value": -40,  # of paying 4 a period for ever
    "learning_rate_exponent": 0.8,
    "epsilon_start": 0.3,
    "epsilon_final": 0.1,
}


def main(arguments: list[str]) -> int:
    """Measure, print."""
    return show(*measure(options(arguments, __doc__.split("\n")[0], steps=64_000)))


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Gaps of learned tables after ever more steps, beside the rounds of the exact solvers."""
    points = [chosen.steps // 2**power for power in reversed(range(ROUNDS))]
    best, rounds = solved()
    document: dict[str, Any] = {"optimum": best, "rounds": rounds, "steps": points, "gaps": {}}
    for name in ("q-learning", "sarsa", "dyna-q"):
        runs = [_gaps(name, seed, points, best) for seed in range(chosen.seeds)]
        document["gaps"][name] = runs
    lines = [f"| steps | {' | '.join(document['gaps'])} |", f"| ---: |{' ---: |' * len(document['gaps'])}"]
    for place, steps in enumerate(points):
        medians = [statistics.median(run[place] for run in runs) for runs in document["gaps"].values()]
        lines.append(f"| {steps:,} | {' | '.join(f'{gap:.2f} %' for gap in medians)} |")
    return document, lines


def _gaps(name: str, seed: int, points: list[int], best: float) -> list[float]:
    """Percent over the optimum at each number of steps."""
    from sandbox_inventory.lost_sales.model import make_vec

    config, reward = lost_sales()
    algorithm = registry().algorithms.get(name)
    gaps: list[float] = []

    def update(steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
        if len(gaps) < len(points) and steps >= points[len(gaps)]:
            gaps.append(100 * (average_cost_of(policy()) / best - 1))

    def make_envs(num_envs: int) -> Any:
        envs = make_vec(config, reward, num_envs)
        envs.reset(seed=1000 * seed)
        return envs

    probe = make_envs(1)
    train: Callable[[TrainContext], Any] = resolve(algorithm.train)
    train(
        TrainContext(
            make_envs=make_envs,
            observation_space=probe.single_observation_space,
            action_space=probe.single_action_space,
            config=resolve(algorithm.config)(**SETTINGS),
            steps=points[-1],
            seed=seed,
            num_envs=NUM_ENVS,
            update=update,
        )
    )
    return gaps
