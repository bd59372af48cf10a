"""Learning from records alone on lost sales: imitation, conservative and implicit Q-learning.

    python -m benchmarks.families offline [--seeds 3]

Records of random orders, and of the best base-stock rule that orders at random in a fifth of the periods.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
from typing import Any

import numpy as np

from benchmarks.families._lost_sales import BaseStock, best_level, gap, lost_sales, options, show, solved
from sandbox.api import Dataset, TrainContext
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

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
    "iql": ("iql", {"gamma": 0.9, "learning_rate": 1e-3, "temperature": 10.0}),
}
OFFLINE_UPDATES = 3_000


def main(arguments: list[str]) -> int:
    """Measure, print."""
    return show(*measure(options(arguments, __doc__.split("\n")[0])))


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Gaps of policies that never met the environment, by what was recorded."""
    best, _ = solved()
    level = best_level()
    document: dict[str, Any] = {"optimum": best, "base-stock": level, "recorded": {}, "gaps": {}}
    lines = [f"| | {' | '.join(EXPLORED)} |", "| --- |" + " ---: |" * len(EXPLORED)]
    for label in LEARNERS:
        document["gaps"][label] = {kind: [] for kind in EXPLORED}
    for kind, explored in EXPLORED.items():
        recorded = []
        for seed in range(chosen.seeds):
            dataset = _records(level, explored, seed)
            recorded.append(100 * (-float(dataset.rewards.mean()) / best - 1))
            for label, (name, settings) in LEARNERS.items():
                policy = _from_records(name, settings, dataset, seed)
                document["gaps"][label][kind].append(gap(policy, best))
        document["recorded"][kind] = recorded
    rows = {"as recorded": document["recorded"], **copy.deepcopy(document["gaps"])}
    for label, gaps in rows.items():
        cells = (f"{_text(statistics.median(runs))} (worst {_text(max(runs))})" for runs in gaps.values())
        lines.append(f"| {label} | {' | '.join(cells)} |")
    for gaps in document["gaps"].values():  # JSON has no infinity
        for kind, runs in gaps.items():
            gaps[kind] = [value if math.isfinite(value) else None for value in runs]
    return document, lines


def _text(gap: float) -> str:
    return f"{gap:.1f} %" if math.isfinite(gap) else "without end"


def _records(level: int, explored: float, seed: int) -> Dataset:
    """Episodes of a base-stock rule that orders at random in a share of the periods."""
    from sandbox_inventory.lost_sales.model import LostSales, make_vec

    config, reward = lost_sales()
    envs, rng = make_vec(config, reward, RECORDED), np.random.default_rng(seed)
    rule = BaseStock(level, LostSales(config).scale)
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
    probe = make_vec(*lost_sales(), 1)

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
