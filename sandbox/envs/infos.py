"""What an environment's infos say at the end of episodes and of every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np

from sandbox.api.types import Array, Bools, Element, Floats, Info


def final_metrics(info: Info, row: int) -> dict[str, float]:
    """The metrics of the episode that just ended in a row of a SAME_STEP vector environment."""
    final = info.get("final_info", {})
    if isinstance(final, np.ndarray):  # some environments keep a dict for each row
        return floats(final[row].get("metrics", {})) if final[row] else {}
    metrics = final.get("metrics", {})
    if isinstance(metrics, np.ndarray):
        return floats(metrics[row] or {})
    given = final.get("_metrics")
    if given is not None and not given[row]:
        return {}
    return {name: float(values[row]) for name, values in metrics.items() if not name.startswith("_")}


def rows_of(observation: Element) -> int:
    """How many rows a batch of observations has."""
    while isinstance(observation, dict):
        observation = next(iter(observation.values()))
    return len(observation)


def add_terms(sums: dict[str, Array], info: Info, running: Bools, done: Bools) -> None:
    """Add the step's unweighted reward terms, one array of shape ``(num_envs,)`` each, where ``running``.

    Terms of the agents of an environment are averaged. Where an episode just ended, they are in the final
    info.
    """
    current, final = info.get("reward_terms", {}), info.get("final_info", {})
    last = final.get("reward_terms", {}) if isinstance(final, dict) else {}
    for name in dict.fromkeys((*current, *last)):
        if name.startswith("_"):
            continue
        values = _per_env(current.get(name, np.zeros(len(running))))
        if name in last:
            values = np.where(done, _per_env(last[name]), values)
        sums[name] = sums.get(name, np.zeros(len(running))) + np.where(running, values, 0.0)


def _per_env(values: Array) -> Floats:
    """One value an environment; where its agents have one each, their mean."""
    array = np.asarray(values, float)
    return array if array.ndim == 1 else array.mean(axis=1)


def floats(values: Mapping[str, SupportsFloat]) -> dict[str, float]:
    """``values`` as plain floats."""
    return {name: float(value) for name, value in values.items()}
