"""Directories that version 0.1 wrote are opened, checked, reported on, resumed and compared."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.comparison.api import ComparisonResult, compare
from sandbox.comparison.suites import Suite
from sandbox.launch import Launching
from sandbox.records.base import Record
from sandbox.records.cell import CellRecord
from sandbox.records.comparison import ComparisonRecord, GridRecord
from sandbox.records.evaluation import EvaluationRecord
from sandbox.records.run import RunRecord
from sandbox.records.sums import ArtifactList, Manifest
from sandbox.records.tuning import TrialResult, TuningRecord
from sandbox.report.data import read_report_data
from sandbox.report.make import make_report
from sandbox.runs.directory import Run, progress
from sandbox.runs.verify import find_damages
from sandbox.training.plan import plan_from_run
from sandbox.tuning.api import tune
from sandbox.ui.library import Library
from sandbox.workflow import resume

STATUSES = {
    "trained": "done",
    "evaluated": "done",
    "interrupted": "interrupted",
    "killed": "dead",
    "resumed": "done",
    "failed": "failed",
    "format-1": "done",
}
INLINE = Launching("inline")


def the_run(old: Path, kind: str) -> Path:
    (folder,) = (old / kind).glob("*/*/*/*")
    return folder


@pytest.fixture
def same_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that the runs were made on, where a dead process is known to be dead."""
    monkeypatch.setattr(socket, "gethostname", lambda: "training-host")


@pytest.mark.parametrize("kind", STATUSES)
def test_an_old_run_opens_whole_with_its_status(kind: str, old: Path, same_host: None) -> None:
    run = Run.open(the_run(old, kind))
    assert run.status == STATUSES[kind]
    assert find_damages(run.path) == []
    assert run.scenario.hash == run.record.scenario_hash
    assert [row["steps"] for row in progress(run)] == sorted(row["steps"] or 0 for row in progress(run))
    assert bool(run.record.resumed) == (kind == "resumed")


@pytest.mark.parametrize("kind", STATUSES)
def test_an_old_run_is_reported_and_shown(kind: str, old: Path) -> None:
    path = the_run(old, kind)
    assert make_report([path]).stat().st_size > 1000
    shown = Library(old / kind).run(path.relative_to(old / kind).as_posix())
    evaluated = kind in ("evaluated", "format-1")
    assert (shown["evaluation"] is not None) == evaluated
    assert shown["note"] is None
    facts = read_report_data([path]).facts
    (scores,) = facts.scores.values()
    assert ("ppo" in scores) == evaluated


@pytest.mark.parametrize(("kind", "steps"), [("interrupted", 256), ("killed", 256), ("failed", 20)])
def test_an_old_run_is_resumed_to_its_end(kind: str, steps: int, old: Path, same_host: None) -> None:
    path = the_run(old, kind)
    if kind == "failed":
        with pytest.raises(ArithmeticError, match="asked to fail"):
            resume(path)
        return
    run = resume(path)
    assert (run.status, run.record.steps_done) == ("done", steps)
    (stop,) = run.record.resumed
    assert stop.steps == 192
    assert find_damages(path) == []
    evaluation = run.evaluation()
    assert (evaluation is not None) == (kind == "interrupted")
    if evaluation is not None:
        assert evaluation.episodes == 2


def test_the_plan_of_an_old_run_is_in_its_record(old: Path) -> None:
    plan = plan_from_run(Run.open(the_run(old, "interrupted")))
    assert (plan.seed, plan.steps, plan.num_envs) == (0, 256, 4)
    assert (plan.checkpoint_every, plan.track, plan.episodes) == (30.0, (), 2)
    assert plan.command == ("sandbox", "run", "toy/regulator", "--algo", "ppo")
    trained = plan_from_run(Run.open(the_run(old, "trained")))
    assert trained.episodes is None


def test_an_old_grid_is_read_and_nothing_of_it_runs_again(old: Path) -> None:
    root = old / "grid"
    before = ComparisonResult.open(next((root / "comparisons").iterdir()))
    assert {cell.status for cell in before.record.cells} == {"done", "failed"}
    assert make_report([before.folder]).is_file()
    settings = {"horizon": 50, "evaluation.episodes": 5, "evaluation.validations": 1}
    entry = {"id": "toy/corridor", "set": {**settings, "evaluation.validation_episodes": 2}}
    right: dict[str, Any] = {"algorithm": "still", "name": "right", "hyperparameters": {"right": 0.9}}
    bad: dict[str, Any] = {"algorithm": "still", "name": "bad", "hyperparameters": {"fail": True}}
    suite = Suite.model_validate(
        {"title": "Waiting", "scenarios": [entry], "agents": ["still", right, bad], "steps": 20, "seeds": 2}
    )
    runs = sorted(root.glob("toy/*/*/*"))
    again = compare(suite, runs_dir=root, launching=INLINE)
    assert sorted(root.glob("toy/*/*/*")) == runs
    assert again.folder == before.folder
    assert again.document["cells"] == before.document["cells"]
    # Intervals are computed anew, and count runs and episodes since; the results that they are of stay.
    assert _results(again.document) == _results(before.document)


def test_an_old_search_goes_on(old: Path) -> None:
    (folder,) = (old / "study" / "tuning").iterdir()
    before = TuningRecord.read(folder / "tuning.json")
    changes = ["horizon=50", "evaluation.episodes=5", "evaluation.validations=1"]
    found = tune(
        "toy/corridor",
        "still",
        changes=[*changes, "evaluation.validation_episodes=2"],
        runs_dir=old / "study",
        launching=INLINE,
        trials=4,
        seeds=1,
        steps=20,
        params=["right=0.05:0.95"],
        retrain=0,
    )
    assert found.folder == folder
    assert len(found.record.trials) == 4
    assert found.record.trials[:3] == before.trials


DOCUMENTS: dict[str, type[Record]] = {
    "run.json": RunRecord,
    "evaluation.json": EvaluationRecord,
    "cell.json": CellRecord,
    "comparison.json": ComparisonRecord,
    "grid.json": GridRecord,
    "tuning.json": TuningRecord,
    "result.json": TrialResult,
    "manifest.json": Manifest,
    "artifacts.json": ArtifactList,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_the_same_after_it_was_read_and_written(name: str, old: Path) -> None:
    files = list(old.rglob(name))
    assert files
    for file in files:
        document = json.loads(file.read_text())
        document.pop("sha256", None)
        record = DOCUMENTS[name].check(document, file)
        assert record.to_json() == document


def _results(document: Mapping[str, Any]) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Kind, number of runs and result of every run, by scenario and agent."""
    return {
        scenario: {
            name: tuple(agent[part] for part in ("kind", "runs", "failed", "values"))
            for name, agent in agents.items()
        }
        for scenario, agents in document["scores"].items()
    }
