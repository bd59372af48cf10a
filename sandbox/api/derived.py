"""Metrics that are computed from what an environment tells at every step, instead of by the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.metric import Metric
from sandbox.api.types import Json

Values = NDArray[np.float64]


class DerivedMetrics:
    """Follows the episodes of n rows and knows their derived metrics when they end.

    Args:
        metrics: Those with ``from_term`` or ``from_info``; others are left alone.
        rows: n.
    """

    def __init__(self, metrics: Sequence[Metric], rows: int) -> None:
        self._metrics = [metric for metric in metrics if metric.from_term or metric.from_info]
        self._values = np.zeros((len(self._metrics), rows))
        self._steps = np.zeros((len(self._metrics), rows))
        """Steps that had a value: an info may come now and then."""

    def __bool__(self) -> bool:
        return bool(self._metrics)

    def begin(self, rows: Any = slice(None)) -> None:
        """Episodes begin in some rows."""
        self._values[:, rows] = 0.0
        self._steps[:, rows] = 0

    def add(self, terms: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        """One step of all rows.

        Args:
            terms: Unweighted reward terms, each a number or of shape ``(n,)``; of several agents
                ``(n, k)``, of which the mean counts.
            info: The environment's info, where metrics with ``from_info`` find their values.
        """
        for place, metric in enumerate(self._metrics):
            given = terms.get(metric.from_term) if metric.from_term else info.get(metric.from_info)
            if given is None:
                continue
            value = _per_row(given, self._steps.shape[1])
            before, first = self._values[place], self._steps[place] == 0
            self._steps[place] += 1
            if metric.how == "last":
                after = value
            elif metric.how in ("sum", "mean"):
                after = before + value
            else:
                better = np.maximum if metric.how == "max" else np.minimum
                after = np.where(first, value, better(before, value))
            self._values[place] = after

    def values(self) -> dict[str, Values]:
        """By name, each of shape ``(n,)``: as if every episode ended now."""
        steps = np.maximum(self._steps, 1)
        return {
            metric.name: (values / counts if metric.how == "mean" else values).copy()
            for metric, values, counts in zip(self._metrics, self._values, steps, strict=True)
        }

    def get_state(self) -> Json:
        """What the episodes have gathered so far."""
        return {"values": self._values.copy(), "steps": self._steps.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self._values, self._steps = np.array(state["values"]), np.array(state["steps"])


def _per_row(given: Any, rows: int) -> Values:
    values = np.asarray(given, np.float64)
    if values.ndim > 1:
        values = values.mean(axis=tuple(range(1, values.ndim)))
    return np.broadcast_to(values, (rows,)) if values.ndim == 0 else values
