"""A training that stopped and went on has learned, bit by bit, what it would have without the stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stopping import Heard, go_on, interrupted, require_same, uninterrupted

from sandbox.api.errors import RunBusyError
from sandbox.backends.sb3.catalogue import SB3Algorithm, rows
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.runs.directory import Run
from sandbox.runs.writer import RunWriter
from sandbox.training.train import train
from sandbox.workflow import resume

SHORT = ["evaluation.validations=3", "evaluation.validation_episodes=1"]
SMALL = {"learning_starts": 8, "batch_size": 8, "net_arch": [16]}
ROLLOUT = {"n_steps": 16, "batch_size": 16, "n_epochs": 2}

CASES: dict[str, tuple[str, int, int, dict[str, Any]]] = {
    "ppo": (
        "toy/regulator", 4, 320,
        {**ROLLOUT, "normalize_observation": True, "normalize_reward": True,
         "learning_rate_schedule": "linear", "clip_range_schedule": "linear",
         "ent_coef": 0.05, "ent_coef_schedule": "linear"},
    ),
    "a2c": ("toy/corridor", 3, 120, {"normalize_observation": True, "learning_rate_schedule": "linear"}),
    "dqn": ("toy/stall", 2, 120, {**SMALL, "buffer_size": 64, "exploration_fraction": 0.9}),
    "qr-dqn": ("toy/corridor", 2, 120, {**SMALL, "n_quantiles": 5, "n_steps": 3}),
    "sac": ("toy/regulator", 2, 80, {**SMALL, "normalize_observation": True}),
    "td3": ("toy/regulator", 2, 80, {**SMALL, "action_noise_std": 0.1, "buffer_size": 50}),
    "tqc": ("toy/regulator", 1, 60, {**SMALL, "n_quantiles": 5}),
    "crossq": ("toy/regulator", 1, 60, SMALL),
    "trpo": ("toy/regulator", 4, 320, {"n_steps": 16, "batch_size": 16}),
    "recurrent-ppo": ("toy/forage", 2, 200, {**ROLLOUT, "lstm_hidden_size": 8}),
    "maskable-ppo": ("toy/tag", 2, 300, ROLLOUT),
    "reinforce": (
        "toy/forage", 2, 900,
        {"episodes_per_update": 4, "gae": True, "baseline": True, "normalize_observation": True,
         "schedule": "linear"},
    ),
}  # fmt: skip
"""Scenario, environments, steps and hyperparameters: every kind of space, buffer and normaliser is in one.

