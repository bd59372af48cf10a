"""Whether a dataset belongs to a task: the same observations, the same actions, the same masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sandbox.api.data import Dataset, Observations
from sandbox.api.errors import BrokenFileError, MisfitError
from sandbox.api.masks import is_allowed, mask_size
from sandbox.api.spaces import describe
from sandbox.api.types import Array, Space
from sandbox.datasets.places import line_of, place_of

SLACK = 1e-5
"""How far outside a box's bounds, as a share of its width, a logged action may lie: other software rounds."""


def require_fit(dataset: Dataset, observation_space: Space, action_space: Space, task: str) -> None:
    """Refuse a dataset of another task.

    Args:
        dataset: What was logged.
        observation_space: Of one row of the task.
        action_space: Of one row of the task.
        task: What the task is called in the message.

    Raises:
        MisfitError: Says what differs.
        BrokenFileError: If in a table an action was taken that its own mask forbids; names the line.
    """
    complaint = (
        _observations(dataset, dataset.observations, observation_space)
        or _actions(dataset, action_space)
        or _masks(dataset.masks, action_space)
    )
    if complaint:
        raise MisfitError(
            f"The dataset {dataset.path} does not fit {task}: {complaint}.",
            f"{task} has the observation {describe(observation_space)} and the action "
            f"{describe(action_space)}.",
        )
    _require_allowed(dataset, action_space)


def _require_allowed(dataset: Dataset, space: Space) -> None:
    """Of tables alone: who plays in a task may take what is forbidden there, and a record says so."""
    if dataset.masks is None or line_of(dataset, 0) is None:
        return
    allowed = is_allowed(space, dataset.masks[np.arange(len(dataset)) + dataset.episode_of], dataset.actions)
    if not allowed.all():
        step = int(allowed.argmin())
        reason = f"the action {dataset.actions[step]} is not allowed by its mask"
        raise BrokenFileError(dataset.path, reason, line_of(dataset, step))


def _observations(
    dataset: Dataset, given: Observations, space: Space, where: str = "observations"
) -> str | None:
    if isinstance(space, spaces.Dict):
        if not isinstance(given, dict):
            return f"its {where} are arrays, those of the task have the parts {', '.join(space.spaces)}"
        if set(given) != set(space.spaces):
            wanted = ", ".join(space.spaces)
            return f"its {where} have the parts {', '.join(given)}, those of the task {wanted}"
        complaints = (
            _observations(dataset, given[key], part, f"{where}['{key}']")
            for key, part in space.spaces.items()
        )
        return next(filter(None, complaints), None)
    if isinstance(given, dict):
        return f"its {where} have the parts {', '.join(given)}, those of the task are arrays"
    return _shape(given, space, where) or _choices(dataset, given, space, where)


def _actions(dataset: Dataset, space: Space) -> str | None:
    given: Any = dataset.actions
    complaint = _shape(given, space, "actions") or _choices(dataset, given, space, "actions")
    if complaint or not isinstance(space, spaces.Box):
        return complaint
    width = np.where(np.isfinite(space.high - space.low), space.high - space.low, 0.0)
    outside = (given < space.low - SLACK * width) | (given > space.high + SLACK * width)
    if outside.any():
        at = _first(outside)
        return f"its action {given[at]:g} in {place_of(dataset, at[0])} lies outside the task's bounds"
    return None


def _masks(given: NDArray[np.bool_] | None, space: Space) -> str | None:
    if given is None:
        return None
    if isinstance(space, spaces.Box):
        return "it has masks of actions, which numbers do not have"
    wanted = (mask_size(space),)
    if given.shape[1:] != wanted:
        return f"its masks have the shape {given.shape[1:]}, those of the task {wanted}"
    return None


def _shape(given: Array, space: Space, where: str) -> str | None:
    wanted = tuple(space.shape or ())
    if given.shape[1:] != wanted:
        return f"its {where} have the shape {given.shape[1:]}, those of the task {wanted}"
    return None


def _choices(dataset: Dataset, given: Array, space: Space, where: str) -> str | None:
    """Whether whole numbers are among those of a discrete space."""
    if isinstance(space, spaces.Discrete):
        low, high = np.asarray(space.start), np.asarray(space.start + space.n)
    elif isinstance(space, spaces.MultiDiscrete):
        low, high = space.start, space.start + space.nvec
    elif isinstance(space, spaces.MultiBinary):
        low, high = np.asarray(0), np.asarray(2)
    else:
        return None
    observed = where != "actions"
    if given.dtype.kind not in "iub":
        broken = given != np.floor(given) if given.dtype.kind == "f" else np.zeros(given.shape, np.bool_)
        if not broken.any():
            return f"its {where} are {given.dtype}, those of the task are whole numbers"
        at = _first(broken)
        place = place_of(dataset, at[0], observed)
        return f"its {where} hold {given[at]:g} in {place}, those of the task are whole numbers"
    wrong = (given < low) | (given >= high)
    if wrong.any():
        at = _first(wrong)
        place = place_of(dataset, at[0], observed)
        return f"its {where} hold {given[at]} in {place}, which is none of the task's"
    return None


def _first(wrong: NDArray[np.bool_]) -> tuple[int, ...]:
    """Index of the first place that is true."""
    return tuple(int(index) for index in np.argwhere(wrong)[0])
