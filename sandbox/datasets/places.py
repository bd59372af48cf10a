"""Where in a dataset something stands, for messages: in a table its line, elsewhere episode and step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sandbox.api.data import Dataset

LINES = "lines"
"""Key of `Dataset.facts` with the lines of ``steps`` and ``observations`` of a table."""


def line_of(dataset: Dataset, row: int, observed: bool = False) -> int | None:
    """The line of a table that a step was read from, None where the dataset is no table.

    Args:
        dataset: What was read.
        row: Number of the step, or of the observation.
        observed: Whether it is the number of an observation.
    """
    lines = dataset.facts.get(LINES)
    if not isinstance(lines, Mapping):
        return None
    return int(lines["observations" if observed else "steps"][row])


def place_of(dataset: Dataset, row: int, observed: bool = False) -> str:
    """The same in words: ``line 3``, or ``episode 1, step 10``; arguments as in `line_of`."""
    line = line_of(dataset, row, observed)
    if line is not None:
        return f"line {line}"
    per_episode = dataset.lengths + int(observed)
    episode = int(np.searchsorted(np.cumsum(per_episode), row, side="right"))
    return f"episode {episode}, step {row - int(per_episode[:episode].sum())}"
