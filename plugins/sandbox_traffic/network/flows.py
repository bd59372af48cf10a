"""How many vehicles a routes file sends into an episode: SUMO inserts as many as a file asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sandbox_traffic.sumo.times import time_or_zero

MAX_VEHICLES = 1_000_000
"""Vehicles, persons and containers that may depart in one episode; a day of Cologne has 700,000 vehicles."""

_PER_HOUR = ("vehsPerHour", "perHour", "personsPerHour", "containersPerHour")


def departing(attributes: Mapping[str, str], end: float) -> float:
    """Departures of an element of demand before ``end`` (s) at the most; 1 for one that is no flow."""
    if "depart" in attributes:
        return 1.0
    first = time_or_zero(attributes.get("begin", "0"))
    last = time_or_zero(attributes["end"]) if "end" in attributes else float("inf")
    span = max(0.0, min(last, end) - first)
    rate = _rate(attributes)
    number = _number(attributes["number"]) if "number" in attributes else float("inf")
    if rate is not None:
        return min(number, rate * span + 1.0)
    if number == float("inf"):
        return 1.0
    whole = last - first  # a number alone is spread evenly over the flow's time
    return number * min(1.0, span / whole) if 0.0 < whole < float("inf") else number


def _rate(attributes: Mapping[str, str]) -> float | None:
    """Departures a second; None where the flow states none."""
    for name in _PER_HOUR:
        if name in attributes:
            return _number(attributes[name]) / 3600.0
    if "probability" in attributes:
        return min(1.0, _number(attributes["probability"]))
    period = attributes.get("period")
    if period is None:
        return None
    if period.startswith("exp(") and period.endswith(")"):
        return _number(period[4:-1])
    gap = _number(period)
    return 1.0 / gap if gap > 0.0 else float("inf")


def _number(text: str) -> float:
    """A number of a file that SUMO has yet to check: 0 for text, infinity for NaN, none below 0."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return float("inf") if math.isnan(value) else max(0.0, value)
