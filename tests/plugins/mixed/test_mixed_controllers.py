"""Control laws at states worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox_mixed.controllers import AdaptiveCruise, FollowerStopper, ProportionalIntegral
from sandbox_mixed.lanes import Local


def local(speed: float, ahead: float, gap: float, mean: float = 0.0) -> Local:
    return Local(*(np.array([[value]]) for value in (speed, ahead, gap, mean)), np.full((1, 1, 3), ahead))


@pytest.mark.parametrize(
    ("speed", "ahead", "gap", "command"),
    [
        (5.0, 5.0, 4.4, 0.0),  # nearer than Δx₁ = 4.5
        (5.0, 3.0, 6.0, 0.2),  # Δv = -2: Δx₁ = 4.5 + 4/3 = 5.833, Δx₂ = 5.25 + 2 = 7.25: 3 · 0.1667 / 1.4167
        (5.0, 5.0, 4.875, 2.5),  # half way from Δx₁ to Δx₂: half the leader's speed
        (5.0, 3.0, 8.0, 3.4090909),  # Δx₃ = 6 + 4 = 10: 3 + (4.5 - 3) · 0.75 / 2.75
        (5.0, 7.0, 5.625, 4.5),  # leader faster: both ends of the last zone are the desired speed
        (5.0, 5.0, 6.1, 4.5),  # farther than Δx₃: the desired speed
    ],
)
def test_follower_stopper_in_each_zone(speed: float, ahead: float, gap: float, command: float):
    expected = 3.0 * (6.0 - 4.5 - 4 / 3) / (2 - 4 / 3 + 0.75) if command == 0.2 else command
    desired = np.array([[5.0 if gap == 4.875 else 4.5]])
    assert FollowerStopper()(local(speed, ahead, gap), desired)[0, 0] == pytest.approx(expected)


def test_pi_with_saturation():
    law = ProportionalIntegral()
    # gap 18.5: target = 3 + 0.5 = 3.5; α = clip((18.5 - 4)/2) = 1, β = 0.5: 0.5 · 3.5 + 0.5 · 2
    assert law(local(4, 4, 18.5, 3), np.array([[2.0]]))[0, 0] == pytest.approx(2.75)
    # gap 5: target = 3; α = 0.5, β = 0.75: 0.75 · (1.5 + 0.5 · 4) + 0.25 · 2
    assert law(local(4, 4, 5, 3), np.array([[2.0]]))[0, 0] == pytest.approx(3.125)
    # the leader 3 m/s faster: the safe gap is 6; gap 6: α = 0, β = 1: the leader's speed
    assert law(local(4, 7, 6, 3), np.array([[2.0]]))[0, 0] == pytest.approx(7.0)


def test_adaptive_cruise_keeps_its_time_gap():
    law = AdaptiveCruise(gap_gain=0.2, speed_gain=0.5, headway=1.5, standstill=2.0)
    assert law(local(10, 10, 17))[0, 0] == pytest.approx(0.0)
    assert law(local(10, 8, 20))[0, 0] == pytest.approx(0.2 * 3 + 0.5 * -2)
