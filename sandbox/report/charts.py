"""Charts as data: what the page's script draws, and intervals as plain SVG that need no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.records.comparison import AgentCurves, ComparisonRecord, Curve, Profiles, ScenarioFacts, Score
from sandbox.records.words import number

if TYPE_CHECKING:
    from sandbox.api.types import Json


COLOURS = 8
"""Colours of the page's palette; more agents repeat them."""


def colours(facts: ComparisonRecord) -> dict[str, int]:
    """A colour for every learned agent; −1, grey, for those that do not learn."""
    learned = [name for name, agent in facts.agents.items() if agent.kind == "learned"]
    places = {name: place % COLOURS for place, name in enumerate(learned)}
    return {name: places.get(name, -1) for name in facts.agents}


def all_charts(facts: ComparisonRecord) -> dict[str, Json]:
    """Every interactive chart of a report by its name."""
    charts: dict[str, Json] = {}
    palette = colours(facts)
    for place, (name, scenario) in enumerate(facts.scenarios.items()):
        curves = facts.curves.get(name, {})
        chart = learning_chart(scenario, curves, facts.scores.get(name, {}), palette)
        if chart["series"]:
            charts[f"learning-{place}"] = chart
        for number_, (agent, agent_curves) in enumerate(curves.items()):
            weights = facts.scores.get(name, {}).get(agent)
            terms = terms_chart(agent_curves, weights.weights if weights else {})
            if terms["series"]:
                charts[f"terms-{place}-{number_}"] = terms
    if facts.profiles and facts.profiles.agents:
        charts["profiles"] = profile_chart(facts, palette)
    return charts


def learning_chart(
    scenario: ScenarioFacts,
    curves: Mapping[str, AgentCurves],
    scores: Mapping[str, Score],
    palette: Mapping[str, int],
) -> Json:
    """The metric over training: validation episodes in full, training episodes pale, best baseline dashed."""
    series = []
    for agent, agent_curves in curves.items():
        colour = palette.get(agent, -1)
        if agent_curves.training:
            series.append(_line(f"{agent}, training", agent_curves.training, colour, pale=True))
        if agent_curves.validation:
            series.append(_line(f"{agent}, validation", agent_curves.validation, colour, points=True))
    best = best_baseline(scenario, scores)
    lines = [{"name": f"{best} (test)", "value": scores[best].mean}] if best is not None else []
    values = [value for line in series for value in line["y"] if value is not None]
    unit = f" ({scenario.unit})" if scenario.unit not in ("", "1") else ""
    return {
        "x": {"label": "steps"},
        "y": {"label": f"{scenario.metric}{unit}, {scenario.better} is better", "log": spread_out(values)},
        "series": series,
        "lines": lines,
    }


def terms_chart(curves: AgentCurves, weights: Mapping[str, float | None]) -> Json:
    """What each reward term contributed to an episode's return over training."""
    series = []
    for place, (term, curve) in enumerate(curves.terms.items()):
        weight = weights.get(term, 1.0) if weights else 1.0
        if curve is None or not weight:
            continue
        scaled = curve.changed(mean=_times(curve.mean, weight), low=None, high=None)
        series.append(_line(term, scaled, place % COLOURS))
    if curves.returns and len(series) > 1:
        series.append(_line("return", curves.returns, -1, dash=True))
    return {
        "x": {"label": "steps"},
        "y": {"label": "weight × term, sum of an episode"},
        "series": series,
        "lines": [],
    }


def profile_chart(facts: ComparisonRecord, palette: Mapping[str, int]) -> Json:
    """Share of runs above each normalised score."""
    profiles = facts.profiles or Profiles()
    series = []
    for agent, profile in profiles.agents.items():
        curve = Curve(steps=profiles.thresholds, mean=profile.share, low=profile.low, high=profile.high)
        colour = palette.get(agent, -1)
        series.append(_line(agent, curve, colour, dash=colour < 0))
    return {
        "x": {"label": "normalised score τ (0 = random, 1 = best baseline or optimum)"},
        "y": {"label": "share of runs with a score above τ"},
        "series": series,
        "lines": [],
    }


