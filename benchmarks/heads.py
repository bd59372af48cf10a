"""Wall time of playing episodes with `sandbox.backends.sb3.heads` beside Stable-Baselines3's own ways to act.

    python -m benchmarks.heads [SCENARIO…] [--episodes N] [--repeats R] [--steps N]

A policy of PPO plays the same episodes in three ways, in turn: by its head; by the policy's
``get_distribution`` and the mode of that distribution; and by ``predict``. Episodes are played as an
evaluation in one process plays them: in one batch where the domain has native batches, else one by one.
All three must get the same returns. Prints one JSON document with medians and ratios to the head.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

import sandbox
from benchmarks.mistakes import explained
from sandbox.api.processes import one_thread
from sandbox.backends.sb3.policy import SB3Policy, _to_tensor
from sandbox.envs.make import native
from sandbox.envs.single import EnvFactory
from sandbox.evaluation.rollout import Episode, play, play_batch
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario

SCENARIOS = ("traffic/single-intersection", "inventory/lost-sales", "inventory/beer-game")


class Predict:
    """Acts by SB3's ``predict``; normaliser and spaces are those of the sandbox's policy."""

    def __init__(self, policy: SB3Policy) -> None:
        self.ours = policy

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.ours.reset(num_envs, seed)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        batch = self.ours._read(observation)
        if self.ours.normaliser is not None:
            batch = self.ours.normaliser(batch)
        return self.ours._write(self.choose(batch, {} if mask is None else {"action_masks": mask}))

    def choose(self, batch: Any, masks: dict[str, Any]) -> Any:
        return self.ours.policy.predict(batch, deterministic=True, **masks)[0]

    def save(self, directory: Path) -> None:
        raise NotImplementedError


class Distribution(Predict):
    """Acts by the mode of SB3's distribution, without the checks of ``predict``."""

    def choose(self, batch: Any, masks: dict[str, Any]) -> Any:
        policy: Any = self.ours.policy
        with torch.inference_mode():
            distribution = policy.get_distribution(_to_tensor(batch, policy.observation_space), **masks)
            actions = distribution.get_actions(deterministic=True).numpy()
        space = policy.action_space
        actions = actions.reshape((-1, *(space.shape or ())))
        return np.clip(actions, space.low, space.high) if isinstance(space, spaces.Box) else actions


def main() -> int:
    """Measure every scenario."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("scenarios", nargs="*", default=SCENARIOS)
    parser.add_argument("--episodes", type=int, default=None, help="the scenario's test episodes by default")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, default=4096, help="of the training before")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with one_thread():
        results = [_measure(name, given.episodes, given.repeats, given.steps) for name in given.scenarios]
    print(json.dumps(results, indent=2))
    return 0


def _measure(name: str, episodes: int | None, repeats: int, steps: int) -> dict[str, Any]:
    scenario = load_scenario(name)
    with tempfile.TemporaryDirectory() as scratch:
        run = sandbox.train(name, "ppo", steps=steps, changes=["evaluation.validations=0"], runs_dir=scratch)
        policy: Any = run.policy
    ways = {"head": policy, "get_distribution": Distribution(policy), "predict": Predict(policy)}
    player = _player(scenario, evaluation_seeds(scenario, episodes))
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    returns: dict[str, list[float]] = {}
    played: Sequence[Episode] = ()
    for repeat in range(repeats + 1):
        for way, actor in ways.items():
            start = time.perf_counter()
            played = player(actor)
            if repeat:  # the first round warms up
                seconds[way].append(time.perf_counter() - start)
            returns[way] = [episode.ret for episode in played]
    if not returns["head"] == returns["get_distribution"] == returns["predict"]:
        raise SystemExit(f"{name}: the three ways do not act alike")
    ratios = {way: sorted(a / b for a, b in zip(seconds[way], seconds["head"], strict=True)) for way in ways}
    return {
        "scenario": name,
        "batched": scenario.task.make_vec is not None,
        "episodes": len(played),
        "steps": sum(episode.length for episode in played),
        "seconds": {way: round(statistics.median(values), 3) for way, values in seconds.items()},
        "ratios": {way: round(statistics.median(values), 2) for way, values in ratios.items()},
        "range": {way: [round(values[0], 2), round(values[-1], 2)] for way, values in ratios.items()},
    }


def _player(scenario: ResolvedScenario, seeds: Sequence[int]) -> Callable[[Any], Sequence[Episode]]:
    """A function that plays the episodes with a policy."""
    if scenario.task.make_vec is not None:
        return lambda policy: list(
            play_batch(lambda n: native(scenario, n, evaluation=True), lambda envs: policy, "ppo", seeds)
        )
    env = EnvFactory(scenario, evaluation=True)()
    return lambda policy: [play(env, policy, "ppo", seed) for seed in seeds]


if __name__ == "__main__":
    with explained():
        sys.exit(main())
