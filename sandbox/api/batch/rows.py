"""The rows of a core: beginning episodes, one step of all, what ended, and the infos of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from sandbox.api.batch.types import Array, Core, Flags, Info, Observation
from sandbox.api.extension import Observer
from sandbox.api.reward import RewardSpec

_ARRAY, _DOUBLE = np.ndarray, np.dtype(np.float64)


class Rows:
    """Calls the parts of a core, whichever of them it has.

    Args:
        core: See `sandbox.api.BatchedCore`.
        num_envs: Its rows.
        reward: The reward.
    """

    def __init__(self, core: Core, num_envs: int, reward: RewardSpec) -> None:
        self.core, self.num_envs = core, num_envs
        self._terms = [(term.name, term.fn, term.weight) for term in reward.terms]
        self._weighted = [term for term in self._terms if term[2]] or self._terms
        self._counted = [(*term, term in self._weighted) for term in self._terms]
        self.shape: tuple[int, ...] = (num_envs,)
        """Shape of ends."""
        self.value_shape: tuple[int, ...] = self.shape
        """Shape of the transition's values."""
        self.everyone: Flags = constant(True, self.shape)
        self.nobody: Flags = constant(False, self.shape)
        """What `ends` gives, twice, where no episode has ended."""
        self.observer: Observer | None = None
        """Shows something else than the core's own observation."""
        self._masks: Callable[[], Array] | None = getattr(core, "masks", None)
        self._info: Callable[[], Mapping[str, Array]] | None = getattr(core, "info", None)
        self._begin_rows = getattr(core, "begin_rows", None)
        self._observe_rows = getattr(core, "observe_rows", None)
        self._masks_rows = getattr(core, "masks_rows", None)
        self._metrics_rows = getattr(core, "metrics_rows", None)

    def begin(self, rows: Array) -> None:
        """Start the next episodes of some rows."""
        rngs = self.core.rngs
        if self._begin_rows is not None:
            self._begin_rows(rows, [rngs[row] for row in rows])
            return
        for row in rows.tolist():
            self.core.begin(row, rngs[row])

    def step(self, actions: Array) -> tuple[Array, dict[str, Array]]:
        """Step all rows; the reward and its unweighted terms, of the shape of the transition's values.

        What `RewardSpec` does, with what does not change looked up once: small batches take some 30 µs.
        """
        return self._valued(self.core.step(actions))

    def step_one(self, actions: Array) -> tuple[float, dict[str, float]]:
        """As `step`, for a core of one row: numbers, the same to the last bit."""
        transition = self.core.step(actions)
        values: dict[str, float] = {}
        reward = 0.0
        if type(transition) is list:
            values = {name: float(function(transition[0])) for name, function, _ in self._terms}
            for name, _, weight in self._weighted:
                reward += weight * values[name]
        else:
            for name, function, weight, counts in self._counted:
                value = function(transition)
                if type(value) is not _ARRAY or value.size != 1:
                    total, terms = self._valued(transition)
                    return float(total[0]), {name: float(each[0]) for name, each in terms.items()}
                # A term of another precision is weighed in its own, as in a batch.
                number = value.item() if value.dtype is _DOUBLE else value.reshape(-1)[0]
                values[name] = float(number)
                if counts:
                    reward += float(weight * number)
        return reward, values

    def _valued(self, transition: Any) -> tuple[Array, dict[str, Array]]:
        shape, terms, by_row = self.value_shape, {}, type(transition) is list
        for name, function, _ in self._terms:
            value = np.array([*map(function, transition)], float) if by_row else function(transition)
            terms[name] = value if type(value) is _ARRAY and value.shape == shape else _of_shape(value, shape)
        (name, _, weight), *others = self._weighted
        total = weight * terms[name]
        if total.dtype is not _DOUBLE:
            total = total.astype(float)  # what is added to it in place would be rounded
        total += 0.0  # as there: a lone term of zero gives 0 and not -0
        for name, _, weight in others:
            total += weight * terms[name]
        return total, terms

    def ends(self) -> tuple[Flags, Flags]:
        """Whether each row has terminated and been truncated."""
        terminated, truncated = self.core.ends()
        if terminated is False and truncated is False:
            return self.nobody, self.nobody
        return _flags(terminated, self.shape), _flags(truncated, self.shape)

    def replay(self, actions: Array) -> Flags:
        """Step all rows without asking what it was worth; whose episode is over, shape ``(num_envs,)``."""
        self.core.step(actions)
        terminated, truncated = self.ends()
        return terminated | truncated

    def observe(self) -> Observation:
        """What is seen now."""
        seen = self.core.observe()
        return seen if self.observer is None else self.observer(seen)

    def observe_again(self, observation: Observation, rows: Array) -> Observation:
        """The observations after some rows began an episode, given those from before."""
        if self._observe_rows is None or self.observer is not None or len(rows) == self.num_envs:
            return self.observe()
        return _with_rows(observation, rows, self._observe_rows(rows))

    def present(self) -> Info:
        """Infos of the present: masks, and whatever the core gives."""
        info: Info = {}
        if self._masks is not None:
            info["action_mask"] = np.array(self._masks(), np.bool_)
            info["_action_mask"] = self.everyone
        if self._info is not None:
            given = self._info()
            for name, values in given.items():
                if not name.startswith("_"):
                    there = given.get(f"_{name}")
                    info[name] = np.array(values)
                    info[f"_{name}"] = self.everyone if there is None else np.array(there)
        return info

    def present_again(self, info: Info, rows: Array) -> Info:
        """Infos of the present after some rows began an episode, given those from before."""
        if self._info is not None or self._masks_rows is None or len(rows) == self.num_envs:
            return self.present()
        info["action_mask"][rows] = self._masks_rows(rows)
        return info

    def metrics(self, rows: Array) -> dict[str, Array]:
        """Metrics of the episodes that ended in some rows, each of shape ``(num_envs,)``, 0 elsewhere."""
        if self._metrics_rows is not None:
            values = {name: np.asarray(column, float) for name, column in self._metrics_rows(rows).items()}
        else:
            episodes = [self.core.metrics(row) for row in rows.tolist()]
            values = {name: np.array([episode[name] for episode in episodes], float) for name in episodes[0]}
        if len(rows) == self.num_envs:
            return values
        metrics = {name: np.zeros(self.num_envs) for name in values}
        for name, column in values.items():
            metrics[name][rows] = column
        return metrics


