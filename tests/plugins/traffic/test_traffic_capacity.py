"""The capacity region, and the growth of queues that bounds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from junctions import TWO_PHASES, cross, flows, program

from sandbox_traffic.baselines.sumo_program import fixed_time
from sandbox_traffic.capacity import HIGHEST, capacity, largest_stable
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.metrics import growth
from sandbox_traffic.sumo.trips import Trips


@pytest.mark.parametrize("limit", [0.06, 0.5, 1.0, 4.9])
def test_bisection_ends_just_below_the_limit(limit: float) -> None:
    factor = largest_stable(lambda demand: demand <= limit, tolerance=0.01)
    assert limit / 1.01 <= factor <= limit


def test_a_controller_may_be_stable_nowhere_or_everywhere() -> None:
    assert largest_stable(lambda demand: False) == 0
    assert largest_stable(lambda demand: True) == HIGHEST


def _trips(depart_delay: np.ndarray[tuple[int], np.dtype[np.float64]], travel: float) -> Trips:
    """One vehicle is scheduled every 2 s for an hour."""
    scheduled = np.arange(0.0, 3600.0, 2.0)
    depart = scheduled + depart_delay
    entered = depart < 3600
    arrival = np.where(entered & (depart + travel < 3600), depart + travel, -1.0)
    depart = np.where(entered, depart, -1.0)
    delay = np.where(entered, depart_delay, 3600.0 - scheduled)
    nothing = np.zeros(len(scheduled))
    return Trips(depart, delay, arrival, nothing, nothing, nothing)


def test_growth_is_what_comes_in_excess_of_what_leaves() -> None:
    assert growth(_trips(np.zeros(1800), 60.0), 0, 3600) == pytest.approx(0, abs=1)
    # Vehicle n enters 0.5 n s late: one every 2.5 s enters, 1,440 of 1,800 an hour.
    late = 0.5 * np.arange(1800)
    assert growth(_trips(late, 60.0), 0, 3600) == pytest.approx(360, rel=0.02)


def test_the_capacity_of_fixed_time_is_its_share_of_green(tmp_path: Path) -> None:
    """40 s of green in 86 s: about 40/86 · 1,900 vehicles/h, with those that still pass at yellow."""
    net, routes = cross(tmp_path, program(TWO_PHASES)), flows(tmp_path, {"north_in south_out": 900}, 3600)
    config = SignalConfig(net=str(net), routes=str(routes), duration=1800, depart_jitter=0)
    factor = capacity(config, fixed_time, episodes=1, tolerance=0.1)
    assert 0.42 * 1800 / 900 < factor < 0.55 * 2000 / 900
