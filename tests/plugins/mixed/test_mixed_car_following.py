"""The human model, its equilibria, the gap filter, the fuel model: numbers worked out by hand, and proofs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_mixed.car_following import (
    Idm,
    equilibrium_gap,
    equilibrium_speed,
    idm_acceleration,
    ring_bound,
    ring_equilibrium,
)
from sandbox_mixed.energy import IDLE, fuel_rate
from sandbox_mixed.safety import GapFilter, safe_speed, stoppable_speed, stopping_distance

DRIVER = Idm()


def test_acceleration_worked_out_by_hand():
    # s* = 2 + 4·1 + 4·(4-3)/(2·√1.5) = 7.633; a = 1 - (4/30)⁴ - (7.633/8)²
    wanted = 2 + 4 + 4 / (2 * math.sqrt(1.5))
    assert idm_acceleration(4.0, 3.0, 8.0, DRIVER) == pytest.approx(1 - (4 / 30) ** 4 - (wanted / 8) ** 2)
    assert wanted == pytest.approx(7.63299, abs=1e-5)


def test_a_leader_that_drives_away_is_not_chased_below_the_standstill_gap():
    # v T + v (v - w) / (2 √(ab)) = 5 - 5·10/2.449 < 0, so that s* = s0
    assert idm_acceleration(5.0, 15.0, 4.0, DRIVER) == pytest.approx(1 - (5 / 30) ** 4 - (2 / 4) ** 2)


@pytest.mark.parametrize(
    ("length", "equilibrium", "bound"), [(220, 3.00, 3.24), (230, 3.45, 3.71), (260, 4.82, 5.14)]
)
def test_equilibrium_and_bound_of_the_ring(length: float, equilibrium: float, bound: float):
    # (s0 + v T) / √(1 - (v/30)⁴) = (L - 110) / 22, and (L - 110) / 21 for the bound
    assert ring_equilibrium(length, 22, DRIVER) == pytest.approx(equilibrium, rel=0.01)
    assert ring_bound(length, 22, DRIVER) == pytest.approx(bound, rel=0.01)


@given(st.floats(2.01, 500))
def test_drivers_at_the_equilibrium_do_not_accelerate(gap: float):
    speed = equilibrium_speed(gap, DRIVER)
    assert equilibrium_gap(speed, DRIVER) == pytest.approx(gap, rel=1e-6)
    assert idm_acceleration(speed, speed, gap, DRIVER) == pytest.approx(0.0, abs=1e-6)


def test_stopping_distance_counted_step_by_step():
    # from 2 m/s with 4.5 m/s² and 0.1 s: 1.55, 1.10, 0.65, 0.20, 0 m/s, 0.1 s each
    assert stopping_distance(2.0, 4.5, 0.1) == pytest.approx(0.35)


@given(st.floats(0, 60), st.floats(0.5, 10), st.sampled_from([0.05, 0.1, 0.5]))
def test_stopping_distance_is_the_way_of_braking_steps_and_has_an_inverse(v: float, b: float, dt: float):
    way, speed = 0.0, v
    while speed > 0:
        speed = max(0.0, speed - b * dt)
        way += speed * dt
    assert stopping_distance(v, b, dt) == pytest.approx(way, abs=1e-6)
    assert stoppable_speed(way, b, dt) >= v - 1e-6
    assert stopping_distance(stoppable_speed(way, b, dt), b, dt) == pytest.approx(way, abs=1e-6)


@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 30),
    st.floats(0, 30),
    st.floats(0, 60),
    st.sampled_from([0.1, 0.5]),
)
def test_the_gap_never_falls_below_the_least_behind_any_leader(
    seed: int, v: float, w: float, extra: float, dt: float
):
    """Invariance: from any safe state, whatever is commanded and however the leader brakes."""
    limits, rng = GapFilter(4.5, 9.0, 1.0), np.random.default_rng(seed)
    need = stopping_distance(v, 4.5, dt) - stopping_distance(w, 9.0, dt)
    gap = max(1.0, 1.0 + need) + extra
    for _ in range(60):
        permitted = safe_speed(v, w, gap, dt, limits)
        w = max(0.0, w - 9.0 * dt) if rng.random() < 0.6 else min(30.0, w + rng.uniform(-2, 3) * dt)
        w = max(0.0, w)
        v = min(permitted, v + 3.0 * dt)
        gap += (w - v) * dt
        assert gap >= 1.0 - 1e-9


def test_a_vehicle_that_is_too_near_brakes_as_hard_as_it_can():
    assert safe_speed(10.0, 0.0, 2.0, 0.1, GapFilter(4.5, 9.0, 1.0)) == pytest.approx(10.0 - 0.45)


def test_fuel_at_three_points_worked_out_by_hand():
    assert fuel_rate(0.0, 0.0) == IDLE
    # v = 20, a = 0: the square term adds nothing, 0.22498 + 0.42584 + 3.7654e-5 · 8000
    assert fuel_rate(20.0, 0.0) == pytest.approx(0.95205, abs=1e-5)
    # v = 10, a = 1: 0.22498 + 0.21292 + 0.037654 + (0.17419 + 0.94617 + 0.071347) + 0.2884
    assert fuel_rate(10.0, 1.0) == pytest.approx(1.955661, abs=1e-6)


def test_fuel_is_cut_off_when_braking_fast():
    assert fuel_rate(20.0, -1.0) == 0.0
    assert fuel_rate(5.0, -1.0) >= IDLE