`regulator` and `corridor` give their state, natively batched; `forage`, `stall` and `tag` are replayed.
"""


def plain_case(algorithm: SB3Algorithm) -> tuple[str, int, int, dict[str, Any]]:
    """A case for a row of the catalogue that has none of its own."""
    fields = resolve(algorithm.config).model_fields
    small = ROLLOUT if algorithm.kind == "on-policy" else SMALL
    scenario = "toy/regulator" if "Box" in algorithm.capabilities.action_spaces else "toy/corridor"
    return scenario, 2, 200, {name: value for name, value in small.items() if name in fields}


CASES = {name: plain_case(row) for name, row in rows().items() if row.resumable} | CASES


@pytest.mark.parametrize("algo", CASES)
def test_going_on_gives_what_an_uninterrupted_training_gives(algo: str, toys: None, tmp_path: Path) -> None:
    scenario, num_envs, steps, hp = CASES[algo]
    arguments: dict[str, Any] = {"num_envs": num_envs, "steps": steps, "hp": hp, "changes": SHORT}
    whole = uninterrupted(tmp_path, scenario, algo, **arguments)
    path = interrupted(tmp_path, scenario, algo, at=2, **arguments)
    assert Run.open(path).status != "done"
    resumed = go_on(path)
    require_same(whole, resumed)
    (stop,) = resumed.record.resumed
    assert stop.exact
    assert 0 < stop.steps < steps


@pytest.mark.parametrize("algo", ["ppo", "maskable-ppo"])
def test_the_fast_core_goes_on_exactly(algo: str, toys: None, tmp_path: Path) -> None:
    scenario, num_envs, steps, hp = CASES[algo]
    arguments: dict[str, Any] = {"num_envs": num_envs, "steps": steps, "changes": SHORT}
    arguments["hp"] = hp | {"backend": "fast"}
    whole = uninterrupted(tmp_path, scenario, algo, **arguments)
    resumed = go_on(interrupted(tmp_path, scenario, algo, at=2, **arguments))
    require_same(whole, resumed)
    (stop,) = resumed.record.resumed
    assert stop.exact
    assert 0 < stop.steps < steps


def test_an_algorithm_added_in_one_row_goes_on_exactly(ddpg: None, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"num_envs": 2, "steps": 80, "changes": SHORT}
    arguments["hp"] = {**SMALL, "action_noise_std": 0.1, "buffer_size": 50}
    whole = uninterrupted(tmp_path, "toy/regulator", "ddpg", **arguments)
    resumed = go_on(interrupted(tmp_path, "toy/regulator", "ddpg", at=2, **arguments))
    require_same(whole, resumed)
    assert resumed.record.resumed[0].exact


def test_a_fine_tuned_run_stopped_before_it_learned_goes_on_acting_by_its_policy(
    toys: None, tmp_path: Path
) -> None:
    source = train("toy/regulator", "sac", runs_dir=tmp_path / "source", steps=40, hp=SMALL, changes=SHORT)
    hp = {**SMALL, "learning_starts": 60}
    arguments = {"steps": 80, "num_envs": 1, "hp": hp, "changes": SHORT, "init_from": source.path}
    whole = uninterrupted(tmp_path, "toy/regulator", "sac", **arguments)
    path = interrupted(tmp_path, "toy/regulator", "sac", at=1, **arguments)
    resumed = go_on(path)
    require_same(whole, resumed)
    (stop,) = resumed.record.resumed
    assert stop.exact
    assert 0 < stop.steps < 60


@pytest.mark.parametrize(
    ("scenario", "algo", "hp"),
    [
        ("toy/regulator", "ppo", {"n_steps": 16, "batch_size": 16, "n_epochs": 1}),
        ("toy/regulator", "ppo", {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "backend": "fast"}),
        ("toy/shelf", "dyna-q", {"epsilon_final": 0.1}),  # a learner, driven
    ],
)
def test_sigkill_and_a_new_process_give_the_same(
    scenario: str, algo: str, hp: dict[str, Any], toys: None, tmp_path: Path
) -> None:
    settings = {"steps": 2048, "num_envs": 4, "hp": hp, "changes": SHORT}
    whole = uninterrupted(tmp_path, scenario, algo, **settings)
    code = (
        "import os, signal, sys\n"
        "from sandbox.runs.writer import RunWriter\n"
        "from sandbox.training.train import train\n"
        "real, written = RunWriter.checkpoint, []\n"
        "def checkpoint(self, *arguments):\n"
        "    written.append(real(self, *arguments))\n"
        "    if len(written) == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "RunWriter.checkpoint = checkpoint\n"
        f"train({scenario!r}, {algo!r}, runs_dir=sys.argv[1], checkpoint_every=1e9, **{settings!r})\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "cut")], check=False)
    assert killed.returncode == -signal.SIGKILL
    (path,) = (record.parent for record in (tmp_path / "cut").rglob("run.json"))
    assert Run.open(path).status == "dead"
    require_same(whole, go_on(path))


def test_progress_has_every_step_once(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.training.curves.LOG_EVERY", 0.0)
    path = interrupted(
        tmp_path, "toy/regulator", "a2c", at=2, num_envs=4, steps=400, changes=SHORT, hp={"n_steps": 5}
    )
    from sandbox.runs.directory import progress

    RunWriter.reopen(path).close()
    before = [record["steps"] for record in progress(Run.open(path)) if "return" in record]
    done = go_on(path)
    steps = [record["steps"] for record in progress(done) if "return" in record]
    assert steps == sorted(set(steps))
    assert steps[-1] == 400
    assert len(before) < len(steps)


def test_without_a_checkpoint_a_run_starts_again_and_ends_the_same(toys: None, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"num_envs": 2, "steps": 200, "hp": ROLLOUT, "changes": SHORT}
    whole = uninterrupted(tmp_path, "toy/forage", "ppo", **settings)
    path = interrupted(tmp_path, "toy/forage", "ppo", at=1, **settings)
    for checkpoint in (path / "checkpoints").iterdir():
        (checkpoint / "manifest.json").unlink()
    heard = Heard()
    require_same(whole, go_on(path, heard))
    assert any("manifest.json is missing, so it is not complete" in text for text in heard.messages)
    assert "Starts again from the beginning." in heard.messages


def test_what_cannot_be_restored_is_said(toys: None, tmp_path: Path) -> None:
    object.__setattr__(registry().task("toy/stall"), "resume", "none")
    path = interrupted(tmp_path, "toy/stall", "ppo", at=1, num_envs=2, steps=200, hp=ROLLOUT, changes=SHORT)
    heard = Heard()
    done = go_on(path, heard)
    assert any("toy/stall cannot restore its environments" in text for text in heard.messages)
    assert done.record.resumed[0].exact is False
    assert done.status == "done"


def test_other_versions_of_packages_are_told(toys: None, tmp_path: Path) -> None:
    from sandbox.runs.checksums import seal

    path = interrupted(tmp_path, "toy/forage", "ppo", at=1, num_envs=2, steps=200, hp=ROLLOUT, changes=SHORT)
    record = Run.open(path).record
    record = record.changed(packages={**record.packages, "torch": "1.0"})
    (path / "run.json").write_bytes(seal(record.to_json()))
    heard = Heard()
    assert go_on(path, heard).record.resumed[0].exact is False
    assert any("torch 1.0" in text for text in heard.messages)


def test_only_one_process_writes_a_run(toys: None, tmp_path: Path) -> None:
    path = interrupted(tmp_path, "toy/forage", "ppo", at=1, num_envs=2, steps=200, hp=ROLLOUT, changes=SHORT)
    holder = RunWriter.reopen(path)
    code = (
        "import sandbox\ntry:\n"
        f"    sandbox.resume({str(path)!r})\nexcept Exception as error:\n    print(repr(error))"
    )
    try:
        with pytest.raises(RunBusyError, match=f"is being written by process {os.getpid()}"):
            resume(path)
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "RunBusyError" in other.stdout
    finally:
        holder.close()
    assert go_on(path).status == "done"


def test_a_done_run_is_left_alone_and_a_missing_evaluation_is_made_up(toys: None, tmp_path: Path) -> None:
    from sandbox.workflow import run

    done, _ = run(
        "toy/regulator",
        "ppo",
        runs_dir=tmp_path,
        num_envs=4,
        steps=256,
        hp=ROLLOUT,
        changes=SHORT,
        episodes=2,
    )
    before = (done.path / "run.json").read_bytes()
    results = json.loads((done.path / "evaluation.json").read_bytes())
    (done.path / "evaluation.json").unlink()
    resume(done.path)
    again = json.loads((done.path / "evaluation.json").read_bytes())
    assert again["agents"] == results["agents"]
    assert (done.path / "run.json").read_bytes() == before
    assert resume(done.path).status == "done"


def test_a_replay_buffer_is_written_once(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.backends.sb3.replay_buffer.MIN_PIECE", 8)
    hp = {**SMALL, "buffer_size": 64}
    settings: dict[str, Any] = {"num_envs": 1, "steps": 120, "hp": hp}
    changes = ["evaluation.validations=8", "evaluation.validation_episodes=1"]
    whole = uninterrupted(tmp_path, "toy/regulator", "sac", changes=changes, **settings)
    older, newer = ({file.name: file for file in path.glob("state/replay-*")}
                    for path in sorted((whole.path / "checkpoints").iterdir()))  # fmt: skip
    shared = [name for name in newer if name in older and newer[name].samefile(older[name])]
    assert len(shared) >= 3, "pieces are shared"
    assert set(older) - set(newer), "what the ring has overwritten is dropped"
    path = interrupted(tmp_path, "toy/regulator", "sac", at=6, changes=changes, **settings)
    require_same(whole, go_on(path))


@pytest.mark.parametrize("algo", ["ppo", "dqn"])
def test_when_validation_is_due_does_not_depend_on_the_clock(
    algo: str, toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hp = {"n_steps": 40, "batch_size": 16, "n_epochs": 1} if algo == "ppo" else SMALL
    settings: dict[str, Any] = {"num_envs": 2, "steps": 240, "hp": hp, "changes": SHORT}
    runs = []
    for seconds in (0.0, 1e9):  # progress is told at every step, or hardly ever
        monkeypatch.setattr("sandbox.backends.sb3.train.UPDATE_SECONDS", seconds)
        runs.append(uninterrupted(tmp_path / str(seconds), "toy/corridor", algo, **settings))
    require_same(*runs)
