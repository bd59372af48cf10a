"""A small task of two unlike agents for every kind of space, on which joint algorithms are tested."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Metric, Task, batched
from sandbox.api.masks import mask_size
from sandbox.api.types import Array, Bools, Space
from sandbox.testing import odd_spaces

CELLS = 5
AGENTS = ("short", "long")
CHOICES = (3, 5)
"""Actions of the two where they are numbered: the first has fewer."""


class SeveralConfig(BaseModel):
    """Two walks on a line towards its middle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    observation: str = Field("Box", description="kind of the observation spaces, or an odd one's name")
    action: str = Field("Discrete", description="kind of the action spaces, or an odd one's name")
    masked: bool = Field(False, description="whether moves off the line are masked")
    horizon: int = Field(16, ge=2, le=1000, description="steps until the last walker is cut off")
    nan_at: int = Field(0, ge=0, le=1000, description="step whose reward is no number; 0 for none")


class Several:
    """Two walkers: the second sees more and has more actions, where the kind of space allows it.

    The first is terminated in the middle of the episode, the second truncated at its end.
    """

    agents = AGENTS

    def __init__(self, config: SeveralConfig, num_envs: int) -> None:
        self.config = config
        self.observation_space = _by_agent(
            _spaces(config.observation, _OBSERVATIONS, odd_spaces.observations())
        )
        self.action_space = _by_agent(_spaces(config.action, _ACTIONS, odd_spaces.actions()))
        self.place = np.zeros((num_envs, 2), np.int64)
        self.steps = np.zeros(num_envs, np.int64)
        self.total = np.zeros(num_envs)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """Somewhere on the line."""
        self.place[row], self.steps[row], self.total[row] = rng.integers(CELLS, size=2), 0, 0.0

    def step(self, actions: Array) -> Array:
        """Left or right; how far from the middle that is, cells, shape ``(num_envs, 2)``."""
        first = np.asarray(actions).reshape(*self.place.shape, -1)[:, :, 0]
        right = np.where(first > 0, 1, -1)
        self.place = np.clip(self.place + right, 0, CELLS - 1)
        self.steps += 1
        far: Array = np.abs(self.place - CELLS // 2).astype(np.float64)
        self.total -= far.sum(axis=1)
        broken = (self.steps == self.config.nan_at) & (self.config.nan_at > 0)
        return np.where(broken[:, None], np.nan, far)

    def observe(self) -> Array:
        """The place, as the kind of space has it."""
        if self.config.observation not in _OBSERVATIONS:
            return self._odd()
        here = np.eye(CELLS)[self.place]
        time = np.broadcast_to((self.steps / self.config.horizon)[:, None, None], (*self.place.shape, 2))
        kinds: dict[str, Array] = {
            "Box": np.concatenate((here, time), axis=-1).astype(np.float32),
            "Discrete": self.place.copy(),
            "MultiDiscrete": np.stack((self.place, self.place % 2), axis=-1),
            "MultiBinary": here.astype(np.int8),
        }
        return kinds[self.config.observation]

    def _odd(self) -> Array:
        """The first value of the odd space where the walker is left of the middle, else its last."""
        space: Any = odd_spaces.observations()[self.config.observation]
        if isinstance(space, gym.spaces.Discrete):
            ends: Array = np.where(self.place < CELLS // 2, space.start, space.start + space.n - 1)
            return ends
        shape = (*self.place.shape, *space.shape)
        if isinstance(space, gym.spaces.MultiDiscrete):
            low, high = space.start, space.start + space.nvec - 1
        else:
            low, high = np.maximum(space.low, -1.0), np.minimum(space.high, 1.0)
        left = (self.place < CELLS // 2)[..., None]
        values: Array = np.broadcast_to(np.where(left, low, high), shape).astype(space.dtype)
        return values

    def ends(self) -> tuple[Bools, Bools]:
        """The first ends in the middle, the second at the end."""
        terminated, truncated = np.zeros((2, *self.place.shape), np.bool_)
        terminated[:, 0] = self.steps >= self.config.horizon // 2
        truncated[:, 1] = self.steps >= self.config.horizon
        return terminated, truncated

    def metrics(self, row: int) -> dict[str, float]:
        """The sum of rewards."""
        return {"score": float(self.total[row])}


class MaskedSeveral(Several):
    """The same with masks."""

    def masks(self) -> Bools:
        """Of every part of an action the first value goes left; padded ones are masked by the batch."""
        size = max(mask_size(space) for space in _spaces(self.config.action, _ACTIONS, odd_spaces.actions()))
        allowed = np.ones((*self.place.shape, size), np.bool_)
        allowed[self.place == 0, 0] = False
        return allowed


def _by_agent(spaces: tuple[Space, Space]) -> Any:
    return spaces[0] if spaces[0] == spaces[1] else dict(zip(AGENTS, spaces, strict=True))


_OBSERVATIONS: dict[str, tuple[Space, Space]] = {
    "Box": (gym.spaces.Box(-1.0, 1.0, (CELLS,)), gym.spaces.Box(-1.0, 1.0, (CELLS + 2,))),
    "Discrete": (gym.spaces.Discrete(CELLS),) * 2,
    "MultiDiscrete": (gym.spaces.MultiDiscrete([CELLS, 2]),) * 2,
    "MultiBinary": (gym.spaces.MultiBinary(CELLS),) * 2,
}
_ACTIONS: dict[str, tuple[Space, Space]] = {
    "Box": (gym.spaces.Box(-1.0, 1.0, (1,)), gym.spaces.Box(-2.0, 2.0, (2,))),
    "Discrete": (gym.spaces.Discrete(CHOICES[0]), gym.spaces.Discrete(CHOICES[1])),
    "MultiDiscrete": (gym.spaces.MultiDiscrete([CELLS, 2]),) * 2,
    "MultiBinary": (gym.spaces.MultiBinary(CELLS),) * 2,
}


def _spaces(kind: str, plain: dict[str, tuple[Space, Space]], odd: dict[str, Space]) -> tuple[Space, Space]:
    """Of both agents; an odd space is the same for both."""
    return plain[kind] if kind in plain else (odd[kind], odd[kind])


def _core(config: SeveralConfig, num_envs: int) -> Several:
    return MaskedSeveral(config, num_envs) if config.masked else Several(config, num_envs)


make, make_vec = batched(_core)


def several_task(name: str, rewards: Any, masks: bool) -> Task:
    """The task with or without masks."""
    return Task(
        name=name,
        title="Two walks to the middle of a line",
        config=SeveralConfig,
        make=make,
        make_vec=make_vec,
        rewards=rewards,
        metrics=(Metric("score", "1", "higher", "sum of rewards"),),
        agents="parallel",
        masks=masks,
        cheap=True,
        resume="state",
    )
