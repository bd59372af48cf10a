"""Free cells as bits, 64 a word, compiled by Numba: taking them, asking for them, and the cheapest legal one.

A row's legal positions for a footprint of a × b cells are b − 1 words and-ed and log₂ a shifts.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

njit: Any = numba.njit(cache=True, nogil=True)

INFINITY = 1e300


@njit
def _lowest_bit(word):  # type: ignore[no-untyped-def]
    """Index of the lowest set bit; the word is not zero."""
    index = 0
    for shift in (32, 16, 8, 4, 2, 1):
        if word & ((np.uint64(1) << np.uint64(shift)) - np.uint64(1)) == 0:
            index += shift
            word >>= np.uint64(shift)
    return index


@njit
def _highest_bit(word):  # type: ignore[no-untyped-def]
    """Index of the highest set bit; the word is not zero."""
    index = 0
    for shift in (32, 16, 8, 4, 2, 1):
        if word >> np.uint64(shift) != 0:
            index += shift
            word >>= np.uint64(shift)
    return index


@njit
def legal_row(free, row, width, height, words, line):  # type: ignore[no-untyped-def]
    """Legal lower-left columns of a row for a footprint, as bits into ``line``; whether there is any."""
    some = np.uint64(0)
    for word in range(words):
        value = free[row, word]
        for above in range(row + 1, row + height):
            value &= free[above, word]
        line[word] = value
        some |= value
    if some == 0:
        return False
    done = 1
    while done < width:
        shift = min(done, width - done)
        done += shift
        whole = shift >> 6
        part = np.uint64(shift & 63)
        for word in range(words):
            low = line[word + whole] if word + whole < words else np.uint64(0)
            if part != 0:
                high = line[word + whole + 1] if word + whole + 1 < words else np.uint64(0)
                low = (low >> part) | (high << (np.uint64(64) - part))
            line[word] &= low
    some = np.uint64(0)
    for word in range(words):
        some |= line[word]
    return some != 0


@njit
def nearest(line, words, column):  # type: ignore[no-untyped-def]
    """The set bits nearest to a column at or below it and above it, −1 where there is none."""
    at = column >> 6
    below = -1
    mask = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(63 - (column & 63))
    value = line[at] & mask
    word = at
    while True:
        if value != 0:
            below = (word << 6) + _highest_bit(value)
            break
        word -= 1
        if word < 0:
            break
        value = line[word]
    above = -1
    value = line[at] & ~mask
    word = at
    while True:
        if value != 0:
            above = (word << 6) + _lowest_bit(value)
            break
        word += 1
        if word >= words:
            break
        value = line[word]
    return below, above


@njit
def _middle_of_minimum(values, count):  # type: ignore[no-untyped-def]
    """Index in the middle of the flat bottom of a convex sequence."""
    best = values[0]
    for i in range(1, count):
        best = min(best, values[i])
    limit = best + 1e-9 * (1.0 + abs(best))
    first, last = -1, -1
    for i in range(count):
        if values[i] <= limit:
            if first < 0:
                first = i
            last = i
    return (first + last) // 2


@njit
def cheapest_cell(free, words, width, height, a, columns, b, rows, line, limit):  # type: ignore[no-untyped-def]
    """The legal cell of least a[column] + b[row], both convex, if it is below ``limit``.

    Returns:
        Cost, column and row; column −1 if no legal cell is below the limit.
    """
    centre = _middle_of_minimum(a, columns)
    middle = _middle_of_minimum(b, rows)
    least = a[centre]
    best, best_column, best_row = limit, -1, -1
    up, down = middle, middle - 1
    while up < rows or down >= 0:
        if down < 0 or (up < rows and b[up] <= b[down]):
            row = up
            up += 1
        else:
            row = down
            down -= 1
        if b[row] + least >= best:
            break
        if not legal_row(free, row, width, height, words, line):
            continue
        below, above = nearest(line, words, centre)
        if below >= 0 and a[below] + b[row] < best:
            best, best_column, best_row = a[below] + b[row], below, row
        if above >= 0 and a[above] + b[row] < best:
            best, best_column, best_row = a[above] + b[row], above, row
    return best, best_column, best_row


@njit
def _part_of_word(at, left):  # type: ignore[no-untyped-def]
    """Mask of the columns from ``at`` on that lie in its word, ``left`` at the most, and how many."""
    begin = at & 63
    bits = min(64 - begin, left)
    return (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - bits)) << np.uint64(begin), bits


@njit
def fill(free, column, row, width, height, occupy):  # type: ignore[no-untyped-def]
    """Take (or give back) the cells of a footprint."""
    at, left = column, width
    while left > 0:
        mask, bits = _part_of_word(at, left)
        for y in range(row, row + height):
            if occupy:
                free[y, at >> 6] &= ~mask
            else:
                free[y, at >> 6] |= mask
        at += bits
        left -= bits


@njit
def fits(free, column, row, width, height):  # type: ignore[no-untyped-def]
    """Whether all cells of a footprint are free."""
    at, left = column, width
    while left > 0:
        mask, bits = _part_of_word(at, left)
        for y in range(row, row + height):
            if free[y, at >> 6] & mask != mask:
                return False
        at += bits
        left -= bits
    return True