def best_baseline(scenario: ScenarioFacts, scores: Mapping[str, Score]) -> str | None:
    """The classical method with the best mean. Neither the random agent nor a proven optimum is one."""
    known = {
        name: score.mean
        for name, score in scores.items()
        if score.kind == "baseline" and name not in ("random", scenario.optimum) and score.mean is not None
    }
    if not known:
        return None
    return (min if scenario.better == "lower" else max)(known, key=lambda name: known[name])


def ranked(scenario: ScenarioFacts, scores: Mapping[str, Score]) -> list[str]:
    """Agents best first; those without a figure last."""
    sign = 1.0 if scenario.better == "lower" else -1.0

    def key(name: str) -> tuple[bool, float]:
        value = central(scores[name])
        return value is None, sign * (value or 0.0)

    return sorted(scores, key=key)


def central(score: Score) -> float | None:
    """What a table ranks by: the interquartile mean where there are several runs, else the mean."""
    return score.iqm if score.iqm is not None else score.mean


@dataclass(frozen=True)
class Mark:
    """A row of an interval chart, places in percent of the width."""

    name: str
    at: float
    low: float
    high: float
    colour: int
    label: str


@dataclass(frozen=True)
class Tick:
    """A tick of an interval chart's axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Intervals:
    """An interval chart."""

    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    log: bool


def intervals(
    rows: Iterable[tuple[str, float | None, Sequence[float | None] | None]], palette: Mapping[str, int]
) -> Intervals | None:
    """Figures with their intervals on one axis, a logarithmic one where they are far apart."""
    known = [(name, value, _ends(value, ci95)) for name, value, ci95 in rows if value is not None]
    if not known:
        return None
    ends = [end for _, value, pair in known for end in (*pair, value)]
    log = spread_out(ends)
    scale = math.log10 if log else float
    low, high = min(ends), max(ends)
    margin = 0.04 * ((scale(high) - scale(low)) or abs(scale(high)) or 1.0)
    start, stop = scale(low) - margin, scale(high) + margin

    def place(value: float) -> float:
        return round(100 * (scale(value) - start) / (stop - start), 2)

    marks = tuple(
        Mark(
            name,
            place(value),
            place(pair[0]),
            place(pair[1]),
            palette.get(name, -1),
            f"{name}: {number(value)} [{number(pair[0])}, {number(pair[1])}]",
        )
        for name, value, pair in known
    )
    ticks = tuple(Tick(place(value), f"{value:,.6g}") for value in _ticks(start, stop, log))
    return Intervals(marks, ticks, log)


def spread_out(values: Sequence[float | None]) -> bool:
    """Whether a logarithmic axis shows the values better: all positive and far apart."""
    known = [value for value in values if value is not None]
    return bool(known) and min(known) > 0 and max(known) > 20 * min(known)


def _ends(value: float, ci95: Sequence[float | None] | None) -> tuple[float, float]:
    low, high = ci95 if ci95 is not None else (None, None)
    return (value if low is None else min(low, value)), (value if high is None else max(high, value))


def _ticks(start: float, stop: float, log: bool) -> list[float]:
    """Round values between two places of the scale, some five of them."""
    if log:
        decades = range(math.floor(start), math.ceil(stop) + 1)
        steps = (1, 2, 5) if stop - start < 3 else (1,)
        ticks = [10.0**decade * step for decade in decades for step in steps]
        return [value for value in ticks if start <= math.log10(value) <= stop]
    raw = (stop - start) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = math.ceil(start / step)
    return [place * step for place in range(first, math.floor(stop / step) + 1)]


def _line(
    name: str, curve: Curve, colour: int, *, pale: bool = False, points: bool = False, dash: bool = False
) -> Json:
    banded = curve.runs > 1 or curve.low is not None
    return {
        "name": name,
        "x": curve.steps,
        "y": [None if value is None else _short(value) for value in curve.mean],
        "low": [None if value is None else _short(value) for value in curve.low or []] if banded else None,
        "high": [None if value is None else _short(value) for value in curve.high or []] if banded else None,
        "colour": colour,
        "pale": pale,
        "points": points,
        "dash": dash,
    }


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _times(values: Sequence[float | None], weight: float) -> tuple[float | None, ...]:
    return tuple(None if value is None else value * weight for value in values)
