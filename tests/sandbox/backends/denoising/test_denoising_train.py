"""Training, stopping, going on, saving and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sandbox
from sandbox.api import DamagedRunError, MisfitError, Resume, TrainContext, read_state, write_state
from sandbox.backends.denoising.policy import load
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import load_scenario
from sandbox.training.plan import Plan, make_plan

SMALL = ["config.images=16", "config.steps=5", "evaluation.config={}", "evaluation.validations=0"]
ALGORITHMS = ["ddpo-is", "ddpo-sf", "rwr"]


def trained(algorithm: str, folder: Path, steps: int = 320, **settings: Any) -> Any:
    """A finished run."""
    scenario = load_scenario("diffusion/eight", SMALL)
    return sandbox.train(scenario, algorithm, steps=steps, num_envs=2, runs_dir=folder, **settings)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_saved_policy_draws_the_same_images(algorithm: str, tmp_path: Path) -> None:
    run = trained(algorithm, tmp_path)
    policies = [load(run.policy_folder("final")) for _ in range(2)]
    observation = np.random.default_rng(0).standard_normal((7, 65)).astype(np.float32)
    observation[:, -1] = np.arange(7) / 5 % 1
    drawn = []
    for policy in policies:
        policy.bind(None, models_of(load_scenario("diffusion/eight", SMALL)))
        policy.reset(7, seed=3)
        drawn.append(policy.act(observation))
    np.testing.assert_array_equal(*drawn)
    # An image is drawn, also where the mode is asked for; the mode itself is there for who wants it.
    policies[0].reset(7, seed=4)
    assert not np.array_equal(policies[0].act(observation), drawn[1])
    policies[0].stochastic = False
    np.testing.assert_array_equal(policies[0].act(observation), policies[0].act(observation))


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    first, second = (trained("ddpo-is", tmp_path / name, seed=5) for name in "ab")
    files = [run.policy_folder("final") / "weights.safetensors" for run in (first, second)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_first_images_are_the_pretrained_models_own() -> None:
    seen: list[float] = []
    plan = make_plan(load_scenario("diffusion/eight", SMALL), "ddpo-sf", steps=480, num_envs=2)
    learned(plan, on_values=lambda values: seen.append(values["exact_kl"]))
    assert seen[0] == pytest.approx(0.0, abs=1e-3)
    assert seen[2] > 0.01


def test_a_policy_goes_on_from_another_ones_weights(tmp_path: Path) -> None:
    first = trained("rwr", tmp_path / "a")
    second = trained("ddpo-is", tmp_path / "b", init_from=first.path)
    assert second.policy_folder("final").exists()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stopped_training_goes_on_bit_by_bit(algorithm: str, tmp_path: Path) -> None:
    plan = make_plan(load_scenario("diffusion/eight", SMALL), algorithm, steps=480, num_envs=2)
    whole = learned(plan)
    with pytest.raises(KeyboardInterrupt):
        learned(plan, stop=tmp_path)
    gone_on = learned(plan, resume=tmp_path)
    for name, tensor in whole.model.network.state_dict().items():
        np.testing.assert_array_equal(gone_on.model.network.state_dict()[name], tensor)


def learned(
    plan: Plan, stop: Path | None = None, resume: Path | None = None, on_values: Any = lambda values: None
) -> Any:
    """Train by a plan: to the end, until a state is written after two rounds, or on from there."""
    made: list[Any] = []

    def make_envs(num_envs: int) -> Any:
        made.append(make_training(plan.scenario, num_envs, 0))
        if resume is not None:
            made[0].reset()
            made[0].set_state(read_state(resume, "envs"))
        return made[0]

    def update(steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
        if values is not None:
            on_values(values)
        if stop is not None and steps == 320:
            state(stop, None)
            write_state(stop, "envs", made[0].get_state())
            raise KeyboardInterrupt

    context = TrainContext(
        make_envs=make_envs,
        observation_space=plan.observation_space,
        action_space=plan.action_space,
        config=plan.config,
        steps=plan.steps,
        seed=3,
        num_envs=plan.num_envs,
        update=update,
        models=models_of(plan.scenario),
        resume=None if resume is None else Resume(resume, environments=True),
    )
    return resolve(plan.algorithm.train)(context)


def test_an_unbound_policy_says_what_is_missing(tmp_path: Path) -> None:
    policy = load(trained("ddpo-is", tmp_path, steps=160).policy_folder("final"))
    with pytest.raises(MisfitError, match="call bind"):
        policy.act(np.zeros((1, 65), np.float32))


def test_weights_of_another_network_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox_diffusion.networks import load as networks

    policy = load(trained("ddpo-is", tmp_path, steps=160).policy_folder("final"))
    models = models_of(load_scenario("diffusion/eight", SMALL))
    smaller = networks.make_denoiser(models.config)
    smaller.network.leave = None  # type: ignore[assignment]
    monkeypatch.setattr(networks, "make_denoiser", lambda config: smaller)
    with pytest.raises(MisfitError, match=r"leave\.weight"):
        policy.bind(None, models)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    folder = trained("ddpo-is", tmp_path, steps=160).policy_folder("final")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedRunError):
        load(folder)


def test_tasks_without_a_pretrained_model_are_refused_before_anything_starts(tmp_path: Path) -> None:
    from sandbox.registry.discover import registry
    from sandbox.training.fit import check_fit, spaces_of

    scenario = load_scenario("gym:Pendulum-v1")
    spaces = spaces_of(scenario)
    with pytest.raises(MisfitError, match="fine-tunes a pre-trained model, and the task has none") as refused:
        check_fit(scenario, registry().algorithm("ddpo-is"), spaces.observation, spaces.action)
    assert "diffusion/images" in refused.value.hint


def test_actions_that_are_noise_are_refused(tmp_path: Path) -> None:
    scenario = load_scenario("diffusion/eight", [*SMALL, "config.action=noise"])
    with pytest.raises(MisfitError, match="action=noise"):
        sandbox.train(scenario, "ddpo-is", steps=160, num_envs=2, runs_dir=tmp_path)
