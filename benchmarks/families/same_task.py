"""Every family on one task with a known optimum: the gap to it, and the samples until the gap is 1 %.

    python -m benchmarks.families same-task [--task s-S] [--seeds 2] [--only NAME ...] [--seconds 60]
                                            [--store FOLDER]

Tasks (`benchmarks.families._known`): lost sales with lead time 1 and 2, one item with a fixed cost, whose
optimum is an (s, S) policy, and a perishable item. The gap is that of the exact average cost of the policy,
measured after 1,000, 2,000, 4,000, ... samples. A sample is a step of the environment; of behavioural cloning
a labelled state; of conservative Q-learning a recorded step. Each cell is kept in the store, so that the
command goes on where it was stopped; a cell ends after its samples or its seconds of processor time,
whichever comes first.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.families._known import Known, known_tasks
from benchmarks.families._lost_sales import show
from sandbox.api import Dataset, StopTraining, TrainContext
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

STORE = Path("runs") / "same-task"
FIRST = "lost-sales-1"
"""The task of the cells that lie in the store itself; those of others lie in folders."""
GAMMA = 0.9
CLOSE = 1.0
"""Percent."""
TABLES = {
    "gamma": GAMMA,
    "learning_rate_exponent": 0.8,
    "epsilon_start": 0.3,
    "epsilon_final": 0.1,
}
Q_NETWORK = {"gamma": GAMMA, "learning_rate": 1e-3, "learning_starts": 500, "exploration_fraction": 0.3}


@dataclass(frozen=True)
class Family:
    """How an algorithm is trained.

    Attributes:
        samples: At most.
        settings: Hyperparameters that differ from the defaults.
        num_envs: Environments side by side.
        data: ``records`` or ``labels`` for one that learns from a dataset: of the optimum's orders with a
            fifth at random, or of these alone.
        expert: Whether it asks the optimum.
        continuous: Whether it needs actions of a Box: orders are then real numbers, rounded.
        updates: Updates of an algorithm that steps no environment.
    """

    samples: int
    settings: dict[str, Any] = field(default_factory=dict)
    num_envs: int = 16
    data: str = ""
    expert: bool = False
    continuous: bool = False
    updates: int = 3_000


FAMILIES = {
    "q-learning": Family(128_000, TABLES),
    "sarsa": Family(128_000, TABLES),
    "dyna-q": Family(64_000, TABLES),
    "dqn": Family(64_000, Q_NETWORK, num_envs=4),
    "qr-dqn": Family(64_000, Q_NETWORK, num_envs=4),
    "ppo": Family(
        256_000,
        {"backend": "fast", "gamma": GAMMA, "n_steps": 64, "batch_size": 256, "learning_rate": 1e-3},
    ),
    "sac": Family(32_000, {"gamma": GAMMA, "learning_starts": 500}, num_envs=4, continuous=True),
    "reinforce": Family(
        256_000,
        {"gamma": GAMMA, "baseline": True, "gae": True, "normalize_advantage": True, "learning_rate": 3e-3},
    ),
    "bc": Family(16_000, data="labels"),
    "dagger": Family(16_000, {"steps_per_iteration": 1_000, "updates_per_iteration": 500}, expert=True),
    "cql": Family(16_000, {"gamma": GAMMA, "alpha": 0.05, "learning_rate": 1e-3}, data="records"),
}


def main(arguments: list[str]) -> int:
    """Measure what is missing, print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", choices=list(known_tasks()), default=FIRST)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time of a cell at most")
    parser.add_argument("--store", type=Path, default=STORE)
    chosen = parser.parse_args(arguments)
    task, store = known_tasks()[chosen.task], chosen.store
    if chosen.task != FIRST:
        store = store / chosen.task
    store.mkdir(parents=True, exist_ok=True)
    for name in chosen.only:
        for seed in range(chosen.seeds):
            path = store / f"{name}-{seed}.json"
            if not path.exists():
                path.write_text(json.dumps(cell(task, name, seed, chosen.seconds)), encoding="utf-8")
    cells = {
        name: [json.loads(path.read_text()) for path in sorted(store.glob(f"{name}-[0-9]*.json"))]
        for name in FAMILIES
    }
    return show(*table(*task.solved, {name: runs for name, runs in cells.items() if runs}))


def table(
    best: float, rounds: dict[str, list[float]], cells: dict[str, list[dict[str, Any]]]
) -> tuple[dict[str, Any], list[str]]:
    """The exact solvers by their rounds, the others by their samples."""
    lines = [
        "| algorithm | samples | gap, median | worst | samples to 1 % | processor seconds |",
        "| --- |" + " ---: |" * 5,
    ]
    for name, costs in rounds.items():
        close = next(i + 1 for i, cost in enumerate(costs) if 100 * (cost / best - 1) <= CLOSE)
        lines.append(f"| {name} | none: {len(costs)} rounds with the model | 0 % | 0 % | round {close} | |")
    for name, runs in cells.items():
        gaps = [run["gaps"][-1] if run["gaps"][-1] is not None else math.inf for run in runs]
        closes = sorted(_first_close(run) for run in runs)
        samples = statistics.median(run["points"][-1] for run in runs)
        reached = "never" if math.isinf(closes[-1]) else f"{statistics.median(closes):,.0f}"
        some = sum(math.isfinite(close) for close in closes)
        if 0 < some < len(closes):
            reached = f"{some} of {len(closes)} runs"
        seconds = statistics.median(run["seconds"] for run in runs)
        median, worst = _percent(statistics.median(gaps)), _percent(max(gaps))
        lines.append(f"| {name} | {samples:,.0f} | {median} | {worst} | {reached} | {seconds:.0f} |")
    return {"optimum": best, "rounds": rounds, "cells": cells}, lines


