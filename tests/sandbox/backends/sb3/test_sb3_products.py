"""Products of matrices and functions that the core of PPO computes in vector registers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.api.types import Array
from sandbox.backends.sb3.fast.activations import activate, exp
from sandbox.backends.sb3.fast.arrays import TANH
from sandbox.backends.sb3.fast.jit import njit
from sandbox.backends.sb3.fast.products import PAD, ROWS, aligned, multiply, padded

SHAPES = [(1, 1, 1), (8, 4, 64), (13, 78, 7), (64, 64, 64), (61, 16, 33), (5, 3, 100)]
"""Rows, terms and columns."""


def in_padding(matrix: Array, value: float = 0) -> Array:
    """A matrix in padded memory, with ``value`` where nothing belongs to it."""
    rows, columns = matrix.shape
    memory = aligned(padded(rows) * padded(columns), matrix).reshape(padded(rows), -1)
    memory[:] = value
    memory[:rows, :columns] = matrix
    return memory


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_products_are_numpys_and_change_nothing_else(
    shape: tuple[int, int, int], transposed: bool, kind: type
) -> None:
    rows, terms, columns = shape
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(rows, terms)).astype(kind), rng.normal(size=(terms, columns)).astype(kind)
    wide = in_padding(np.ascontiguousarray(left.T) if transposed else left, np.nan)
    out = in_padding(np.zeros((rows, columns), kind), 7)
    expected, tolerance = left.astype(float) @ right.astype(float), 100 * np.finfo(kind).eps
    for times, add in enumerate((False, True), start=1):
        multiply(wide, transposed, in_padding(right), terms, rows, out, add)
        np.testing.assert_allclose(out[:rows, :columns], times * expected, atol=times * tolerance)
    assert (out[-(-rows // ROWS) * ROWS :] == 7).all()


def test_a_row_of_a_product_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(0)
    left, right = (in_padding(rng.normal(size=(64, 64)).astype(np.float32)) for _ in range(2))
    together, alone = np.zeros_like(left), np.zeros_like(left)
    multiply(left, False, right, 64, 64, together, False)
    for row in range(64 - ROWS):
        multiply(np.ascontiguousarray(left[row : row + ROWS]), False, right, 64, 1, alone, False)
        np.testing.assert_array_equal(alone[0], together[row])


def test_memory_begins_at_a_vector() -> None:
    for size in (1, PAD, 1000):
        memory = aligned(size, np.zeros(1, np.float32))
        assert memory.shape == (size,)
        assert memory.ctypes.data % 16 == 0
        assert not memory.any()


def test_tanh_is_right_to_two_units_in_the_last_place() -> None:
    size = np.concatenate([np.linspace(0, 12, 50_001), np.geomspace(1e-7, 100, 50_001)])
    x = np.concatenate([size, -size])[None].astype(np.float32)
    outputs, slope = x.copy(), np.zeros_like(x)
    activate(TANH, outputs, np.zeros(x.shape[1], np.float32), slope)
    exact = np.tanh(x.astype(float))
    assert (np.abs(outputs - exact) <= 2e-7 * np.abs(exact)).all()
    np.testing.assert_allclose(slope, 1 - exact**2, atol=4e-7)
    assert (np.abs(outputs) <= 1).all()


def test_what_is_no_number_stays_none() -> None:
    x = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    outputs = x.copy()
    activate(TANH, outputs, np.zeros(3, np.float32), np.zeros_like(x))
    np.testing.assert_array_equal(outputs, [[np.nan, 1, -1]])
    assert math.isnan(exponentials(x)[0, 0])


@pytest.mark.parametrize(("kind", "tolerance"), [(np.float32, 4e-7), (np.float64, 1e-14)])
def test_the_exponential_is_right_to_rounding(kind: type, tolerance: float) -> None:
    z = np.linspace(-80, 80, 100_001)[None].astype(kind)
    np.testing.assert_allclose(exponentials(z), np.exp(z.astype(float)), rtol=tolerance)


@njit
def exponentials(z: Array) -> Array:
    """`exp` of each number."""
    result = np.empty_like(z)
    for row in range(z.shape[0]):
        for column in range(z.shape[1]):
            result[row, column] = exp(z[row, column])
    return result
