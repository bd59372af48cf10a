"""Elements that a few characters multiply, bounded before MuJoCo expands them.

These bounds refuse at once, with the line, what would otherwise take the whole time and memory that
`limits` leaves to a compilation. What they do not see, such as a file that is included many times, is left
to those.
"""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_locomotion.models.xml_elements import MAX_ELEMENTS, Element

MAX_REPEATS = 1_000
"""Largest count of one element."""
MAX_PRODUCT = MAX_ELEMENTS
"""Most elements after all replicates, and most points of a flexible body."""
MAX_PER_ELEMENT = 1_000
"""Most numbers of a user's own that each body, joint and so on may carry, and most numbers of a sensor."""
MAX_KEYFRAMES = 10_000
MAX_PIXELS = 16_000
"""Largest width and height of a texture that MuJoCo draws itself, pixels."""

_SIZES = (
    "nuser_body",
    "nuser_jnt",
    "nuser_geom",
    "nuser_site",
    "nuser_cam",
    "nuser_tendon",
    "nuser_actuator",
)
_LIMITS = {
    "replicate": {"count": MAX_REPEATS},
    "composite": {"count": MAX_REPEATS},
    "flexcomp": {"count": MAX_REPEATS},
    "hfield": {"nrow": MAX_REPEATS, "ncol": MAX_REPEATS},
    "size": {
        "nkey": MAX_KEYFRAMES,
        "nuser_sensor": MAX_PER_ELEMENT,
        **dict.fromkeys(_SIZES, MAX_PER_ELEMENT),
    },
    "user": {"dim": MAX_PER_ELEMENT},
    "texture": {"width": MAX_PIXELS, "height": MAX_PIXELS},
}
"""Largest number in an attribute, by tag."""


def check_repeats(path: Path, elements: list[Element]) -> None:
    """Refuse a document that multiplies beyond what any robot needs.

    Args:
        path: Of the document.
        elements: In its order.

    Raises:
        BrokenFileError: With the line, the number and the limit.
    """
    total = 0
    copies: list[tuple[int, int]] = []  # depth and count of the replicates around an element
    for element in elements:
        for key, limit in _LIMITS.get(element.tag, {}).items():
            number = max(_numbers(element, key), default=0)
            if number > limit:
                reason = f"<{element.tag}> asks for {key}={number:,}; at most {limit:,} are allowed"
                raise BrokenFileError(path, reason, element.line)
        while copies and copies[-1][0] >= element.depth:
            copies.pop()
        product = _product([count for _, count in copies])
        total += product
        if element.tag == "replicate":
            copies.append((element.depth, max(_numbers(element, "count"), default=1)))
        elif element.tag in ("flexcomp", "composite"):
            total += product * _product(_numbers(element, "count"))
        if total > MAX_PRODUCT:
            reason = f"comes to more than {MAX_PRODUCT:,} elements, the limit, with all that is replicated"
            raise BrokenFileError(path, reason, element.line)


def _product(numbers: list[int]) -> int:
    product = 1
    for number in numbers:
        product *= max(number, 1)
    return product


def _numbers(element: Element, key: str) -> list[int]:
    """Whole numbers in an attribute; nine digits are enough to see that one is too large."""
    return [int(digits) for digits in re.findall(r"\d{1,9}", element.attributes.get(key, ""))]
