"""What others add to a task keeps its native batch and exact resume, and harms nobody when it is broken."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import sandbox
from sandbox.api import MisfitError, UnknownNameError
from sandbox.envs.make import make_training, make_vec
from sandbox.envs.training_state import capture, restore
from sandbox.registry.discover import Registry, registry
from sandbox.scenarios.given import as_scenario

TOYS = Path(__file__).parents[2] / "toys"
PLUGINS = f"{TOYS / 'plugin.py'},{TOYS / 'extras.py'}"


@pytest.fixture(autouse=True)
def _extras(monkeypatch, tmp_path):
    monkeypatch.setenv("SANDBOX_PLUGINS", PLUGINS)
    monkeypatch.chdir(tmp_path)
    registry.cache_clear()
    yield
    registry.cache_clear()


def without_extras(monkeypatch, name, **more):
    with monkeypatch.context() as patch:
        patch.setenv("SANDBOX_PLUGINS", str(TOYS / "plugin.py"))
        registry.cache_clear()
        resolved = as_scenario(name, **more)
        known = resolved.hash, resolved.reward.weights
    registry.cache_clear()
    return known


def test_new_terms_are_told_and_weigh_nothing_until_they_are_asked_for(monkeypatch):
    hashed, weights = without_extras(monkeypatch, "toy/shelf")
    scenario = as_scenario("toy/shelf")
    assert scenario.reward.weights == {**weights, "crowded": 0.0, "missed": 0.0}
    assert scenario.hash == hashed  # what is installed beside a task does not make its scenarios others
    envs = make_vec(scenario, 3)
    envs.reset(seed=[1, 2, 3])
    _, reward, _, _, info = envs.step(np.array([5, 0, 1]))
    terms = info["reward_terms"]
    assert terms["crowded"].tolist() == (terms["left"] > 3).tolist()
    assert reward == pytest.approx(sum(weight * terms[name] for name, weight in weights.items()))

    asked = as_scenario("toy/shelf", reward=["missed=-2"])
    assert asked.hash != hashed
    _, reward, _, _, info = stepped(make_vec(asked, 3), np.array([5, 0, 1]))
    assert reward == pytest.approx(asked.reward.total(info["reward_terms"]))


def stepped(envs, action):
    envs.reset(seed=[1, 2, 3])
    return envs.step(action)


def test_a_preset_is_the_tasks_own_with_what_differs():
    spec = as_scenario("toy/shelf", reward=["careful"]).reward
    assert spec.weights == {
        "sold": 3.0, "ordered": -1.0, "placed": -1.0, "left": -0.2, "crowded": 0.0, "missed": -0.5
    }  # fmt: skip
    assert as_scenario("toy/shelf", reward=["spacious"]).reward.weights["missed"] == 0.0


def test_metrics_from_terms_are_what_a_hand_count_gives_in_one_environment_and_in_a_batch():
    scenario = as_scenario("toy/shelf", ["config.horizon=9"])
    env, rng = sandbox.make(scenario), np.random.default_rng(0)
    envs = make_vec(scenario, 2)
    for seed in range(5):
        env.reset(seed=seed)
        envs.reset(seed=[seed, seed])
        ordered, placed, left = [], [], []
        for _ in range(9):
            action = int(rng.integers(6))
            *_, info = env.step(action)
            *_, told = envs.step(np.array([action, action]))
            ordered.append(info["reward_terms"]["ordered"])
            placed.append(info["reward_terms"]["placed"])
            left.append(info["reward_terms"]["left"])
        expected = {"largest_order": max(ordered), "orders": sum(placed), "mean_left": np.mean(left)}
        assert {name: info["metrics"][name] for name in expected} == pytest.approx(expected)
        for name, value in expected.items():
            assert told["final_info"]["metrics"][name] == pytest.approx([value, value])
        assert "profit" in info["metrics"]


def test_agents_are_ranked_by_an_added_metric_and_an_added_baseline_plays():
    table = sandbox.evaluate(
        ["nothing", "fill", "random"], "toy/shelf", changes=["metric=orders"], episodes=4
    )
    assert table.ranking()[0] == "nothing"
    assert table.values("nothing").tolist() == [0, 0, 0, 0]
    assert as_scenario("toy/shelf", ["metric=orders"]).hash != as_scenario("toy/shelf").hash


def test_metrics_of_several_agents_are_of_all_that_are_there():
    table = sandbox.evaluate(["chase"], "toy/tag", episodes=3)
    assert all(0 <= episode.metrics["nearest"] <= 10 for episode in table.episodes)


@pytest.mark.parametrize("observe", ["squared", "with-time"])
def test_another_observation_is_shown_by_single_and_native_environments_alike(observe):
    scenario = as_scenario("toy/shelf", [f"observe={observe}", "config.horizon=4"])
    envs, env = make_vec(scenario, 2), sandbox.make(scenario)
    assert type(envs.unwrapped).__name__ == "BatchedVectorEnv"
    assert envs.single_observation_space == env.observation_space
    seen, _ = envs.reset(seed=[3, 3])
    single, _ = env.reset(seed=3)
    for step in range(1, 5):
        assert seen[0].tolist() == single.tolist()
        if observe == "with-time":
            assert single[1] == pytest.approx(1 - (step - 1) / 4)
        seen, *_, info = envs.step(np.array([1, 1]))
        single, *_ = env.step(1)
    assert info["final_obs"][1].tolist() == single.tolist()
    assert scenario.hash != as_scenario("toy/shelf", ["config.horizon=4"]).hash


def test_a_batch_that_resets_by_itself_shows_what_depends_on_its_observation_alone():
    halved = as_scenario("toy/regulator", ["observe=halved", "config.horizon=3"])
    envs = make_vec(halved, 2)
    plain = make_vec(as_scenario("toy/regulator", ["config.horizon=3"]), 2)
    seen, _ = envs.reset(seed=[1, 2])
    own, _ = plain.reset(seed=[1, 2])
    for _ in range(3):
        assert seen == pytest.approx(own / 2)
        seen, *_, info = envs.step(np.ones((2, 1), np.float32))
        own, *_, told = plain.step(np.ones((2, 1), np.float32))
    assert info["final_obs"][0] == pytest.approx(told["final_obs"][0] / 2)

    reads = as_scenario("toy/regulator", ["observe=with-steps", "config.horizon=3"])
    envs = make_vec(reads, 2)
    assert type(envs).__name__ == "SyncVectorEnv"  # the simulator's state at an episode's end is needed
    envs.reset(seed=[1, 2])
    for _ in range(3):
        *_, info = envs.step(np.ones((2, 1), np.float32))
    assert [final[1] for final in info["final_obs"]] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("toy/shelf", ["observe=with-time"]),
        ("toy/regulator", ["observe=with-steps"]),
        ("toy/regulator", ["observe=halved"]),
        ("toy/tag", []),
    ],
)
def test_training_environments_go_on_exactly_with_what_was_added(name, changes):
    scenario = as_scenario(name, [*changes, "config.horizon=11"])
    envs, fresh = make_training(scenario, 2, seed=0), make_training(scenario, 2, seed=0)
    envs.reset()
    envs.action_space.seed(0)
    for _ in range(16):
        envs.step(envs.action_space.sample())
    restore(fresh, capture(envs), pytest.fail)
    ended = 0
    for _ in range(30):
        action = envs.action_space.sample()
        ours, theirs = envs.step(action), fresh.step(action)
        assert np.array_equal(ours[0], theirs[0])
        if "final_info" in ours[4]:
            first, second = (part[4]["final_info"].get("metrics") for part in (ours, theirs))
            if first is not None:
                ended += 1
                assert all(np.array_equal(first[key], second[key]) for key in first)
    assert ended >= 2


def test_a_run_with_an_added_observation_and_term_is_trained_and_evaluated():
    run = sandbox.train(
        "toy/shelf",
        "reinforce",
        changes=["observe=with-time"],
        reward=["missed=-1"],
        steps=400,
        num_envs=2,
        hp={"episodes_per_update": 2},
    )
    table = sandbox.evaluate([run, "nothing"], run.scenario, episodes=3)
    assert len(table.values("reinforce")) == 3


def test_an_observation_that_is_not_there_or_of_several_agents_is_refused():
    with pytest.raises(UnknownNameError, match="Unknown observation 'squard'") as caught:
        as_scenario("toy/shelf", ["observe=squard"])
    assert "squared" in caught.value.hint
    scenario = as_scenario("toy/tag")
    both = dataclasses.replace(scenario.task, observations=as_scenario("toy/shelf").task.observations)
    scenario.__dict__["task"] = both
    del scenario.__dict__["observation"]
    scenario.__dict__["spec"] = scenario.spec.model_copy(update={"observe": "squared"})
    with pytest.raises(MisfitError, match="has several agents"):
        sandbox.make(scenario)


BROKEN = """
from sandbox.api import Baseline, Extension, Metric, RewardTerm

