"""Records: strict JSON in and out, every entry of its type, nothing of another version lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sandbox.api.errors import DamagedRunError
from sandbox.records.base import MAX_BYTES, Record, parse_json, read_bytes
from sandbox.records.evaluation import AgentResult, DifferenceRecord
from sandbox.records.progress import column, make_row, points, readable_rows
from sandbox.records.run import BestRecord, ProcessRecord, RunRecord, ScenarioRecord
from sandbox.records.words import percent

FILE = Path("x.json")
RUN = RunRecord(
    scenario_id="toy/x",
    scenario=ScenarioRecord(),
    algorithm="ppo",
    seed=3,
    format=2,
    status="running",
)


def test_only_entries_that_were_set_are_written() -> None:
    assert RUN.to_json() == {
        "scenario_id": "toy/x",
        "scenario": {},
        "algorithm": "ppo",
        "seed": 3,
        "format": 2,
        "status": "running",
    }


def test_a_changed_record_is_checked_and_the_original_stays() -> None:
    done = RUN.changed(status="done", steps_done=5, best=BestRecord(steps=5, metric=1.5))
    assert (RUN.status, done.status, done.steps_done) == ("running", "done", 5)
    assert done.to_json()["best"] == {"steps": 5, "metric": 1.5}
    with pytest.raises(ValidationError, match="status"):
        RUN.changed(status="glorious")
    assert "error" not in RUN.changed(error="x").without("error").to_json()


def test_entries_of_another_version_survive_a_change() -> None:
    document = {**RUN.to_json(), "tomorrow": {"a": [1, None]}}
    document["scenario"] = {"title": "T", "references": [{"name": "a", "value": 1.0, "b": 2}], "c": True}
    document["best"] = {"steps": 1, "metric": 2.0, "returns": [3.0]}
    record = RunRecord.check(document, FILE).changed(status="done")
    assert record.to_json() == {**document, "status": "done"}


def test_what_is_not_finite_is_written_as_null_and_numpy_numbers_as_numbers() -> None:
    result = AgentResult(
        mean=np.float32(1.5), ci95=(float("-inf"), np.nan), metrics={"a": 1e301}, ret=np.float64(2)
    )
    assert json.loads(result.encode()) == {
        "mean": 1.5,
        "ci95": [None, None],
        "metrics": {"a": None},
        "return": 2.0,
    }
    hp = RUN.changed(hyperparameters={"clip": float("inf"), "net": (np.int64(3), 4), "file": Path("a")})
    assert hp.to_json()["hyperparameters"] == {"clip": None, "net": [3, 4], "file": "a"}


def test_half_a_surrogate_pair_is_written_as_a_question_mark() -> None:
    record = RUN.changed(folder="/a\udcff", hyperparameters={"b\udcff": "c\udcff"})
    assert json.loads(record.encode())["folder"] == "/a?"
    assert record.hyperparameters == {"b?": "c?"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"baseline": NaN}', "cannot be read"),
        (b'{"baseline": "\\ud800"}', "cannot be read"),
        (b'{"baseline": "\xff"}', "cannot be read"),
        (b"[" * 1000, "cannot be read"),
        (b'{"baseline": "a"} x', "cannot be read"),
        (b"[]", "is damaged"),
        (b"{}", "'baseline' is missing"),
        (b'{"baseline": "a", "difference": true}', "'difference'"),
        (b'{"baseline": "a", "difference": "1"}', "'difference'"),
        (b'{"baseline": "a", "ci95": [1]}', "'ci95.1' is missing"),
        (b'{"baseline": "a", "p": ' + b"9" * 400 + b"}", "'p'"),
        (b'{"baseline": "a", "p": ' + b"9" * 9000 + b"}", "cannot be read"),
        (b'{"baseline": "a", "verdict": "won"}', "'verdict': input should be 'better'"),
    ],
)
def test_a_bad_document_is_named_with_its_bad_entry(content: bytes, words: str) -> None:
    with pytest.raises(DamagedRunError, match=words) as caught:
        DifferenceRecord.parse(content, FILE)
    assert caught.value.message.startswith("x.json")


@pytest.mark.parametrize("pid", [2**80, 0, -1, 1.5, "1", True])
def test_a_process_number_is_a_process_number(pid: object) -> None:
    with pytest.raises(ValidationError):
        ProcessRecord.model_validate({"pid": pid})


def test_an_integer_that_fits_no_64_bits_is_refused_wherever_it_stands() -> None:
    with pytest.raises(ValidationError, match="64 bits"):
        RUN.changed(hyperparameters={"a": [{"b": 2**63}]})
    with pytest.raises(ValidationError, match="64 bits"):
        RunRecord.model_validate({**RUN.to_json(), "tomorrow": [2**80]})


def test_only_regular_files_of_bearable_size_are_read(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name, words in (
        ("pipe", "not a regular file"),
        ("large", "larger than 256 MiB"),
        ("endless", "it is a link"),
        ("/dev/zero", "not a regular file"),
        ("absent", "No such file"),
    ):
        with pytest.raises(DamagedRunError, match=words):
            read_bytes(tmp_path / name)


def test_a_record_of_another_format_is_refused_by_that() -> None:
    class Formatted(Record):
        readable = (1, 2)
        format: int

    assert Formatted.check({"format": 2}, FILE).format == 2
    with pytest.raises(DamagedRunError, match="has format 3, this version reads format 1 or 2"):
        Formatted.check({"format": 3}, FILE)


def test_a_row_of_progress_is_flat_and_names_its_steps() -> None:
    assert make_row({"steps": np.int64(4), "loss": float("nan"), "x": 2}) == {
        "steps": 4,
        "loss": None,
        "x": 2,
    }
    for bad in ({"x": 1}, {"steps": None}, {"steps": 1, "x": "a"}, {"steps": 1, "x": [1]}):
        with pytest.raises(ValueError, match=r"steps|x"):
            make_row(bad)


def test_a_page_gets_the_rows_that_can_be_read() -> None:
    lines = [
        b'{"steps": 1, "metric/x": 2, "crc": "0"}',
        b"nonsense",
        b'{"steps": 2, "metric/x": ' + b"9" * 400 + b"}",
        b"[1]",
    ]
    assert readable_rows(lines) == [{"steps": 1, "metric/x": 2}, {"steps": 2, "metric/x": None}]


def test_logs_of_earlier_versions_are_read_with_their_metrics_in_a_group() -> None:
    line = b'{"steps": 8, "seconds": 1.5, "return": 2, "delay": 30, "term/wait": -3, "validation/delay": 20}'
    assert readable_rows([line]) == [
        {
            "steps": 8,
            "seconds": 1.5,
            "return": 2,
            "metric/delay": 30,
            "term/wait": -3,
            "validation/metric/delay": 20,
        }
    ]


def test_a_metric_that_is_called_steps_has_no_curve_of_its_own() -> None:
    rows = [parse_json(b'{"steps": 1, "x": 5}', FILE), {"steps": 2, "x": None}, {"steps": 3, "x": 7}]
    assert points(rows, "x") == column(rows, "x") == ([1, 3], [5, 7])
    assert points(rows, "steps") == column(rows, "steps") == ([], [])


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0004, "0.00 %"), (0.0, "0.00 %"), (-0.35, "-0.35 %"), (1040.4, "1,040 %")]
)
def test_a_share_that_rounds_to_zero_has_no_minus(value: float, text: str) -> None:
    assert percent(value) == text
