"""Learning from records alone where actions are continuous: a pendulum.

    python -m benchmarks.families offline-control [--seeds 3]

A hundred recorded episodes: a controller by energy, with a share of random torques that goes from none to
all over the episodes. Returns are means of 20 other episodes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import gymnasium
import numpy as np

from benchmarks.families._lost_sales import options, show
from benchmarks.families._pendulum import Swing, pendulum_records, rollout
from sandbox.api import Dataset, TrainContext
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

RECORDED = 100
PLAYED = 20
TEST_SEED = 900_000
SETTINGS: dict[str, tuple[int, dict[str, Any]]] = {
    "bc": (3_000, {}),
    "iql": (6_000, {"gamma": 0.97, "expectile": 0.8, "temperature": 3.0, "learning_rate": 1e-3}),
    "td3-bc": (4_000, {"gamma": 0.97, "learning_rate": 1e-3}),
    "cql": (3_000, {"gamma": 0.97, "learning_rate": 1e-3, "alpha": 0.5, "sampled_actions": 3}),
    "decision-transformer": (1_000, {"context": 10, "width": 32, "dropout": 0.0}),
}
"""Updates and hyperparameters that differ from the defaults."""


def main(arguments: list[str]) -> int:
    """Measure, print."""
    return show(*measure(options(arguments, __doc__.split("\n")[0])))


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Returns of policies that never met the pendulum, beside those of the records."""
    returns: dict[str, list[float]] = {"as recorded": [], "best tenth of the records": []}
    seconds: dict[str, list[float]] = {}
    for seed in range(chosen.seeds):
        dataset = pendulum_records(RECORDED, seed)
        returns["as recorded"].append(float(dataset.returns.mean()))
        best = np.sort(dataset.returns)[-RECORDED // 10 :]
        returns["best tenth of the records"].append(float(best.mean()))
        for name, (updates, settings) in SETTINGS.items():
            begin = time.process_time()
            policy = _from_records(name, updates, settings, dataset, seed)
            seconds.setdefault(name, []).append(time.process_time() - begin)
            returns.setdefault(name, []).append(_mean_return(policy))
    returns["controller by energy"] = [_mean_return(Swing())]
    document = {"episodes": RECORDED, "returns": returns, "cpu_seconds": seconds, "settings": SETTINGS}
    lines = ["| | mean return | seeds | updates | CPU seconds |", "| --- | ---: | ---: | ---: | ---: |"]
    for label, values in returns.items():
        spread = f" ({min(values):.0f} to {max(values):.0f})" if len(values) > 1 else ""
        cost = f"{SETTINGS[label][0]:,} | {statistics.fmean(seconds[label]):.0f}" if label in seconds else "|"
        lines.append(f"| {label} | {statistics.fmean(values):.0f}{spread} | {len(values)} | {cost} |")
    return document, lines


def _from_records(name: str, updates: int, settings: dict[str, Any], dataset: Dataset, seed: int) -> Any:
    algorithm, env = registry().algorithms.get(name), gymnasium.make("Pendulum-v1")

    def make_envs(num_envs: int) -> Any:
        raise AssertionError("an environment was asked for in training")

    context = TrainContext(
        make_envs=make_envs,
        observation_space=env.observation_space,
        action_space=env.action_space,
        config=resolve(algorithm.config)(**settings),
        steps=updates,
        seed=seed,
        num_envs=1,
        update=lambda steps, policy, values=None, state=None: None,
        dataset=dataset,
    )
    return resolve(algorithm.train)(context)


def _mean_return(policy: Any) -> float:
    if hasattr(policy, "reset"):
        policy.reset(PLAYED, seed=0)
    _, _, rewards = rollout(policy.act, PLAYED, TEST_SEED)
    return float(rewards.sum(1).mean())