nowhere = Extension(name="nowhere", task="toy/no_shelf")
no_domain = Extension(name="no-domain", task="toys/shelf")
twice = Extension(name="twice", task="toy/shelf", metrics=(Metric("profit", "1", "lower", from_term="left"),))
bare = Extension(name="bare", task="toy/shelf", metrics=(Metric("what", "1", "lower"),))
term = Extension(name="term", task="toy/shelf", terms=(RewardTerm("sold"),))
fine = Extension(name="fine", task="toy/shelf", terms=(RewardTerm("half", lambda e: e.left / 2),))
"""


def test_a_broken_extension_is_listed_and_the_rest_works(monkeypatch, tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN)
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{TOYS / 'plugin.py'},{tmp_path / 'broken.py'}")
    registry.cache_clear()
    with pytest.warns(UserWarning, match="'term' are left out: it brings the reward term 'sold'"):
        weights = as_scenario("toy/shelf").reward.weights
    assert set(weights) == {"sold", "ordered", "placed", "left", "half"}
    errors = {status.name: status.error for status in Registry().statuses() if status.group == "extension"}
    assert "there is no task 'toy/no_shelf'" in errors["nowhere"]
    assert "there is no domain 'toys'" in errors["no-domain"]
    assert "the metric 'profit', which the task has already" in errors["twice"]
    assert "does not say from_term or from_info" in errors["bare"]
    assert errors["fine"] is None
