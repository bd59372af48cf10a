"""``sandbox resume`` and ``sandbox runs check`` as the user sees them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from calls import Outcome

from sandbox.runs.checksums import seal
from sandbox.runs.directory import Run
from sandbox.training.monitor import Monitor

Sandbox = Callable[..., Outcome]

SHORT = (
    *("--steps", "256", "--num-envs", "2", "--hp", "n_steps=16", "--hp", "batch_size=16"),
    *("--set", "evaluation.validations=1", "--set", "evaluation.validation_episodes=1"),
)


def interrupt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C after 64 steps, the first time they are reached."""
    real, pressed = Monitor.update, False

    def update(self: Monitor, steps: int, *arguments: Any) -> None:
        nonlocal pressed
        if steps >= 64 and not pressed:
            pressed = True
            os.kill(os.getpid(), signal.SIGINT)
        real(self, steps, *arguments)

    monkeypatch.setattr(Monitor, "update", update)


def test_an_interrupted_run_goes_on_and_is_evaluated(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_once(monkeypatch)
    stopped = sandbox("run", "toy/forage", "--algo", "ppo", "--episodes", 2, "--quiet", *SHORT)
    assert stopped.code == 130
    (folder,) = (record.parent for record in tmp_path.rglob("run.json"))
    name = folder.relative_to(tmp_path)
    assert f"Interrupted after 64 steps. Go on with: sandbox resume {name}" in stopped.words
    assert Run.open(folder).status == "interrupted"
    assert sandbox("runs", "check", name).code == 0

    document = sandbox("resume", name, "--json").document
    assert document["run_dir"] == str(name)
    assert document["steps"] == 256
    assert set(document["evaluation"]["agents"]) >= {"ppo", "greedy", "random"}
    assert Run.open(folder).status == "done"

    again = sandbox("resume", name)
    assert again.code == 0
    assert "nothing left to do" in again.words
    assert "greedy" in again.out


def test_a_resumption_that_is_not_exact_is_told_at_the_end_even_when_quiet(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_once(monkeypatch)
    sandbox("train", "toy/forage", "--algo", "ppo", "--quiet", *SHORT)
    (folder,) = (record.parent for record in tmp_path.rglob("run.json"))
    record = Run.open(folder).record
    record = record.changed(packages={**record.packages, "torch": "1.0"})
    (folder / "run.json").write_bytes(seal(record.to_json()))
    done = sandbox("resume", folder.relative_to(tmp_path), "--quiet")
    told = " ".join(done.out.split())
    assert "Resumed at step 64, not exactly: this is not the result of a run without a stop." in told


def test_check_names_what_is_damaged(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox("train", "toy/forage", "--algo", "ppo", "--quiet", *SHORT)
    (folder,) = (record.parent for record in tmp_path.rglob("run.json"))
    assert sandbox("runs", "check", folder, "--json").document["damages"] == []
    weights = folder / "policy" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    outcome = sandbox("runs", "check", folder)
    assert outcome.code == 2
    assert "weights.safetensors is damaged" in outcome.words


def test_what_is_no_run_cannot_go_on(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = sandbox("resume", tmp_path, "--json")
    assert outcome.code == 2
    assert outcome.document["error"]["kind"] == "damaged-run"
