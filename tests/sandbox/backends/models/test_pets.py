"""The ensemble learns what follows and how sure it is; PETS plans in it."""

from pathlib import Path

import numpy as np
import pytest

import sandbox
from sandbox.api import DamagedRunError
from sandbox.scenarios.given import as_scenario

torch = pytest.importorskip("torch")

from sandbox.backends.models.ensemble import Ensemble, Steps, fit  # noqa: E402
from sandbox.backends.models.pets import load  # noqa: E402


def linear_steps(count, rng, noise=0.1, ends=False):
    """s' = s + 0.5 a + noise, r = -s; ends above 0.8 where asked."""
    seen = rng.uniform(-1, 1, (count, 1)).astype(np.float32)
    action = rng.uniform(-1, 1, (count, 1)).astype(np.float32)
    following = seen + 0.5 * action + noise * rng.standard_normal((count, 1)).astype(np.float32)
    ended = (following[:, 0] > 0.8) if ends else np.zeros(count, np.bool_)
    return Steps(seen, action, -seen[:, 0], following.astype(np.float32), ended)


def fitted(steps, epochs=60):
    ensemble = Ensemble(3, 1, 1, [32, 32], seed=0)
    rng = np.random.default_rng(0)
    figures = fit(
        ensemble,
        steps,
        rng,
        learning_rate=3e-3,
        weight_decay=0.0,
        batch_size=64,
        max_epochs=epochs,
        patience=8,
        holdout=0.1,
    )
    return ensemble, figures


def predicted(ensemble, observation, action, noise):
    shape = (3, len(observation), 1)
    parts = (torch.tensor(part, dtype=torch.float32).reshape(1, -1, 1) for part in (observation, action))
    return ensemble.step(*(part.expand(shape) for part in parts), noise)


def test_mean_and_deviation_are_learned_from_the_likelihood():
    ensemble, figures = fitted(linear_steps(1500, np.random.default_rng(1)))
    assert figures["model_error"] < 0.2  # noise of 0.1 beside a deviation of 0.3 of what is predicted
    still = torch.zeros((3, 3, 2))
    following, reward, ended = predicted(ensemble, [-0.5, 0.0, 0.5], [0.5, -0.5, 0.0], still)
    np.testing.assert_allclose(following.mean(0)[:, 0], [-0.25, -0.25, 0.5], atol=0.06)
    np.testing.assert_allclose(reward.mean(0), [0.5, 0.0, -0.5], atol=0.06)
    assert not ended.any(), "no step ended anything"
    one = torch.zeros((3, 3, 2))
    one[..., 0] = 1.0
    above, _, _ = predicted(ensemble, [-0.5, 0.0, 0.5], [0.5, -0.5, 0.0], one)
    np.testing.assert_allclose((above - following).mean(0)[:, 0], 0.1, atol=0.04)


def test_it_learns_where_episodes_end():
    ensemble, _ = fitted(linear_steps(1500, np.random.default_rng(2), noise=0.01, ends=True))
    _, _, ended = predicted(ensemble, [0.9, 0.0], [0.9, 0.0], torch.zeros((3, 2, 2)))
    assert ended[:, 0].all()
    assert not ended[:, 1].any()


def test_predictions_stay_near_what_was_met():
    ensemble, _ = fitted(linear_steps(200, np.random.default_rng(3)), epochs=2)
    following, _, _ = predicted(ensemble, [1e6], [1.0], torch.zeros((3, 1, 2)))
    assert float(following.abs().max()) < 4.0


def test_a_pendulum_is_held_up_after_three_episodes(tmp_path):
    scenario = as_scenario("gym:Pendulum-v1", ["evaluation.episodes=2", "evaluation.validations=0"])
    hp = {"candidates": 40, "horizon": 12, "random_steps": 500, "steps_per_fit": 100, "max_epochs": 25}
    run = sandbox.train(scenario, "pets", steps=600, num_envs=1, hp=hp, runs_dir=tmp_path)
    table = sandbox.evaluate([run], scenario)
    assert np.mean(table.values("pets")) > -500, "random actions earn about -1,200"
    policy = load(run.path / "policy")
    file = Path(run.path / "policy" / "policy.json")
    text = file.read_text().replace('"members": 5', '"members": 6')
    file.write_text(text)
    with pytest.raises(DamagedRunError):
        load(run.path / "policy")
    assert policy.config.members == 5
