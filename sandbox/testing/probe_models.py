"""What the probe tells of itself: an expert, copies to look ahead in, a finite model, and gradients."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api import Baseline, FiniteModel, InvalidValueError, RewardSpec
from sandbox.api.types import Array, Bools, Space

DRIFT = 0.2
"""Probability that chance moves the walker by -1, 0 or 1."""

SAMPLES = 6
"""Actions of a space without a list of them that stand for all in the finite model."""


def some_actions(space: Space) -> list[Any]:
    """Actions to choose from, at least two unless there is only one: all of a Discrete, samples of others."""
    if isinstance(space, gym.spaces.Discrete):
        return [np.int64(space.start + number) for number in range(int(space.n))]
    drawn = deepcopy(space)
    drawn.seed(0)
    return [drawn.sample() for _ in range(SAMPLES)]


class Walker:
    """Takes an action that depends on the place; see `sandbox.api.Policy`.

    Args:
        env: The probe, or copies of it.
    """

    memoryless = True

    def __init__(self, env: Any) -> None:
        self._env, self._actions = env, some_actions(env.action_space)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing to do."""

    def act(self, observation: Any, mask: Bools | None = None, deterministic: bool = True) -> Array:
        """An allowed action for every place."""
        places = np.atleast_1d(self._env.place)
        chosen: Array = np.stack([self._actions[place % len(self._actions)] for place in places.tolist()])
        if mask is not None and isinstance(self._env.action_space, gym.spaces.Discrete):
            start = int(self._env.action_space.start)
            rows = np.arange(len(chosen))
            chosen = np.where(mask[rows, chosen - start], chosen, mask.argmax(1) + start)
        return chosen

    def save(self, directory: Path) -> None:
        """Not supported: it is made from its environment."""
        raise NotImplementedError("a baseline is made from its environment, not saved")


WALKER = Baseline("walker", Walker, "an action for every place", memoryless=True)


class Copies:
    """Copies of the probe; see `sandbox.api.Simulator`."""

    def __init__(self, probe: Any, reward: RewardSpec, num_envs: int) -> None:
        self._probe, self._reward = probe, reward
        self.action_space = probe.action_space
        self.place: NDArray[np.int64] = np.zeros(num_envs, np.int64)
        self._streams: NDArray[np.int64] = np.zeros(num_envs, np.int64)
        self._rng = np.random.default_rng(0)

    def branch(
        self, env: Any, rows: NDArray[np.int64], streams: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Begin in the place of an environment."""
        self.place = np.atleast_1d(env.place)[rows].astype(np.int64)
        self._streams, self._rng = streams, rng

    def observe(self) -> Any:
        """What is observed in each place."""
        return _stacked([self._probe.observed(place) for place in self.place.tolist()])

    def step(self, actions: Array) -> tuple[NDArray[np.float64], Bools]:
        """A move of all copies."""
        moves = np.array([self._probe.move(action) for action in actions])
        drifts = np.where(
            self._rng.random(self._streams.max() + 1) < DRIFT,
            self._rng.integers(-1, 2, self._streams.max() + 1),
            0,
        )
        last = self._probe.cells - 1
        self.place = np.clip(self.place + moves + drifts[self._streams], 0, last)
        total = self._reward(np.abs(self.place - self._probe.cells // 2).astype(np.float64)).total
        return np.asarray(total, np.float64), np.zeros(len(self.place), np.bool_)


def finite_model(probe: Any, reward: RewardSpec, masked: bool, horizon: int) -> FiniteModel:
    """The places as states; one for all where observations say nothing of the place.

    Raises:
        InvalidValueError: For actions that are no arrays.
    """
    space = probe.action_space
    if isinstance(space, (gym.spaces.Dict, gym.spaces.Tuple)):
        raise InvalidValueError(f"Actions of {space} cannot be listed.")
    actions, cells = some_actions(space), probe.cells if probe.shows_place else 1
    moves = np.array([probe.move(action) for action in actions])
    places = np.arange(cells)
    following = np.clip(places[:, None, None] + moves[:, None] + np.array([-1, 0, 1]), 0, cells - 1)
    chances = np.array([DRIFT / 3, 1 - 2 * DRIFT / 3, DRIFT / 3])
    earned = np.asarray(reward(np.abs(following - cells // 2).astype(np.float64)).total)
    allowed = None
    if masked and isinstance(space, gym.spaces.Discrete):
        allowed = np.ones((cells, len(actions)), np.bool_)
        allowed[0, 0] = False
    known = [probe.observed(place) for place in range(cells)]
    return FiniteModel(
        successors=following,
        probabilities=np.broadcast_to(chances, following.shape),
        rewards=(earned * chances).sum(-1),
        initial=np.full(cells, 1 / cells),
        actions=np.stack(actions),
        state_index=probe.places_of,
        observe=lambda numbers: _stacked([known[number] for number in np.asarray(numbers).tolist()]),
        discount=0.95,
        horizon=horizon,
        allowed=allowed,
    )


class SmoothWalk:
    """The walk with steps of any size, so that it has gradients; see `sandbox.api.Dynamics`."""

    differentiable = True

    def __init__(self, observation_space: Space, cells: int, horizon: int) -> None:
        if not isinstance(observation_space, gym.spaces.Box):
            raise InvalidValueError(f"Observations of {observation_space} have no gradients.")
        self._shape, self._cells, self.horizon = observation_space.shape, cells, horizon

    def begin(self, rng: np.random.Generator, num_envs: int) -> dict[str, Array]:
        """Any place."""
        return {"place": rng.integers(self._cells, size=num_envs).astype(np.float32)}

    def noise(self, rng: np.random.Generator, num_envs: int, steps: int) -> Array:
        """Drifts."""
        drifts = np.where(rng.random((steps, num_envs)) < DRIFT, rng.integers(-1, 2, (steps, num_envs)), 0)
        return drifts.astype(np.float32)

    def observe(self, state: Mapping[str, Any], xp: ModuleType) -> Any:
        """The place over the number of places, in all entries."""
        share = state["place"] / self._cells
        return xp.broadcast_to(share.reshape(-1, *[1] * len(self._shape)), (len(share), *self._shape))

    def step(self, state: Mapping[str, Any], action: Any, noise: Any, xp: ModuleType) -> tuple[Any, Any]:
        """A move by the first number of the action; how far from the middle that is."""
        first = action.reshape(len(action), -1)[:, 0]
        place = xp.clip(state["place"] + xp.tanh(first) + noise, 0.0, self._cells - 1.0)
        return {"place": place}, abs(place - self._cells // 2)


def _stacked(rows: list[Any]) -> Any:
    if isinstance(rows[0], Mapping):
        return {key: _stacked([row[key] for row in rows]) for key in rows[0]}
    if isinstance(rows[0], tuple):
        return tuple(_stacked([row[number] for row in rows]) for number in range(len(rows[0])))
    return np.stack(rows)
