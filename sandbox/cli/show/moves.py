"""The tables that ``sandbox moves`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cli.show.console import stdout
from sandbox.cli.show.tables import show, table
from sandbox.report.words import duration, number, plural, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from sandbox.moves.api import Moves
    from sandbox.records.moves import Find, MovesRecord

MAX_ENTRIES = 4
"""Entries of an observation that a table shows: the first ones that are not zero."""


def show_moves(moves: Moves) -> None:
    """Both lists, and what the intervals mean."""
    console, record = stdout(), moves.record
    console.print(summary(record))
    console.print()
    for title, finds in (
        (f"{record.agent} against {', '.join(record.against)}", record.best),
        ("Where it fails: its own action against the best classical one", record.worst),
    ):
        if finds:
            show(console, _table(f"{title} ({record.unit}, more is better)", finds))
        else:
            console.print(f"{title}: no candidate.\n")
    console.print(meaning(record))
    for name, reason in record.refused.items():
        console.print(f"{name} was not asked: {reason}.")
    console.print(f"Kept in {moves.folder}", soft_wrap=True)


def summary(record: MovesRecord) -> str:
    """How much was looked through."""
    share = record.different / record.decisions if record.decisions else 0.0
    return (
        f"{record.scenario}: in {record.different:,} of {plural(record.decisions, 'decision')} ({share:.1%}) "
        f"of {plural(len(record.seeds), 'test episode')}, {record.agent} did what none of "
        f"{plural(len(record.against), 'method')} would have done. {plural(record.screened, 'decision')} "
        f"screened, {plural(record.candidates, 'candidate')} tested, {record.branches:,} branches in "
        f"{duration(record.seconds)}."
    )


def meaning(record: MovesRecord) -> str:
    """What an interval is over."""
    if not record.redrawn:
        return (
            "Nothing is left to chance after a decision, or it cannot be drawn again: differences are those "
            "of the episode as its seed has it, and have no interval."
        )
    return (
        f"Intervals are over fresh futures from the identical state, the same for both actions, at the level "
        f"1 - 0.05/{record.candidates}: all hold at once with 95 %. They speak of that state alone."
    )


def _table(title: str, finds: Sequence[Find]) -> Table:
    shown = table(
        title, "seed.step", "sees", "does", "instead of", "worth [interval]", "p", "verdict", "kind"
    )
    for find in finds:
        others = "; ".join(f"{other.text} ({', '.join(other.methods)})" for other in find.alternatives)
        low, high = find.ci95
        span = f" [{signed(low)}, {signed(high)}]" if find.verdict != "exact" else ""
        shown.add_row(
            find.id,
            _sees(find),
            find.text if find.agent is None else f"{find.agent}: {find.text}",
            others,
            f"{signed(find.advantage)}{span}",
            number(find.p_holm),
            find.verdict,
            f"{find.kind.episodes} of {find.kind.of} episodes",
        )
    return shown


def _sees(find: Find) -> str:
    entries = [(name, value) for name, value in find.observation if value]
    shown = ", ".join(f"{name} {number(value)}" for name, value in entries[:MAX_ENTRIES])
    return shown + (", …" if len(entries) > MAX_ENTRIES else "")
