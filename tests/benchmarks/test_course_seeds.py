"""The table of first seeds counts every claim that does not hold, with what it came to."""

from __future__ import annotations

from typing import Any

from benchmarks.course import table
from sandbox.records.course import CourseRecord


def outcome(name: str, verdict: str, value: float) -> dict[str, Any]:
    bound = {"figure": "gap", "value": value, "at_least": None, "at_most": 1.0, "kept": verdict == "passed"}
    return {
        "claim": name, "sentence": "It is near.", "idea": "1", "rule": "The gap is at most 1",
        "budget": 1.0, "minutes": 0.5, "verdict": verdict, "bounds": [bound], "figures": {"gap": value},
        "switch": "Nothing is learned.", "under_switch": "missing",
    }  # fmt: skip


def test_claims_that_do_not_hold_are_named_with_their_figures() -> None:
    claims = [outcome("near", "passed", 0.25), outcome("far", "failed", 3.5)]
    record = CourseRecord.model_validate(
        {
            "format": 1,
            "suite": "course",
            "title": "Course",
            "seed": 1400,
            "quick": False,
            "sabotage": False,
            "status": "complete",
            "claims": claims,
            "passed": 1,
            "broken": 0,
            "minutes": 7.0,
            "packages": {},
            "platform": {},
            "written": "2026-11-30T12:00:00+00:00",
        }
    )
    row = table([record]).splitlines()[2]
    assert row == "| 1,400 | 1 of 2 | far: gap 3.50 > 1.00 | 1.0 |"
