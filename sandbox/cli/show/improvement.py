"""The table of ``sandbox improve``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cli.show.tables import show, table
from sandbox.report.words import number, signed

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.improvement.estimators import Estimate
    from sandbox.improvement.improve import Improvement

METHODS = ("fitted_q", "chained", "doubly_robust", "weighted_importance_sampling", "importance_sampling")
SHORT = ("fitted Q", "chained", "doubly robust", "weighted IS", "per-decision IS")


def show_improvement(console: Console, made: Improvement) -> None:
    """Estimates of every candidate beside the behaviour, and what is returned."""
    verdict = made.verdict
    title = f"{made.scenario}: discounted return (γ {made.gamma:g}) by {made.episodes[1]} held-out episodes"
    shown = table(title, "policy", *SHORT, "above behaviour", "lower bound")
    shown.add_row("behaviour, as recorded", _interval(verdict.behaviour), *[""] * (len(METHODS) + 1))
    for name, judged in verdict.candidates.items():
        estimates = [judged.estimates.get(method) for method in METHODS]
        cells = ["–" if each is None else _interval(each) for each in estimates]
        shown.add_row(name, *cells, signed(judged.difference.mean), signed(judged.lower))
    show(console, shown)
    for name, judged in verdict.candidates.items():
        console.print(f"{name}: {judged.reason}.")
    console.print(made.statement, soft_wrap=True)
    console.print(f"To play it: sandbox eval {made.run.path}", soft_wrap=True)


def _interval(estimate: Estimate) -> str:
    if not estimate.usable:
        return f"too few ({estimate.effective:.1f})"
    return f"{number(estimate.mean)} [{number(estimate.lower(0.975))}, {number(estimate.upper(0.975))}]"
