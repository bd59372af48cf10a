"""Datasets, experts and models reach the algorithms that ask for them; whatever is missing is said first."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import sandbox
from sandbox.api import InvalidValueError, MisfitError, PluginError, UnknownNameError
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.evaluation.experts import find_expert
from sandbox.outputs.record import record
from sandbox.registry.discover import registry
from sandbox.runs.directory import Run
from sandbox.scenarios.given import as_scenario
from sandbox.training.plan import make_plan

HERE = Path(__file__).parents[2] / "toys"


@pytest.fixture(autouse=True)
def _learners(monkeypatch, tmp_path):
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{HERE / 'plugin.py'},{HERE / 'learners.py'}")
    monkeypatch.chdir(tmp_path)
    registry.cache_clear()
    yield
    registry.cache_clear()


def optimal_values(model):
    values = np.zeros(model.num_states)
    for _ in range(2_000):
        values = model.action_values(values).max(axis=1)
    return values


def test_counting_what_an_expert_did_gives_the_expert_back_without_a_step(monkeypatch):
    pytest.importorskip("minari")
    made = record("toy/shelf", "fill", 60)
    scenario = as_scenario("toy/shelf")

    def refuse(*_):
        raise AssertionError("an environment was stepped in training")

    with monkeypatch.context() as patch:
        patch.setattr("sandbox.training.train.make_training", refuse)
        run = sandbox.train(scenario, "count", data=made.path)
    table = sandbox.evaluate([run, "fill"], scenario)
    assert table.values("count").tolist() == table.values("fill").tolist()


def test_an_offline_algorithm_that_steps_is_stopped_and_leaves_nothing(tmp_path):
    with pytest.raises(PluginError, match="cheat declares that it learns offline"):
        sandbox.train("toy/shelf", "cheat")
    assert list((tmp_path / "runs").rglob("run.json")) == []


def test_values_of_the_finite_model_are_what_the_environment_earns():
    scenario = as_scenario("toy/shelf", ["config.horizon=400"])
    model = models_of(scenario).finite
    values, run = optimal_values(model), sandbox.train(scenario, "solve")
    env, total, policy = sandbox.make(scenario), [], run.policy
    policy.bind(env, models_of(scenario))
    for seed in range(200):
        observation, _ = env.reset(seed=seed)
        value, discount = 0.0, 1.0
        for _ in range(250):  # 0.95^250 is 3e-6
            observation, reward, *_ = env.step(int(policy.act(observation[None])[0]))
            value, discount = value + discount * reward, discount * model.discount
        total.append(value)
    error = np.std(total) / np.sqrt(len(total))
    assert np.mean(total) == pytest.approx(values.mean(), abs=4 * error)


def test_the_exact_policy_is_not_beaten_by_any_level():
    model = models_of(as_scenario("toy/shelf")).finite
    best = optimal_values(model)
    for level in range(model.num_states):
        orders = np.maximum(level - np.arange(model.num_states), 0)
        values = np.zeros(model.num_states)
        for _ in range(2_000):
            values = model.action_values(values)[np.arange(model.num_states), orders]
        assert (values <= best + 1e-9).all()


def test_gradients_through_the_dynamics_are_those_of_finite_differences():
    torch = pytest.importorskip("torch")
    models = models_of(as_scenario("toy/regulator"))
    dynamics, rng = models.dynamics, np.random.default_rng(0)
    start, noises = dynamics.begin(rng, 5), dynamics.noise(rng, 5, 10)

    def mean_return(gain, xp, convert):
        state, total = {name: convert(value) for name, value in start.items()}, 0.0
        for noise in noises:
            action = -gain * dynamics.observe(state, xp)
            state, happened = dynamics.step(state, action, convert(noise), xp)
            total = total + models.reward(happened).total
        return total.mean()

    gain = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    mean_return(gain, torch, torch.from_numpy).backward()
    low, high = (mean_return(value, np, np.asarray) for value in (0.4 - 1e-5, 0.4 + 1e-5))
    assert gain.grad.item() == pytest.approx((high - low) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("name", ["fill", "every-third"])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_an_expert_labels_every_observation_with_what_it_would_play_itself(name, num_envs):
    scenario = as_scenario("toy/shelf", ["config.horizon=7"])
    envs = make_training(scenario, num_envs, seed=0, expert=find_expert(name, scenario))
    observation, info = envs.reset()
    count, capacity = 0, scenario.config.capacity
    for _ in range(20):
        stock = np.rint(observation[:, 0] * capacity).astype(int)
        expected = capacity - stock if name == "fill" or count % 3 == 0 else np.zeros_like(stock)
        assert info["expert_action"].tolist() == expected.tolist()
        observation, _, terminated, truncated, info = envs.step(np.zeros(num_envs, int))
        count = 0 if (terminated | truncated).any() else count + 1
    envs.close()


def test_an_expert_without_memory_is_asked_for_a_whole_batch_and_one_with_it_row_by_row():
    scenario = as_scenario("toy/regulator")
    envs = make_training(scenario, 4, seed=0, expert=find_expert("optimal", scenario))
    assert type(envs).__name__ == "SyncVectorEnv"  # its gain depends on the time, which it counts itself
    observation, info = envs.reset()
    single = sandbox.make(scenario)
    policy = registry().task("toy/regulator").baselines[0]
    gain = __import__("toy_regulator").make_optimal(single)
    assert policy.name == "optimal"
    assert info["expert_action"] == pytest.approx(gain.act(observation))
    envs.close()


def test_agents_of_one_game_are_labelled_each():
    scenario = as_scenario("toy/tag")
    envs = make_training(scenario, 2, seed=0, expert=find_expert("chase", scenario))
    _, info = envs.reset()
    assert info["expert_action"].shape == (6,)
    assert info["action_mask"][np.arange(6), info["expert_action"]].all()
    envs.close()


def test_a_run_that_learned_from_data_and_an_expert_says_so_and_is_repeated():
    pytest.importorskip("minari")
    made = record("toy/shelf", "fill", 3)
    run = sandbox.train("toy/shelf", "ask", data=made.path, expert="every-third", steps=100)
    written = json.loads((run.path / "run.json").read_text())
    assert written["data"]["path"] == str(made.path.resolve())
    assert written["expert"] == "every-third"
    assert written["algorithm_version"] == 1
    from sandbox.training.plan import repeated

    _, arguments = repeated(Run.open(run.path))
    assert (arguments["data"], arguments["expert"]) == (str(made.path.resolve()), "every-third")
    (made.path / "data" / "more.txt").write_text("changed")
    with pytest.raises(InvalidValueError, match=r"the dataset .* is gone or has changed since"):
        repeated(Run.open(run.path))


def test_a_trained_policy_is_an_expert_for_another_learner():
    teacher = sandbox.train("toy/shelf", "solve")
    pupil = sandbox.train("toy/shelf", "ask", expert=teacher.path, steps=2_000)
    table = sandbox.evaluate([teacher, pupil], "toy/shelf")
    assert table.values("ask").tolist() == table.values("solve").tolist()


@pytest.mark.parametrize(
    ("scenario", "algo", "given", "error", "message", "hint"),
    [
        (
            "shelf",
            "count",
            {},
            InvalidValueError,
            "learns from a dataset, and none",
            "sandbox record toy/shelf",
        ),
        ("shelf", "ask", {}, InvalidValueError, "learns from an expert, and none", "fill, every-third"),
        ("shelf", "ask", {"expert": "fil"}, UnknownNameError, "Unknown expert 'fil'", "Did you mean fill"),
        ("shelf", "ask", {"expert": "random"}, MisfitError, "Random actions are no expert", ""),
        ("shelf", "solve", {"expert": "fill"}, MisfitError, "solve has no use for an expert", "ask"),
        ("shelf", "ppo", {"data": "x.npz"}, MisfitError, "ppo has no use for a dataset", "count"),
        ("forage", "solve", {}, MisfitError, "needs the task's finite model, and", "toy/shelf"),
        ("stall", "descend", {}, MisfitError, "needs the task's dynamics as array operations", ""),
    ],
)
def test_what_is_missing_or_of_no_use_is_said_before_anything_starts(
    scenario, algo, given, error, message, hint
):
    with pytest.raises(error, match=message) as caught:
        make_plan(as_scenario(f"toy/{scenario}"), algo, **given)
    assert hint in caught.value.hint
