"""Drivers that are drawn again: who departs later, and nothing else."""

from __future__ import annotations

import numpy as np
from traffic_support import COLOGNE1

from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.sumo.drivers import FASTEST, SLOWEST, speed_factor


def test_speed_factors_have_the_distribution_of_their_type() -> None:
    drawn = np.array([speed_factor(7, f"v{number}", 1.0, 0.1) for number in range(4000)])
    assert abs(drawn.mean() - 1.0) < 0.01
    assert abs(drawn.std() - 0.1) < 0.01
    assert SLOWEST <= drawn.min() <= drawn.max() <= FASTEST
    assert speed_factor(7, "v1", 1.0, 0.1) == drawn[1]


def test_another_future_begins_at_the_same_present_and_is_part_of_the_state() -> None:
    env = SignalEnv(SignalConfig(**COLOGNE1, duration=300), PRESETS["delay"])

    def play(steps: int) -> list[bytes]:
        return [env.step(number // 6 % 4)[0].tobytes() for number in range(steps)]

    env.reset(seed=3)
    play(20)
    state, present = env.get_state(), env.batch.observations().tobytes()
    futures = {}
    for seed in (1, 2, 1):
        env.set_state(state)
        env.redraw(seed)
        assert env.batch.observations().tobytes() == present
        middle = play(10), env.get_state()
        futures.setdefault(seed, []).append((middle[0], play(20)))
    env.set_state(middle[1])
    assert play(20) == futures[1][0][1]
    env.close()
    assert futures[1][0] == futures[1][1]
    assert futures[1] != futures[2]
