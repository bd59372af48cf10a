"""The tables that ``sandbox moves`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cli.show.console import stdout
from sandbox.cli.show.tables import show, table
from sandbox.moves.page import PAGE
from sandbox.moves.words import meaning, summary
from sandbox.report.words import number, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from sandbox.moves.api import Moves
    from sandbox.records.moves import Find

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
    console.print(f"Page {moves.folder / PAGE}", soft_wrap=True)


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
            number(find.p),
            find.verdict,
            f"{find.kind.episodes} of {find.kind.of} episodes",
        )
    return shown


def _sees(find: Find) -> str:
    entries = [(name, value) for name, value in find.observation if value]
    shown = ", ".join(f"{name} {number(value)}" for name, value in entries[:MAX_ENTRIES])
    return shown + (", …" if len(entries) > MAX_ENTRIES else "")
