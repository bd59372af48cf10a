"""Periods of a demand file: numbers, dates, weeks or months, and the step from one period to the next."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from sandbox.api import BrokenFileError

Step = Literal["number", "day", "week", "month"]

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""Years of sensible dates; others are taken as typing errors."""

MAX_NUMBER = 10_000_000

SHORT_GAP = 14
"""Periods without any row that are always taken as periods without demand."""

USUAL_GAPS = 10
"""A gap of more than this many times the usual distance of rows is refused."""

WEEK = re.compile(r"(\d{4})-?W(\d{2})")
MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True)
class Period:
    """A period as a row of the file states it.

    Attributes:
        kind: What it is; a date stands for a day, a week or a month, which the other rows decide.
        number: The number, the day's ordinal, the ordinal of the week's Monday or the month's first day.
    """

    kind: Literal["number", "date", "week", "month"]
    number: int


def read_period(path: Path, line: int, value: Any) -> Period:
    """A period from a cell of the file.

    Raises:
        BrokenFileError: If it is no period, or its year is outside `FIRST_YEAR` … `LAST_YEAR`.
    """
    if isinstance(value, datetime.date):
        return _dated(path, line, "date", value)
    text = str(value).strip()
    try:
        if match := WEEK.fullmatch(text):
            monday = datetime.date.fromisocalendar(int(match[1]), int(match[2]), 1)
            return _dated(path, line, "week", monday)
        if match := MONTH.fullmatch(text):
            return _dated(path, line, "month", datetime.date(int(match[1]), int(match[2]), 1))
        if text.isdigit():
            if int(text) < MAX_NUMBER:
                return Period("number", int(text))
        else:
            return _dated(path, line, "date", datetime.datetime.fromisoformat(text).date())
    except ValueError:
        pass
    raise BrokenFileError(
        path,
        f"has period '{text[:40]}', which is neither a number from 0 nor a date",
        line,
        "Write numbers (0, 1, …), dates (2024-01-31), weeks (2024-W05) or months (2024-01), all alike.",
    )


def _dated(path: Path, line: int, kind: Literal["date", "week", "month"], date: datetime.date) -> Period:
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        raise BrokenFileError(
            path, f"has the year {date.year}, outside {FIRST_YEAR} to {LAST_YEAR}", line, "Correct the date."
        )
    return Period(kind, date.toordinal())


def numbered(path: Path, periods: Sequence[tuple[int, Period]], step: Step | None) -> tuple[list[int], Step]:
    """Whole numbers of the periods in steps from the first, and the step.

    Dates are weeks if all lie whole weeks apart, months if all are the first or the last of a month, and
    days otherwise. Where rows lie two weeks or three months apart throughout, it is not known whether a
    period is as long or nothing was asked for in between: the step has to be stated.

    Args:
        path: The file, for messages.
        periods: Line and period of every row.
        step: The step that the configuration states; inferred if None.

    Raises:
        BrokenFileError: If kinds are mixed, dates do not fit the step, a gap is much longer than usual, or
            the step cannot be inferred.
    """
    first_line, first = periods[0]
    for line, period in periods:
        if period.kind != first.kind:
            raise BrokenFileError(
                path,
                f"has a {period.kind} as period where line {first_line} has a {first.kind}",
                line,
                "Write all periods alike: only numbers, or only dates.",
            )
    if first.kind == "number":
        numbers, known = [period.number for _, period in periods], "number"
        if step not in (None, "number"):
            raise BrokenFileError(
                path,
                f"numbers its periods; step: {step} needs dates",
                first_line,
                "Leave step out, or use step: number.",
            )
    else:
        dates = [datetime.date.fromordinal(period.number) for _, period in periods]
        known = step or (_inferred(dates) if first.kind == "date" else first.kind)
        numbers = [_number(date, known) for date in dates]
        if known == "week":
            _require_weeks(path, periods)
    _refuse_gaps(path, [line for line, _ in periods], numbers, known)
    if step is None:
        _refuse_longer_steps(path, numbers, known)
    return numbers, known  # type: ignore[return-value]


def _refuse_longer_steps(path: Path, numbers: Sequence[int], step: str) -> None:
    """Refuse rows of which none are one step apart: zeros between them might be demand that never was."""
    distinct = sorted(set(numbers))
    apart = math.gcd(*(later - distinct[0] for later in distinct))
    if len(distinct) < 3 or apart == 1:
        return
    unit = "period" if step == "number" else step
    raise BrokenFileError(
        path,
        f"has rows {apart} {unit}s apart throughout, or multiples of that: how long is a period?",
        None,
        f"If so, number the periods 0, 1, 2, …; if nothing was asked for in between, set step to {step}.",
    )


def _inferred(dates: Sequence[datetime.date]) -> str:
    distinct = sorted(set(dates))
    if len(distinct) < 3:
        return "day"
    days = [(later - earlier).days for earlier, later in pairwise(distinct)]
    if all(distance % 7 == 0 for distance in days):
        return "week"
    first = all(date.day == 1 for date in distinct)
    last = all((date + datetime.timedelta(1)).day == 1 for date in distinct)
    return "month" if first or last else "day"


def _number(date: datetime.date, step: str) -> int:
    if step == "month":
        return date.year * 12 + date.month
    return date.toordinal() // 7 if step == "week" else date.toordinal()


def _require_weeks(path: Path, periods: Sequence[tuple[int, Period]]) -> None:
    first = periods[0][1].number
    for line, period in periods:
        if (period.number - first) % 7:
            raise BrokenFileError(
                path, "has a date that is no whole number of weeks from the first", line, "Use step: day."
            )


def _refuse_gaps(path: Path, lines: Sequence[int], numbers: Sequence[int], step: str) -> None:
    """Refuse a gap in which a part of the file seems to be missing, or after which a date is mistyped."""
    rows = dict(zip(reversed(numbers), reversed(lines), strict=True))
    distinct = sorted(rows)
    gaps = [later - earlier for earlier, later in pairwise(distinct)]
    if not gaps:
        return
    usual = sorted(gaps)[len(gaps) // 2]
    for place, gap in enumerate(gaps):
        if gap > max(SHORT_GAP, USUAL_GAPS * usual):
            unit = "period" if step == "number" else step
            raise BrokenFileError(
                path,
                f"has no row in the {gap - 1:,} {unit}s before this one; rows usually lie {usual} apart",
                rows[distinct[place + 1]],
                "Correct the period, or write rows with demand 0 where nothing was asked for.",
            )