def constant(value: bool, shape: tuple[int, ...]) -> Flags:
    """The same flag everywhere, read-only: made once and given out with every step."""
    flags: Flags = np.full(shape, value)
    flags.flags.writeable = False
    return flags


def any_true(flags: Flags) -> bool:
    """Whether one of them is true; several times as fast as ``flags.any()`` on small arrays."""
    return bool(np.count_nonzero(flags))


def with_presence(values: Mapping[str, Array], present: Flags) -> Info:
    """Gymnasium's form of batched infos: beside every ``key`` a boolean ``_key``."""
    info: Info = dict(values)
    for name in values:
        info[f"_{name}"] = present
    return info


def copied_rows(observation: Observation, rows: Array, num_envs: int) -> Array:
    """Some rows of a batch as Gymnasium's ``final_obs``: an array of objects, None for the others."""
    final = np.full(num_envs, None, dtype=object)
    for row, copy in zip(rows.tolist(), _each(observation, rows), strict=True):
        final[row] = copy
    return final


def _each(observation: Observation, rows: Array) -> Iterable[Observation]:
    """Copies of some rows of a batch: one copy of all, of which each is a part, takes a twentieth."""
    if isinstance(observation, dict):
        parts = {key: _each(part, rows) for key, part in observation.items()}
        return [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)]
    copies = observation[rows]
    return copies if copies.ndim > 1 else map(np.array, copies)


def row_of(observation: Observation, row: int) -> Observation:
    """A copy of one row of a batch."""
    if isinstance(observation, dict):
        return {key: row_of(part, row) for key, part in observation.items()}
    return np.array(observation[row])


def _with_rows(observation: Observation, rows: Array, fresh: Observation) -> Observation:
    if isinstance(observation, dict):
        return {key: _with_rows(part, rows, fresh[key]) for key, part in observation.items()}
    observation[rows] = fresh
    return observation


def _of_shape(value: Any, shape: tuple[int, ...]) -> Array:
    """A new array of numbers; a value that does not vary over rows is repeated."""
    array = np.empty(shape)
    array[...] = value
    return array


def _flags(value: Any, shape: tuple[int, ...]) -> Flags:
    flags = np.zeros(shape, np.bool_)
    if value is not False:
        flags[...] = value
    return flags
