"""The transfer benchmark: equal steps and hyperparameters, and source data that reach the learner."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer

from benchmarks import transfer
from sandbox.runs.directory import Run, runs

SMALL = ("evaluation.episodes=2", "evaluation.validations=1", "horizon=60", "threads=1")
HP = ("learning_starts=20", "net_arch=[8]", "batch_size=16", "train_freq=1", "gradient_steps=1")


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["transfer", *words])
    return transfer.main()


def test_half_of_a_batch_is_the_sources() -> None:
    box = spaces.Box(-1, 1, (1,), np.float32)
    prior = ReplayBuffer(8, box, box, "cpu")
    own = transfer.balanced(prior)(8, box, box, "cpu")
    for buffer, reward in ((prior, 5.0), (own, 1.0)):
        nothing = np.zeros((1, 1), np.float32)
        buffer.add(nothing, nothing, nothing, np.array([reward]), np.array([False]), [{}])
    assert own.sample(6).rewards.flatten().tolist() == [1.0] * 3 + [5.0] * 3


def test_four_agents_are_compared_at_equal_steps_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [word for change in SMALL for word in ("--set", change)]
    hyper = [word for value in HP for word in ("--hp", value)]
    words = ["locomotion/half-cheetah-heavy", "--algo", "sac", "--mix", "--steps", "120", "--seeds", "2"]
    words += ["--source-steps", "100"]
    words += [*changes, *hyper, "--runs-dir", str(tmp_path)]
    assert call(monkeypatch, *words) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert {len(result["agents"][name]) for name in ("source", "fine-tuned", "scratch")} == {2}
    assert len(result["agents"]["source data in replay"]) == 2
    assert {"zero", "open-loop", "random"} <= set(result["agents"])
    assert len({*result["agents"]["scratch"], *result["agents"]["source data in replay"]}) == 4
    made = [*runs(tmp_path), *runs(tmp_path / "mixed")]
    records = [run.record for run in made if isinstance(run, Run)]
    assert len(records) == 8
    assert {record.steps for record in records} == {120}
    assert len({json.dumps(record.hyperparameters, sort_keys=True) for record in records}) == 1
    assert sum(record.init_from is not None for record in records) == 2
    assert call(monkeypatch, *words) == 0
    assert json.loads(capsys.readouterr().out) == [result]
    assert len([*runs(tmp_path), *runs(tmp_path / "mixed")]) == 8


def test_mistakes_are_told_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "locomotion/half-cheetah-hevay", "--runs-dir", str(tmp_path)) != 0
    assert "half-cheetah-heavy" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        call(monkeypatch, "--source-run", "a", "--seeds", "2")
    with pytest.raises(SystemExit):
        call(monkeypatch, "--mix", "--algo", "ppo", "--runs-dir", str(tmp_path))
    words = ["--mix", "--algo", "sac", "--hp", "n_steps=3", "--runs-dir", str(tmp_path)]
    assert call(monkeypatch, *words) != 0
    assert "one-step" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
