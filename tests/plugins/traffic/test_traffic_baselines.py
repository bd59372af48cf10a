"""Classical controllers on hand-worked cases, and in the simulator."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from traffic_support import COLOGNE1, GRID, LANE, show_state

from sandbox.api import Policy
from sandbox_traffic.baselines.actuated import Actuated, actuated
from sandbox_traffic.baselines.greedy import MaxPressure, MaxWave
from sandbox_traffic.baselines.plans import ProgramSlots, program_slots
from sandbox_traffic.env import SignalEnv, SignalsEnv
from sandbox_traffic.network.programs import Program, Step
from sandbox_traffic.plugin import BASELINES


@pytest.fixture
def junction(signal_env: Callable[..., SignalEnv]) -> SignalEnv:
    """The generated junction 20 s into an episode, its green free to change."""
    env = signal_env(max_green=None)
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.int64(0))
    return env


def show(
    env: SignalEnv, vehicles: dict[str, float], gaps: dict[str, float] | None = None, **exits: float
) -> None:
    """Let the controllers see ``vehicles`` on approaches, loop ``gaps`` and vehicles on exits."""
    gap = dict.fromkeys(LANE, 100.0) | (gaps or {})
    show_state(env, exits=exits, count=vehicles, gap=gap)


def choice(env: SignalEnv, make: Callable[[Any], Policy]) -> int:
    (phase,) = make(env).act(None)
    return int(phase)


def test_max_wave_serves_most_vehicles(junction: SignalEnv) -> None:
    show(junction, {"e1": 4, "w0": 2, "n2": 3, "s2": 2, "n0": 1})
    assert choice(junction, MaxWave) == 0  # 6 against 5
    show(junction, {"e1": 4, "n2": 3, "s2": 2, "n0": 1})
    assert choice(junction, MaxWave) == 3  # 4 against 5


def test_max_wave_keeps_green_where_phases_tie(junction: SignalEnv) -> None:
    show(junction, {"e1": 3, "n2": 3, "n1": 3})
    assert choice(junction, MaxWave) == 0


def test_max_pressure_sees_the_exits(junction: SignalEnv) -> None:
    show(junction, {"e1": 3, "w2": 2})
    # Straight on from the east: pressure 3; left from the west: pressure 2.
    assert choice(junction, MaxPressure) == 0
    # The exit of the eastern straight movement holds 2 vehicles: 3 − 2 = 1 < 2.
    show(junction, {"e1": 3, "w2": 2}, w_out_1=2)
    assert choice(junction, MaxPressure) == 1


def test_actuated_extends_green_while_vehicles_come(junction: SignalEnv) -> None:
    show(junction, {"e1": 1, "n2": 5}, gaps={"e1": 2.0})
    assert choice(junction, lambda env: Actuated(env, passage=2.5)) == 0
    assert choice(junction, lambda env: Actuated(env, passage=1.5)) == 3


def test_actuated_gaps_out_to_the_next_phase_with_a_call(junction: SignalEnv) -> None:
    show(junction, {"e1": 1, "n2": 5}, gaps={"e1": 4.0})
    assert choice(junction, actuated) == 3  # phases 1 and 2 have no call
    show(junction, {"e1": 1, "n2": 5, "w2": 1}, gaps={"e1": 4.0})
    assert choice(junction, actuated) == 1


def test_actuated_rests_in_green_without_a_call(junction: SignalEnv) -> None:
    show(junction, {"e1": 1}, gaps={"e1": 50.0})
    assert choice(junction, actuated) == 0


def test_actuated_maxes_out(junction: SignalEnv) -> None:
    for _ in range(6):
        junction.step(np.int64(0))
    show(junction, {"e1": 9, "n2": 1}, gaps={"e1": 0.0})
    assert junction.simulation.now == 50  # 50 s of green so far
    assert choice(junction, actuated) == 3


def test_no_controller_asks_for_what_is_forbidden(junction: SignalEnv) -> None:
    junction.step(np.int64(2))
    show_state(junction, count={"e1": 9})
    for make in (MaxWave, MaxPressure, actuated):
        assert choice(junction, make) == 2


def test_slots_follow_colognes_program(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env(duration=200, **COLOGNE1)
    env.reset(seed=0)
    policy = ProgramSlots(env)
    phases = []
    for _ in range(40):
        (action,) = policy.act(None)
        phases.append(int(action))
        env.step(action)
    # Slots of 29+5, 6+5, 29+5, 6+5 s in a cycle of 90 s; 25200 is a multiple of 90. Decisions come
    # every 5 s: the first slot has those at 0 to 30 s, the second at 35 and 40 s, and so on.
    cycle = [0] * 7 + [1] * 2 + [2] * 7 + [3] * 2
    assert phases == (cycle * 3)[:40]


def test_slots_keep_the_programs_times_on_average() -> None:
    steps = (Step("Gr", 10.0), Step("yr", 3.0), Step("rG", 9.0), Step("ry", 3.0))
    slots = program_slots(Program("s", "0", "static", 0.0, steps), ("Gr", "rG"))
    assert slots == [(10.0, 0), (13.0, 0), (22.0, 1), (25.0, 1)]
    late = program_slots(Program("s", "0", "static", 0.0, (steps[-1], *steps[:-1])), ("Gr", "rG"))
    assert late[0] == (3.0, 1)  # yellow at the start of the program ends its last green


def _delay(env: SignalEnv, act: Callable[[], int]) -> float:
    env.reset(seed=11)
    over = False
    while not over:
        *_, over, info = env.step(np.int64(act()))
    return float(info["metrics"]["delay"])


@pytest.mark.parametrize("config", [{}, COLOGNE1], ids=["generated", "cologne1"])
def test_every_controller_beats_random_choice(
    signal_env: Callable[..., SignalEnv], config: dict[str, Any]
) -> None:
    env = signal_env(duration=600, **config)
    rng = np.random.default_rng(0)
    chance = _delay(env, lambda: int(rng.choice(np.flatnonzero(env.batch.state.action_mask[0, 0]))))
    for baseline in BASELINES:
        module, name = str(baseline.make).split(":")
        policy = getattr(importlib.import_module(module), name)(env)
        policy.reset(1, 0)
        assert _delay(env, lambda policy=policy: policy.act(None)[0]) < chance, baseline.name


def test_in_a_grid_there_is_a_row_for_every_signal(signals_env: Callable[..., SignalsEnv]) -> None:
    env = signals_env(duration=60, **GRID)
    env.reset(seed=0)
    for make in (ProgramSlots, MaxPressure, MaxWave, actuated):
        policy = make(env)
        assert isinstance(policy, Policy)
        actions = policy.act(None)
        assert actions.shape == (16,)
        for name, action in zip(env.possible_agents, actions, strict=True):
            assert env.action_space(name).contains(action)


def test_controllers_play_on_a_simulation_in_another_process(signal_env: Callable[..., SignalEnv]) -> None:
    here, there = signal_env(duration=200), signal_env(duration=200)
    here.reset(seed=0)
    delays = []
    for env in (here, there):
        policy = actuated(env)
        delays.append(_delay(env, lambda policy=policy: policy.act(None)[0]))
    assert delays[0] == delays[1]
