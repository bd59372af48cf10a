"""Training, stopping, going on, saving and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sandbox
from sandbox.api import DamagedRunError, MisfitError
from sandbox.backends.denoising.policy import load
from sandbox.envs.models import models_of
from sandbox.runs.directory import progress
from sandbox.scenarios.resolve import load_scenario

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


def test_training_of_the_first_images_starts_at_the_pretrained_model(tmp_path: Path) -> None:
    run = trained("ddpo-sf", tmp_path, steps=160)
    (figures,) = [row["exact_kl"] for row in progress(run) if "exact_kl" in row]
    assert figures == pytest.approx(0.0, abs=1e-3)


def test_a_policy_goes_on_from_another_ones_weights(tmp_path: Path) -> None:
    first = trained("rwr", tmp_path / "a")
    second = trained("ddpo-is", tmp_path / "b", init_from=first.path)
    assert second.policy_folder("final").exists()


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
