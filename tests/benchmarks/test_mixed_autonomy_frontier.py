"""At which fuel a controller would have a throughput."""

import pytest

from benchmarks.mixed_autonomy import fuel_at

SETTINGS = [
    {"fuel": 8.0, "throughput": 1600.0},
    {"fuel": 9.0, "throughput": 1800.0},
    {"fuel": 8.4, "throughput": 1700.0},
]


@pytest.mark.parametrize(("throughput", "fuel"), [(1600, 8.0), (1650, 8.2), (1775, 8.85), (1800, 9.0)])
def test_fuel_between_the_two_settings_next_to_a_throughput(throughput: float, fuel: float):
    assert fuel_at(throughput, SETTINGS) == pytest.approx(fuel)


@pytest.mark.parametrize("throughput", [1599.0, 1801.0])
def test_beyond_all_settings_nothing_is_said(throughput: float):
    assert fuel_at(throughput, SETTINGS) is None
