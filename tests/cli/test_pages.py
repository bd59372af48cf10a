"""report, ui, export and record: what they print, and what they say to impossible requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Outcome

Call = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["report", "nowhere"], "'nowhere' is not a run directory"),
        (["report", "nowhere", "--format", "pdf"], "Unknown format 'pdf'"),
        (["ui", "--runs-dir", "nowhere"], "There is no runs directory 'nowhere'"),
        (["export", "nowhere"], "'nowhere' is not a run directory"),
        (["export", "nowhere", "--format", "onx"], "Unknown format 'onx'"),
        (["record", "toy/tag", "--agent", "chase", "--episodes", "1"], "has several agents"),
        (["record", "toy/stall", "--agent", "cheapst", "--episodes", "1"], "Unknown agent 'cheapst'"),
        (["record", "toy/stall", "--agent", "cheapest", "--episodes", "0"], "at least 1"),
        (["train", "toy/stall", "--algo", "reinforce", "--track", "mlfow"], "Unknown tracker 'mlfow'"),
    ],
)
def test_impossible_requests_get_a_sentence_and_write_nothing(
    sandbox: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    for module in ("sandbox.outputs.export", "sandbox.outputs.record"):  # as if all extras were installed
        monkeypatch.setattr(f"{module}.missing_modules", lambda names: [])
    outcome = sandbox(*arguments)
    assert outcome.code == 2
    assert says in outcome.err
    assert "Traceback" not in outcome.err
    assert not list(tmp_path.iterdir())


def test_a_report_is_written_beside_its_run_and_named_in_json(sandbox: Call, tmp_path: Path) -> None:
    sandbox("run", "toy/stall", "--algo", "reinforce", "--steps", "300", "--episodes", "2", "--quiet")
    (run,) = tmp_path.glob("runs/toy/stall/reinforce/*")
    assert (run / "report.html").is_file()
    outcome = sandbox("report", run.relative_to(tmp_path), "--format", "csv", "--json")
    assert outcome.document == {"report": str(run.relative_to(tmp_path) / "report.csv"), "format": "csv"}
    assert "reinforce" in (run / "report.csv").read_text()


def test_a_recorded_dataset_is_told_of(sandbox: Call, tmp_path: Path) -> None:
    pytest.importorskip("minari")
    pytest.importorskip("h5py")
    outcome = sandbox("record", "toy/stall", "--agent", "cheapest", "--episodes", "2", "--json", "--quiet")
    assert outcome.code == 0
    assert outcome.document["episodes"] == 2
    assert outcome.document["dataset"] == "toy/stall-cheapest-v0"
    assert (tmp_path / outcome.document["folder"]).is_dir()
