"""A report as one HTML file that needs no network.

All text from outside goes through the template's escaping or into JSON that a script reads as data; the
page's own policy allows the one script and the one style sheet that are in it, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from typing import TYPE_CHECKING, Any, Literal

from sandbox.records.comparison import ComparisonRecord, ScenarioFacts, Score
from sandbox.records.status import AgentKind, CellStatus, Verdict
from sandbox.records.words import (
    NONE,
    RULE,
    RULE_OF_COMPARISONS,
    distance,
    duration,
    number,
    plural,
    signed,
    signed_percent,
    verdict,
)
from sandbox.report.charts import all_charts, best_baseline, central, colours, intervals, ranked
from sandbox.report.data import ReportData
from sandbox.report.media import embed, script_json
from sandbox.runs.provenance import packages
from sandbox.statistics.resampling import MIN_RUNS

if TYPE_CHECKING:
    from sandbox.api.types import Json


STYLES = ("uPlot.min.css", "base.css", "replay.css")
SCRIPTS = ("uPlot.iife.min.js", "charts.js", "scene.js", "timeseries.js", "replay.js", "report.js")
MAX_METRICS = 6
"""Columns of further metrics in a table of scores."""


def html(data: ReportData, with_media: bool = True) -> str:
    """The page.

    Args:
        data: Its content.
        with_media: Whether pictures, films and replays of the runs are put in.
    """
    from markupsafe import Markup

    facts = data.facts
    palette = colours(facts)
    charts = all_charts(facts)
    media, replays, notes = embed(data.runs) if with_media else ([], {}, [])
    style, script = (asset_text(names) for names in (STYLES, SCRIPTS))
    policy = (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )
    return str(
        environment()
        .get_template("report.html")
        .render(
            policy=policy,
            style=Markup(style),
            script=Markup(script),
            charts=charts,
            charts_json=Markup(script_json(charts)),
            replays_json=Markup(script_json(replays)),
            title=facts.heading,
            subtitle=_subtitle(facts),
            status=facts.status,
            verdicts=verdicts(facts),
            rule=_rule(facts),
            notes=[*warnings(data), *notes],
            overall=_overall(facts, palette),
            chances=_chances(facts),
            scenarios=[_scenario(facts, place, name, charts) for place, name in enumerate(facts.scenarios)],
            kinds={name: agent.kind for name, agent in facts.agents.items()},
            palette=palette,
            media=media,
            cells=[
                cell for cell in facts.cells if facts.agents.get(cell.agent) is None or cell.seed is not None
            ],
            commands=data.commands,
            settings=_settings(facts),
            versions="\n".join(
                f"{name} {', '.join(known)}" for name, known in sorted(facts.versions.items())
            ),
            version=packages().get("sandbox-rl", ""),
            today=time.strftime("%Y-%m-%d"),
        )
    )


def verdicts(facts: ComparisonRecord) -> list[Sentence]:
    """For every learned agent and scenario, whether it beat the best classical method."""
    sentences = []
    for name, scenario in facts.scenarios.items():
        scores = facts.scores.get(name, {})
        best = best_baseline(scenario, scores)
        for agent, score in scores.items():
            if score.kind != "learned":
                continue
            against = score.against_best_baseline
            where = f"{name}, {plural(score.runs, 'training run')}"
            if against is None and best is not None:
                text = _without_test(agent, score, best, scores[best], scenario)
                sentences.append(Sentence("unclear", where, text))
            else:
                text = verdict(
                    agent, against, scenario.metric, scenario.unit, scenario.episodes, beats=score.beats
                )
                text += distance(score.mean, scenario.limit, scenario.bound, scenario.better)
                sentences.append(Sentence(against.verdict if against else "unclear", where, text))
        running = [cell for cell in facts.cells if cell.scenario == name and cell.status in _UNFINISHED]
        if running and not any(score.kind == "learned" for score in scores.values()):
            sentences.append(Sentence("unclear", name, "No training run has been evaluated yet."))
    if not sentences:
        sentences.append(
            Sentence("unclear", "", "There are no test results: sandbox run and sandbox eval make them.")
        )
    return sentences


def _rule(facts: ComparisonRecord) -> str:
    """When a difference is clear: as in a comparison where p-values were corrected, else as in a test."""
    against = (score.against_best_baseline for scores in facts.scores.values() for score in scores.values())
    corrected = any(difference is not None and difference.p_holm is not None for difference in against)
    return RULE_OF_COMPARISONS if corrected else RULE


_UNFINISHED: tuple[CellStatus, ...] = ("running", "missing", "interrupted", "failed", "dead")


@dataclass(frozen=True)
class Sentence:
    """A verdict in words, and where it holds."""

    kind: Verdict
    where: str
    text: str


def warnings(data: ReportData) -> list[str]:
    """What a reader must know before trusting the figures."""
    facts = data.facts
    notes = []
    if facts.exploratory:
        notes.append(
            f"Exploratory: fewer than {MIN_RUNS} training runs an agent; other seeds may do otherwise."
        )
    sampled = [name for agents in facts.scores.values() for name, score in agents.items() if score.sampled]
    if sampled:
        names = ", ".join(dict.fromkeys(sampled))
        notes.append(f"{names} sampled: the policy is meant to be stochastic.")
    failed = [cell for cell in facts.cells if cell.status in ("failed", "dead")]
    if failed:
        notes.append(f"{plural(len(failed), 'run')} failed; see the table of runs.")
    mixed = [name for name, versions in facts.versions.items() if len(versions) > 1]
    if mixed:
        notes.append(f"Made with different versions of {', '.join(mixed)}.")
    if data.missing:
        notes.append(f"{plural(len(data.missing), 'run')} could not be read: {data.missing[0]}")
    return notes


@cache
def environment() -> Any:
    """Jinja2 with escaping on, over the package's templates."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("sandbox.report"), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    made.filters |= {"number": number, "interval": _interval, "duration": duration, "plural": plural}
    return made


