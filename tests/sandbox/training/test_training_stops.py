"""A training that is asked to stop: at safe points, within validations and within long rollouts."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.evaluation.progress import Phase, Silent
from sandbox.registry.discover import registry
from sandbox.runs.directory import Run, progress
from sandbox.training.train import train
from sandbox.workflow import resume

HERE = Path(__file__)
SLOW = HERE.parents[2] / "fixtures" / "slow" / "plugin.py"
TOYS = HERE.parents[2] / "toys" / "plugin.py"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin whose steps take as long as asked for."""
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{SLOW},{TOYS}")
    registry.cache_clear()
    yield
    registry.cache_clear()


class Terminated(Silent):
    """Sends SIGTERM, twice as ``timeout`` does, with the first report of steps."""

    def __init__(self) -> None:
        self.at: float | None = None

    def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
        if phase == "train" and done > 0 and self.at is None:
            self.at = time.monotonic()
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)


def only_run(root: Path) -> Run:
    (record,) = root.rglob("run.json")
    return Run.open(record.parent)


def test_sigterm_ends_training_at_a_safe_point_with_a_checkpoint(slow: None, tmp_path: Path) -> None:
    changes = ["config.seconds=0.01", "config.horizon=20"]
    with pytest.raises(KeyboardInterrupt, match="sandbox resume"):
        train(
            "slow/walk",
            "plod",
            steps=10**6,
            num_envs=2,
            changes=changes,
            runs_dir=tmp_path,
            progress=Terminated(),
        )
    run = only_run(tmp_path)
    assert run.status == "interrupted"
    newest = max((run.path / "checkpoints").iterdir())
    assert int(newest.name) == run.record.steps_done > 0
    assert run.record.steps_done % 20 == 0, "rollouts have 10 steps of 2 environments"


def test_a_rollout_that_lasts_too_long_is_cut_and_the_last_checkpoint_kept(
    slow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.training.train.SAFE_POINT_WAIT", 0.5)
    terminated = Terminated()
    with pytest.raises(KeyboardInterrupt):
        train(
            "slow/walk",
            "plod",
            steps=10**6,
            num_envs=1,
            hp={"rollout": 100_000},
            changes=["config.seconds=0.05", "config.horizon=100000"],
            runs_dir=tmp_path,
            checkpoint_every=0,
            progress=terminated,
        )
    assert terminated.at is not None
    assert 0.5 < time.monotonic() - terminated.at < 10
    run = only_run(tmp_path)
    assert run.status == "interrupted"
    assert [int(path.name) for path in (run.path / "checkpoints").iterdir()] == [0]


class TerminatedInValidation(Silent):
    """Sends SIGTERM when the second validation begins."""

    def __init__(self) -> None:
        self.validations = 0

    def start(self, phase: Phase, title: str, total: int, unit: str, done: int = 0) -> None:
        if phase == "validate":
            self.validations += 1
            if self.validations == 2:
                os.kill(os.getpid(), signal.SIGTERM)


def validations_of(run: Run) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in record.items() if name != "seconds"}
        for record in progress(run)
        if any(name.startswith("validation/") for name in record)
    ]


def test_a_validation_is_interrupted_and_repeated_when_training_goes_on(slow: None, tmp_path: Path) -> None:
    """The result is that of a run without a stop."""
    settings: dict[str, Any] = {
        "steps": 512,
        "num_envs": 2,
        "hp": {"n_steps": 32, "batch_size": 32, "n_epochs": 1},
        "changes": ["evaluation.validations=4", "evaluation.validation_episodes=2"],
    }
    whole = train("toy/forage", "ppo", runs_dir=tmp_path / "whole", **settings)
    listener = TerminatedInValidation()
    with pytest.raises(KeyboardInterrupt):
        train("toy/forage", "ppo", runs_dir=tmp_path / "cut", progress=listener, **settings)
    cut = only_run(tmp_path / "cut")
    assert listener.validations == 2
    assert cut.record.steps_done == 256
    assert len(validations_of(cut)) == 1, "the interrupted validation is not recorded"
    resumed = resume(cut.path)
    assert validations_of(resumed) == validations_of(whole)
    for name in ("policy", "policy/best"):
        weights = [(run.path / name / "weights.safetensors").read_bytes() for run in (whole, resumed)]
        assert weights[0] == weights[1]


class TerminatedAtTheEnd(Silent):
    """Sends SIGTERM when a validation begins."""

    def start(self, phase: Phase, title: str, total: int, unit: str, done: int = 0) -> None:
        if phase == "validate":
            os.kill(os.getpid(), signal.SIGTERM)


def test_the_last_validation_is_interruptible_as_well(slow: None, tmp_path: Path) -> None:
    changes = ["evaluation.validations=1", "evaluation.validation_episodes=1"]
    settings: dict[str, Any] = {"steps": 128, "num_envs": 2, "hp": {"n_steps": 32, "batch_size": 32}}
    with pytest.raises(KeyboardInterrupt):
        train(
            "toy/forage",
            "ppo",
            changes=changes,
            runs_dir=tmp_path,
            progress=TerminatedAtTheEnd(),
            checkpoint_every=0,
            **settings,
        )
    run = only_run(tmp_path)
    assert run.status == "interrupted"
    assert resume(run.path).status == "done"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_environments_in_worker_processes_are_gone_after_a_stop(slow: None, tmp_path: Path) -> None:
    before = set(children())
    with pytest.raises(KeyboardInterrupt):
        train(
            "slow/walk",
            "plod",
            steps=10**6,
            num_envs=2,
            changes=["config.seconds=0.01"],
            runs_dir=tmp_path,
            progress=Terminated(),
        )
    assert set(children()) <= before


def children() -> list[int]:
    """Child processes of this one; the resource tracker of multiprocessing stays."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in listed}
    return [pid for pid, line in lines.items() if b"resource_tracker" not in line]
