"""What the families of learning cost and reach, on tasks whose optimum is known.

    python -m benchmarks.families tables [--seeds 3] [--steps 100000]

``tables``: Q-learning, SARSA and Dyna-Q on lost sales (Poisson demand of mean 5, lead time 1, penalty 4). The
gap is the exact average cost of the greedy policy over that of the optimum, in percent, which value
iteration and policy iteration give; the median over the seeds. Prints one JSON document; Markdown tables
on stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox.api import TrainContext
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

NUM_ENVS = 16
ROUNDS = 8


def main() -> int:
    """Measure what is asked for, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=sorted(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100_000)
    options = parser.parse_args()
    document, lines = TABLES[options.what](options)
    print("\n".join(lines), file=sys.stderr)
    print(json.dumps(document, indent=2))
    return 0


def tables(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Gaps of learned tables after ever more steps, beside the rounds of the exact solvers."""
    points = [options.steps // 2**power for power in reversed(range(ROUNDS))]
    best, rounds = _solved()
    document: dict[str, Any] = {"optimum": best, "rounds": rounds, "steps": points, "gaps": {}}
    for name in ("q-learning", "sarsa", "dyna-q"):
        runs = [_gaps(name, seed, points, best) for seed in range(options.seeds)]
        document["gaps"][name] = runs
    lines = [f"| steps | {' | '.join(document['gaps'])} |", f"| ---: |{' ---: |' * len(document['gaps'])}"]
    for place, steps in enumerate(points):
        medians = [statistics.median(run[place] for run in runs) for runs in document["gaps"].values()]
        lines.append(f"| {steps:,} | {' | '.join(f'{gap:.2f} %' for gap in medians)} |")
    return document, lines


def _lost_sales() -> tuple[Any, Any]:
    from sandbox_inventory.core.demand.families import Demand
    from sandbox_inventory.lost_sales.config import LostSalesConfig
    from sandbox_inventory.lost_sales.model import REWARDS

    demand = Demand(kind="poisson", mean=5)
    config = LostSalesConfig(lead_time=1, penalty=4, demand=demand, max_order=10, horizon=2000)
    return config, REWARDS["cost"]


def _solved() -> tuple[float, dict[str, list[float]]]:
    """The optimal average cost, and the cost that each round of the exact solvers reports."""
    from sandbox.backends.tabular.planning import begin, improve, sweep
    from sandbox_inventory.lost_sales.finite import finite_model

    config, reward = _lost_sales()
    model = finite_model(config, reward)
    rounds: dict[str, list[float]] = {}
    for name, better in (("policy-iteration", improve), ("value-iteration", sweep)):
        solution = begin(model)
        rounds[name] = []
        while not solution.done:
            solution = better(model, solution, 1e-9)
            rounds[name].append(-solution.figures["gain"])
    return rounds["policy-iteration"][-1], rounds


def _gaps(name: str, seed: int, points: list[int], best: float) -> list[float]:
    """Percent over the optimum at each number of steps."""
    from sandbox_inventory.lost_sales.model import make_vec

    config, reward = _lost_sales()
    algorithm = registry().algorithms.get(name)
    gaps: list[float] = []

    def update(steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
        if len(gaps) < len(points) and steps >= points[len(gaps)]:
            gaps.append(100 * (_cost(policy()) / best - 1))

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
            config=resolve(algorithm.config)(gamma=0.95, epsilon_final=0.1),
            steps=points[-1],
            seed=seed,
            num_envs=NUM_ENVS,
            update=update,
        )
    )
    return gaps


def _cost(policy: Any) -> float:
    """Exact average cost a period over the states that a policy can reach."""
    from sandbox_inventory.core.solvers.markov_chain import average_cost
    from sandbox_inventory.lost_sales.model import LostSales

    config, reward = _lost_sales()
    model = LostSales(config)

    def choose(state: Any) -> Any:
        return policy.act((model.observe(state) / model.scale).astype(np.float32))

    return average_cost(model, choose, reward)


TABLES: dict[str, Callable[[argparse.Namespace], tuple[dict[str, Any], list[str]]]] = {"tables": tables}


if __name__ == "__main__":
    sys.exit(main())
