"""The run directory: files are whole or absent, dead runs are known as such."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.errors import DamagedRunError, StorageError
from sandbox.records.base import strict
from sandbox.records.run import RunRecord, ScenarioRecord
from sandbox.runs.atomic import replace_folder, write_atomically
from sandbox.runs.checksums import seal
from sandbox.runs.directory import Run, progress, runs
from sandbox.runs.writer import RunWriter

RECORD = RunRecord(
    scenario_id="toy/x", scenario=ScenarioRecord(), algorithm="ppo", seed=3, format=2, status="running"
)


def test_a_run_lies_at_domain_scenario_algorithm_and_seed(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path, RECORD)
    assert writer.path.parent == tmp_path / "toy" / "x" / "ppo"
    assert writer.path.name.startswith("3-")
    assert Run.open(writer.path).status == "running"
    writer.update(status="done")
    assert Run.open(writer.path).status == "done"


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    write_atomically(file, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RunWriter.create(tmp_path, RECORD)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full") as caught:
        writer.update(status="done")
    assert caught.value.exit_code == 1
    monkeypatch.undo()
    assert Run.open(writer.path).record.status == "running", "the old record is still there"


def test_a_replaced_folder_keeps_its_subfolders_and_loses_its_old_files(tmp_path: Path) -> None:
    target = tmp_path / "policy"
    replace_folder(target, lambda folder: _touch(folder / "weights-old"))
    _touch(target / "best" / "weights")
    replace_folder(target, lambda folder: _touch(folder / "weights-new"))
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*")) == [
        "best",
        "best/weights",
        "weights-new",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


def test_a_folder_that_cannot_be_filled_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "policy"
    replace_folder(target, lambda folder: _touch(folder / "good"))

    def fail(folder: Path) -> None:
        _touch(folder / "half")
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        replace_folder(target, fail)
    assert [path.name for path in target.iterdir()] == ["good"]
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


def test_checkpoints_roll(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path, RECORD)
    for steps in (10, 20, 30, 40):
        writer.checkpoint(steps, lambda folder, before: _touch(folder / "weights"))
    kept = sorted(int(path.name) for path in (writer.path / "checkpoints").iterdir())
    assert kept == [30, 40]


def test_a_run_whose_process_is_gone_is_dead(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from sandbox.runs.writer import RunWriter\n"
        "from sandbox.records.run import RunRecord\n"
        f"record = RunRecord.model_validate({RECORD.to_json()!r})\n"
        "print(RunWriter.create(pathlib.Path(sys.argv[1]), record).path)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert Run.open(done.stdout.strip()).status == "dead"


def test_a_process_number_used_again_does_not_revive_a_run(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path, RECORD)
    record = Run.open(writer.path).record
    record = record.changed(process=record.process.changed(started="1"))
    (writer.path / "run.json").write_bytes(seal(record.to_json()))
    assert Run.open(writer.path).status == "dead"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "not the record of a run"),
        ('{"format": 99}', "run format 99"),
        ('{"format": -1, "packages": "../../x"}', "run format -1"),
        (
            '{"format": 1, "scenario_id": "a/b", "scenario": {}, "algorithm": "ppo", "seed": 0}',
            "'status' is missing",
        ),
    ],
)
def test_damaged_records_are_explained(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(DamagedRunError, match=words):
        Run.open(tmp_path)


def test_listing_goes_on_past_a_damaged_run(tmp_path: Path) -> None:
    good = RunWriter.create(tmp_path, RECORD)
    bad = RunWriter.create(tmp_path, RECORD)
    (bad.path / "run.json").write_text("{")
    found = list(runs(tmp_path))
    assert len(found) == 2
    assert {type(one).__name__ for one in found} == {"Run", "BrokenFileError"}
    assert [one.path for one in found if isinstance(one, Run)] == [good.path]


def test_an_unfinished_last_line_of_the_progress_is_left_out(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path, RECORD)
    writer.append_progress({"steps": 1, "return": float("nan")})
    writer.close()
    with (writer.path / "progress.jsonl").open("a") as file:
        file.write('{"steps": 2, "ret')
    assert progress(Run.open(writer.path)) == [{"steps": 1, "return": None}]


def test_strict_values_survive_a_strict_json_reader() -> None:
    import numpy as np

    given: dict[str, Any] = {"a": np.float32(1.5), "b": [float("inf"), np.int64(2)], "c": {"d": float("nan")}}
    assert json.loads(json.dumps(strict(given), allow_nan=False)) == {
        "a": 1.5,
        "b": [None, 2],
        "c": {"d": None},
    }


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
