"""Figures and verdicts in words, the same on the terminal, in reports and on the web page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.records.evaluation import BoundRecord, DifferenceRecord, LimitRecord
    from sandbox.records.status import Better

MIN_EPISODES = 5
"""A bootstrap over fewer episodes is far too narrow to be called a 95 % interval or to carry a verdict."""

NONE = "–"
"""Stands for a figure that is not known."""


def number(value: float | None) -> str:
    """A figure with the digits that matter: ``16.5``, ``1,204``, ``0.0312``."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    size = abs(value)
    if size >= 1000 or isinstance(value, int):
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.3g}"


def with_unit(value: float | None, unit: str) -> str:
    """A figure and its unit; a pure number has none."""
    return number(value) if unit in ("", "1") else f"{number(value)} {unit}"


def metric_label(name: str, unit: str) -> str:
    """A metric and its unit, as axes and heads of columns have it; a pure number has none."""
    return name if unit in ("", "1") else f"{name} ({unit})"


def signed(value: float | None) -> str:
    """A difference: a plus sign before positive ones."""
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def duration(seconds: float | None) -> str:
    """``48 s``, ``12 min``, ``3 h 20 min``."""
    if seconds is None:
        return NONE
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, what: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def percent(value: float | None) -> str:
    """A share of a hundred with the digits that matter: ``12 %``, ``0.35 %``, ``1,040 %``."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    digits = 0 if size >= 10 else 1 if size >= 1 else 2
    rounded = round(value, digits) + 0.0  # no minus before a zero
    return f"{rounded:,.{digits}f} %"


def signed_percent(value: float | None) -> str:
    """A difference in percent: a plus sign before positive ones."""
    return f"+{percent(value)}" if value is not None and value > 0 else percent(value)


RULE = (
    "A difference is called clear where there are at least 5 test episodes and the 95 % interval of the "
    "paired difference excludes zero."
)
"""When an agent of an evaluation is better or worse than a baseline, and when that stays open."""

RULE_OF_COMPARISONS = (
    "A difference is called clear where there are at least 5 test episodes (or 5 runs on a scenario with "
    "one), the 95 % interval of the paired difference excludes zero, and its p-value is below 0.05 after "
    "Holm's correction for the number of agents."
)
"""The same of a comparison, whose p-values are of runs and episodes."""


def verdict(
    agent: str,
    against: DifferenceRecord | None,
    metric: str,
    unit: str,
    episodes: int,
    *,
    beats: Sequence[str] = (),
    basis: str = "",
) -> str:
    """Whether an agent beat the best classical method.

    Args:
        agent: Its name.
        against: Its difference to the best baseline; None where there is none or it is the best one itself.
        metric: Name of the ranking metric.
        unit: The metric's unit.
        episodes: Test episodes an agent played.
        beats: Classical methods that it is clearly better than.
        basis: What the figures rest on besides the episodes, such as ``5 runs``.
    """
    if against is None:
        return f"{agent}: there is no classical method to compare with."
    best = f"the best baseline, {against.baseline}"
    if against.difference is None or math.isnan(against.difference):
        return f"{agent} cannot be compared with {best}: {metric} is not a number."
    share = f" ({percent(abs(against.percent))})" if against.percent is not None else ""
    size = (
        f"{with_unit(abs(against.difference), unit)}{share} {'lower' if against.difference < 0 else 'higher'}"
    )
    if against.verdict not in ("better", "worse"):
        return _unclear(agent, best, against, f"{metric} is {size}", episodes, basis) + more(against)
    verb = "beats" if against.verdict == "better" else "loses to"
    others = [name for name in beats if name != against.baseline]
    also = f" It beats {listed(others)}." if others and against.verdict == "worse" else ""
    return f"{agent} {verb} {best}: its {metric} is {size} ({_basis(against, basis)}).{also}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """``a``, ``a and b``, ``a, b and c``, ``a, b, c, d and 3 more``."""
    shown = list(names[:most]) + ([f"{len(names) - most} more"] if len(names) > most else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _unclear(agent: str, best: str, against: DifferenceRecord, what: str, episodes: int, basis: str) -> str:
    """Why a difference is not clear: too few episodes, an interval that holds zero, or many comparisons."""
    low, high = against.ci95
    if episodes < MIN_EPISODES and (low is None or against.unit == "episodes"):
        few = plural(episodes, "test episode")
        return f"No verdict on {agent} and {best}: its {what}, and {few} are too few to tell."
    if low is None or high is None or low <= 0 <= high:
        return (
            f"No clear difference between {agent} and {best}: its {what} ({_basis(against, basis)}, which "
            f"includes zero)."
        )
    return (
        f"Not certain for {agent} against {best}: its {what} ({_basis(against, basis)}), but p is not below "
        f"0.05 after Holm's correction for all agents compared."
    )


def _basis(against: DifferenceRecord, basis: str) -> str:
    low, high = against.ci95
    p = f"p = {against.p_holm:.2g}" if against.p_holm is not None else ""
    span = f"95 % interval {signed(low)} to {signed(high)}"
    return ", ".join(filter(None, (basis, p, span)))


MOST_NEEDED = 100_000
"""More runs or episodes than that are not asked for."""


def more(against: DifferenceRecord) -> str:
    """What would make an unclear difference clear, as a sentence with a space before it; else empty."""
    runs, episodes = against.needed_runs, against.needed_episodes
    if episodes is None or against.verdict != "unclear":
        return ""
    if max(runs or 0, episodes) > MOST_NEEDED:
        return f" If the difference is that small, {MOST_NEEDED:,} runs or test episodes would not tell."
    count = plural(episodes, "test episode")
    asked = count if runs is None or runs == 1 else f"{plural(runs, 'run')} with {count}"
    return f" About {asked} would tell, if the difference is as measured."


def distance(mean: float | None, limit: LimitRecord | None, bound: BoundRecord | None, better: Better) -> str:
    """How far an agent is from the best possible, as a sentence with a space before it; else empty.

    Args:
        mean: The agent's mean of the ranking metric.
        limit: What agents are measured by.
        bound: What no agent can be better than.
        better: Which direction is better.
    """
    if mean is None or math.isnan(mean):
        return ""
    if limit is not None and limit.kind == "optimum":
        gap = limit.gap(mean, better)
        return "" if gap is None else f" It is {_off(gap)} the optimum ({limit.name}, {number(limit.value)})."
    if bound is None:
        return ""
    side = "lower" if better == "lower" else "upper"
    return (
        f" It is at most {bound.gap(mean):.3g} % from the best possible ({side} bound {number(bound.value)}, "
        f"{bound.method})."
    )


def _off(gap: float) -> str:
    return f"{percent(gap)} worse than" if gap >= 0 else f"by chance {percent(-gap)} better than"


def gap_heading(limit: LimitRecord | None) -> str:
    """Head of a table's column of gaps: what they are percentages of."""
    return "% worse" if limit is None else f"% worse than {limit.kind}"
