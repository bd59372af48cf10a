"""``RUN@STEP``: what a finished run keeps of its training can be played and filmed, or is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Outcome

from sandbox.runs.directory import Run
from sandbox.ui.library import Library

Sandbox = Callable[..., Outcome]
SHORT = ("--steps", "1200", "--num-envs", "1", "--hp", "n_steps=100")
TRAIN = ("toy/corridor", "--algo", "ppo", *SHORT, "--quiet", "--json")


def trained(sandbox: Sandbox, *options: str) -> Run:
    return Run.open(sandbox("train", *TRAIN, *options).document["run_dir"])


def test_policies_of_validations_stay_and_are_played_by_their_step(sandbox: Sandbox, tmp_path: Path) -> None:
    run = trained(sandbox, "--set", "evaluation.validations=4")
    steps = list(run.policies())
    assert len(steps) == 4
    assert steps[-1] == run.record.steps_done
    assert sorted(path.name for path in (run.path / "policies").iterdir()) == [
        f"{step:012d}" for step in steps[:-1]
    ]
    name = f"{run.path}@{steps[0]}"
    played = sandbox("eval", name, "--episodes", "2", "--quiet", "--json").document
    assert list(played["evaluation"]["agents"]) == [f"ppo-{steps[0]}"]
    written = sandbox("render", name, "--view", "replay", "--quiet", "--json").document["file"]
    assert Path(written) == run.path / "replays" / f"ppo-{steps[0]}.json"
    shown = sandbox("runs", "show", str(run.path)).out
    assert f"@{steps[0]}, @{steps[1]}" in " ".join(shown.split())
    assert sandbox("runs", "check", str(run.path)).code == 0


def test_a_step_that_is_not_there_is_refused_with_those_that_are(sandbox: Sandbox) -> None:
    run = trained(sandbox, "--set", "evaluation.validations=3")
    refused = sandbox("render", f"{run.path}@7")
    assert refused.code == 2
    listed = ", ".join(f"@{step}" for step in run.policies())
    assert f"keeps no policy of step 7; it has {listed}." in " ".join(refused.err.split())
    gone = next(step for step, folder in run.policies().items() if folder.parent.name == "policies")
    shutil.rmtree(run.path / "policies" / f"{gone:012d}")
    refused = sandbox("eval", f"{run.path}@{gone}")
    assert refused.code == 2
    assert f"it has {listed.replace(f'@{gone}, ', '')}." in " ".join(refused.err.split())


@pytest.mark.parametrize(("validations", "keep", "number"), [(6, 2, 2), (6, 0, 0), (0, 3, 3)])
def test_how_many_stay_is_chosen(sandbox: Sandbox, validations: int, keep: int, number: int) -> None:
    run = trained(sandbox, "--set", f"evaluation.validations={validations}", "--keep", str(keep))
    folder = run.path / "policies"
    assert len(list(folder.iterdir()) if folder.is_dir() else []) == number
    assert json.loads((run.path / "run.json").read_text())["keep"] == keep


def test_a_number_that_is_none_is_refused(sandbox: Sandbox) -> None:
    for value in ("-1", "1001", "many"):
        refused = sandbox("train", *TRAIN[:-1], "--keep", value)
        assert refused.code == 2
        assert "--keep" in refused.err


def test_a_changed_byte_of_a_kept_policy_is_noticed(sandbox: Sandbox) -> None:
    run = trained(sandbox, "--set", "evaluation.validations=3")
    folder = next(folder for folder in run.policies().values() if folder.parent.name == "policies")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    assert sandbox("runs", "check", str(run.path)).code != 0
    assert "weights.safetensors" in sandbox("eval", f"{run.path}@{int(folder.name)}").err


def test_the_page_lists_every_policy_with_its_validation(sandbox: Sandbox, tmp_path: Path) -> None:
    run = trained(sandbox, "--set", "evaluation.validations=3")
    root = tmp_path / "runs"
    listed = Library(root).run(run.path.resolve().relative_to(root.resolve()).as_posix())["policies"]
    assert [entry["steps"] for entry in listed] == list(run.policies())
    assert all(entry["value"] is not None for entry in listed)
    assert "final" in listed[-1]["names"] or "best" in listed[-1]["names"]
