"""Connect Four on bitboards: columns of ``rows + 1`` bits, the lowest bit at the bottom, the top one always
empty.

A position is two integers: ``own``, the stones of the player to move, and ``mask``, all stones. The sum of
``own + mask`` is a unique key. All functions are compiled; integers are signed 64 bit, so boards have at most
``(rows + 1) · columns ≤ 62`` bits. Winning lines have length four.

Source: Fhourstones (John Tromp); Pascal Pons, Solving Connect 4: how to build a perfect AI.
"""

from __future__ import annotations

from typing import Any

from sandbox.api.kernels import compiled

njit: Any = compiled

MAX_BITS = 62


@njit
def popcount(bits):  # type: ignore[no-untyped-def]
    """Number of ones of a non-negative integer."""
    bits = bits - ((bits >> 1) & 0x5555555555555555)
    bits = (bits & 0x3333333333333333) + ((bits >> 2) & 0x3333333333333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (bits * 0x0101010101010101) >> 56


@njit
def has_line(stones, rows):  # type: ignore[no-untyped-def]
    """Whether four of the stones are in a line."""
    for step in (1, rows, rows + 1, rows + 2):  # up, falling, across, rising
        pairs = stones & (stones >> step)
        if pairs & (pairs >> (2 * step)):
            return True
    return False


@njit
def bottom_row(rows, columns):  # type: ignore[no-untyped-def]
    """The lowest cell of every column."""
    bits = 0
    for column in range(columns):
        bits |= 1 << (column * (rows + 1))
    return bits


@njit
def column_cells(rows, column):  # type: ignore[no-untyped-def]
    """All cells of a column."""
    return ((1 << rows) - 1) << (column * (rows + 1))


@njit
def playable(mask, bottom, cells):  # type: ignore[no-untyped-def]
    """The cells that a stone can fall into."""
    return (mask + bottom) & cells


@njit
def winning_cells(mine, mask, rows, cells):  # type: ignore[no-untyped-def]
    """Empty cells, reachable or not, that would complete a line of ``own``."""
    matched = (mine << 1) & (mine << 2) & (mine << 3)
    for step in (rows, rows + 1, rows + 2):
        pairs = (mine << step) & (mine << (2 * step))
        matched |= pairs & (mine << (3 * step))
        matched |= pairs & (mine >> step)
        pairs = (mine >> step) & (mine >> (2 * step))
        matched |= pairs & (mine << step)
        matched |= pairs & (mine >> (3 * step))
    return matched & cells & ~mask


@njit
def mirrored(bits, rows, columns):  # type: ignore[no-untyped-def]
    """The board with its columns in reverse order."""
    width = rows + 1
    column = (1 << width) - 1
    image = 0
    for index in range(columns):
        image |= ((bits >> (index * width)) & column) << ((columns - 1 - index) * width)
    return image
