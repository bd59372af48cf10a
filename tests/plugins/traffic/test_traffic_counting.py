"""Who counts: each road user once, and the same in trips, terms and metrics of signals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from junctions import ALL_RED, cross, flows, program, sumo_alone
from traffic_support import show_state

from sandbox_traffic.baselines.greedy import RELIEF, MaxPressure, greedy_delay, greedy_queue, relief
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.plugin import BASELINES
from sandbox_traffic.reward import PRESETS

MakeOne = Callable[..., SignalEnv]


def episode(env: SignalEnv) -> dict[str, Any]:
    env.reset(seed=0)
    over, info, step = False, dict[str, Any](), 0
    while not over:
        *_, over, info = env.step(np.int64(step // 6 % 2))
        step += 1
    return info


def test_vehicles_that_wait_to_be_boarded_are_not_scheduled(signal_env: MakeOne, tmp_path: Path) -> None:
    net, routes = cross(tmp_path, program(ALL_RED)), flows(tmp_path, {"north_in south_out": 300})
    text = routes.read_text()
    waiting = "".join(
        f'<trip id="taxi{number}" from="west_in" to="east_out" depart="triggered"/>' for number in range(5)
    )
    given = {"net": str(net), "routes": str(routes), "duration": 600, "depart_jitter": 0, "sumo_seed": 1}
    alone = episode(signal_env(**given))["metrics"]
    routes.write_text(text.replace("<routes>", f"<routes>{waiting}"))
    boarded = episode(signal_env(**given))["metrics"]
    assert boarded["undeparted"] == 0
    # SUMO's random numbers shift; five who waited for the whole episode would add 40 s to the mean of 55.
    assert boarded["delay"] == pytest.approx(alone["delay"], abs=2)
    trips = sumo_alone(tmp_path, {"net-file": net, "route-files": routes, "end": 600, "seed": 1})
    assert (trips.depart < 0).sum() == 5, "SUMO itself counts them"


def test_slow_vehicles_lose_time_against_their_own_speed(signal_env: MakeOne, tmp_path: Path) -> None:
    """One bicycle at 4 m/s on a free road: it loses nothing, though the road allows 13.9 m/s."""
    net = cross(tmp_path, program(ALL_RED))
    routes = tmp_path / "d.rou.xml"
    routes.write_text(
        '<routes><vType id="slow" maxSpeed="4" speedDev="0" sigma="0"/>'
        '<trip id="b" type="slow" from="west_in" to="east_out" depart="0" departSpeed="max"/></routes>'
    )
    env = signal_env(net=str(net), routes=str(routes), duration=100, depart_jitter=0, max_green=None)
    env.reset(seed=0)
    env.step(np.int64(0))
    lost = [env.step(np.int64(1))[4]["reward_terms"]["delay"] for _ in range(8)]
    assert max(lost) < 0.1


def test_a_lane_with_three_movements_weighs_once_in_max_pressure(signal_env: MakeOne, tmp_path: Path) -> None:
    net, routes = cross(tmp_path, program(ALL_RED)), flows(tmp_path, {"north_in south_out": 300})
    env = signal_env(net=str(net), routes=str(routes), max_green=None)
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.int64(0))
    (signal,) = env.batch.network.signals
    weights = np.bincount(signal.movements[:, 0], signal.movement_weight)
    assert weights == pytest.approx(np.ones(4))
    assert MaxPressure(env).value(env.batch.state.signal(0, 0)).shape == (2,)


def test_every_reward_preset_has_its_greedy_rule() -> None:
    names = {baseline.name for baseline in BASELINES}
    assert {f"greedy-{preset}" for preset in PRESETS} <= names
    terms = {term for reward in PRESETS.values() for term, weight in reward.weights.items() if weight}
    assert terms <= set(RELIEF)


def test_greedy_rules_take_what_their_reward_counts(signal_env: MakeOne) -> None:
    env = signal_env(max_green=None)
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.int64(0))
    # Five vehicles stand on the northern left turn; six drive slowly from the east, straight on.
    show_state(env, count={"n2": 5, "e1": 8}, queue={"n2": 5}, slowness={"n2": 5, "e1": 6})
    (queue,), (delay,) = greedy_queue(env).act(None), greedy_delay(env).act(None)
    assert (int(queue), int(delay)) == (3, 0)
    state = env.batch.state.signal(0, 0)
    assert relief("delay", state, 5.0).tolist() == [-6, 0, 0, -5]
    assert relief("queue", state, 5.0).tolist() == [0, 0, 0, -5]
    # 1,800 vehicles/h let 2.5 go in 5 s.
    assert relief("throughput", state, 5.0).tolist() == [2.5, 0, 0, 2.5]
    assert relief("emergency_braking", state, 5.0).tolist() == [0, 0, 0, 0]
