"""Coordinated, SCATS-like and SCOOT-like plans and ALINEA on cases worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_traffic_cases import ramp

from sandbox_traffic.baselines.adaptive import Scats, Scoot, balanced, predicted_queue
from sandbox_traffic.baselines.cycles import Coordinated, Timing, fit_cycle
from sandbox_traffic.baselines.metering import Alinea, metering_rate
from sandbox_traffic.env import SignalEnv, SignalsEnv
from sandbox_traffic.network.links import Link, heaviest_tree, offsets, signal_links


def timing(*slots: float, start: float = 0.0) -> Timing:
    nothing = np.zeros(0)
    return Timing(np.array(slots), start, 0.0, nothing, nothing)


def test_a_plan_repeats_its_slots() -> None:
    plan = timing(20, 10, 30, start=100)
    assert [plan.phase(now) for now in (100, 119, 120, 129, 130, 159, 160)] == [0, 0, 1, 1, 2, 2, 0]
    assert plan.phase(95) == 2  # the cycle before


def test_slots_are_stretched_beyond_their_least_time() -> None:
    # 20 and 10 s beyond 10 s each; 80 s are left of 100: 53.3 and 26.7.
    assert fit_cycle(np.array([30.0, 20.0]), 100) == pytest.approx([63.333, 36.667], abs=1e-3)
    assert fit_cycle(np.array([10.0, 10.0]), 30).tolist() == [15, 15]


def test_splits_move_a_step_towards_the_more_saturated_phase() -> None:
    slots = np.array([30.0, 30.0])
    assert balanced(slots, np.array([1.2, 0.6]), 60, step=2).tolist() == [32, 28]
    # Without a limit: 4 + 26·1.2 = 35.2 and 4 + 26·0.6 = 19.6; beyond 10 s 25.2 and 9.6 share 40 s.
    assert balanced(slots, np.array([1.2, 0.6]), 60, step=99) == pytest.approx([38.966, 21.034], abs=1e-3)
    assert balanced(slots, np.array([0.7, 0.7]), 60, step=99).tolist() == [30, 30]


def test_the_tree_takes_the_links_of_largest_flow_without_a_circle() -> None:
    links = [Link(a, b, 0, 20.0, 0, 0) for a, b in ((0, 1), (1, 2), (2, 0), (1, 0))]
    assert heaviest_tree(links, [300.0, 100.0, 200.0, 400.0], 3) == [links[3], links[2]]


def test_green_meets_the_platoon_that_left_the_signal_before() -> None:
    slots = [np.array([30.0, 30.0]), np.array([40.0, 20.0]), np.array([30.0, 30.0])]
    there = Link(0, 1, 0, seconds=21.0, leaving=0, arriving=1)
    # The platoon that leaves at 0 arrives at 21 s, where its phase begins 40 s into the cycle: 21 − 40 + 60.
    assert offsets([there], slots[:2], 60.0) == [0.0, 41.0]
    assert offsets([there], slots[:2], 60.0, pace=0.7) == pytest.approx([0.0, 50.0])
    # Signal 2 sends to signal 0, whose green it must precede by 12 s.
    back = Link(2, 0, 0, seconds=12.0, leaving=0, arriving=0)
    assert offsets([there, back], slots, 60.0) == [0.0, 41.0, 48.0]


def test_the_predicted_queue_is_that_of_arrivals_and_green() -> None:
    # 60 s in parts of 10 s; 4 vehicles come in the first, green serves 5 a part after 4 s lost.
    profile, serves = np.array([4.0, 0, 0, 0, 0, 0]), np.array([1.0, 0.0])
    assert predicted_queue(profile, 0.0, timing(30, 30), serves, start=0.0) == 0
    # Green from 30 s: they wait in parts 0, 1 and 2.
    assert predicted_queue(profile, 0.0, timing(30, 30), serves, start=30.0) == pytest.approx(4 * 3 / 6)
    # 20 s from the detector to the stop line: only part 2.
    assert predicted_queue(profile, 20.0, timing(30, 30), serves, start=30.0) == pytest.approx(4 / 6)


def test_alineas_rate_follows_the_occupancy() -> None:
    assert metering_rate(900, occupancy=20, target=15, gain=70, most=1800) == 550
    assert metering_rate(900, occupancy=40, target=15, gain=70, most=1800) == 200
    assert metering_rate(1700, occupancy=5, target=15, gain=70, most=1800) == 1800


def test_alinea_holds_the_ramp_back_while_the_road_is_full(
    signal_env: Callable[..., SignalEnv], tmp_path: Path
) -> None:
    net, routes = ramp(tmp_path)
    env = signal_env(net=str(net), routes=str(routes), duration=600)
    network = env.batch.network
    assert {network.spec.lanes[lane].rsplit("_", 1)[0] for lane in network.merge_lanes[0]} == {"down"}
    red = {}
    for target in (1.0, 99.0):
        env.reset(seed=1)
        policy = Alinea(env, target=target)
        policy.reset(1)
        phases, over = [], False
        while not over:
            *_, over, info = env.step(policy.act(None)[0])
            phases.append(info["phase"])
        red[target] = float(np.mean(phases))
    assert red[99.0] == 0
    assert red[1.0] > 0.6


def test_links_of_an_arterial_take_the_time_of_its_roads(signals_env: Callable[..., SignalsEnv]) -> None:
    env = signals_env(net="generated:arterial-5", routes="generated:arterial-5")
    links = signal_links(env.batch.network)
    assert {(link.source, link.target) for link in links} == {
        pair for first in range(4) for pair in ((first, first + 1), (first + 1, first))
    }
    assert all(15 < link.seconds < 25 for link in links)  # 300 m at 50 km/h, from junction to junction


@pytest.mark.parametrize("rule", [Coordinated, Scats, Scoot])
def test_plans_begin_anew_with_every_episode(signals_env: Callable[..., SignalsEnv], rule: Any) -> None:
    env = signals_env(net="generated:grid-1x2", routes="generated:grid-1x2", duration=700)
    policy = rule(env)
    episodes = []
    for _ in range(2):
        env.reset(seed=4)
        actions = []
        while env.agents:
            actions.append(policy.act(None).tolist())
            env.step(dict(zip(env.possible_agents, actions[-1], strict=True)))
        episodes.append(actions)
    assert episodes[0] == episodes[1]
    assert all(len({row[signal] for row in episodes[0]}) == 4 for signal in range(2))
    cycles = {round(plan.cycle, 6) for plan in policy.timings.values()}
    assert len(cycles) == (2 if rule is Scats else 1)
