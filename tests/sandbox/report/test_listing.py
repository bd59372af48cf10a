"""How runs are listed and named: their state, steps, what differs, and the end of their directory."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from report_support import make_run
from rich.console import Console

from sandbox.api.errors import InvalidValueError
from sandbox.cli.options import run_name
from sandbox.cli.show.runs import short_count, show_runs
from sandbox.records.settings import differing, settings_of
from sandbox.runs.checksums import seal
from sandbox.runs.directory import BEST, POLICY, Run, run_called
from sandbox.runs.lock import this_process
from sandbox.runs.names import split_policy


def changed(run: Run, **entries: object) -> Run:
    (run.path / "run.json").write_bytes(seal(run.record.changed(**entries).to_json()))
    return Run.open(run.path)


def test_a_trained_run_is_evaluating_while_its_process_lives_and_unevaluated_after(tmp_path: Path) -> None:
    run = make_run(tmp_path, evaluated=False)
    assert run.state == "done", "nobody asked for an evaluation"
    here = this_process()
    assert changed(run, evaluate=10, process=here).state == "evaluating"
    gone = here.changed(pid=2**31 - 1)
    assert changed(run, evaluate=10, process=gone).state == "unevaluated"
    assert make_run(tmp_path, seed=1).state == "done"


def test_steps_of_a_killed_run_come_from_its_log(tmp_path: Path) -> None:
    run = changed(make_run(tmp_path, steps=49_152, evaluated=False), steps_done=0, status="running")
    assert run.steps_so_far == 49_152
    assert [short_count(count) for count in (950, 49_152, 1_500_000)] == ["950", "49.2 k", "1.5 M"]


def test_a_listing_fits_eighty_columns_and_says_what_differs(tmp_path: Path) -> None:
    runs = [make_run(tmp_path), make_run(tmp_path, seed=1, steps=2_000)]
    runs[0] = changed(runs[0], hyperparameters={"learning_rate": 0.01})
    settings = [settings_of(run.record) for run in runs]
    assert differing(settings) == ["seed", "steps", "hp.learning_rate"]
    sink = io.StringIO()
    show_runs(Console(file=sink, width=80, color_system=None), tmp_path, runs)
    lines = sink.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    text = " ".join(" ".join(line.split()) for line in lines)
    assert "beats" in text
    assert "0.01" in text


def test_a_run_is_named_by_the_end_of_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = make_run(Path("runs"))
    assert run_called(Path("runs"), run.path.name) == run.path
    assert run_name(f"ppo/{run.path.name}@best") == f"{run.path}@best"
    assert run_name("max-pressure") == "max-pressure"
    with pytest.raises(InvalidValueError, match="no run '0-ffffffff'"):
        run_name("0-ffffffff")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("runs/a", ("runs/a", "")),
        ("runs/a@best", ("runs/a", "best")),
        ("runs/a@4096", ("runs/a", "4096")),
        ("runs/a@home", ("runs/a@home", "")),
    ],
)
def test_a_policy_of_a_run_is_named_behind_it(text: str, parts: tuple[str, str]) -> None:
    assert split_policy(text) == parts


def test_a_step_without_a_policy_says_which_there_are(tmp_path: Path) -> None:
    run = changed(make_run(tmp_path), best={"steps": 500, "metric": 19.0})
    for folder in (BEST, POLICY):
        (run.path / folder).mkdir(parents=True, exist_ok=True)
        (run.path / folder / "policy.json").write_text("{}")
    with pytest.raises(InvalidValueError, match=r"no policy of step 7; it has @500, @1000"):
        run.policy_folder("7")