def _percent(gap: float) -> str:
    # Without end: the policy reaches states in which stock or backlog grows for ever.
    return f"{round(gap, 2) + 0.0:.2f} %" if math.isfinite(gap) else "without end"


def _first_close(run: dict[str, Any]) -> float:
    pairs = zip(run["points"], run["gaps"], strict=True)
    return next((point for point, value in pairs if value is not None and value <= CLOSE), math.inf)


def cell(task: Known, name: str, seed: int, seconds: float) -> dict[str, Any]:
    """One run: its gap at each number of samples, None where there is none."""
    family, begun = FAMILIES[name], time.process_time()
    points: list[int] = []
    gaps: list[float | None] = []

    def note(samples: int, policy: Any) -> None:
        value = task.gap(_Whole(task, policy) if family.continuous else policy)
        points.append(samples)
        gaps.append(value if math.isfinite(value) else None)

    if family.data:
        samples = 1_000
        while samples <= family.samples and time.process_time() - begun < seconds:
            dataset = _dataset(task, family.data, samples, seed)
            note(samples, _train(task, name, family, seed, family.updates, lambda *_: None, dataset))
            samples *= 4
    else:
        following = [1_000]

        def update(steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
            late = time.process_time() - begun > seconds
            if steps >= following[0] or late:
                note(steps, policy())
                following[0] = max(2 * following[0], steps + 1)
            if late:
                raise StopTraining

        try:
            last = _train(task, name, family, seed, family.samples, update, None)
            note(family.samples, last)
        except StopTraining:
            pass
    return {"points": points, "gaps": gaps, "seconds": time.process_time() - begun}


def _train(
    task: Known, name: str, family: Family, seed: int, steps: int, update: Any, dataset: Dataset | None
) -> Any:
    orders = {"orders": "continuous"} if family.continuous else {}
    algorithm = registry().algorithms.get(name)

    def make_envs(num_envs: int) -> Any:
        envs = task.make_vec(num_envs, **orders)
        envs.reset(seed=1_000 * seed)
        return _Labelled(envs, task) if family.expert else envs

    settings = dict(family.settings)
    if family.settings is TABLES:  # of paying what the optimum pays for ever
        settings["initial_value"] = round(-task.solved[0] / (1 - GAMMA))
    probe = task.make_vec(1, **orders)
    return resolve(algorithm.train)(
        TrainContext(
            make_envs=make_envs,
            observation_space=probe.single_observation_space,
            action_space=probe.single_action_space,
            config=resolve(algorithm.config)(**settings),
            steps=steps,
            seed=seed,
            num_envs=family.num_envs,
            update=update,
            dataset=dataset,
            expert="optimal" if family.expert else None,
        )
    )


class _Whole:
    """The whole quantities that the continuous actions of a policy order."""

    def __init__(self, task: Known, policy: Any) -> None:
        self._policy = policy
        self._orders = task.system(orders="continuous").orders

    def act(self, observation: Any) -> Any:
        return np.rint(self._orders.quantities(self._policy.act(observation))).astype(np.int64)


class _Labelled:
    """A vector environment whose infos say what the optimum would order."""

    def __init__(self, envs: Any, task: Known) -> None:
        self._envs, self._optimum = envs, task.optimum

    def __getattr__(self, name: str) -> Any:
        return getattr(self._envs, name)

    def reset(self, **options: Any) -> Any:
        observation, info = self._envs.reset(**options)
        return observation, info | {"expert_action": self._optimum.act(observation)}

    def step(self, actions: Any) -> Any:
        observation, reward, terminated, truncated, info = self._envs.step(actions)
        info = info | {"expert_action": self._optimum.act(observation)}
        return observation, reward, terminated, truncated, info


def _dataset(task: Known, kind: str, samples: int, seed: int) -> Dataset:
    """One episode a row: of the optimum's orders, or of these with a fifth at random."""
    rows, periods = 10, samples // 10
    envs, rng = task.make_vec(rows, horizon=periods), np.random.default_rng(seed)
    optimum, random = task.optimum, 0.2 if kind == "records" else 0.0
    choices = int(envs.single_action_space.n)
    observation, _ = envs.reset(seed=10_000 + rows * seed)
    seen, actions, rewards = [np.array(observation)], [], []
    for period in range(periods):
        order = np.where(
            rng.random(rows) < random, rng.integers(choices, size=rows), optimum.act(observation)
        )
        observation, earned, _, _, info = envs.step(order)
        seen.append(np.array(observation) if period < periods - 1 else np.stack(list(info["final_obs"])))
        actions.append(order)
        rewards.append(np.array(earned, np.float64))
    cut = np.zeros((rows, periods), np.bool_)
    cut[:, -1] = True
    return Dataset(
        observations=np.stack(seen, axis=1).reshape(-1, *seen[0].shape[1:]),
        actions=np.stack(actions, axis=1).reshape(-1),
        rewards=np.stack(rewards, axis=1).reshape(-1),
        terminated=np.zeros(cut.size, np.bool_),
        truncated=cut.reshape(-1),
        lengths=np.full(rows, periods),
    )
