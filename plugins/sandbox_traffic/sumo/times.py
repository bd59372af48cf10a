"""Times as SUMO writes them."""

from __future__ import annotations


def seconds(text: str) -> float:
    """A time of SUMO in s: seconds, or ``[days:]hours:minutes:seconds``.

    Raises:
        ValueError: For any other text.
    """
    total = 0.0
    parts = [float(part) for part in text.split(":")]
    for part, unit in zip(reversed(parts), (1.0, 60.0, 3600.0, 86_400.0), strict=False):
        total += part * unit
    return total


def time_or_zero(text: str) -> float:
    """The same; 0 for words such as ``now`` and ``triggered``."""
    try:
        return seconds(text)
    except ValueError:
        return 0.0
