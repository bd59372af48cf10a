"""Orientations of LEF and DEF: where a pin goes, and which sides change places."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox_chip.orientation import ORIENTATIONS, swaps_sides, turned_offsets, turned_size, turned_sizes

LOWER_LEFT = {
    "N": (-2, -1),
    "S": (2, 1),
    "W": (1, -2),
    "E": (-1, 2),
    "FN": (2, -1),
    "FS": (-2, 1),
    "FW": (-1, -2),
    "FE": (1, 2),
}
"""Where the lower-left corner of a block of 4 × 2 goes, from its centre.

N, W, S, E are R0, R90, R180, R270 (counter-clockwise); FN is MY (x → −x), FS is MX (y → −y), FW is MX90 and
FE is MY90: mirrored so, then turned by 90 degrees.
"""


def turned(name: str, x: float, y: float) -> tuple[float, float]:
    dx, dy = turned_offsets(ORIENTATIONS.index(name), np.array([x]), np.array([y]))
    return float(dx[0]), float(dy[0])


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_the_lower_left_corner_goes_where_def_says(name: str) -> None:
    assert turned(name, -2, -1) == LOWER_LEFT[name]


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_a_turned_corner_is_a_corner_of_the_turned_size(name: str) -> None:
    width, height = turned_size(ORIENTATIONS.index(name), 4.0, 2.0)
    x, y = turned(name, -2, -1)
    assert (2 * abs(x), 2 * abs(y)) == (width, height)
    assert swaps_sides(ORIENTATIONS.index(name)) == (name in ("W", "E", "FW", "FE"))


def test_flipped_orientations_are_the_plain_ones_with_x_negated() -> None:
    for name in "NSWE":
        x, y = turned(name, 3, 5)
        assert turned(f"F{name}", 3, 5) == (-x, y)


def test_four_quarter_turns_and_two_flips_are_nothing() -> None:
    point = (3.0, 5.0)
    for name, times in (("W", 4), ("E", 4), ("S", 2), ("FN", 2), ("FS", 2), ("FW", 2), ("FE", 2)):
        x, y = point
        for _ in range(times):
            x, y = turned(name, x, y)
        assert (x, y) == point


def test_many_nodes_are_turned_each_in_its_orientation() -> None:
    orientation = np.array([ORIENTATIONS.index(name) for name in ("N", "W", "FE")], np.int8)
    width, height = turned_sizes(orientation, np.array([4.0, 4.0, 4.0]), np.array([2.0, 2.0, 2.0]))
    assert width.tolist() == [4, 2, 2]
    assert height.tolist() == [2, 4, 4]
    dx, dy = turned_offsets(orientation, np.full(3, -2.0), np.full(3, -1.0))
    assert list(zip(dx.tolist(), dy.tolist(), strict=True)) == [LOWER_LEFT[n] for n in ("N", "W", "FE")]
