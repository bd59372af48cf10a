"""``sandbox compare`` on a course: its document, its words, its exit codes, and what it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Outcome

from sandbox.registry.discover import registry

Sandbox = Callable[..., Outcome]
PLUGIN = Path(__file__).parents[1] / "fixtures" / "claims" / "plugin.py"

COURSE = """
kind: course
title: Toys
claims:
  - id: coin
    rule: Fair
    bounds: {heads: {at_least: 0.45, at_most: 0.55}}
    minutes: 1
    settings: {throws: 4000}
  - {id: stone, rule: Heavy, bounds: {weight: {at_least: 1}}, minutes: 1}
"""


@pytest.fixture
def toys(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course in the working directory's scenarios, and the claims that it names."""
    monkeypatch.setenv("SANDBOX_PLUGINS", str(PLUGIN))
    registry.cache_clear()
    file = tmp_path / "scenarios" / "suites" / "toys.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(COURSE)
    return file


def test_a_course_is_found_by_name_and_all_pass(sandbox: Sandbox, toys: Path) -> None:
    outcome = sandbox("compare", "toys", "--workers", "1", "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.document
    assert (document["suite"], document["passed"], document["status"]) == ("toys", 2, "complete")
    assert [claim["claim"] for claim in document["claims"]] == ["coin", "stone"]
    assert Path(document["page"]).is_file()


def test_a_switch_that_does_not_break_its_claim_is_exit_code_1(sandbox: Sandbox, toys: Path) -> None:
    outcome = sandbox("compare", "toys", "--workers", "1", "--sabotage")
    assert outcome.code == 1
    assert "prove nothing: stone" in outcome.out
    assert "breaks it" in outcome.out
    outcome = sandbox("compare", "toys", "--workers", "1", "--sabotage", "--only", "coin", "--json")
    assert outcome.code == 0
    assert outcome.document["broken"] == 1


def test_a_claim_that_fails_is_exit_code_1(sandbox: Sandbox, toys: Path) -> None:
    toys.write_text(COURSE.replace("at_least: 1}", "at_least: 2}"))
    outcome = sandbox("compare", "toys", "--workers", "1", "--json")
    assert outcome.code == 1
    assert outcome.document["passed"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("toys", "--seeds", "3"), "--seeds has no meaning here"),
        (("toys", "--launcher", "ray"), "--launcher has no meaning here"),
        (("toys", "--only", "con"), "Did you mean coin"),
        (("toys", "--seed-offset", "-1"), "from 0 to"),
        (("toys", "traffic"), "stands alone"),
        (("traffic", "--algo", "ppo", "--sabotage"), "--sabotage has no meaning here"),
        (("traffic", "--algo", "ppo", "--only", "coin"), "--only has no meaning here"),
    ],
)
def test_what_makes_no_sense_is_refused(
    sandbox: Sandbox, toys: Path, arguments: tuple[str, ...], words: str
) -> None:
    outcome = sandbox("compare", *arguments)
    assert outcome.code == 2
    assert words in outcome.words


def test_a_course_is_listed_with_its_claims(sandbox: Sandbox, toys: Path) -> None:
    outcome = sandbox("list", "suites", "--json")
    listed = {suite["id"]: suite for suite in outcome.document["suites"]}
    assert listed["toys"]["claims"] == ["coin", "stone"]
    assert "2 claims" in sandbox("list", "suites").out


def test_an_interrupted_course_goes_on_where_it_was(toys: Path, tmp_path: Path) -> None:
    """The first claim is kept, the second is ended in the middle, and no process stays behind."""
    slow = (
        "  - {id: snail, rule: Slow, bounds: {weight: {at_least: 1}}, minutes: 0.1, settings: {seconds: 600}}"
    )
    toys.write_text(COURSE + slow)
    command = [sys.executable, "-m", "sandbox.cli.main", "compare", "toys", "--workers", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ}, stderr=subprocess.PIPE, text=True)
    claims = tmp_path / "runs" / "claims"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(claims.glob("snail-*/.lock")):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "2 of 3 measurements made" in " ".join(err.split())
    assert len(list(claims.glob("*/claim.json"))) == 2
    assert not list(claims.glob("*/.lock"))
    assert (tmp_path / "runs" / "courses" / "toys-seed-0" / "course.html").is_file()
    before = {file: file.stat().st_mtime_ns for file in claims.glob("*/claim.json")}
    toys.write_text(COURSE + slow.replace("seconds: 600", "seconds: 0"))
    again = subprocess.run(
        command, cwd=tmp_path, env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert {file: file.stat().st_mtime_ns for file in before} == before
