"""Environments that know nothing of sandbox-rl, with the spaces that are found elsewhere."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np


class _Garden(gym.Env[Any, Any]):
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - Gymnasium's convention
    length = 10

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.step_count = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.step_count = 0
        return self._observe(), {}

    def step(self, action: Any) -> Any:
        if not self.action_space.contains(action):
            raise AssertionError(f"{action!r} is not in {self.action_space}")
        reward = self._reward(action)
        self.step_count += 1
        info = {"count": self.step_count, "wet": float(self.np_random.random())}
        return self._observe(), reward, False, self.step_count >= self.length, info

    def render(self) -> Any:
        return np.full((8, 8, 3), 20 * self.step_count, np.uint8)

    def _observe(self) -> Any:
        raise NotImplementedError

    def _reward(self, action: Any) -> float:
        raise NotImplementedError


class Parts(_Garden):
    """Observes and acts in nested parts; choices are counted from 1."""

    observation_space = gym.spaces.Dict(
        sun=gym.spaces.Box(0.0, 1.0, (2,), np.float32),
        soil=gym.spaces.Tuple((gym.spaces.Discrete(3), gym.spaces.Box(0.0, 1.0, (1,), np.float32))),
    )
    action_space = gym.spaces.Dict(go=gym.spaces.Discrete(3, start=1), turn=gym.spaces.MultiDiscrete([2, 2]))

    def _observe(self) -> Any:
        return {
            "sun": self.np_random.random(2).astype(np.float32),
            "soil": (self.step_count % 3, np.full(1, 0.5, np.float32)),
        }

    def _reward(self, action: Any) -> float:
        return float(action["go"] == 2)


class Far(_Garden):
    """Chooses from 5 to 8, of which only those of the step's parity are allowed."""

    observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(4, start=5)

    def action_masks(self) -> Any:
        return np.arange(4) % 2 == self.step_count % 2

    def _observe(self) -> Any:
        return np.array([self.step_count / self.length], np.float32)

    def _reward(self, action: Any) -> float:
        return float(self.action_masks()[action - 5])


class Board(_Garden):
    """The mask is a part of the observation, as in board games."""

    observation_space = gym.spaces.Dict(
        observation=gym.spaces.Box(0.0, 1.0, (1,), np.float32), action_mask=gym.spaces.MultiBinary(3)
    )
    action_space = gym.spaces.Discrete(3)

    def _observe(self) -> Any:
        mask = np.array([1, 0, self.step_count % 2], np.int8)
        return {"observation": np.zeros(1, np.float32), "action_mask": mask}

    def _reward(self, action: Any) -> float:
        return float(action == 2)


class Pair(_Garden):
    """Two choices whose masks come apart, in the info."""

    observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Tuple((gym.spaces.Discrete(2), gym.spaces.Discrete(3, start=1)))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        observation, info = super().reset(seed=seed, options=options)
        return observation, info | self._masks()

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, info | self._masks()

    def _masks(self) -> Any:
        return {"action_mask": (np.array([False, True]), np.array([True, False, True]))}

    def _observe(self) -> Any:
        return np.zeros(1, np.float32)

    def _reward(self, action: Any) -> float:
        return float(action[0] == 1 and action[1] in (1, 3))


class Picture(_Garden):
    """Observes a picture."""

    observation_space = gym.spaces.Box(0, 255, (36, 36, 3), np.uint8)
    action_space = gym.spaces.MultiBinary(2)
    length = 4

    def _observe(self) -> Any:
        return self.np_random.integers(0, 256, (36, 36, 3), dtype=np.uint8)

    def _reward(self, action: Any) -> float:
        return float(action.sum())


class Mixed(_Garden):
    """Acts with a choice and a number, which no algorithm gives."""

    observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Tuple((gym.spaces.Discrete(2), gym.spaces.Box(0.0, 1.0, (1,), np.float32)))

    def _observe(self) -> Any:
        return np.zeros(1, np.float32)


class Words(_Garden):
    """Observes text."""

    observation_space = gym.spaces.Text(10)
    action_space = gym.spaces.Discrete(2)

    def _observe(self) -> Any:
        return "moss"


class Stuck(Words):
    """Never begins."""

    def _observe(self) -> Any:
        raise RuntimeError("the gate is locked")


def shifted(env: Any) -> Any:
    """Every reward is 1 less."""
    return gym.wrappers.TransformReward(env, lambda reward: reward - 1)


def broken(env: Any) -> Any:
    """Not a wrapper."""
    return None


def picky(env: Any) -> Any:
    """A wrapper for other environments."""
    raise TypeError("only for boxes")
