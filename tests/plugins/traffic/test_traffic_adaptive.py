"""Controllers with a memory, on cases worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from traffic_support import show_state

from sandbox_traffic.baselines.actuated import DelayBased
from sandbox_traffic.baselines.plans import Webster
from sandbox_traffic.baselines.self_organising import Sotl
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.network.webster import bounded_phase_times, critical_ratios


@pytest.fixture
def junction(signal_env: Callable[..., SignalEnv]) -> SignalEnv:
    """The generated junction 20 s into an episode, its first green free to change."""
    env = signal_env(max_green=None)
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.int64(0))
    return env


def show(env: SignalEnv, now: int, **fields: dict[str, float]) -> None:
    """Let the controllers see these figures of approaches at a time; all others are zero."""
    names = ("count", "queue", "outside", "passed", "slowness")
    show_state(env, now, **{name: fields.get(name, {}) for name in names})


def test_critical_ratios_are_the_busiest_lanes() -> None:
    serves = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    # The middle lane has green in both phases and divides its 1080 vehicles/h between them.
    assert critical_ratios(serves, np.array([360.0, 1080.0, 720.0])) == pytest.approx([0.3, 0.4])


def test_websters_plan() -> None:
    """C = (1.5·8 + 5)/(1 − 0.5) = 34 s; 26 s of green are shared 3 : 2, and each phase loses 4 s."""
    assert bounded_phase_times([0.3, 0.2]) == [20, 15]


def test_websters_plan_is_bounded_beyond_capacity() -> None:
    times = bounded_phase_times([0.8, 0.8, 0.4, 0.4])
    assert times[0] == times[1] > times[2] == times[3]
    assert sum(times) <= 170


def test_websters_plan_without_vehicles_is_the_shortest_cycle_in_equal_parts() -> None:
    assert bounded_phase_times([0.0, 0.0]) == [10, 10]  # C = 1.5·8 + 5 = 17 s, in slots of 5 s, two at least


def test_webster_plans_from_the_flows_of_its_first_five_minutes(junction: SignalEnv) -> None:
    """What has crossed, stands and waits outside together is the demand."""
    webster = Webster(junction)
    webster.reset(1)
    show(junction, 0)
    webster.act(None)
    flows = {"e1": 540.0, "e2": 90.0, "n1": 360.0, "n2": 90.0}
    # Half of the eastern vehicles have crossed in 300 s; the others stand or wait outside.
    arrived = {lane: flow / 12 for lane, flow in flows.items()}
    passed = {**arrived, "e1": arrived["e1"] / 2}
    show(junction, 300, passed=passed, count={"e1": 15.0}, outside={"e1": 7.5})
    webster.act(None)
    # y = 540, 90, 360, 90 over 1800 = 0.3, 0.05, 0.2, 0.05; Y = 0.6; L = 16 s; C = 29/0.4 = 72.5 s.
    # Green 56.5 s: 28.25, 4.7, 18.8, 4.7 and 4 s each: 32, 9, 23, 9, in whole slots 30, 10, 25, 10.
    (plan,) = webster._plans.values()
    assert plan.ends == [30, 40, 65, 75]
    chosen = []
    for now in (300, 325, 330, 340, 360, 365, 370):
        show(junction, now, passed=passed)
        chosen.append(int(webster.act(None)[0]))
    assert chosen == [0, 0, 1, 2, 2, 3, 3]


def test_delay_based_extends_for_those_who_were_held_up(junction: SignalEnv) -> None:
    controller = DelayBased(junction, loss=1.0)
    waiting_left = {"n2": 1.0}
    show(junction, 20, count={"e1": 2.0, **waiting_left})
    assert controller.act(None)[0] == 3, "nobody has lost anything yet: the call of the left turn"
    controller.reset(1)
    show(junction, 20, count={"e1": 2.0, **waiting_left})
    controller.act(None)
    # Two vehicles at 90 % of the limit for 5 s lose 0.1·2·5 = 1 s together, less than 1 s each.
    show(junction, 25, count={"e1": 2.0, **waiting_left}, slowness={"e1": 0.2})
    assert controller.act(None)[0] == 3
    # At 70 % for the next 5 s it is 1 + 3 = 4 s, 2 s each.
    show(junction, 30, count={"e1": 2.0, **waiting_left}, slowness={"e1": 0.6})
    assert controller.act(None)[0] == 0
    # One crosses and takes half of it along; the other, free, has 2 s.
    show(junction, 35, count={"e1": 1.0, **waiting_left}, passed={"e1": 1.0})
    assert controller.act(None)[0] == 0
    show(junction, 40, count=waiting_left, passed={"e1": 2.0})
    assert controller.act(None)[0] == 3


def test_delay_based_ends_at_the_longest_green(junction: SignalEnv) -> None:
    controller = DelayBased(junction, loss=1.0)
    for now in (20, 25, 30, 35, 40, 45, 50):
        show(junction, now, count={"e1": 5.0, "n2": 1.0}, slowness={"e1": 5.0})
        phase = int(controller.act(None)[0])
        assert phase == (3 if now in (20, 50) else 0)


def test_sotl_turns_once_red_has_collected_enough(junction: SignalEnv) -> None:
    controller = Sotl(junction, threshold=600.0)
    red: Any = {"n1": 30.0, "n2": 15.0}
    seen = []
    for now in (20, 25, 30, 35, 40):
        show(junction, now, count=red, queue=red)
        seen.append(int(controller.act(None)[0]))
    # Phase 2 collects 30 vehicles · 5 s a decision, phase 3 half of it: 0, 150, 300, 450, 600.
    assert seen == [0, 0, 0, 0, 2]


def test_sotl_lets_a_small_platoon_cross_first(junction: SignalEnv) -> None:
    controller = Sotl(junction, threshold=600.0, platoon=3.0)
    show(junction, 20, count={"n1": 120.0})
    controller.act(None)
    show(junction, 25, count={"n1": 120.0, "e1": 2.0})
    assert controller.act(None)[0] == 0, "two vehicles are about to cross"
    show(junction, 30, count={"n1": 120.0, "e1": 4.0})
    assert controller.act(None)[0] == 2, "four are a queue to come, not the end of a platoon"
