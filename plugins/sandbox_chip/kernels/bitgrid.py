"""Free cells of the grid as bits, 64 columns a word.

``free`` has shape ``(grid, words)``: bit i of a row's words is set where column i is free. The legal columns
of a row for a footprint of w × h cells take h − 1 bitwise ands and about log₂ w shifts a word.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.types import Bits, Floats

INFINITY = 1e300
"""A cost that no legal cell has; finite, so that differences of costs stay numbers."""


@njit
def bit_is_set(line: Bits, column: int) -> bool:
    """Whether the bit of a column is set in the words of one row."""
    return bool(line[column >> 6] >> np.uint64(column & 63) & np.uint64(1))


@njit
def _lowest_bit(word: np.uint64) -> int:
    """Index of the lowest set bit of a word that is not zero."""
    index = 0
    for shift in (32, 16, 8, 4, 2, 1):
        if word & ((np.uint64(1) << np.uint64(shift)) - np.uint64(1)) == 0:
            index += shift
            word >>= np.uint64(shift)
    return index


@njit
def _highest_bit(word: np.uint64) -> int:
    """Index of the highest set bit of a word that is not zero."""
    index = 0
    for shift in (32, 16, 8, 4, 2, 1):
        if word >> np.uint64(shift) != 0:
            index += shift
            word >>= np.uint64(shift)
    return index


@njit
def legal_row(free: Bits, row: int, width: int, height: int, words: int, line: Bits) -> bool:
    """Legal columns of a row for the lower-left corner of a footprint, as bits into ``line``.

    Args:
        free: Free cells.
        row: Row of the corner.
        width: Columns of the footprint.
        height: Rows of the footprint; the caller makes sure that they end inside the grid.
        words: Words of a row.
        line: Written, shape ``(words,)``.

    Returns:
        Whether any column is legal.
    """
    any_set = np.uint64(0)
    for word in range(words):
        value = free[row, word]
        for above in range(row + 1, row + height):
            value &= free[above, word]
        line[word] = value
        any_set |= value
    if any_set == 0:
        return False
    # After `done` columns bit i says whether columns i … i + done − 1 are free.
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
    any_set = np.uint64(0)
    for word in range(words):
        any_set |= line[word]
    return bool(any_set != 0)


@njit
def nearest(line: Bits, words: int, column: int) -> tuple[int, int]:
    """The nearest set bits at or below a column and above it; −1 where there is none."""
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
def _middle_of_minimum(values: Floats, count: int) -> int:
    """Index of the middle of the flat bottom of a convex sequence."""
    least = values[0]
    for i in range(1, count):
        least = min(least, values[i])
    limit = least + 1e-9 * (1.0 + abs(least))
    first, last = -1, -1
    for i in range(count):
        if values[i] <= limit:
            if first < 0:
                first = i
            last = i
    return (first + last) // 2


@njit
def cheapest_cell(
    free: Bits,
    words: int,
    width: int,
    height: int,
    a: Floats,
    columns: int,
    b: Floats,
    rows: int,
    line: Bits,
    limit: float,
) -> tuple[float, int, int]:
    """The legal cell of least cost ``a[column] + b[row]`` below ``limit``.

    Both sequences are convex. In a row the cheapest legal cell is therefore one of the two nearest to the
    minimum of ``a``, and rows are visited by rising ``b`` until none can be better.

    Args:
        free: Free cells.
        words: Words of a row.
        width: Columns of the footprint.
        height: Rows of the footprint.
        a: Cost by column.
        columns: Columns that keep the footprint inside the grid.
        b: Cost by row.
        rows: Rows that keep the footprint inside the grid.
        line: Scratch, shape ``(words,)``.
        limit: Only a lower cost counts.

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
def _word_mask(column: int, width: int) -> tuple[np.uint64, int]:
    """Mask of the bits from ``column`` on, within its word and at most ``width``, and how many they are."""
    begin = column & 63
    bits = min(64 - begin, width)
    return (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - bits)) << np.uint64(begin), bits


@njit
def fill(free: Bits, column: int, row: int, width: int, height: int, occupy: bool) -> None:
    """Occupy the cells of a footprint, or free them."""
    at, left = column, width
    while left > 0:
        mask, bits = _word_mask(at, left)
        for y in range(row, row + height):
            if occupy:
                free[y, at >> 6] &= ~mask
            else:
                free[y, at >> 6] |= mask
        at += bits
        left -= bits


@njit
def fits(free: Bits, column: int, row: int, width: int, height: int) -> bool:
    """Whether all cells of a footprint are free."""
    at, left = column, width
    while left > 0:
        mask, bits = _word_mask(at, left)
        for y in range(row, row + height):
            if free[y, at >> 6] & mask != mask:
                return False
        at += bits
        left -= bits
    return True
