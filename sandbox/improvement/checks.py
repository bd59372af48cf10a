"""Logs from which nothing can be concluded are refused, with the reason, before anything is learned."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sandbox.api.data import Dataset
from sandbox.api.errors import BrokenFileError
from sandbox.api.types import Array, Space
from sandbox.datasets.places import line_of, place_of

MIN_EPISODES = 20
"""Fewer cannot be split into a part to learn from and one to judge by."""

SLACK = 0.01
"""How far outside its bounds, as a share of their distance, an observation may lie."""

SCALE = 30.0
"""Times larger or smaller than in the scenario at which a column is in another unit."""

DRIFT_LEVEL = 1e-3
"""Chance, over all columns, that a log without drift is refused."""

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What random play in the scenario shows, to compare units with.

    Attributes:
        observation: Largest size of each column, by name.
        reward: Largest size of a reward.
    """

    observation: dict[str, float]
    reward: float


def require_sound(dataset: Dataset, action_space: Space, bounds: Space, reference: Reference) -> None:
    """Refuse a log.

    Args:
        dataset: The log; it fits the task's spaces in form, and its numbers are finite.
        action_space: Of the task.
        bounds: The task's observation space.
        reference: Of the scenario.

    Raises:
        BrokenFileError: One sentence; names the line where a table has one row that is wrong.
    """
    _require_probabilities(dataset, action_space)
    _refuse(dataset, _size(dataset))
    _require_bounds(dataset, bounds)
    _refuse(dataset, _units(dataset, reference) or _drift(dataset))


def _refuse(dataset: Dataset, complaint: str | None) -> None:
    if complaint:
        raise BrokenFileError(dataset.path, complaint)


def columns(dataset: Dataset, observations: object = None) -> Iterator[tuple[str, Reals]]:
    """Columns of the observations, N + E numbers each."""
    parts = dataset.observations if observations is None else observations
    given = dataset.facts.get("columns")
    names = list(given) if isinstance(given, list | tuple) else []
    if isinstance(parts, dict):
        for key, part in parts.items():
            yield from _numbered(key, part)
        return
    numbered = list(_numbered("observation", np.asarray(parts)))
    for place, (name, values) in enumerate(numbered):
        yield str(names[place]) if len(names) == len(numbered) else name, values


def _numbered(name: str, values: Array) -> Iterator[tuple[str, Reals]]:
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    for place in range(flat.shape[1]):
        yield f"{name}[{place}]" if flat.shape[1] > 1 else name, flat[:, place]


def _require_probabilities(dataset: Dataset, action_space: Space) -> None:
    given = dataset.probabilities
    if given is None:
        raise BrokenFileError(
            dataset.path,
            "holds no probabilities of its actions, without which it does not tell what another policy "
            "would have earned",
        )
    if not isinstance(action_space, gym.spaces.Box) and (given > 1).any():
        step = int((given > 1).argmax())
        line = line_of(dataset, step)
        place = "" if line else f" in {place_of(dataset, step)}"
        reason = f"the probability of the action{place} is {given[step]:g}, above 1"
        raise BrokenFileError(dataset.path, reason, line)


def _size(dataset: Dataset) -> str | None:
    if dataset.num_episodes < MIN_EPISODES:
        return f"holds {dataset.num_episodes} episodes; at least {MIN_EPISODES} are needed"
    return None


def _require_bounds(dataset: Dataset, space: Space) -> None:
    for name, values, low, high in _bounded(dataset, space):
        width = high - low if np.isfinite(high - low) else max(abs(x) for x in (low, high) if np.isfinite(x))
        outside = (values < low - SLACK * width) | (values > high + SLACK * width)
        if outside.any():
            row = int(outside.argmax())
            raise BrokenFileError(
                dataset.path,
                f"{name} is {values[row]:g}, outside the task's {low:g} to {high:g}: is it in another unit?",
                line_of(dataset, row, observed=True),
            )


def _bounded(dataset: Dataset, space: Space) -> Iterator[tuple[str, Reals, float, float]]:
    parts = space.spaces if isinstance(space, gym.spaces.Dict) else {"": space}
    names = iter(columns(dataset))
    for part in parts.values():
        for place in range(int(np.prod(part.shape or (1,)))):
            name, values = next(names)
            if not isinstance(part, gym.spaces.Box):
                continue
            low, high = float(part.low.ravel()[place]), float(part.high.ravel()[place])
            if np.isfinite(low) or np.isfinite(high):
                yield name, values, low, high


def _units(dataset: Dataset, reference: Reference) -> str | None:
    sizes = {name: float(np.abs(values).max()) for name, values in columns(dataset)}
    compared = [
        (name, size, reference.observation[place])
        for (name, size), place in zip(sizes.items(), reference.observation, strict=True)
    ]
    compared.append(("reward", float(np.abs(dataset.rewards).max()), reference.reward))
    for name, size, usual in compared:
        if size > 0 and usual > 0 and not 1 / SCALE < size / usual < SCALE:
            return f"{name} reaches {size:.3g}, in the scenario {usual:.3g}: is it in another unit?"
    return None


def _size_of(name: str, size: Reals) -> list[tuple[str, Reals]]:
    """The logarithm of a mean size, which another unit moves by the same in every episode."""
    return [(f"the logarithm of {name}'s size", np.log(size))] if (size > 0).all() else []


def _drift(dataset: Dataset) -> str | None:
    """Whether early and late episodes differ by more than chance (Welch's test).

    The halves are compared, and the first with the last third, in which a change late in the log is less
    diluted.
    """
    starts = dataset.starts
    observed = starts + np.arange(dataset.num_episodes)
    tested: list[tuple[str, Reals]] = []
    for name, values in columns(dataset):
        mean = np.add.reduceat(values, observed) / (dataset.lengths + 1)
        square = np.add.reduceat((values - values.mean()) ** 2, observed) / (dataset.lengths + 1)
        tested += [(name, mean), (f"the spread of {name}", square)]
        tested += _size_of(name, np.add.reduceat(np.abs(values), observed) / (dataset.lengths + 1))
    tested.append(("reward", dataset.returns / dataset.lengths))
    tested += _size_of("reward", np.add.reduceat(np.abs(dataset.rewards), starts) / dataset.lengths)
    tested.append(("the length of episodes", dataset.lengths.astype(np.float64)))
    if dataset.probabilities is not None:
        log = np.log(dataset.probabilities)
        tested.append(("the probability of actions", np.add.reduceat(log, starts) / dataset.lengths))
    tested = [
        (name, values)
        for name, values in tested
        if values.std() > 1e-9 * max(float(np.abs(values).max()), 1e-300)
    ]
    if not tested:
        return None
    table = np.stack([values for _, values in tested], 1)
    for parts, label in ((2, "half"), (3, "third")):
        number = dataset.num_episodes // parts
        first, last = table[:number], table[-number:]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of columns that are constant in a part
            p = np.nan_to_num(stats.ttest_ind(first, last, equal_var=False).pvalue, nan=1.0)
        least = int(p.argmin())
        if p[least] < DRIFT_LEVEL / (2 * len(tested)):
            return (
                f"drifts: {tested[least][0]} is {first[:, least].mean():.3g} on average in its first {label} "
                f"and {last[:, least].mean():.3g} in its last, so it is no log of one behaviour in one "
                "process"
            )
    return None
