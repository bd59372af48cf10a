"""Exported policies act as the originals do, on real observations and in any batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.api.errors import (
    DamagedRunError,
    MisfitError,
    MissingExtraError,
    RunFailedError,
    UnknownNameError,
)
from sandbox.envs.single import EnvFactory
from sandbox.outputs.export import export
from sandbox.training.train import train


@pytest.fixture
def tools() -> None:
    """Skips where the extra ``export`` is not installed."""
    for name in ("onnx", "onnxruntime", "onnxscript", "torch"):
        pytest.importorskip(name)


@pytest.mark.usefixtures("toys", "tools")
@pytest.mark.parametrize(
    ("scenario", "algo", "hp"),
    [
        ("toy/corridor", "reinforce", []),
        ("toy/regulator", "reinforce", ["normalize_observation=true"]),
        ("toy/stall", "reinforce", []),
        ("toy/forage", "ppo", ["n_steps=64", "batch_size=64"]),  # masks: maskable-ppo
        ("toy/regulator", "sac", ["learning_starts=100"]),
        ("toy/tag", "ppo", ["n_steps=64", "batch_size=64"]),
    ],
)
def test_an_exported_policy_acts_as_the_original(
    tmp_path: Path, scenario: str, algo: str, hp: list[str]
) -> None:
    run = train(scenario, algo, steps=400, hp=hp, runs_dir=tmp_path)
    made = export(run, episodes=1)
    assert made.path == run.path / "policy.onnx"
    assert made.observations > 0
    assert made.largest_difference <= 1e-4
    assert not list(run.path.glob(".*.tmp"))


@pytest.mark.usefixtures("toys", "tools")
def test_the_file_takes_the_tasks_own_observations_one_or_many_and_says_what_it_is(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    run = train("toy/regulator", "ppo", steps=300, hp=["normalize_observation=true"], runs_dir=tmp_path)
    path = export(f"{run.path}@best", out=tmp_path / "there" / "p.onnx").path
    session = onnxruntime.InferenceSession(str(path))
    env: Any = EnvFactory(run.scenario)()
    observation, _ = env.reset(seed=1)
    (one,) = session.run(None, {"observation": np.asarray(observation[None], np.float32)})
    (many,) = session.run(None, {"observation": np.asarray(np.stack([observation] * 7), np.float32)})
    assert env.action_space.contains(one[0].astype(env.action_space.dtype))
    assert many.shape == (7, *env.action_space.shape)
    np.testing.assert_allclose(many, np.repeat(one, 7, axis=0), atol=1e-6)
    facts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert facts["scenario"] == "toy/regulator"
    assert facts["policy"] == "best"
    assert facts["scenario_hash"] == run.record.scenario_hash


@pytest.mark.usefixtures("toys", "tools")
def test_a_file_that_acts_otherwise_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train("toy/corridor", "reinforce", steps=300, runs_dir=tmp_path)
    import sandbox.outputs.export as module

    def wrong(path: Path, names: Any, seen: Any, space: Any) -> float:
        return original_compare(path, names, type(seen)(seen.observation, seen.mask, 1 - seen.actions), space)

    original_compare = module._compare
    monkeypatch.setattr(module, "_compare", wrong)
    with pytest.raises(RunFailedError, match=r"acts otherwise in 100\.00% of"):
        export(run)
    assert not (run.path / "policy.onnx").exists()
    assert not list(run.path.glob(".*.tmp"))


@pytest.mark.usefixtures("toys")
def test_what_cannot_be_exported_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train("toy/corridor", "reinforce", steps=300, runs_dir=tmp_path)
    with pytest.raises(UnknownNameError, match="format 'tflite'"):
        export(run, "tflite")
    monkeypatch.setattr("sandbox.outputs.export.missing_modules", lambda names: ["onnx"])
    with pytest.raises(MissingExtraError) as caught:
        export(run)
    assert caught.value.hint == 'pip install "sandbox-rl[export]"'
    monkeypatch.setattr("sandbox.outputs.export.missing_modules", lambda names: [])
    with pytest.raises(DamagedRunError, match="not a run directory"):
        export(tmp_path / "nowhere")
    recurrent = train("toy/corridor", "recurrent-ppo", steps=200, hp=["n_steps=32"], runs_dir=tmp_path)
    with pytest.raises(MisfitError, match="keeps a state"):
        export(recurrent)
