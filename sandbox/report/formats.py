"""Reports in other forms than a page: tables for programs and for documents, and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandbox.records.words import NONE, number
from sandbox.report.charts import central, ranked
from sandbox.report.data import ReportData
from sandbox.report.page import verdicts, warnings

if TYPE_CHECKING:
    from sandbox.api.types import Json


FORMATS = ("html", "png", "csv", "parquet", "md")


def rows(data: ReportData) -> list[Json]:
    """One row for every scenario and agent, best first; every row has the same columns."""
    facts = data.facts
    metrics = dict.fromkeys(
        name for scores in facts.scores.values() for score in scores.values() for name in score.metrics
    )
    terms = dict.fromkeys(
        name for scores in facts.scores.values() for score in scores.values() for name in score.reward_terms
    )
    table = []
    for name, scenario in facts.scenarios.items():
        scores = facts.scores.get(name, {})
        for place, agent in enumerate(ranked(scenario, scores), 1):
            score = scores[agent]
            against = score.against_best_baseline
            low, high = score.ci95 or (None, None)
            table.append(
                {
                    "scenario": name,
                    "agent": agent,
                    "kind": score.kind,
                    "rank": place,
                    "runs": score.runs if score.kind == "learned" else None,
                    "metric": scenario.metric,
                    "unit": scenario.unit,
                    "better": scenario.better,
                    "mean": score.mean,
                    "iqm": score.iqm,
                    "ci95_low": low,
                    "ci95_high": high,
                    "normalised": score.normalised,
                    "return": score.ret,
                    "length": score.length,
                    "baseline": against.baseline if against else None,
                    "difference": against.difference if against else None,
                    "difference_low": against.ci95[0] if against else None,
                    "difference_high": against.ci95[1] if against else None,
                    "verdict": against.verdict if against else None,
                    **{f"metric/{key}": score.metrics.get(key) for key in metrics},
                    **{f"term/{key}": score.reward_terms.get(key) for key in terms},
                }
            )
    return table


def as_csv(data: ReportData) -> bytes:
    """The rows as CSV. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    table = rows(data)
    sink = io.StringIO()
    writer = csv.DictWriter(sink, fieldnames=list(table[0]) if table else ["scenario", "agent"])
    writer.writerow({name: _no_formula(name) for name in writer.fieldnames})
    for row in table:
        writer.writerow({name: _no_formula(value) for name, value in row.items()})
    return sink.getvalue().encode()


def as_parquet(data: ReportData) -> bytes:
    """The rows as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    table = rows(data)
    floats = {name for name in (table[0] if table else {}) if "/" in name}
    arrays = {
        name: pa.array([row[name] for row in table], pa.float64() if name in floats else None)
        for name in (table[0] if table else {"scenario": None, "agent": None})
    }
    pq.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def as_markdown(data: ReportData) -> bytes:
    """The verdicts and one table a scenario."""
    facts = data.facts
    lines = [f"# {_cell(facts.title or facts.suite)}", ""]
    for sentence in verdicts(facts):
        where = f"{sentence.where}: " if sentence.where else ""
        lines.append(f"- {_cell(where + sentence.text)}")
    lines += ["", *(f"> {_cell(note)}" for note in warnings(data)), ""]
    for name, scenario in facts.scenarios.items():
        scores = facts.scores.get(name, {})
        if not scores:
            continue
        unit = "" if scenario.unit in ("", "1") else f" ({scenario.unit})"
        head = [
            "agent",
            "runs",
            f"{scenario.metric}{unit}",
            "95 % interval",
            "against best baseline",
            "return",
        ]
        lines += [f"## {_cell(name)}", "", _line(head), _line(["---"] * len(head))]
        for agent in ranked(scenario, scores):
            score = scores[agent]
            low, high = score.ci95 or (None, None)
            against = score.against_best_baseline
            lines.append(
                _line(
                    [
                        agent,
                        str(score.runs) if score.kind == "learned" else NONE,
                        number(central(score)),
                        f"{number(low)} to {number(high)}",
                        f"{number(against.difference)} ({against.verdict})" if against else NONE,
                        number(score.ret),
                    ]
                )
            )
        lines.append("")
    if data.commands:
        lines += ["```", *(command.replace("```", "'''") for command in data.commands), "```", ""]
    return "\n".join(lines).encode()


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    """Text that cannot end a table's cell or become markup."""
    plain = " ".join(text.split())
    for sign in ("\\", "|", "`", "<", ">", "[", "]", "*", "_"):
        plain = plain.replace(sign, {"<": "&lt;", ">": "&gt;"}.get(sign, f"\\{sign}"))
    return plain


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
