"""The safe way from one green phase to another, and the times that every controller keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_traffic.dynamics import PhaseClock, allowed_phases
from sandbox_traffic.network.files import find_file
from sandbox_traffic.network.phase_plan import (
    TimingRules,
    clearance_state,
    phase_steps,
    plan_phases,
    transition,
    yellow_state,
)
from sandbox_traffic.network.phases import GREEN
from sandbox_traffic.network.programs import Program, Step
from sandbox_traffic.network.reader import read_network

states = st.integers(1, 20).flatmap(
    lambda n: st.tuples(*[st.text("GgrsoO", min_size=n, max_size=n) for _ in range(2)])
)


@pytest.mark.parametrize(
    ("old", "new", "yellow"),
    [
        ("GGrr", "rrGG", "yyrr"),
        ("GGrr", "GrrG", "Gyrr"),  # green before and after: stays green
        ("Ggrr", "rGrr", "ygrr"),  # a permitted left turn that becomes protected still gives way
        ("GGrr", "Ggrr", "GGrr"),  # the other way round nobody oncoming has started yet
        ("GsrO", "rsGO", "ysrO"),  # turn on red and unsignalled links are left alone
        ("gsrr", "rGrG", "ysrr"),
    ],
)
def test_yellow_warns_exactly_the_links_that_lose_green(old: str, new: str, yellow: str) -> None:
    assert yellow_state(old, new) == yellow


def test_yellow_equals_the_yellow_of_colognes_program() -> None:
    (signal,) = read_network(find_file("sumo-rl:RESCO/cologne1/cologne1.net.xml")).signals
    program = [step.state for step in signal.program.steps]
    assert signal.phases == tuple(program[0::2])
    for index, state in enumerate(program[1::2]):
        assert yellow_state(program[2 * index], program[(2 * index + 2) % len(program)]) == state


def test_all_red_clears_the_links_that_lost_green() -> None:
    assert clearance_state("GGrs", "GrGs") == "Grrs"
    assert transition("GGrr", "GrGr", yellow=3, all_red=2) == ((0, "Gyrr"), (3, "Grrr"), (5, "GrGr"))


def test_without_all_red_green_follows_yellow() -> None:
    assert transition("GrGr", "rGrG", yellow=4, all_red=0) == ((0, "yryr"), (4, "rGrG"))


def test_a_phase_that_only_adds_green_starts_at_once() -> None:
    assert transition("Grrr", "GGrr", yellow=3, all_red=2) == ((0, "GGrr"),)


@given(states)
def test_no_link_turns_green_before_the_others_have_cleared(pair: tuple[str, str]) -> None:
    old, new = pair
    *between, (_, last) = transition(old, new, yellow=3, all_red=1)
    assert last == new
    for _, state in between:
        for before, now, after in zip(old, state, new, strict=True):
            assert now not in GREEN or (before in GREEN and after in GREEN)


@pytest.mark.parametrize(
    ("state", "green"), [("GGrr", True), ("rrgr", True), ("rrrr", False), ("Gyrr", False), ("GurR", False)]
)
def test_green_phases_have_a_green_link_and_no_changing_one(state: str, green: bool) -> None:
    steps = (Step(state, 20.0), Step("rrrG", 30.0), Step("rrGr", 30.0))
    assert (0 in phase_steps(Program("s", "0", "static", 0.0, steps))) is green


def allowed(signal: PhaseClock, now: float) -> list[bool]:
    """Phases that may be requested of a signal whose next decision is 5 s later."""
    plan = signal.plan
    mask = allowed_phases(
        np.array([now]),
        5.0,
        np.array([signal.green_since]),
        np.array([signal.phase]),
        plan.rings[None],
        (plan.min_green[None], plan.max_green[None]),
        exists=np.ones((1, len(plan.states)), dtype=np.bool_),
    )
    assert mask[0].tolist() == [signal.allows(phase, now, 5.0) for phase in range(len(plan.states))]
    return mask[0].tolist()


def clock(**rules: float) -> PhaseClock:
    steps = (Step("Gr", 20.0), Step("yr", 3.0), Step("rG", 20.0), Step("ry", 3.0))
    times = TimingRules(**{"min_green": 5.0, "yellow": 3.0, "all_red": 0.0, **rules})
    made = PhaseClock(plan_phases(Program("s", "0", "static", 0.0, steps), times))
    made.start(0)
    return made


def test_minimum_green_counts_from_the_end_of_yellow() -> None:
    signal = clock()
    assert allowed(signal, 0) == [True, False]
    assert signal.request(1, 5, 5)
    assert signal.green_since == (8,)
    assert allowed(signal, 10) == [False, True]  # 2 s of green so far
    assert allowed(signal, 15) == [True, True]  # 7 s


def test_a_forbidden_request_keeps_the_phase() -> None:
    signal = clock()
    assert not signal.request(1, 0, 5)
    assert signal.phase == 0
    assert signal.due(5) == [(0, "Gr")]


def test_the_longest_green_ends_by_itself() -> None:
    signal = clock(max_green=20)
    assert allowed(signal, 15) == [True, True]
    assert allowed(signal, 20) == [False, True]
    assert not signal.request(0, 20, 5)
    assert signal.phase == 1


def test_switches_wait_for_their_time() -> None:
    signal = clock(yellow=6)
    signal.due(5)
    signal.request(1, 5, 5)
    assert signal.due(10) == [(5, "yr")]
    assert signal.due(15) == [(11, "rG")]


@pytest.mark.parametrize("phase", [-1, 2])
def test_a_phase_that_does_not_exist_is_refused(phase: int) -> None:
    signal = clock()
    with pytest.raises(IndexError, match="has 2"):
        signal.request(phase, 10, 5)
    assert signal.phase == 0
