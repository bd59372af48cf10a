"""report, ui, export and record: what they print, and what they say to impossible requests."""

from __future__ import annotations

import socket
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


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--host", "999.999.1.1"), "Try another --host."),
        (("--host", "192.0.2.1"), "Try another --host."),  # of nobody (RFC 5737), so not of this machine
        (("--port", "PORT"), "Try another --port."),
    ],
)
def test_a_page_that_cannot_listen_says_what_to_change(
    sandbox: Call, tmp_path: Path, options: tuple[str, str], says: str
) -> None:
    (tmp_path / "runs").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        outcome = sandbox("ui", *(option.replace("PORT", port) for option in options))
    assert outcome.code == 2
    assert says in outcome.err
    assert "Errno" not in outcome.err


@pytest.mark.parametrize(
    "argv", ["train toy/corridor --algo ppo --runs-dir FILE", "report latest --out FILE/r.html"]
)
def test_a_file_where_a_folder_is_needed_is_named(sandbox: Call, tmp_path: Path, argv: str) -> None:
    short = ["--algo", "reinforce", "--steps", "64", "--quiet", "--set", "evaluation.validations=0"]
    if argv.startswith("report"):
        assert sandbox("train", "toy/corridor", *short).code == 0
    (tmp_path / "FILE").write_text("kept")
    outcome = sandbox(*argv.split())
    assert outcome.code == 2
    assert "'FILE' is a file, not a folder" in outcome.words
    assert argv.split()[-2] in outcome.words
    assert (tmp_path / "FILE").read_text() == "kept"
