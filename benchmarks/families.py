"""What the families of learning cost and reach, on tasks whose optimum is known.

    python -m benchmarks.families tables [--seeds 3] [--steps 64000]
    python -m benchmarks.families imitation [--seeds 3]
    python -m benchmarks.families offline [--seeds 3]

``tables``: Q-learning, SARSA and Dyna-Q on lost sales (Poisson demand of mean 5, lead time 1, penalty 4). The
gap is the exact average cost of the greedy policy over that of the optimum, in percent, which value
iteration and policy iteration give; the median over the seeds.

``imitation``: behavioural cloning and DAgger on a walk on a rope (`benchmarks.tightrope`) with the same
number of labels and of updates, for walks of 16 to 256 steps. The excess cost is the mean number of steps
off the rope.

``offline``: behavioural cloning and conservative Q-learning on the same lost sales from records alone: those
of random orders, and those of the best base-stock rule that orders at random in a fifth of the periods. The
gap is that of ``tables``.

Prints one JSON document; Markdown tables on stderr.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.tightrope import Tightrope, demonstrations, excess_cost
from sandbox.api import Dataset, TrainContext
from sandbox.api.errors import InvalidValueError
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
HORIZONS = [16, 32, 64, 128, 256]
LABELS = 1024
UPDATES = 2000
WALKS = 500
RECORDED = 60
"""Episodes of 200 periods in a dataset."""

EXPLORED = {"random": 1.0, "base-stock": 0.2}
"""Share of random orders in each kind of records."""

LEARNERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bc": ("bc", {}),
    **{
        f"cql, α = {alpha:g}": ("cql", {"alpha": alpha, "gamma": 0.9, "learning_rate": 1e-3})
        for alpha in (0.0, 0.05, 0.5, 2.0)
    },
}
OFFLINE_UPDATES = 3_000


def main() -> int:
    """Measure what is asked for, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=sorted(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=64_000)
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


