"""Tiny environments whose every number can be computed by hand, and what training needs around them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sandbox.api import Policy, TrainContext
from sandbox.backends.sb3 import catalogue
from sandbox.backends.sb3.catalogue import Kind
from sandbox.registry.resolve import resolve

ALGORITHMS = catalogue.rows()

SMALL: dict[Kind, dict[str, Any]] = {
    "on-policy": {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "lstm_hidden_size": 8},
    "off-policy": {
        "learning_starts": 8,
        "batch_size": 8,
        "net_arch": [16],
        "n_quantiles": 5,
        "action_noise_std": 0.1,
    },
    "evolution": {"n_delta": 2},
}
"""Hyperparameters with which a few dozen steps include some learning, where an algorithm has them."""


def of_kind(kind: Kind) -> list[str]:
    """Names of the algorithms of a kind."""
    return [name for name, algorithm in ALGORITHMS.items() if algorithm.kind == kind]


def short(name: str) -> dict[str, Any]:
    """Small hyperparameters of an algorithm; a rollout that is shorter by default stays so."""
    fields = config_of(name).model_fields
    return {
        field: value
        for field, value in SMALL[ALGORITHMS[name].kind].items()
        if field in fields and not (field == "n_steps" and fields[field].default < value)
    }


def config_of(name: str) -> Any:
    """The config model of an algorithm."""
    return resolve(ALGORITHMS[name].config)


class Corridor(gym.Env[Any, Any]):
    """The observation is the step count; reward 1 a step; ends after ``length`` steps.

    Args:
        length: Steps of an episode.
        truncate: Whether it is then cut off (bootstraps) or finished (does not).
        action_space: Any; actions are kept in `taken`.
        observation_space: If given, observations are samples of it instead.
        masked: Whether to offer random action masks.
    """

    def __init__(
        self,
        length: int = 3,
        truncate: bool = False,
        action_space: gym.Space[Any] | None = None,
        observation_space: gym.Space[Any] | None = None,
        masked: bool = False,
    ) -> None:
        self.length, self.truncate, self.masked = length, truncate, masked
        self.action_space = action_space or spaces.Discrete(2)
        self.observation_space = observation_space or spaces.Box(0, 100, (1,))
        self.sampled = observation_space is not None
        self.taken: list[Any] = []
        self.mask: Any = None
        self.forbidden_taken = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.steps = 0
        return self.observe()

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), (action, self.action_space)
        self.taken.append(action)
        if self.mask is not None:
            offsets = np.cumsum([0, *self.sizes[:-1]])
            self.forbidden_taken += int(not self.mask[offsets + np.ravel(action)].all())
        self.steps += 1
        ended = self.steps >= self.length
        observation, info = self.observe()
        return observation, 1.0, ended and not self.truncate, ended and self.truncate, info

    @property
    def sizes(self) -> list[int]:
        space = self.action_space
        if isinstance(space, spaces.MultiBinary):
            return [2] * int(space.n)
        return [int(n) for n in np.ravel(space.nvec if isinstance(space, spaces.MultiDiscrete) else space.n)]

    def observe(self) -> Any:
        info: dict[str, Any] = {}
        if self.masked:
            parts = [self.np_random.random(n) < 0.5 for n in self.sizes]
            for part in parts:
                part[self.np_random.integers(len(part))] = True
            self.mask = info["action_mask"] = np.concatenate(parts)
        if self.sampled:
            return self.observation_space.sample(), info
        return np.array([self.steps], np.float32), info


def vector(
    make: Callable[[], gym.Env[Any, Any]],
    rows: int,
    mode: AutoresetMode = AutoresetMode.SAME_STEP,
    seed: int = 0,
) -> Any:
    """A vector environment whose first reset is seeded, as the sandbox gives to algorithms."""

    class Seeded(SyncVectorEnv):
        closed_times = 0
        fresh = True

        def reset(self, *, seed: Any = None, options: Any = None) -> Any:
            if self.fresh and seed is None and options is None:
                seed, self.fresh = first, False
            return super().reset(seed=seed, options=options)

        def close(self, **kwargs: Any) -> None:
            type(self).closed_times += 1
            super().close(**kwargs)

    first = [seed + row for row in range(rows)]
    return Seeded([make] * rows, autoreset_mode=mode)


class Recorder:
    """An `update` that keeps what is reported, and can stop training."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps: list[int] = []
        self.values: list[dict[str, float]] = []
        self.policies: list[Policy] = []
        self.stop_at = stop_at
        self.keep_policies = False

    def __call__(self, steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
        from sandbox.api import StopTraining

        self.steps.append(steps)
        self.values.append(dict(values or {}))
        if self.keep_policies:
            self.policies.append(policy())
        if self.stop_at is not None and steps >= self.stop_at:
            raise StopTraining


def trained(algorithm: str, *arguments: Any, **more: Any) -> Any:
    """The policy that an algorithm trains in a `context`."""
    return ALGORITHMS[algorithm].train(context(algorithm, *arguments, **more))


def load(folder: Path) -> Any:
    """A saved policy, read by the algorithm that it names; by PPO where it names none of this backend."""
    name = json.loads((folder / "policy.json").read_text())["algorithm"]
    return ALGORITHMS.get(name, catalogue.PPO).load(folder)


def context(
    algorithm: str,
    make: Callable[[], gym.Env[Any, Any]],
    hyperparameters: dict[str, Any] | None = None,
    *,
    steps: int = 64,
    seed: int = 0,
    rows: int = 1,
    update: Any = None,
    masks: bool = False,
    initial: Path | None = None,
    envs: Any = None,
) -> TrainContext:
    """What `train` is given, on a vector environment of ``rows`` environments."""
    config = config_of(algorithm)
    example = make()
    return TrainContext(
        make_envs=lambda num_envs: envs if envs is not None else vector(make, num_envs, seed=seed),
        observation_space=example.observation_space,
        action_space=example.action_space,
        config=config(**(short(algorithm) if hyperparameters is None else hyperparameters)),
        steps=steps,
        seed=seed,
        num_envs=rows,
        update=update or Recorder(),
        masks=masks,
        initial=initial,
    )


def example_action_space(algorithm: str) -> gym.Space[Any]:
    """An action space that the algorithm takes."""
    if "Discrete" in ALGORITHMS[algorithm].capabilities.action_spaces:
        return spaces.Discrete(3)
    return spaces.Box(np.array([-2, 0], np.float32), np.array([2, 5], np.float32))
