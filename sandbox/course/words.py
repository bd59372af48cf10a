"""A course in words: on its page, on the terminal and in the documentation."""

from __future__ import annotations

from sandbox.records.course import BoundRecord, CourseRecord, OutcomeRecord
from sandbox.records.words import number

VERDICTS = {
    "passed": "passed",
    "failed": "failed",
    "crashed": "no figure",
    "missing": "not measured",
    "broken": "breaks it",
    "unbroken": "does not break it",
}
"""Verdicts as they are shown."""


def bound_text(bound: BoundRecord) -> str:
    """What was measured and what it must be: ``gap 0.04 ≤ 0.5``."""
    name, value = bound.figure.replace("_", " "), number(bound.value)
    low, high = bound.at_least, bound.at_most
    if low is None:
        return f"{name} {value} {'≤' if bound.kept else '>'} {number(high)}"
    if high is None:
        return f"{name} {value} {'≥' if bound.kept else '<'} {number(low)}"
    return f"{name} {value} {'in' if bound.kept else 'outside'} [{number(low)}, {number(high)}]"


def result_text(outcome: OutcomeRecord) -> str:
    """All bounds of a claim with what was measured; the reason where nothing was."""
    return outcome.error or "; ".join(bound_text(bound) for bound in outcome.bounds) or "–"


def switch_text(outcome: OutcomeRecord) -> str:
    """What became of a claim under its switch: the bounds that are not kept, or all if all are."""
    if outcome.switch_error:
        return outcome.switch_error
    broken = [bound for bound in outcome.switch_bounds if not bound.kept] or list(outcome.switch_bounds)
    return "; ".join(bound_text(bound) for bound in broken) or "–"


def minutes_text(minutes: float | None) -> str:
    """``0.2`` or ``12``; a dash where nothing was measured."""
    return "–" if minutes is None else f"{minutes:.1f}" if minutes < 9.95 else f"{minutes:.0f}"


def summary(record: CourseRecord) -> str:
    """How many claims hold and how many switches break, in one or two sentences."""
    count = len(record.claims)
    text = f"{record.passed} of {count} claims hold on seeds from {record.seed:,}"
    missing = sum(each.verdict == "missing" for each in record.claims)
    crashed = sum(each.verdict == "crashed" for each in record.claims)
    if missing or crashed:
        parts = [f"{missing} not measured"] * bool(missing) + [f"{crashed} without a figure"] * bool(crashed)
        text += f" ({', '.join(parts)})"
    text += "."
    thrown = [each for each in record.claims if each.under_switch != "missing"]
    if thrown:
        text += f" Switches thrown: {len(thrown)}; {record.broken} break their claim."
        proven = [each.claim for each in thrown if each.under_switch != "broken"]
        if proven:
            text += f" Not broken, so they prove nothing: {', '.join(proven)}."
    if record.quick:
        text += " This is the quick form: it shows that everything runs, and its bounds need not hold."
    return text
