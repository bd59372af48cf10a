"""Selectable observations and reward terms, on states worked by hand."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from traffic_support import COLOGNE1, GRID

from sandbox_traffic.config import SignalConfig
from sandbox_traffic.observations import OBSERVATIONS
from sandbox_traffic.reward import PRESETS, Transition
from sandbox_traffic.vector import make_signals_vec

ZERO = np.zeros(2)
INTERVAL = Transition(
    queue=np.array([3.0, 0.0]),
    outside=np.array([10.0, 30.0]),
    waiting=np.array([40.0, 0.0]),
    slowness=np.array([3.5, 0.5]),
    previous_waiting=np.array([15.0, 5.0]),
    incoming=np.array([4.0, 1.0]),
    outgoing=np.array([2.0, 0.0]),
    count=np.array([5.0, 3.0]),
    passed=np.array([2.0, 1.0]),
    braking=np.array(1.0),
)


def test_every_choice_of_the_configuration_exists() -> None:
    assert set(get_args(SignalConfig.model_fields["observation"].annotation)) == set(OBSERVATIONS)


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("queue", 3.0),
        ("outside", 10 * 10 / 20 + 10 * 30 / 40),
        ("waiting", 40.0),
        ("waiting_difference", 20.0),
        ("pressure", 3.0),
        ("delay", 4.0),
        ("mean_speed", 0.5),  # eight vehicles, half of their speed lost
        ("throughput", 3.0),
        ("emergency_braking", 1.0),
        ("spillback", 40.0),
    ],
)
def test_reward_terms(term: str, value: float) -> None:
    assert PRESETS["queue"](INTERVAL).terms[term] == pytest.approx(value)


def test_an_empty_junction_has_full_speed() -> None:
    empty = Transition(*[ZERO] * 9, braking=np.array(0.0))
    assert PRESETS["speed"](empty).total == 1.0


@pytest.mark.parametrize("name", sorted(OBSERVATIONS))
@pytest.mark.parametrize("config", [COLOGNE1, GRID], ids=["cologne1", "grid4x4"])
def test_observations_keep_their_bounds_and_are_not_constant(name: str, config: dict[str, str]) -> None:
    envs = make_signals_vec(SignalConfig(duration=200, observation=name, **config), PRESETS["delay"], 1)
    seen = [envs.reset(seed=0)[0]]
    rng = np.random.default_rng(0)
    for _ in range(39):
        mask = envs.batch.action_masks()
        seen.append(envs.step((rng.random(mask.shape) * mask).argmax(axis=2))[0])
        assert envs.observation_space.contains(seen[-1])
    changing = np.ptp(np.concatenate(seen), axis=0) > 0
    assert changing.any(axis=1).all(), "every signal sees something happen"
    envs.close()


def test_sumo_rls_default_is_phase_flag_density_and_queue() -> None:
    envs = make_signals_vec(SignalConfig(duration=300, observation="sumo-rl"), PRESETS["delay"], 1)
    envs.reset(seed=0)
    for _ in range(40):
        rows, *_ = envs.step([[1]])
    (observation,) = rows[0]
    snapshot, network = envs.batch.state.snapshot, envs.batch.network
    length = 400.0 - 13.6  # the arms end at the junction's area
    places = network.incoming
    assert observation[:5].tolist() == [0, 1, 0, 0, 1]
    density, queue = observation[5:17], observation[17:29]
    assert density == pytest.approx(np.minimum(snapshot.count[0, places] * 7.5 / length, 1), abs=0.02)
    assert queue == pytest.approx(np.minimum(snapshot.halting[0, places] * 7.5 / length, 1), abs=0.02)
    assert queue.max() > 0.1
    envs.close()


def test_pressure_is_the_difference_along_every_movement() -> None:
    envs = make_signals_vec(SignalConfig(duration=300, observation="pressure"), PRESETS["delay"], 1)
    envs.reset(seed=1)
    for _ in range(40):
        rows, *_ = envs.step([[0]])
    state, (signal,) = envs.batch.state, envs.batch.network.signals
    column = {lane: index for index, lane in enumerate(envs.batch.network.spec.lanes)}
    outgoing = [state.snapshot.count[0, column[lane]] for lane in signal.outgoing]
    expected = [(state.count[0, 0, source] - outgoing[target]) / 28 for source, target in signal.movements]
    assert rows[0, 0, 4:] == pytest.approx(expected)
    envs.close()


def test_neighbours_show_who_lets_vehicles_go_here() -> None:
    config = SignalConfig(net="generated:grid-1x2", routes="generated:grid-1x2", observation="neighbours")
    envs = make_signals_vec(config, PRESETS["delay"], 1)
    rows, _ = envs.reset(seed=0)
    east = envs.batch.network.signals[1]
    released = envs.batch.state.upstream_green[0, 1]
    fed = [east.incoming.index(f"0_0_e_{lane}") for lane in range(3)]
    assert released[fed].tolist() == [1, 1, 1], "the western junction begins with straight on"
    assert released.sum() == 3
    assert rows[0, 1, -12:] == pytest.approx(released)
    for _ in range(2):
        envs.step([[1, 0]])  # to the left turns, which do not lead east
    assert envs.batch.state.upstream_green[0, 1].sum() == 0
    envs.close()