@cache
def asset_text(names: tuple[str, ...]) -> str:
    """Files of the package's assets, one after the other."""
    folder = package_files("sandbox.report") / "assets"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def digest(text: str) -> str:
    """The one script or style sheet that a page's policy allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _subtitle(facts: ComparisonRecord) -> str:
    learned = sum(agent.kind == "learned" for agent in facts.agents.values())
    runs = sum(cell.seed is not None for cell in facts.cells)
    parts = [
        plural(len(facts.scenarios), "scenario"),
        plural(learned, "learned agent"),
        plural(len(facts.agents) - learned, "other agent"),
        plural(runs, "training run"),
    ]
    if facts.seconds:
        parts.append(f"{duration(facts.seconds)} of work")
    return " · ".join(parts)


def _without_test(agent: str, score: Score, best: str, other: Score, scenario: ScenarioFacts) -> str:
    return (
        f"{agent} has a {scenario.metric} of {number(central(score))} {_interval(score.ci95)} over "
        f"{plural(score.runs, 'run')}; the best baseline, {best}, one of {number(other.mean)} "
        f"{_interval(other.ci95)}. sandbox compare tests the difference."
    )


def _interval(pair: Any) -> str:
    return NONE if pair is None or pair[0] is None else f"[{number(pair[0])}, {number(pair[1])}]"


def _overall(facts: ComparisonRecord, palette: Mapping[str, int]) -> Json | None:
    if not facts.overall:
        return None
    rows = sorted(
        facts.overall.items(), key=lambda item: -(item[1].iqm if item[1].iqm is not None else -1e300)
    )
    chart = intervals(((name, row.iqm, row.iqm_ci95) for name, row in rows), palette)
    return {"rows": rows, "chart": chart}


def _chances(facts: ComparisonRecord) -> Json | None:
    table = facts.probability_of_improvement
    if not table:
        return None
    columns = list(dict.fromkeys([*table, *(name for row in table.values() for name in row)]))
    rows = []
    for name, row in table.items():
        cells = []
        for other in columns:
            chance = row.get(other)
            if chance is None or chance.p is None:
                cells.append({"text": "", "span": "", "kind": ""})
                continue
            low, high = chance.ci95 or (None, None)
            sure = (
                "high" if low is not None and low > 0.5 else "low" if high is not None and high < 0.5 else ""
            )
            span = f"{low:.2f} to {high:.2f}" if low is not None and high is not None else ""
            cells.append({"text": f"{chance.p:.2f}", "span": span, "kind": sure})
        rows.append((name, cells))
    return {"columns": columns, "rows": rows}


def _scenario(facts: ComparisonRecord, place: int, name: str, charts: Mapping[str, Any]) -> Json:
    scenario, scores = facts.scenarios[name], facts.scores.get(name, {})
    palette = colours(facts)
    order = ranked(scenario, scores)
    best = best_baseline(scenario, scores)
    facing = {agent: _standing(agent, scores[agent], scenario, best) for agent in order}
    shown = [(agent, central(scores[agent]), scores[agent].ci95) for agent in order]
    metrics = dict.fromkeys(
        key for score in scores.values() for key in score.metrics if key != scenario.metric
    )
    terms = dict.fromkeys(key for score in scores.values() for key in score.reward_terms)
    weights = next((score.weights for score in scores.values() if score.weights), {})
    return {
        "name": name,
        "facts": scenario,
        "learning": f"learning-{place}" if f"learning-{place}" in charts else None,
        "chart": intervals(shown, palette),
        "rows": [row for agent in order for row in _rows(agent, scores[agent], facing[agent])],
        "normalised": any(score.normalised is not None for score in scores.values()),
        "metrics": list(metrics)[:MAX_METRICS],
        "terms": [
            (agent, f"terms-{place}-{number_}")
            for number_, agent in enumerate(facts.curves.get(name, {}))
            if f"terms-{place}-{number_}" in charts
        ],
        "term_names": list(terms),
        "term_rows": [
            (agent, [scores[agent].reward_terms.get(term) for term in terms]) for agent in order if terms
        ],
        "weights": ", ".join(f"{key} {number(value)}" for key, value in weights.items()),
    }


def _rows(agent: str, score: Score, standing: str) -> list[Json]:
    """An agent's row and, where validation chose a policy, that policy's."""
    shown = [_row(agent, score, score.kind, standing)]
    if score.best is not None and score.best.mean is not None:
        chosen = Score(kind=score.kind, mean=score.best.mean, iqm=score.best.iqm, ci95=score.best.ci95)
        row = _row(f"{agent}, best on validation", chosen, "chosen", NONE)
        shown.append(row | {"runs": score.runs})
    return shown


def _standing(agent: str, score: Score, scenario: ScenarioFacts, best: str | None) -> str:
    """An agent beside the best baseline, in words."""
    against = score.against_best_baseline
    if agent == scenario.optimum:
        return "optimum"
    if agent == best or against is None or against.difference is None:
        return "best baseline" if agent == best else NONE
    low, high = against.ci95
    share = f" ({signed_percent(against.percent)})" if against.percent is not None else ""
    p = f", p = {number(against.p_holm)}" if against.p_holm is not None else ""
    span = f" [{signed(low)}, {signed(high)}]" if low is not None else ""
    return f"{signed(against.difference)}{share}{span}{p}"


def _row(agent: str, score: Score, kind: AgentKind | Literal["chosen"], standing: str) -> Json:
    against = score.against_best_baseline if standing not in ("optimum", NONE) else None
    return {
        "name": agent,
        "kind": kind,
        "score": score,
        "runs": score.runs if kind == "learned" else None,
        "value": central(score),
        "gap": score.gap,
        "against": standing,
        "difference": against.difference if against and against.difference is not None else "",
        "verdict": against.verdict if against else "",
    }


def _settings(facts: ComparisonRecord) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "text": json.dumps(
                {
                    "algorithm": agent.algorithm,
                    "steps": agent.steps,
                    "hyperparameters": agent.hyperparameters,
                },
                indent=2,
            ),
        }
        for name, agent in facts.agents.items()
        if agent.kind == "learned"
    ]
