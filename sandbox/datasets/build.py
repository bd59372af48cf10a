"""A `Dataset` from what a reader took out of a file, refused where it contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.data import Dataset, Observations
from sandbox.api.errors import BrokenFileError
from sandbox.api.types import Array
from sandbox.datasets.places import line_of, place_of


def build(
    path: Path,
    digest: str,
    columns: Mapping[str, Any],
    facts: Mapping[str, object],
) -> Dataset:
    """A dataset whose columns fit each other and whose numbers are finite.

    Args:
        path: Where it was read.
        digest: Of its files.
        columns: Arrays named as the attributes of `Dataset`; ``observations`` may be a dict of arrays.
        facts: What its maker wrote down.

    Raises:
        BrokenFileError: Names the column, the episode and the step.
    """
    missing = [name for name in REQUIRED if columns.get(name) is None]
    if missing:
        known = ", ".join(sorted(columns)) or "nothing"
        raise BrokenFileError(path, f"has no {' and no '.join(missing)}; it holds {known}")
    rewards = np.asarray(columns["rewards"], np.float64)
    lengths = np.asarray(columns["lengths"], np.int64)
    if not len(lengths) or not len(rewards):
        raise BrokenFileError(path, "holds no steps")
    if (lengths < 1).any():
        raise BrokenFileError(path, f"episode {int((lengths < 1).argmax())} has no steps")
    steps, episodes = int(lengths.sum()), len(lengths)
    dataset = Dataset(
        observations=columns["observations"],
        actions=np.asarray(columns["actions"]),
        rewards=rewards,
        terminated=np.asarray(columns["terminated"], np.bool_),
        truncated=np.asarray(columns["truncated"], np.bool_),
        lengths=lengths,
        masks=None if columns.get("masks") is None else np.asarray(columns["masks"], np.bool_),
        probabilities=_floats(columns.get("probabilities")),
        path=path,
        digest=digest,
        facts=facts,
    )
    for name, values in _columns(dataset).items():
        wanted = steps + episodes if name.startswith(("observations", "masks")) else steps
        if len(values) != wanted:
            raise BrokenFileError(
                path,
                f"{name} has {len(values):,} rows, but {episodes:,} episodes of {steps:,} steps in all need "
                f"{wanted:,}: the file is cut off, or its columns belong to different episodes",
            )
        _require_finite(dataset, name, values)
    _require_ends(dataset)
    _require_probabilities(dataset)
    return dataset


REQUIRED = ("observations", "actions", "rewards", "terminated", "truncated", "lengths")


def flat_columns(observations: Observations) -> dict[str, Array]:
    """The arrays of a batch of observations, by name."""
    if isinstance(observations, dict):
        return {f"observations.{key}": np.asarray(part) for key, part in observations.items()}
    return {"observations": np.asarray(observations)}


def _columns(dataset: Dataset) -> dict[str, Array]:
    named = {"actions": dataset.actions, "rewards": dataset.rewards}
    named |= {"terminated": dataset.terminated, "truncated": dataset.truncated}
    optional = {"masks": dataset.masks, "probabilities": dataset.probabilities}
    return (
        flat_columns(dataset.observations)
        | named
        | {name: values for name, values in optional.items() if values is not None}
    )


def _floats(values: Any) -> NDArray[np.float64] | None:
    return None if values is None else np.asarray(values, np.float64)


def _require_finite(dataset: Dataset, name: str, values: Array) -> None:
    if values.dtype.kind not in "iufb":
        raise BrokenFileError(dataset.path, f"{name} holds {values.dtype}, not numbers")
    if values.dtype.kind != "f":
        return
    wrong = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if wrong.any():
        observed = name.startswith("observations")
        place = place_of(dataset, int(wrong.argmax()), observed)
        raise BrokenFileError(dataset.path, f"{name} of {place} is not finite")


def _require_ends(dataset: Dataset) -> None:
    """Nothing may end in the middle of an episode; a log that stops is truncated where it stops."""
    last = dataset.starts + dataset.lengths - 1
    ended = dataset.terminated | dataset.truncated
    inner = ended.copy()
    inner[last] = False
    if inner.any():
        step = int(inner.argmax())
        episode = int(dataset.episode_of[step])
        raise BrokenFileError(
            dataset.path,
            f"episode {episode} ends at its step {step - int(dataset.starts[episode])}, before its last one",
            line_of(dataset, step),
        )
    dataset.truncated[last] |= ~ended[last]


def _require_probabilities(dataset: Dataset) -> None:
    given = dataset.probabilities
    if given is not None and not (given > 0).all():
        step = int((given <= 0).argmax())
        line = line_of(dataset, step)
        place = "" if line else f" in {place_of(dataset, step)}"
        reason = f"the probability of the action{place} is {given[step]:g}, not above 0"
        raise BrokenFileError(dataset.path, reason, line)
