"""Metrics of an episode count all vehicles, those outside too; metrics of signals add up intervals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from traffic_support import COLOGNE1

from sandbox_traffic.env import SignalEnv, SignalsEnv
from sandbox_traffic.metrics import episode_metrics
from sandbox_traffic.plugin import METRICS
from sandbox_traffic.sumo.trips import Trips, read_trips


def trips(*rows: tuple[float, float, float, float, float, float]) -> Trips:
    depart, depart_delay, arrival, duration, waiting, time_loss = np.array(rows, dtype=float).reshape(-1, 6).T
    return Trips(depart, depart_delay, arrival, duration, waiting, time_loss)


THREE = trips(
    (10, 2, 70, 60, 15, 20),  # arrived
    (50, 0, -1, 50, 30, 40),  # on the road at the end
    (-1, 40, -1, 0, 0, 0),  # never entered, scheduled 40 s before the end
)


def test_metrics_of_three_vehicles_by_hand() -> None:
    metrics = episode_metrics(THREE, 0, 100)
    assert metrics["delay"] == pytest.approx((22 + 40 + 40) / 3)
    assert metrics["trip_time"] == pytest.approx((62 + 50 + 40) / 3)
    assert metrics["waiting"] == pytest.approx((17 + 30 + 40) / 3)
    assert metrics["queue"] == pytest.approx((17 + 30 + 40) / 100)
    assert metrics["throughput"] == pytest.approx(36)  # one in 100 s
    assert metrics["unfinished"] == 1
    assert metrics["undeparted"] == 1
    assert metrics["gridlock"] == 0


def test_gridlock_is_no_arrival_while_vehicles_are_left() -> None:
    stuck = trips((10, 0, 70, 60, 0, 0), (50, 0, -1, 950, 900, 940))
    assert episode_metrics(stuck, 0, 1000)["gridlock"] == 1
    flowing = trips((10, 0, 970, 960, 0, 0), (50, 0, -1, 950, 900, 940))
    assert episode_metrics(flowing, 0, 1000)["gridlock"] == 0
    finished = trips((10, 0, 70, 60, 0, 0))
    assert episode_metrics(finished, 0, 1000)["gridlock"] == 0
    just_entered = trips((10, 0, 70, 60, 0, 0), (990, 0, -1, 10, 0, 0))
    assert episode_metrics(just_entered, 0, 1000)["gridlock"] == 0


def test_an_episode_without_vehicles_has_no_delay() -> None:
    assert episode_metrics(trips(), 0, 100)["delay"] == 0


def test_the_metrics_are_the_ones_announced() -> None:
    assert set(episode_metrics(THREE, 0, 100)) == {metric.name for metric in METRICS}


def test_sumos_trip_output_is_read(tmp_path: Path) -> None:
    # Attributes as SUMO 1.28 writes them.
    (tmp_path / "trips.xml").write_text(
        '<tripinfo id="a" depart="5.00" departLane="x_0" departPos="5.10" departSpeed="0.00" '
        'departDelay="1.00" arrival="65.00" arrivalLane="y_0" arrivalPos="9.00" arrivalSpeed="13.00" '
        'duration="60.00" routeLength="500.00" waitingTime="7.00" waitingCount="1" stopTime="0.00" '
        'timeLoss="12.50" rerouteNo="0" devices="" vType="car" speedFactor="1.00" vaporized=""/>\n'
        '<tripinfo id="b" depart="-1" departLane="" departPos="-1.00" departSpeed="-1.00" '
        'departDelay="30.00" arrival="-1.00" arrivalLane="" arrivalPos="-1.00" arrivalSpeed="-1.00" '
        'duration="0.00" routeLength="0.00" waitingTime="0.00" waitingCount="0" stopTime="0.00" '
        'timeLoss="0.00" rerouteNo="0" devices="" vType="car" speedFactor="1.00" vaporized="end"/>\n'
    )
    (tmp_path / "statistics.xml").write_text(
        '<teleports total="2" jam="0" yield="0" wrongLane="2"/>\n'
        '<safety collisions="1" emergencyStops="3" emergencyBraking="0"/>\n'
    )
    read = read_trips(tmp_path / "trips.xml", tmp_path / "statistics.xml")
    assert read.depart.tolist() == [5, -1]
    assert read.depart_delay.tolist() == [1, 30]
    assert read.arrival.tolist() == [65, -1]
    assert read.duration.tolist() == [60, 0]
    assert read.waiting.tolist() == [7, 0]
    assert read.time_loss.tolist() == [12.5, 0]
    assert (read.teleports, read.collisions, read.emergency_stops) == (2, 1, 3)


def test_a_stuck_phase_shows_the_delay_of_everyone_outside(
    signal_env: Callable[..., SignalEnv],
) -> None:
    env = signal_env(duration=900, depart_jitter=0, **COLOGNE1)
    env.reset(seed=0)
    over = False
    while not over:
        *_, over, info = env.step(np.int64(1))  # left turns of one axis, for ever
    metrics = info["metrics"]
    # 546 trips of the routes file are scheduled in the first 900 s.
    arrived = metrics["throughput"] * 900 / 3600
    assert arrived + metrics["unfinished"] + metrics["undeparted"] == 546
    assert metrics["undeparted"] > 100
    assert metrics["delay"] > 150
    assert metrics["queue"] > 100


def test_metrics_do_not_depend_on_the_reward(signal_env: Callable[..., SignalEnv]) -> None:
    seen = []
    for preset in ("queue", "delay"):
        env = signal_env(preset, duration=100)
        env.reset(seed=0)
        for _ in range(20):
            *_, info = env.step(np.int64(0))
        seen.append(info["metrics"])
        env.close()
    assert seen[0] == seen[1]


def test_metrics_of_a_signal_are_sums_over_its_intervals(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env(duration=100, max_green=None)
    env.reset(seed=0)
    queues, lost, crossed, phase, changes = [], [], 0.0, 0, 0
    for action in [0, 0, 2, 2, 2] * 4:
        *_, info = env.step(np.int64(action))
        terms = info["reward_terms"]
        queues.append(terms["queue"])
        lost.append(terms["delay"] * 5 + terms["spillback"] * 5)
        crossed += terms["throughput"]
        changes += info["phase"] != phase
        phase = info["phase"]
    metrics = info["signal_metrics"]
    assert metrics["queue"] == pytest.approx(np.mean(queues))
    assert metrics["throughput"] == pytest.approx(crossed * 36)
    assert metrics["delay"] == pytest.approx(sum(lost) / crossed)
    assert metrics["changes"] == pytest.approx(changes * 36)
    assert changes > 3
    env.reset(seed=0)
    for _ in range(20):
        *_, info = env.step(np.int64(0))
    assert info["signal_metrics"]["changes"] == 0, "a new episode begins at zero"


def test_every_signal_of_a_network_has_metrics_of_its_own(signals_env: Callable[..., SignalsEnv]) -> None:
    env = signals_env(duration=100, net="generated:grid-2x2", routes="generated:grid-2x2")
    env.reset(seed=0)
    for _ in range(20):
        *_, infos = env.step({"j0_0": 0, "j0_1": 0, "j1_0": 2, "j1_1": 2})
    crossed = {infos[name]["signal_metrics"]["throughput"] for name in env.possible_agents}
    assert len(crossed) == 4
    assert all("metrics" in infos[name] for name in env.possible_agents)
