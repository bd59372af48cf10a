"""What a search looked through and what its intervals are over, in sentences."""

from __future__ import annotations

from sandbox.records.moves import MovesRecord
from sandbox.report.words import duration, plural


def summary(record: MovesRecord) -> str:
    """How much was looked through."""
    share = record.different / record.decisions if record.decisions else 0.0
    methods = plural(len(record.against), "method")
    return (
        f"{record.scenario}: in {record.different:,} of {plural(record.decisions, 'decision')} ({share:.1%}) "
        f"of {plural(len(record.seeds), 'test episode')}, {record.agent} did what none of {methods} would "
        f"have done ({', '.join(record.against)}). {plural(record.screened, 'decision')} screened, "
        f"{plural(record.candidates, 'candidate')} tested, {record.branches:,} branches in "
        f"{duration(record.seconds)}."
    )


def meaning(record: MovesRecord) -> str:
    """What an interval is over."""
    if not record.redrawn:
        return (
            "Chance after a decision is not drawn again: differences are those of the episode as its seed "
            "has it, and have no interval."
        )
    return (
        f"Intervals are over fresh futures from the identical state, the same for both actions, at the level "
        f"1 − 0.05/{max(record.candidates, 1)}: all hold at once with 95 %. They speak of that state alone; "
        "how often its kind occurs is counted in the test episodes."
    )
