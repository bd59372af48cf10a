"""Planners look ahead in copies of the task, with chance of their own."""

import numpy as np
import pytest

import sandbox
from sandbox.api import InvalidValueError, MisfitError
from sandbox.backends.models.config import PlanningConfig, RolloutConfig
from sandbox.backends.models.planning import PlanningPolicy
from sandbox.backends.models.planning import load as load_planning
from sandbox.backends.models.rollout import RolloutPolicy
from sandbox.backends.models.rollout import load as load_rollout
from sandbox.envs.models import models_of
from sandbox.scenarios.given import as_scenario

LOST_SALES = "inventory/lost-sales-l2-p4"
SHORT = ["config.horizon=200", "evaluation.config.horizon=200", "evaluation.config.warmup=40"]
DISCRETE = ["config.orders=discrete", *SHORT]


@pytest.fixture(autouse=True)
def _folders(monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))
    monkeypatch.setenv("SANDBOX_INVENTORY_CACHE", str(tmp_path_factory.getbasetemp() / "solved"))


def test_what_chance_will_decide_is_not_known_to_the_planner():
    """Same stock, other demand to come, which both have drawn ahead: the same plan."""
    scenario = as_scenario(LOST_SALES, DISCRETE)
    actions = []
    for seed in (1, 2):
        env = sandbox.make(scenario)
        env.reset(seed=seed)
        env.unwrapped.core.sim.state = {"stock": np.array([4.0]), "pipeline": np.array([[5.0]])}
        policy = RolloutPolicy(env.action_space, RolloutConfig(scenarios=16, horizon=12), "base-stock")
        policy.bind(env.unwrapped, models_of(scenario))
        policy.reset(1, seed=7)
        actions.append([int(policy.act(env.unwrapped.core.sim.observe())[0]) for _ in range(8)])
    assert actions[0] == actions[1]


def test_demand_in_copies_is_neither_that_of_the_episode_nor_taken_from_its_generator():
    scenario = as_scenario(LOST_SALES, DISCRETE)
    env = sandbox.make(scenario).unwrapped
    env.reset(seed=3)
    before = env.np_random.bit_generator.state
    copies = models_of(scenario).simulator(64)
    copies.branch(env, np.zeros(64, np.int64), np.arange(64), np.random.default_rng(0))
    rewards = np.array([copies.step(np.full(64, 5))[0] for _ in range(20)])
    assert env.np_random.bit_generator.state == before
    played = np.array([env.step(5)[1] for _ in range(20)])
    assert (np.abs(rewards - played[:, None]).max(0) > 0).all(), "no copy met the demand of the episode"


def test_copies_of_a_stream_meet_the_same_chance():
    scenario = as_scenario(LOST_SALES, DISCRETE)
    env = sandbox.make(scenario).unwrapped
    env.reset(seed=3)
    copies = models_of(scenario).simulator(4)
    copies.branch(env, np.zeros(4, np.int64), np.array([0, 1, 0, 1]), np.random.default_rng(0))
    rewards = np.array([copies.step(np.full(4, 5))[0] for _ in range(10)])
    np.testing.assert_array_equal(rewards[:, :2], rewards[:, 2:])
    assert not np.array_equal(rewards[:, 0], rewards[:, 1])


def test_one_step_of_look_ahead_closes_most_of_the_gap_of_base_stock_and_beats_no_optimum():
    scenario = as_scenario(LOST_SALES, [*DISCRETE, "evaluation.episodes=24"])
    run = sandbox.train(
        scenario, "rollout", expert="base-stock", hp={"horizon": 16, "scenarios": 32, "width": 4}
    )
    table = sandbox.evaluate([run, "base-stock", "optimal"], scenario)
    rollout, base, best = (np.asarray(table.values(name)) for name in ("rollout", "base-stock", "optimal"))
    closed = (base - rollout).mean() / (base - best).mean()
    assert closed > 0.5
    error = (rollout - best).std(ddof=1) / np.sqrt(len(best))
    assert (rollout - best).mean() > -3 * error


def test_continuous_orders_are_planned_and_better_than_orders_at_random():
    changes = ["config.horizon=60", "evaluation.config.horizon=60", "evaluation.config.warmup=10"]
    scenario = as_scenario(LOST_SALES, [*changes, "evaluation.episodes=8"])
    hp = {"horizon": 8, "candidates": 32, "scenarios": 16}
    run = sandbox.train(scenario, "planning", hp=hp)
    table = sandbox.evaluate([run, "random"], scenario)
    assert np.mean(table.values("planning")) < 0.6 * np.mean(table.values("random"))


def test_robots_in_a_simulator_move_as_the_robot_that_is_played():
    pytest.importorskip("mujoco")
    scenario = as_scenario("locomotion/hopper", ["config.horizon=50"])
    env = sandbox.make(scenario).unwrapped
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(3):
        env.step(rng.uniform(-1, 1, 3).astype(np.float32))
    copies = models_of(scenario).simulator(2)
    copies.branch(env, np.zeros(2, np.int64), np.zeros(2, np.int64), rng)
    for _ in range(5):
        action = rng.uniform(-1, 1, 3).astype(np.float32)
        reward, ended = copies.step(np.stack([action, action]))
        _, played, terminated, *_ = env.step(action)
        assert reward.tolist() == [played, played]
        assert ended.tolist() == [terminated, terminated]
    copies.close()
    env.close()


def test_settings_are_saved_and_a_policy_without_an_environment_says_so(tmp_path):
    scenario = as_scenario(LOST_SALES, DISCRETE)
    env = sandbox.make(scenario)
    policy = RolloutPolicy(env.action_space, RolloutConfig(width=2), "base-stock")
    policy.save(tmp_path / "rollout")
    loaded = load_rollout(tmp_path / "rollout")
    assert (loaded.base, loaded.config) == ("base-stock", policy.config)
    with pytest.raises(MisfitError, match="has not been given one"):
        loaded.act(np.zeros((1, 2), np.float32))
    box = sandbox.make(LOST_SALES).action_space
    PlanningPolicy(box, PlanningConfig(method="cem")).save(tmp_path / "planning")
    assert load_planning(tmp_path / "planning").config.method == "cem"


def test_a_width_keeps_actions_near_those_of_the_baseline():
    env = sandbox.make(as_scenario(LOST_SALES, DISCRETE))
    policy = RolloutPolicy(env.action_space, RolloutConfig(width=1), "base-stock")
    options, allowed = policy._options(np.array([0, 6]), None)
    assert [options[row][allowed[row]].tolist() for row in (0, 1)] == [[0, 1], [6, 5, 7]]


@pytest.mark.parametrize(
    ("scenario", "changes", "algorithm", "expert", "message"),
    [
        ("gym:CartPole-v1", [], "rollout", "random", "plans with a simulator of the task"),
        (LOST_SALES, [], "rollout", "base-stock", "action space Box"),
        (LOST_SALES, DISCRETE, "rollout", None, "rollout learns from an expert, and none is given"),
        (LOST_SALES, DISCRETE, "rollout", "random", "Random actions are no expert"),
        (
            LOST_SALES,
            ["config.demand={kind: ar1, mean: 5, std: 1}"],
            "planning",
            None,
            "independent from period to period, not ar1",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused_before_anything_is_written(
    scenario, changes, algorithm, expert, message, tmp_path
):
    with pytest.raises((MisfitError, InvalidValueError), match=message):
        sandbox.train(as_scenario(scenario, changes), algorithm, expert=expert, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
