"""The twin against values worked out by hand, and against what its contract promises."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.api import InvalidValueError
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.simulators import make_batch
from sandbox_traffic.twin.arrays import ARRIVED, DRIVING, OUTSIDE
from sandbox_traffic.twin.batch import TwinBatch
from sandbox_traffic.twin.geometry import crossing
from sandbox_traffic.twin.krauss import (
    FREE,
    brake_gap,
    braking_distance,
    dawdled,
    follow_speed,
    free_speed,
    slowed,
    stop_speed,
)

HEAD = (
    '<routes><vType id="calm" sigma="0" speedFactor="1" speedDev="0" {more}/>'
    '<route id="r" edges="w_in e_out"/>'
)


def routes(folder: Path, body: str, more: str = "") -> str:
    path = folder / "demand.rou.xml"
    path.write_text(HEAD.format(more=more) + body + "</routes>")
    return str(path)


def vehicle(number: int, depart: float, speed: str = "max") -> str:
    departure = f'depart="{depart}" departLane="0" departSpeed="{speed}"'
    return f'<vehicle id="{number}" type="calm" route="r" {departure}/>'


def batch(rows: int = 1, **config: Any) -> TwinBatch:
    made = make_batch(SignalConfig(simulator="twin", **config), PRESETS["delay"], rows)
    assert isinstance(made, TwinBatch)
    return made


@pytest.fixture
def net() -> str:
    """The generated junction as a file: from west to east through the first phase."""
    return str(batch().network.roads.path)


def test_speeds_are_those_of_krauss_in_steps_of_a_second() -> None:
    # From 10 m/s with 4.5 m/s²: 5.5, then 1.0, then it stands, after 6.5 m.
    assert brake_gap(10.0, 4.5) == pytest.approx(6.5)
    assert stop_speed(6.501, 4.5, 0.0) == pytest.approx(10.0, abs=1e-9)
    # After a second at 5.5 m/s, the 1.0 m of the next one are left of the same way.
    assert stop_speed(6.501, 4.5, 1.0) == pytest.approx(5.5, abs=1e-9)
    assert stop_speed(-1.0, 4.5, 1.0) == 0.0
    # 20 m before a limit of 5 m/s: 9.5 m in this second, and 10.5 m are left for two seconds of 5 m/s.
    assert free_speed(14.5, 5.0, 4.5) == pytest.approx(9.5, abs=0.01)
    assert dawdled(1.0, 2.6, 0.5, 1.0) == pytest.approx(0.5)
    assert dawdled(10.0, 2.6, 0.5, 0.5) == pytest.approx(9.35)


def way_to_a_stop(speed: float, decel: float) -> float:
    steps = math.floor(speed / decel)
    return steps * speed - decel * steps * (steps + 1) / 2


def speed_to_stop(gap: float, decel: float) -> float:
    room = gap - 0.001
    if room < 0.0:
        return 0.0
    steps = math.floor(0.5 - (1.0 - 0.5 * math.sqrt(1.0 + 4.0 * (2.0 * room / decel))))
    return steps * decel + (room - (0.5 * steps * (steps - 1) * decel + steps * decel)) / (steps + 1.0)


def test_what_is_not_computed_makes_no_difference_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    skipped = 0
    for gap, leader, enough, speed in rng.uniform(0.0, [60.0, 20.0, 20.0, 20.0], (3000, 4)).tolist():
        short, decel = 0.1 * gap, 4.5
        assert brake_gap(leader, decel) == way_to_a_stop(leader, decel)
        assert (gap <= brake_gap(leader, decel)) == (gap <= braking_distance(leader, decel, gap))
        assert stop_speed(short, decel, 1.0) == speed_to_stop(short, decel)
        exact = speed_to_stop(gap + way_to_a_stop(leader, decel), decel)
        followed = follow_speed(0.0, gap, leader, 4.0, decel, 9.0, 1.0, enough)
        assert min(followed, enough) == min(exact, enough)
        assert followed in (exact, FREE)
        skipped += followed == FREE
        assert slowed(speed, gap, enough, decel) == min(speed, free_speed(gap, enough, decel))
    assert 500 < skipped < 2500


def test_ways_cross_where_they_do() -> None:
    way = np.array([[0.0, 0.0], [4.0, 0.0]])
    assert crossing(way, np.array([[1.0, -1.0], [1.0, 3.0]])) == pytest.approx((0.25, 0.25))
    assert crossing(way, np.array([[0.0, 1.0], [4.0, 1.0]])) == (-1.0, -1.0)


def test_a_lone_vehicle_arrives_when_the_way_at_the_limit_takes_it(tmp_path: Path, net: str) -> None:
    made = batch(net=net, routes=routes(tmp_path, vehicle(0, 0.0)), duration=120, depart_jitter=0)
    made.reset([1])
    for _ in range(24):
        made.step(np.zeros((1, 1), np.int64))
    (trips,) = [simulation.trips for simulation in made.simulations]
    assert trips is not None
    # 386.4 + 27.43 + 386.4 m from a front at 5.1 m, 13.89 m a second: 57.2 s, and it first moves at 1 s.
    assert trips.arrival.tolist() == [58.0]
    assert trips.duration.tolist() == [58.0]
    assert trips.time_loss[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_a_lone_vehicle_arrives_when_it_does_on_sumo(tmp_path: Path, net: str) -> None:
    arrivals = []
    for simulator in ("sumo", "twin"):
        config = SignalConfig(
            simulator=simulator,
            net=net,
            routes=routes(tmp_path, vehicle(0, 0.0)),
            duration=120,
            depart_jitter=0,
        )
        made = make_batch(config, PRESETS["delay"])
        made.reset([1])
        for _ in range(24):
            made.step(np.zeros((1, 1), np.int64))
        trips = made.simulations[0].trips
        assert trips is not None
        arrivals.append(trips.arrival.tolist())
        made.close()
    assert arrivals[0] == arrivals[1]


def test_a_queue_leaves_at_the_saturation_flow_of_its_headway(tmp_path: Path, net: str) -> None:
    """At speed v a vehicle follows at v·τ + gap + length: v/(v·τ + 7.5) vehicles a second, 1 in 1.54 s."""
    body = "".join(vehicle(number, 0.1 * number, "0") for number in range(30))
    made = batch(net=net, routes=routes(tmp_path, body), duration=300, depart_jitter=0, max_green=None)
    made.reset([1])
    incoming = made.network.signals[0].incoming
    lanes = [incoming.index("w_in_0"), incoming.index("w_in_1")]
    passed = []
    for decision in range(60):  # north to south first, so that the queue stands
        made.step(np.array([[2 if decision < 30 else 0]]))
        passed.append(made.state.passed[0, 0, lanes])
    assert sum(passed[-1]) == 30.0, "all have left"
    assert sum(passed[29]) <= 8.0, "few stand beyond the loops, 28 m before the stop line"
    flow = max((passed[34] - passed[31]) / 15.0)
    assert 1 / flow == pytest.approx((13.89 + 7.5) / 13.89, rel=0.25)


def test_no_vehicle_is_lost_or_made() -> None:
    made = batch(3, duration=600)
    made.reset([1, 2, 3])
    rng, over = np.random.default_rng(0), False
    while not over:
        over = bool(made.step(rng.integers(4, size=(3, 1))).any())
        cars = made.require()
        for row in range(3):
            on_lanes = 0
            for head in cars.lanes["head"][row]:
                car, before = int(head), np.inf
                while car >= 0:
                    assert cars.cars["position"][row, car] <= before, "vehicles of a lane are in order"
                    before = cars.cars["position"][row, car]
                    on_lanes, car = on_lanes + 1, int(cars.cars["behind"][row, car])
            where = cars.cars["where"][row]
            assert on_lanes == (where == DRIVING).sum()
            due = cars.cars["depart"][row] <= cars.clock["now"][row, 0] - 1.0
            assert (where[~due] == OUTSIDE).all()
            waiting = due & (where == OUTSIDE)
            assert cars.edges["count"][row].sum() == waiting.sum()
    assert (made.require().cars["where"] == ARRIVED).any()


def test_a_row_plays_the_episode_of_its_seed_alone() -> None:
    many, single = batch(4, duration=300), batch(1, duration=300)
    many.reset([7, 8, 9, 10])
    single.reset([9])
    rng = np.random.default_rng(0)
    for _ in range(60):
        phases = rng.integers(4, size=(4, 1))
        many.step(phases)
        single.step(phases[2:3])
        assert np.array_equal(many.observations()[2], single.observations()[0])
        assert np.array_equal(many.rewards().total[2], single.rewards().total[0])
    assert many.simulations[2].metrics == single.simulations[0].metrics


def test_a_kept_moment_and_a_copy_go_on_to_the_last_bit() -> None:
    env = SignalEnv(SignalConfig(simulator="twin", duration=300), PRESETS["delay"])
    env.reset(seed=3)
    rng = np.random.default_rng(1)
    for _ in range(20):
        env.step(np.int64(rng.integers(4)))
    held, copied, phases = env.hold(), copy.deepcopy(env), rng.integers(4, size=40)
    played = [env.step(phase)[0] for phase in phases]
    again = [copied.step(phase)[0] for phase in phases]
    env.go_on(held)
    third = [env.step(phase)[0] for phase in phases]
    assert np.array_equal(played, again)
    assert np.array_equal(played, third)


def test_fixed_time_runs_the_program_of_the_network() -> None:
    made = batch(duration=300)
    made.reset([1])
    made.follow("own")
    program = made.network.signals[0].program
    cycle = sum(step.seconds for step in program.steps)
    shown = []
    for _ in range(60):
        shown.append((int(made.now[0]), made.simulations[0].clocks[0].shown))
        made.step(made.phases())
    for now, state in shown[1:]:
        time, steps = (now - 1) % cycle, iter(program.steps)
        step = next(steps)
        while time >= step.seconds:
            time, step = time - step.seconds, next(steps)
        assert state == step.state


def test_drivers_drawn_again_are_others_and_departed_ones_the_same() -> None:
    made = batch(duration=300)
    made.reset([1])
    for _ in range(20):
        made.step(np.zeros((1, 1), np.int64))
    before = made.require().cars[0].copy()
    made.redraw(5)
    after, outside = made.require().cars[0], before["where"] == OUTSIDE
    assert (after["factor"][outside] != before["factor"][outside]).all()
    assert np.array_equal(after[~outside], before[~outside])


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"pedestrians": 100.0}, "walkers"),
        ({"bicycles": 0.1}, "bicycles"),
        ({"emissions": True}, "emissions"),
        ({"step_length": 0.5}, "time steps"),
        ({"lateral_resolution": 0.8}, "sublanes"),
        ({"options": "collision.action=warn"}, "options"),
    ],
)
def test_what_the_twin_has_no_rule_for_is_refused_with_the_way_out(config: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidValueError, match=what) as error:
        batch(**config)
    assert "simulator: sumo" in str(error.value) + str(error.value.hint)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ('<vehicle id="0" route="r" depart="0"><stop lane="e_out_0" duration="9"/></vehicle>', "stops"),
        ('<vType id="idm" carFollowModel="IDM"/><vehicle id="0" type="idm" route="r" depart="0"/>', "IDM"),
        ('<vType id="tram" vClass="tram"/><vehicle id="0" type="tram" route="r" depart="0"/>', "tram"),
    ],
)  # fmt: skip
def test_demand_that_the_twin_has_no_rule_for_is_refused(
    tmp_path: Path, net: str, body: str, what: str
) -> None:
    with pytest.raises(InvalidValueError, match=what):
        batch(net=net, routes=routes(tmp_path, body))


def test_scenarios_on_sumo_keep_their_hashes() -> None:
    assert "simulator" not in SignalConfig().model_dump(mode="json")
    assert SignalConfig(simulator="twin").model_dump(mode="json")["simulator"] == "twin"


def test_only_vehicles_that_depart_within_the_episode_are_made() -> None:
    made = batch(duration=600, window=3000)._demand
    whole = made.draw(5, 1.0, 0.0, 3600.0)
    part = made.draw(5, 1.0, 1200.0, 1800.0)
    within = (whole.depart >= 1200) & (whole.depart <= 1800)
    assert 0.1 < within.mean() < 0.3
    for name in ("depart", "first", "last", "origin", "profile"):
        assert getattr(part, name).tolist() == getattr(whole, name)[within].tolist()
