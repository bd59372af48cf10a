"""What a task says that the numbers of an observation are is what they are."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import sandbox
from sandbox.api import ObservationField
from sandbox.api.errors import MissingExtraError
from sandbox.envs.fields import misfit, observation_fields
from sandbox.registry.discover import registry
from sandbox.scenarios.listing import entries
from sandbox.scenarios.resolve import load_scenario

SHIPPED = (
    "bandits", "chip", "diffusion", "games", "inventory", "language", "locomotion", "mixed-autonomy",
    "traffic",
)  # fmt: skip


def described(name: str, *changes: str) -> tuple[Any, list[str], list[ObservationField]]:
    """An environment, the names of the first agent's numbers, and its fields."""
    scenario = load_scenario(name, changes)
    env = sandbox.make(scenario)
    fields = list(next(iter(observation_fields(scenario, env).values())))
    return env, [number for field in fields for number in field.numbers()], fields


@pytest.mark.parametrize("domain", SHIPPED)
def test_every_task_that_is_shipped_describes_its_observation(domain: str) -> None:
    assert not [task.name for task in registry().domain(domain).tasks if task.observation_fields is None]


@pytest.mark.slow
@pytest.mark.parametrize("domain", SHIPPED)
def test_every_number_of_every_scenario_is_described(domain: str) -> None:
    for entry in entries():
        if not entry.id.startswith(f"{domain}/"):
            continue
        scenario = load_scenario(entry.id)
        try:
            env = sandbox.make(scenario)
        except MissingExtraError:
            continue
        try:
            told = observation_fields(scenario, env)
            parallel = scenario.task.agents == "parallel"
            assert told, entry.id
            for agent, fields in told.items():
                space = env.observation_space(agent) if parallel else env.observation_space
                assert misfit(fields, space) == "", f"{entry.id}, {agent}"
        finally:
            env.close()


def test_stock_and_pipeline_of_lost_sales_are_multiples_of_the_mean_demand() -> None:
    env, names, fields = described("inventory/lost-sales-l4-p4")
    env.reset(seed=1)
    for action in (0.5, -0.2, 0.1):
        observation, *_ = env.step(np.array([action], np.float32))
    mean, state = env.unwrapped.core.model.scale, env.unwrapped.core.sim.state
    assert names[0] == "stock on hand (mean demand)"
    assert names[-1] == "outstanding order, in 3 periods (mean demand)"
    assert observation[0] * mean == pytest.approx(state["stock"][0])
    assert observation[-1] * mean == pytest.approx(state["pipeline"][0, -1])
    assert state["pipeline"][0, -1] > 0
    assert {field.unit for field in fields} == {"mean demand"}


def test_a_retailers_shipments_are_named_in_the_order_in_which_they_are_observed() -> None:
    env, names, _ = described("inventory/warehouse-lost")
    model = env.unwrapped.core.model
    state = model.initial_state(1)
    moving = state["in_transit"]
    retailers = moving.shape[2]
    state["in_transit"] = np.arange(moving.size, dtype=float).reshape(moving.shape) + 100
    seen = dict(zip(names, model.observe(state)[0], strict=False))
    for slot in range(moving.shape[1]):
        for retailer in range(retailers):
            periods = f"{slot + 1} period" + ("s" if slot else "")
            name = f"shipment, retailer {retailer + 1} in {periods} (mean demand)"
            if name in seen:
                assert seen[name] == 100 + slot * retailers + retailer
    assert sum(name.startswith("shipment") for name in names) == len(model._observed)


def test_each_station_of_the_beer_game_is_told_which_one_it_is() -> None:
    env, names, _ = described("inventory/beer-game")
    observations, _ = env.reset(seed=0)
    for station, observation in observations.items():
        assert observation[names.index(f"own station, {station}")] == 1


def test_queues_at_a_signal_are_named_by_their_lanes() -> None:
    env, names, _ = described("traffic/single-intersection", "duration=600")
    observation, _ = env.reset(seed=3)
    for _ in range(30):
        observation, *_ = env.step(0)
    state, network = env.unwrapped.batch.state, env.unwrapped.batch.network
    for place, lane in enumerate(network.signals[0].incoming):
        share = min(state.queue[0, 0, place] / network.capacity[0, place], 1.0)
        assert observation[names.index(f"standing, {lane} (capacity)")] == pytest.approx(share)
    assert observation[names.index("phase, 0 rrrrGGGrrrrrGGGr")] == 1
    env.close()


def test_a_robots_numbers_are_named_by_its_joints() -> None:
    env, names, _ = described("locomotion/hopper")
    observation, _ = env.reset(seed=0)
    simulation = env.unwrapped.core.simulation
    qpos = simulation.physics.motion[0, : simulation.robot.mj_model.nq]
    foot = simulation.robot.mj_model.joint("foot_joint").qposadr[0]
    assert observation[names.index("angle, foot_joint (rad)")] == qpos[foot]
    assert names[0] == "position, rootz (m)"


def test_frames_of_a_robot_are_told_apart() -> None:
    _, names, _ = described("locomotion/hopper", "frame_stack=2")
    assert len(set(names)) == len(names) == 22
    assert names[0] == "position, 1 step ago, rootz (m)"


def test_an_automated_vehicles_speed_is_in_tens_of_metres_a_second() -> None:
    env, names, fields = described("mixed-autonomy/ring")
    observation, _ = env.reset(seed=0)
    local = env.unwrapped.core.traffic.local()
    assert [field.unit for field in fields] == ["10 m/s", "1 m/s", "10 m", "1 m/s"]
    assert observation[names.index("speed (10 m/s)")] * 10 == pytest.approx(local.speed[0, 0])
    assert observation[names.index("gap (10 m)")] * 10 == pytest.approx(local.gap[0, 0], rel=1e-5)


def test_a_boards_planes_are_one_field_each() -> None:
    env, names, fields = described("games/tic-tac-toe")
    assert [field.name for field in fields] == ["own stones", "the other's stones", "one's move"]
    assert len(names) == 27
    env.close()


SPACE = gym.spaces.Dict({"a": gym.spaces.Box(0, 1, (2,)), "b": gym.spaces.Discrete(3)})


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ([("a", (2,)), ("b", ())], ""),
        ([("a", (3,)), ("b", ())], "the fields describe 3 numbers, the part 'a' has 2"),
        ([("a", (2,))], "the fields describe 0 numbers, the part 'b' has 1"),
        ([("a", (2,)), ("b", ()), ("c", ())], "'c' is no part of the observation; its parts are a, b"),
    ],
)
def test_fields_that_do_not_fit_a_space_are_told(fields: list[tuple[str, Any]], complaint: str) -> None:
    told = tuple(
        ObservationField(f"field {place}", "1", "something", shape=shape, part=part)
        for place, (part, shape) in enumerate(fields)
    )
    assert misfit(told, SPACE) == complaint


@pytest.mark.parametrize(("name", "unit", "meaning"), [("", "1", "x"), ("x", "", "x"), ("x", "1", "")])
def test_a_field_without_name_unit_or_meaning_is_refused(name: str, unit: str, meaning: str) -> None:
    field = ObservationField(name, unit, meaning)
    assert "needs a name, a unit" in misfit((field,), gym.spaces.Box(0, 1, (1,)))


def test_as_many_entries_as_numbers_are_named() -> None:
    with pytest.raises(ValueError, match="names 1 entries of 2 numbers"):
        ObservationField("queue", "1", "by lane", ("north",), shape=(2,))
