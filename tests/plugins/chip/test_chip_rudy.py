"""RUDY: each net's wire spread evenly over its box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_chip.kernels.rudy import mean_of_greatest, relative_rudy, rudy_map


def box(*nets: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(nets, float)


def test_a_net_on_whole_cells_adds_one_over_width_plus_one_over_height_to_each() -> None:
    cells = rudy_map(box((20, 50, 30, 70)), np.array([2.0]), 100.0, 100.0, 10)
    expected = np.zeros((10, 10))
    expected[3:7, 2:5] = 2 * (1 / 30 + 1 / 40)
    np.testing.assert_allclose(cells, expected, atol=1e-15)


def test_a_cell_that_a_box_covers_in_part_gets_that_part() -> None:
    # From 25 to 45: half of column 2, all of column 3, half of column 4.
    cells = rudy_map(box((25, 45, 0, 10)), np.array([1.0]), 100.0, 100.0, 10)
    density = 1 / 20 + 1 / 10
    np.testing.assert_allclose(cells[0, 2:5], [density / 2, density, density / 2], atol=1e-15)


def test_a_flat_net_counts_as_one_cell_high() -> None:
    # A vertical line at x = 25: a box from 20 to 30.
    cells = rudy_map(box((25, 25, 30, 70)), np.array([1.0]), 100.0, 100.0, 10)
    np.testing.assert_allclose(cells[3:7, 2], 1 / 10 + 1 / 40)
    assert cells.sum() == pytest.approx(4 * (1 / 10 + 1 / 40))


def test_a_net_without_pins_adds_nothing() -> None:
    empty = box((np.inf, -np.inf, np.inf, -np.inf), (0, 100, 0, 100))
    np.testing.assert_allclose(rudy_map(empty, np.array([5.0, 1.0]), 100.0, 100.0, 4), 2 / 100)


def test_the_unit_is_the_density_of_nets_that_all_span_the_canvas() -> None:
    bounds, weight = box((0, 80, 0, 40), (0, 80, 0, 40)), np.array([1.0, 2.0])
    cells, peak = relative_rudy(bounds, weight, 80.0, 40.0, 8, 3.0 * (80 + 40))
    # Each adds w · (1/80 + 1/40) everywhere; the unit is Σ w · (80 + 40) / (80 · 40).
    np.testing.assert_allclose(cells, 1.0)
    assert peak == pytest.approx(1.0)


def test_the_peak_is_the_mean_of_the_greatest_tenth_of_the_cells() -> None:
    # Of 100 cells ten are the tenth; a net in one cell, and one over all of them.
    bounds, weight = box((0, 10, 0, 10), (0, 100, 0, 100)), np.array([1.0, 1.0])
    cells, peak = relative_rudy(bounds, weight, 100.0, 100.0, 10, 400.0)
    unit = 100.0 * 100.0 / 400.0
    assert cells[0, 0] == pytest.approx((2 / 10 + 2 / 100) * unit)
    assert cells[5, 5] == pytest.approx(2 / 100 * unit)
    assert peak == pytest.approx((2 / 10 + 10 * 2 / 100) * unit / 10)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rudy_agrees_with_a_fine_raster_and_its_sum_is_the_wirelength(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, size = rng.uniform(0, 60, (5, 2)), rng.uniform(12, 35, (5, 2))
    bounds = np.stack((low[:, 0], low[:, 0] + size[:, 0], low[:, 1], low[:, 1] + size[:, 1]), 1)
    weight = rng.uniform(0.5, 2, 5)
    cells = rudy_map(bounds, weight, 100.0, 100.0, 10)
    # ∫ (1/Δx + 1/Δy) over the box is Δx + Δy.
    assert cells.sum() * 100 == pytest.approx((weight * size.sum(1)).sum())
    fine = np.zeros((10, 10))
    at = (np.arange(1000) + 0.5) / 10
    for (x0, x1, y0, y1), (dx, dy), w in zip(bounds, size, weight, strict=True):
        inside = ((at > y0) & (at < y1))[:, None] & ((at > x0) & (at < x1))[None]
        fine += w * (1 / dx + 1 / dy) * inside.reshape(10, 100, 10, 100).mean((1, 3))
    assert np.abs(cells - fine).max() < 0.02 * fine.max()


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(0, 10), min_size=1, max_size=40), share=st.floats(0.01, 1.0))
def test_the_mean_of_the_greatest_is_that_of_the_sorted_values(values: list[float], share: float) -> None:
    count = max(int(len(values) * share), 1)
    expected = np.sort(values)[-count:].mean()
    assert mean_of_greatest(np.array(values), count) == pytest.approx(expected)
