"""Programs with dual rings: phases are pairs of ring phases, and every ring keeps its own rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from junctions import NEMA, cross, flows

from sandbox_traffic.dynamics import PhaseClock
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.network.nema import plan_ring_phases
from sandbox_traffic.network.phase_plan import PhasePlan, TimingRules
from sandbox_traffic.network.programs import Program, Step


def rings(**parameters: str) -> Program:
    """Two phases a ring before the barrier, one after it: ring 1 has 1, 2 | 4, ring 2 has 5, 6 | 8."""
    greens = {"1": 0, "2": 1, "4": 2, "5": 3, "6": 4, "8": 5}
    steps = tuple(
        Step(
            "".join("G" if place == green else "r" for place in range(6)),
            30.0,
            min_seconds=10.0 if name == "2" else 5.0,
            max_seconds=20.0 if name == "5" else 40.0,
            name=name,
            yellow=4.0 if name == "2" else 3.0,
            red=1.0,
        )
        for name, green in greens.items()
    )
    given = {"ring1": "1,2,0,4", "ring2": "5,6,0,8", "barrierPhases": "4,8", "barrier2Phases": "2,6"}
    return Program("s", "0", "NEMA", 0.0, steps, {**given, **parameters})


@pytest.fixture
def plan() -> PhasePlan:
    return plan_ring_phases(rings(), TimingRules())


def test_phases_are_pairs_on_the_same_side_of_the_barriers(plan: PhasePlan) -> None:
    assert plan.states == ("GrrGrr", "GrrrGr", "rGrGrr", "rGrrGr", "rrGrrG")  # 1+5, 1+6, 2+5, 2+6, 4+8


def test_each_ring_has_its_own_limits(plan: PhasePlan) -> None:
    assert plan.min_green.tolist() == [[5, 5], [5, 5], [10, 5], [10, 5], [5, 5]]
    assert plan.max_green.tolist() == [[40, 20], [40, 40], [40, 20], [40, 40], [40, 40]]
    stricter = plan_ring_phases(rings(), TimingRules(min_green=7.0, max_green=15.0))
    assert stricter.min_green.tolist() == [[7, 7], [7, 7], [10, 7], [10, 7], [7, 7]]
    assert stricter.max_green.max() == 15


def test_only_the_ring_that_changes_is_cleared(plan: PhasePlan) -> None:
    # 2+5 to 2+6: ring 1 stays green; ring 2 has 3 s of yellow and 1 s of red.
    assert plan.transitions[2, 3] == ((0.0, "rGryrr"), (3.0, "rGrrrr"), (4.0, "rGrrGr"))
    # Across the barrier both clear, ring 1 with 4 s of yellow, and both greens begin together.
    assert plan.transitions[3, 4] == (
        (0.0, "ryrryr"), (3.0, "ryrrrr"), (4.0, "rrrrrr"), (5.0, "rrGrrG"),
    )  # fmt: skip


def test_one_ring_may_go_on_while_the_other_must_not(plan: PhasePlan) -> None:
    clock = PhaseClock(plan)
    clock.start(0.0, phase=2)  # 2+5
    assert [clock.allows(phase, 5.0, 5.0) for phase in range(5)] == [False, False, True, True, False]
    assert clock.request(3, 5.0, 5.0)  # 2+6: ring 2 alone has changed
    assert clock.green_since == (0.0, 9.0)
    assert not clock.allows(4, 10.0, 5.0)  # ring 2 has been green for 1 s
    assert [clock.allows(phase, 15.0, 5.0) for phase in range(5)] == [True] * 5
    # Ring 1 must end after 40 s: 2+5 and 2+6 would keep it.
    assert [clock.allows(phase, 40.0, 5.0) for phase in range(5)] == [True, True, False, False, True]


def test_a_ring_that_names_no_phase_is_refused() -> None:
    with pytest.raises(ValueError, match="no phase with the name '9'"):
        plan_ring_phases(rings(ring1="1,9,0,4"), TimingRules())
    with pytest.raises(ValueError, match="different numbers of barriers"):
        plan_ring_phases(rings(ring2="5,6"), TimingRules())


def test_every_controller_keeps_the_rings_limits_in_sumo(
    signal_env: Callable[..., SignalEnv], tmp_path: Path
) -> None:
    net = cross(tmp_path, NEMA.replace('maxDur="50"', 'maxDur="20"'))
    routes = flows(tmp_path, {"north_in south_out": 300, "east_in west_out": 300})
    env = signal_env(net=str(net), routes=str(routes), duration=600, decision_interval=1)
    env.reset(seed=0)
    rng, greens, phase, since = np.random.default_rng(0), [], 0, 0.0
    for _ in range(600):
        *_, info = env.step(rng.choice(2, p=[0.97, 0.03]))
        if info["phase"] != phase:
            greens.append(info["time"] - 1 - since)
            phase, since = info["phase"], info["time"] - 1 + 5  # 3 s of yellow, 2 s of red
    assert min(greens[1:]) >= 5
    assert max(greens) <= 20
    assert len(greens) > 15
