"""What training reports, when it stops, what it starts from, and what it never does."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from sb3_tasks import (
    ALGORITHMS,
    Corridor,
    Recorder,
    config_of,
    context,
    example_action_space,
    load,
    of_kind,
    short,
    trained,
    vector,
)

import sandbox
from sandbox.api import DamagedRunError, InvalidValueError, MisfitError, RunFailedError, StopTraining
from sandbox.backends.sb3 import train as module


def make_for(name: str, length: int = 5) -> Any:
    return lambda: Corridor(length, action_space=example_action_space(name))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_progress_ends_with_every_step_counted_and_the_learning_described(name: str) -> None:
    update = Recorder()
    algorithm = ALGORITHMS[name]
    rows = 2 if algorithm.capabilities.vectorised else 1
    envs = vector(make_for(name), rows)
    trained(name, make_for(name), steps=64, rows=rows, update=update, envs=envs)
    taken = sum(len(env.taken) for env in envs.envs)
    assert update.steps == sorted(set(update.steps)) or not algorithm.resumable
    assert update.steps[-1] == taken
    iteration = {
        "on-policy": rows * config_of(name)(**short(name)).n_steps if algorithm.kind == "on-policy" else 0,
        "off-policy": rows,
        "evolution": 2 * 2 * 5,  # whole sets of 2 · n_delta episodes of 5 steps
    }[algorithm.kind]
    assert taken == math.ceil(64 / iteration) * iteration
    assert update.values[-1]["rollout/ep_rew_mean"] == 5
    assert update.values[-1]["rollout/ep_len_mean"] == 5
    assert update.values[-1]["train/learning_rate"] > 0
    assert all(np.isfinite(value) for values in update.values for value in values.values())
    assert not any(key.startswith("time/") for values in update.values for key in values)


@pytest.mark.parametrize("name", ["ppo", "dqn", "ars"])
def test_long_training_is_reported_in_about_a_hundred_updates_at_least(name: str) -> None:
    update = Recorder()
    trained(name, make_for(name), steps=1600, update=update)
    assert len(update.steps) >= 60
    assert max(np.diff(update.steps)) <= 40


def test_a_long_rollout_is_reported_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UPDATE_SECONDS", 0.0)
    update = Recorder()
    trained("ppo", Corridor, {"n_steps": 32, "batch_size": 32, "n_epochs": 1}, steps=64, update=update)
    assert 5 in update.steps


@pytest.mark.parametrize("name", ALGORITHMS)
def test_stopping_passes_through_and_closes_the_environment(name: str) -> None:
    update, envs = Recorder(stop_at=20), vector(make_for(name), 1)
    threads = torch.get_num_threads()
    with pytest.raises(StopTraining):
        trained(name, make_for(name), steps=10_000, update=update, envs=envs)
    assert envs.closed
    assert 20 <= update.steps[-1] <= 120
    assert torch.get_num_threads() == threads


def test_a_failing_environment_is_closed_and_its_error_kept() -> None:
    class Failing(Corridor):
        def step(self, action: Any) -> Any:
            raise RuntimeError("the simulator died")

    envs = vector(Failing, 1)
    with pytest.raises(RuntimeError, match="the simulator died"):
        trained("ppo", Failing, envs=envs)
    assert envs.closed


@pytest.mark.parametrize("name", ["ppo", "a2c", "dqn", "sac"])
def test_a_training_that_diverges_is_reported_in_a_sentence(name: str) -> None:
    class Endless(Corridor):
        def step(self, action: Any) -> Any:
            observation, _, *rest = super().step(action)
            return observation, float("nan"), *rest

    def make() -> Corridor:
        return Endless(5, action_space=example_action_space(name))

    envs = vector(make, 1)
    with pytest.raises(RunFailedError, match=r"Training diverged: after [0-9]+ steps"):
        trained(name, make, steps=400, envs=envs)
    assert envs.closed


def test_ars_refuses_more_than_one_row() -> None:
    with pytest.raises(InvalidValueError, match="cannot use 2 rows"):
        trained("ars", Corridor, rows=2)


def test_the_policy_that_an_update_gives_does_not_change_afterwards() -> None:
    update = Recorder()
    update.keep_policies = True
    final = trained("ppo", make_for("ppo"), steps=64, update=update)
    weights = [policy.policy.action_net.weight for policy in update.policies]  # type: ignore[attr-defined]
    assert not torch.equal(weights[0], weights[-1])
    assert torch.equal(weights[-1], final.policy.action_net.weight)


@pytest.mark.parametrize("name", ["ppo", "sac", "dqn"])
def test_looking_at_the_policy_does_not_change_the_training(name: str) -> None:
    quiet, curious = Recorder(), Recorder()
    curious.keep_policies = True
    weights = []
    for update in (quiet, curious):
        policy = trained(name, make_for(name), steps=64, update=update)
        for seen in update.policies:
            seen.act(np.zeros((2, 1), np.float32), deterministic=False)
        weights.append(policy.policy.state_dict())
    assert len(curious.policies) > 2
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
@pytest.mark.parametrize("action_space", [spaces.Discrete(5), spaces.MultiDiscrete([3, 4])], ids=str)
def test_maskable_ppo_never_takes_a_forbidden_action_in_training(
    action_space: Any, mode: AutoresetMode
) -> None:
    def make() -> Corridor:
        return Corridor(4, True, action_space, masked=True)

    envs = vector(make, 3, mode)
    policy = trained("maskable-ppo", make, steps=96, rows=3, masks=True, envs=envs)
    assert sum(len(env.taken) for env in envs.envs) == 96
    assert sum(env.forbidden_taken for env in envs.envs) == 0
    env = make()
    observation, info = env.reset(seed=0)
    for deterministic in (True, False) * 20:
        action = policy.act(observation[None], info["action_mask"][None], deterministic)[0]
        observation, _, ended, cut_off, info = env.step(action)
        if ended or cut_off:
            observation, info = env.reset()
    assert len(env.taken) == 40
    assert env.forbidden_taken == 0


@pytest.mark.parametrize("name", ["dqn", "ppo", "a2c", "maskable-ppo"])
def test_a_task_with_masks_can_be_trained_on_by_algorithms_without(name: str) -> None:
    def make() -> Corridor:
        return Corridor(4, action_space=spaces.Discrete(3), masked=name != "maskable-ppo")

    envs = vector(make, 2)
    trained(name, make, rows=2, masks=name != "maskable-ppo", envs=envs)
    assert sum(len(env.taken) for env in envs.envs) >= 64


def quiet(name: str) -> dict[str, Any]:
    """No exploration noise, and a bound on steps whose size does not follow the learning rate."""
    fields = config_of(name).model_fields
    noise = {"action_noise_std": 0.0} if "action_noise_std" in fields else {}
    return noise | ({"target_kl": 1e-30} if "cg_max_steps" in fields else {})


def assert_started_from(name: str, initial: Path, hyperparameters: dict[str, Any], expected: Any) -> None:
    """Training with a vanishing learning rate keeps what it started from."""
    still = {"learning_rate": 1e-30} | quiet(name)
    policy = trained(name, make_for(name), {**hyperparameters, **still}, initial=initial)
    for key, value in policy.policy.state_dict().items():
        if key.endswith(("ra_mean", "ra_var", "steps")):
            continue  # CrossQ's batch statistics go on, whatever the learning rate
        assert torch.allclose(value, expected[key], atol=1e-6), key


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_starts_from_its_own_policy(name: str, tmp_path: Path) -> None:
    policy = trained(name, make_for(name), seed=1)
    policy.save(tmp_path)
    expected = policy.policy.state_dict()
    for network in ALGORITHMS[name].target_networks:
        for key in [key for key in expected if key.startswith(f"{network}_target.")]:
            expected[key] = expected[key.replace(f"{network}_target.", f"{network}.", 1)]
    assert_started_from(name, tmp_path, short(name), expected)


@pytest.mark.parametrize(
    "name", [name for name in of_kind("off-policy") if "Box" in ALGORITHMS[name].capabilities.action_spaces]
)
def test_fine_tuning_acts_by_the_policy_it_starts_from_and_not_at_random(name: str, tmp_path: Path) -> None:
    make = make_for(name)
    first = trained(name, make, seed=1)
    # An actor that is sure: what it samples is its mode.
    if hasattr(first.policy.actor, "log_std"):
        with torch.no_grad():
            first.policy.actor.log_std.weight.zero_()
            first.policy.actor.log_std.bias.fill_(-20)
    first.save(tmp_path)
    envs = vector(make, 1)
    waiting = short(name) | {"learning_starts": 64} | quiet(name)
    trained(name, make, waiting, steps=20, initial=tmp_path, envs=envs)
    observations = np.arange(20, dtype=np.float32)[:, None] % 5
    first.reset(20)
    wanted = first.act(observations)
    assert np.ptp(wanted, axis=0).max() > 1e-3
    assert np.allclose(envs.envs[0].taken, wanted, atol=1e-3)


@pytest.mark.parametrize("name", ["a2c", "trpo", "maskable-ppo"])
def test_policy_gradient_algorithms_start_from_each_other(name: str, tmp_path: Path) -> None:
    policy = trained("ppo", make_for("ppo"))
    policy.save(tmp_path)
    assert_started_from(name, tmp_path, short(name), policy.policy.state_dict())


def test_the_normaliser_goes_on_from_the_saved_one(tmp_path: Path) -> None:
    normalised = {**short("ppo"), "normalize_observation": True}
    first = trained("ppo", make_for("ppo"), normalised, steps=64)
    first.save(tmp_path)
    second = trained("ppo", make_for("ppo"), normalised, steps=32, initial=tmp_path)
    assert first.normaliser is not None
    assert second.normaliser is not None
    counts = [policy.normaliser.statistics[""].count for policy in (first, second)]  # type: ignore[union-attr]
    assert counts == [pytest.approx(65, abs=0.01), pytest.approx(65 + 33, abs=0.01)]


@pytest.mark.parametrize(
    ("name", "hyperparameters", "make", "words"),
    [
        (
            "ppo",
            {"net_arch": [32]},
            Corridor,
            r"mlp_extractor.policy_net.0.weight: 32 × 1 is needed, 64 × 1 is given",
        ),
        (
            "ppo",
            {},
            lambda: Corridor(observation_space=spaces.Box(0, 1, (3,))),
            r"64 × 3 is needed, 64 × 1 is given",
        ),
        (
            "ppo",
            {},
            lambda: Corridor(action_space=spaces.Discrete(4)),
            r"action_net.weight: 4 × 64 is needed, 2 × 64",
        ),
        (
            "dqn",
            {"net_arch": [64, 64]},
            Corridor,
            r"q_net.q_net.0.weight: 64 × 1 is needed, but the saved policy has no such layer",
        ),
        ("ppo", {"activation": "relu"}, Corridor, "trained with activation tanh, here it would be relu"),
        ("ppo", {"normalize_observation": True}, Corridor, "trained on plain observations"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_naming_what_differs(
    name: str, hyperparameters: dict[str, Any], make: Any, words: str, tmp_path: Path
) -> None:
    trained("ppo", Corridor).save(tmp_path)
    envs = vector(make, 1)
    with pytest.raises(MisfitError, match=words):
        trained(name, make, {**short(name), **hyperparameters}, initial=tmp_path, envs=envs)
    assert envs.closed
    assert not any(env.taken for env in envs.envs)


def test_a_normalised_policy_is_not_continued_without_its_normaliser(tmp_path: Path) -> None:
    trained("ppo", Corridor, {**short("ppo"), "normalize_observation": True}).save(tmp_path)
    with pytest.raises(MisfitError, match="normalised observations") as error:
        trained("a2c", Corridor, initial=tmp_path)
    assert error.value.hint == "Use --hp normalize_observation=true."


def test_a_damaged_policy_is_not_started_from(tmp_path: Path) -> None:
    trained("ppo", Corridor).save(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(DamagedRunError, match="SHA-256"):
        trained("ppo", Corridor, initial=tmp_path)


def test_ppo_learns_to_balance_a_pole_for_a_while(tmp_path: Path) -> None:
    def make() -> gym.Env[Any, Any]:
        return gym.make("CartPole-v1")

    hyperparameters = {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gae_lambda": 0.8, "gamma": 0.98,
                       "learning_rate": 1e-3, "learning_rate_schedule": "linear"}  # fmt: skip
    trained("ppo", make, hyperparameters, steps=20_000, rows=8).save(tmp_path)
    policy, env = load(tmp_path), make()
    returns = []
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        policy.reset(1)
        ended, total = False, 0.0
        while not ended:
            observation, reward, terminated, truncated, _ = env.step(policy.act(observation[None])[0])
            ended, total = terminated or truncated, total + float(reward)
        returns.append(total)
    assert np.mean(returns) > 200  # a random policy balances it for about 22 steps


def test_nothing_in_the_package_can_load_a_pickle() -> None:
    """A check of the syntax tree: no pickle module, no torch.load, no SB3 loader, no allow_pickle=True."""
    forbidden_modules = {"pickle", "cloudpickle", "dill", "shelve", "joblib", "marshal"}
    found = []
    for path in Path(sandbox.__file__).parent.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                flags = {k.arg: ast.unparse(k.value) for k in node.keywords}
                if (
                    called in ("torch.load", "th.load")
                    or called.endswith(("load_from_pkl", "load_from_zip_file"))
                    or (called in ("np.load", "numpy.load") and flags.get("allow_pickle") != "False")
                ):
                    names = ["pickle"]
            if any(name.split(".")[0] in forbidden_modules or name == "torch.load" for name in names):
                found.append(f"{path.name}:{node.lineno}")  # type: ignore[attr-defined]
    assert found == []


def test_off_policy_algorithms_reserve_no_more_memory_than_the_training_fills() -> None:
    from sandbox.backends.sb3.model import build_model
    from sandbox.backends.sb3.vec_env import VecEnvAdapter

    for name in of_kind("off-policy"):
        given = context(name, make_for(name), {}, steps=1000)
        model = build_model(ALGORITHMS[name], given, VecEnvAdapter(vector(make_for(name), 2)))
        assert 500 <= model.replay_buffer.buffer_size <= 510  # type: ignore[attr-defined]
