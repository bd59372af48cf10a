"""Does the course hold on seeds that nobody tuned on?

    python -m benchmarks.course OFFSET… [--runs-dir DIR] [--workers N] [--as-it-is]

Measures every claim once from each first seed, without switches, and counts the claims that hold. What was
measured before under DIR is used again, so a call that was stopped goes on. Prints one JSON document, and a
Markdown table on stderr; exits with 1 if fewer than 95 % of the claims hold from any of the seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.api.errors import SandboxError
from sandbox.course.api import run_course
from sandbox.course.words import result_text
from sandbox.records.base import strict
from sandbox.records.course import CourseRecord

SUITE = Path(__file__).resolve().parents[1] / "scenarios" / "suites" / "course.yaml"

SHARE = 0.95
"""Share of the claims that is to hold from every first seed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("offsets", nargs="+", type=int, metavar="OFFSET", help="first seeds")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    parser.add_argument("--workers", type=int, help="measurements at a time; default: one a core")
    parser.add_argument("--as-it-is", action="store_true", help="measure nothing more")
    given = parser.parse_args(arguments)
    try:
        records = [
            run_course(
                SUITE,
                seed_offset=offset,
                runs_dir=given.runs_dir,
                workers=given.workers,
                measure=not given.as_it_is,
            ).record
            for offset in given.offsets
        ]
    except SandboxError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    print(json.dumps(strict([record.to_json() for record in records])))
    print(table(records), file=sys.stderr)
    return int(any(record.passed < SHARE * len(record.claims) for record in records))


def table(records: Sequence[CourseRecord]) -> str:
    """A row for each first seed: claims that hold, and what those that do not came to."""
    lines = [
        "| seeds from | claims that hold | that do not, and their figures | minutes of processor time |",
        "| ---: | ---: | --- | ---: |",
    ]
    for record in records:
        failed = "; ".join(
            f"{each.claim}: {result_text(each)}" for each in record.claims if each.verdict != "passed"
        )
        minutes = sum(each.minutes or 0.0 for each in record.claims)
        lines.append(
            f"| {record.seed:,} | {record.passed} of {len(record.claims)} | {failed or '–'} | {minutes:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
