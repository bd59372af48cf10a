"""YAML from strangers: what is read as what, and what is refused before it costs anything."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.api.errors import BrokenFileError, InvalidValueError
from sandbox.scenarios.overrides import parse_assignments
from sandbox.scenarios.yaml_guard import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    load_file,
    load_head,
    load_text,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("1E6", 1e6),
        ("1e6", 1e6),
        ("-.5", -0.5),
        ("2.", 2.0),
        ("1_000", 1000),
        ("0", 0),
        ("-7", -7),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        (".inf", float("inf")),
        # What YAML 1.1 would quietly turn into something else stays text.
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("0x1F", "0x1F"),
        ("007", "007"),
        ("=", "="),
        ("1e", "1e"),
        ("e5", "e5"),
        ("'3'", "3"),
    ],
)
def test_scalars_are_what_people_mean(text: str, value: Any) -> None:
    loaded = load_text(text, "here")
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("week #3.csv", "week #3.csv"),
        ("#3.csv", "#3.csv"),
        ("'week #3.csv'", "week #3.csv"),
        ("[week #3.csv, b#4.csv]", ["week #3.csv", "b#4.csv"]),
        ("{kind: trace, file: a #1}", {"kind": "trace", "file": "a #1"}),
        ("3 # three", "3 # three"),
    ],
)
def test_values_of_a_command_have_no_comments(text: str, value: Any) -> None:
    assert parse_assignments([f"traces={text}"], "--set") == {"traces": value}


def test_merge_key_is_plain_text() -> None:
    assert load_text("{'<<': {a: 1}}", "here") == {"<<": {"a": 1}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x 1", "anchors (&name) are not allowed"),
        ("a: *x", "aliases (*name) are not allowed"),
        ("a: !!python/name:os.system ''", "tags (tag:yaml.org,2002:python/name:os.system) are not allowed"),
        ("a: !local 1", "tags (!local) are not allowed"),
        ("a: !!str 1", "tags (tag:yaml.org,2002:str) are not allowed"),
        ("a: 1\nb: 2\na: 3", "the key 'a' stands twice"),
        ("a: {b: 1, b: 2}", "the key 'b' stands twice"),
        ("- {b: 1, b: 2}", "the key 'b' stands twice"),
        ("1: a", "keys must be text"),
        ("true: a", "keys must be text"),
        ("? [a]\n: b", "keys must be text"),
        ("~: b", "keys must be text"),
    ],
)
def test_what_is_no_plain_data_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        load_text(text, "here")
    assert caught.value.message == reason


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_depth_is_bounded_exactly(opening: str, closing: str) -> None:
    load_text(opening * MAX_DEPTH + closing * MAX_DEPTH, "here")
    with pytest.raises(InvalidValueError, match=f"deeper than {MAX_DEPTH}"):
        load_text(opening * (MAX_DEPTH + 1) + closing * (MAX_DEPTH + 1), "here")


def test_number_of_values_is_bounded_exactly() -> None:
    assert len(load_text("[" + "a," * (MAX_NODES - 1) + "]", "here")) == MAX_NODES - 1
    with pytest.raises(InvalidValueError, match=f"more than {MAX_NODES:,} values"):
        load_text("[" + "a," * MAX_NODES + "]", "here")


def test_alias_bomb_is_refused_at_its_first_anchor_in_no_time() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    start = time.process_time()
    with pytest.raises(InvalidValueError, match="anchors"):
        load_text("\n".join(lines), "here")
    assert time.process_time() - start < 0.5


def test_huge_numbers_are_refused_and_not_computed() -> None:
    start = time.process_time()
    with pytest.raises(InvalidValueError, match="here: "):
        load_text("9" * 100_000, "here")
    assert time.process_time() - start < 0.5


def test_syntax_error_keeps_its_place() -> None:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        load_text("a: 1\nb: [1\nc: 2\n", "here")
    assert caught.value.problem_mark is not None


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"a: 1\nb: \xff\n", 2, "is not UTF-8 text"),
        (b"a: 1\nb: {\n", 3, "is not valid YAML"),
        (b"a: 1\n\nb: !x 2\n", 3, "tags (!x) are not allowed"),
        (b"a: 1\nb: 2\nb: 3\n", 3, "the key 'b' stands twice"),
        (b"a: 1\n--- \nb: 2\n", 2, "is not valid YAML"),
    ],
)
def test_broken_file_is_named_with_its_line(content: bytes, line: int, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(BrokenFileError) as caught:
        load_file(path)
    assert caught.value.message.startswith(f"{path}, line {line}: {reason}")


def test_size_is_bounded_exactly(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * MAX_BYTES)
    assert load_file(path) is None
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BrokenFileError, match="is larger than"):
        load_file(path)


def test_endless_file_is_refused_and_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(BrokenFileError, match="is not a regular file"):
        load_file(Path("/dev/zero"))
    large = tmp_path / "large.yaml"
    large.touch()
    os.truncate(large, 2**40)
    with pytest.raises(BrokenFileError, match="is larger than 1,000,000 bytes"):
        load_file(large)


def test_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(BrokenFileError, match="is not a regular file"):
        load_file(tmp_path / "pipe.yaml")


def test_unreadable_file_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(BrokenFileError, match="cannot be read: No such file"):
        load_file(tmp_path / "none.yaml")
    with pytest.raises(BrokenFileError, match="cannot be read: Is a directory"):
        load_file(tmp_path)
    if Path("/proc/self/mem").exists():  # opens, but reading it fails, for root too
        with pytest.raises(BrokenFileError, match="cannot be read: "):
            load_file(Path("/proc/self/mem"))


def test_the_head_of_a_file_is_its_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("title: Two cars\nconfig:\n  title: inner\n  metric: [a]\nmetric: delay\n")
    assert load_head(path) == {"title": "Two cars", "metric": "delay"}
    path.write_text("- title: no mapping\n")
    assert load_head(path) is None


@pytest.mark.parametrize(
    "text", ["a: {b: 1, b: 2}", "a: &x 1", "a: 1\na: 2", "? [1]\n: 2", "a: 1\n---\nb: 2", "a: ["]
)
def test_what_a_file_may_not_hold_is_found_by_its_head_too(text: str, tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(text)
    sentences = []
    for read in (load_head, load_file):
        with pytest.raises(BrokenFileError) as caught:
            read(path)
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]
