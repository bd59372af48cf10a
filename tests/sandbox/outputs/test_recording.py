"""Recorded datasets hold exactly the episodes that were played, and read back with Minari."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sandbox.api.errors import InvalidValueError, MisfitError, MissingExtraError, UnknownNameError
from sandbox.envs.single import EnvFactory
from sandbox.outputs.record import record
from sandbox.scenarios.resolve import load_scenario

minari = pytest.importorskip("minari")
pytest.importorskip("h5py")


@pytest.mark.parametrize(
    ("scenario", "agent"),
    [
        ("toy/regulator", "optimal"),
        ("toy/forage", "greedy"),
        ("toy/stall", "cheapest"),
        ("toy/corridor", "random"),
    ],
)
def test_recorded_actions_play_the_same_episode_again(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: str, agent: str
) -> None:
    made = record(scenario, agent, 3, root=tmp_path, seed=5)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.load_dataset(made.name)
    resolved = load_scenario(scenario)
    low, high = resolved.spec.evaluation.seeds.train
    assert dataset.total_episodes == 3
    env = EnvFactory(resolved)()
    assert dataset.spec.observation_space == env.observation_space
    for place, (episode, told) in enumerate(zip(dataset, made.episodes, strict=True)):
        assert told.seed == low + 5 + place < high
        observation, info = env.reset(seed=told.seed)
        assert len(episode.rewards) == told.length
        assert float(np.sum(episode.rewards)) == pytest.approx(told.ret)
        assert (bool(episode.terminations[-1]), bool(episode.truncations[-1])) == (
            told.terminated,
            told.truncated,
        )
        assert not episode.terminations[:-1].any()
        weights = resolved.reward.weights
        terms = episode.infos["reward_terms"]
        for step, action in enumerate(episode.actions):
            if isinstance(observation, dict):
                assert all(
                    np.array_equal(episode.observations[key][step], observation[key]) for key in observation
                )
            else:
                np.testing.assert_array_equal(episode.observations[step], observation)
            if "action_mask" in info:
                np.testing.assert_array_equal(episode.infos["action_mask"][step], info["action_mask"])
            chosen = int(action) if np.ndim(action) == 0 else action
            observation, reward, _, _, info = env.step(chosen)
            assert episode.rewards[step] == pytest.approx(float(reward))
            total = sum(weight * terms[name][step + 1] for name, weight in weights.items())
            assert total == pytest.approx(float(reward), rel=1e-5, abs=1e-6)
    env.close()
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_recorded_is_explained_and_leaves_nothing(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MisfitError, match="several agents"):
        record("toy/tag", "chase", 1, root=tmp_path)
    with pytest.raises(UnknownNameError, match="agent 'optimum'"):
        record("toy/regulator", "optimum", 1, root=tmp_path)
    with pytest.raises(InvalidValueError, match="training seeds"):
        record("toy/regulator", "optimal", 2**40, root=tmp_path)
    for name in ("../x-v0", "/tmp/x-v0", "x", "a b-v0", ".x-v0", "x-v"):
        with pytest.raises(InvalidValueError, match="cannot be a dataset's name"):
            record("toy/regulator", "optimal", 1, root=tmp_path, name=name)
    assert not list(tmp_path.iterdir())
    record("toy/regulator", "optimal", 1, root=tmp_path, name="mine-v0")
    with pytest.raises(InvalidValueError, match="already"):
        record("toy/regulator", "optimal", 1, root=tmp_path, name="mine-v0")
    monkeypatch.setattr("sandbox.outputs.record.missing_modules", lambda names: ["minari"])
    with pytest.raises(MissingExtraError) as caught:
        record("toy/regulator", "optimal", 1, root=tmp_path)
    assert caught.value.hint == 'pip install "sandbox-rl[data]"'