def imitation(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Excess cost against the length of a walk, and its slope in logarithms."""
    costs = {
        name: [[_excess(name, horizon, seed) for seed in range(options.seeds)] for horizon in HORIZONS]
        for name in ("bc", "dagger")
    }
    means = {name: [statistics.fmean(runs) for runs in rows] for name, rows in costs.items()}
    slopes = {
        name: float(np.polyfit(np.log(HORIZONS), np.log(values), 1)[0]) for name, values in means.items()
    }
    document = {"labels": LABELS, "horizons": HORIZONS, "costs": costs, "means": means, "slopes": slopes}
    lines = [f"| steps of a walk | {' | '.join(map(str, HORIZONS))} | slope |", "| --- |" + " ---: |" * 6]
    for name, values in means.items():
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} | {slopes[name]:.2f} |")
    return document, lines


def offline(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Gaps of policies that never met the environment, by what was recorded."""
    best, _ = _solved()
    level = _best_level()
    document: dict[str, Any] = {"optimum": best, "base-stock": level, "recorded": {}, "gaps": {}}
    lines = [f"| | {' | '.join(EXPLORED)} |", "| --- |" + " ---: |" * len(EXPLORED)]
    for label in LEARNERS:
        document["gaps"][label] = {kind: [] for kind in EXPLORED}
    for kind, explored in EXPLORED.items():
        recorded = []
        for seed in range(options.seeds):
            dataset = _records(level, explored, seed)
            recorded.append(100 * (-float(dataset.rewards.mean()) / best - 1))
            for label, (name, settings) in LEARNERS.items():
                policy = _from_records(name, settings, dataset, seed)
                document["gaps"][label][kind].append(_gap(policy, best))
        document["recorded"][kind] = recorded
    rows = {"as recorded": document["recorded"], **copy.deepcopy(document["gaps"])}
    for label, gaps in rows.items():
        cells = (f"{statistics.median(runs):.1f} % (worst {max(runs):.1f})" for runs in gaps.values())
        lines.append(f"| {label} | {' | '.join(cells)} |")
    for gaps in document["gaps"].values():  # JSON has no infinity
        for kind, runs in gaps.items():
            gaps[kind] = [gap if math.isfinite(gap) else None for gap in runs]
    return document, lines


def _gap(policy: Any, best: float) -> float:
    """Percent over the optimum; infinite where stock grows for ever, so that no average exists."""
    try:
        return 100 * (_cost(policy) / best - 1)
    except InvalidValueError:  # more states than the solver takes: nothing holds the stock down
        return float("inf")


def _best_level() -> int:
    """The base-stock level with the least exact cost."""
    from sandbox_inventory.lost_sales.model import LostSales

    model = LostSales(_lost_sales()[0])
    return min(range(1, 30), key=lambda level: _cost(_BaseStock(level, model.scale)))


class _BaseStock:
    """Orders up to a level, at most what can be ordered."""

    def __init__(self, level: int, scale: Any) -> None:
        self.level, self.scale = level, scale

    def act(self, observation: Any) -> Any:
        position = np.rint(np.asarray(observation, np.float64) * self.scale).sum(axis=1)
        return np.clip(self.level - position, 0, 10).astype(np.int64)


def _records(level: int, explored: float, seed: int) -> Dataset:
    """Episodes of a base-stock rule that orders at random in a share of the periods."""
    from sandbox_inventory.lost_sales.model import LostSales, make_vec

    config, reward = _lost_sales()
    envs, rng = make_vec(config, reward, RECORDED), np.random.default_rng(seed)
    rule = _BaseStock(level, LostSales(config).scale)
    observation, _ = envs.reset(seed=10_000 + RECORDED * seed)
    seen, actions, rewards = [np.array(observation)], [], []
    for _ in range(config.horizon):
        order = rule.act(observation)
        at_random = rng.random(RECORDED) < explored
        order = np.where(at_random, rng.integers(11, size=RECORDED), order)
        observation, earned, _, truncated, info = envs.step(order)
        last = np.array(observation)
        for row in np.flatnonzero(truncated):
            last[row] = info["final_obs"][row]
        seen.append(last)
        actions.append(order)
        rewards.append(np.array(earned, np.float64))
    envs.close()
    cut = np.zeros((RECORDED, config.horizon), np.bool_)
    cut[:, -1] = True
    return Dataset(
        observations=np.stack(seen, axis=1).reshape(-1, *seen[0].shape[1:]),
        actions=np.stack(actions, axis=1).reshape(-1),
        rewards=np.stack(rewards, axis=1).reshape(-1),
        terminated=np.zeros(cut.size, np.bool_),
        truncated=cut.reshape(-1),
        lengths=np.full(RECORDED, config.horizon),
    )


def _from_records(name: str, settings: dict[str, Any], dataset: Dataset, seed: int) -> Any:
    from sandbox_inventory.lost_sales.model import make_vec

    algorithm = registry().algorithms.get(name)
    probe = make_vec(*_lost_sales(), 1)

    def make_envs(num_envs: int) -> Any:
        raise AssertionError("an environment was asked for in training")

    context = TrainContext(
        make_envs=make_envs,
        observation_space=probe.single_observation_space,
        action_space=probe.single_action_space,
        config=resolve(algorithm.config)(**settings),
        steps=OFFLINE_UPDATES,
        seed=seed,
        num_envs=1,
        update=lambda steps, policy, values=None, state=None: None,
        dataset=dataset,
    )
    return resolve(algorithm.train)(context)


def _excess(name: str, horizon: int, seed: int) -> float:
    """Mean steps off the rope of what an algorithm makes of `LABELS` labels and `UPDATES` updates."""
    algorithm = registry().algorithms.get(name)
    rounds = 8
    settings = {"steps_per_iteration": LABELS // rounds, "updates_per_iteration": UPDATES // rounds}
    envs = Tightrope(horizon, 4, seed)
    context = TrainContext(
        make_envs=lambda num_envs: envs,
        observation_space=envs.single_observation_space,
        action_space=envs.single_action_space,
        config=resolve(algorithm.config)(**(settings if name == "dagger" else {})),
        steps=LABELS if name == "dagger" else UPDATES,
        seed=seed,
        num_envs=4,
        update=lambda steps, policy, values=None, state=None: None,
        dataset=demonstrations(horizon, LABELS, seed) if name == "bc" else None,
        expert="balanced" if name == "dagger" else None,
    )
    return excess_cost(resolve(algorithm.train)(context), horizon, WALKS, seed=1_000 + seed)


def _lost_sales() -> tuple[Any, Any]:
    from sandbox_inventory.core.demand.families import Demand
    from sandbox_inventory.lost_sales.config import LostSalesConfig
    from sandbox_inventory.lost_sales.model import REWARDS

    demand = Demand(kind="poisson", mean=5)
    config = LostSalesConfig(lead_time=1, penalty=4, demand=demand, max_order=10, horizon=200)
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
            config=resolve(algorithm.config)(**SETTINGS),
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


TABLES: dict[str, Callable[[argparse.Namespace], tuple[dict[str, Any], list[str]]]] = {
    "tables": tables,
    "imitation": imitation,
    "offline": offline,
}


if __name__ == "__main__":
    sys.exit(main())
