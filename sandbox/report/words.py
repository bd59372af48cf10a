"""Figures and verdicts in words, the same on the terminal, in reports and on the web page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.records.evaluation import DifferenceRecord

NONE = "–"
"""Stands for a figure that is not known."""


def number(value: float | None) -> str:
    """A figure with the digits that matter: ``16.5``, ``1,204``, ``0.0312``."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    size = abs(value)
    if size >= 1000 or isinstance(value, int):
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.3g}"


def with_unit(value: float | None, unit: str) -> str:
    """A figure and its unit; a pure number has none."""
    return number(value) if unit in ("", "1") else f"{number(value)} {unit}"


def signed(value: float | None) -> str:
    """A difference: a plus sign before positive ones."""
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def duration(seconds: float | None) -> str:
    """``48 s``, ``12 min``, ``3 h 20 min``."""
    if seconds is None:
        return NONE
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, what: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def verdict(agent: str, against: DifferenceRecord | None, metric: str, unit: str, episodes: int) -> str:
    """Whether an agent beat the best classical method.

    Args:
        agent: Its name.
        against: Its difference to the best baseline; None where there is none or it is the best one itself.
        metric: Name of the ranking metric.
        unit: The metric's unit.
        episodes: Test episodes an agent played.
    """
    from sandbox.evaluation.result import MIN_EPISODES

    if against is None:
        return f"{agent}: there is no classical method to compare with."
    low, high = against.ci95
    best = f"the best baseline, {against.baseline}"
    if against.difference is None or math.isnan(against.difference):
        return f"{agent} cannot be compared with {best}: {metric} is not a number."
    span = f"95 % interval {signed(low)} to {signed(high)}"
    if against.verdict not in ("better", "worse"):
        if against.unit == "episodes" and episodes < MIN_EPISODES:
            why = f"{plural(episodes, 'test episode')} are too few for a verdict"
        else:
            why = f"{span}, which includes zero" if _holds_zero(low, high) else span
        return (
            f"No clear difference between {agent} and {best}: the difference in {metric} is "
            f"{signed(against.difference)} ({why})."
        )
    direction = "lower" if against.difference < 0 else "higher"
    verb = "beats" if against.verdict == "better" else "loses to"
    size = with_unit(abs(against.difference), unit)
    return f"{agent} {verb} {best}: its {metric} is {size} {direction} ({span})."


def _holds_zero(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low <= 0 <= high
