"""An evaluation as text, as HTML for notebooks, and as a data frame."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import MissingExtraError
from sandbox.records.words import (
    MIN_EPISODES,
    distance,
    gap_heading,
    number,
    percent,
    plural,
    signed,
    verdict,
)
from sandbox.registry.resolve import missing_modules

if TYPE_CHECKING:
    from sandbox.evaluation.result import EvaluationResult


def rows(result: EvaluationResult) -> list[tuple[str, ...]]:
    """The table's head, and a row for every agent, best first."""
    record, metric = result.record(), result.metric
    unit = "" if metric.unit in ("", "1") else f" ({metric.unit})"
    head = (
        "agent",
        f"{metric.name}{unit}",
        "95 % interval",
        "against best baseline",
        gap_heading(record.limit),
    )
    body = []
    for name in result.ranking():
        agent = record.agents[name]
        low, high = agent.ci95
        against = agent.against_best_baseline
        if name == record.optimum:
            standing = "optimum"
        elif against is None or against.difference is None:
            standing = "best baseline" if name == record.best_baseline else ""
        else:
            standing = f"{signed(against.difference)} {against.verdict}"
        span = "" if low is None else f"{number(low)} to {number(high)}"
        body.append((name, number(agent.mean), span, standing, percent(agent.gap)))
    return [head, *body]


def sentences(result: EvaluationResult) -> list[str]:
    """For every learned agent, whether it beat the best classical method and how far it is from the limit."""
    record, metric, count = result.record(), result.metric, len(result.seeds)
    told = []
    for agent in result.agents:
        if agent.baseline is None:
            row = record.agents[agent.name]
            sentence = verdict(
                agent.name, row.against_best_baseline, metric.name, metric.unit, count, beats=row.beats
            )
            told.append(sentence + distance(row.mean, record.limit, record.bound, metric.better))
    return told


def note(result: EvaluationResult) -> str:
    """How many episodes the figures rest on."""
    count = len(result.seeds)
    few = f" Under {MIN_EPISODES} there is no 95 % interval." if count < MIN_EPISODES else ""
    return f"{plural(count, 'test episode')} an agent, {result.metric.better} is better.{few}"


def as_text(result: EvaluationResult) -> str:
    """The table in columns, and the sentences."""
    table = rows(result)
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]

    def line(row: tuple[str, ...]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    lines = [line(row) for row in table]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([result.scenario.spec.id, *lines, note(result), *sentences(result)])


def as_html(result: EvaluationResult) -> str:
    """The same as HTML; all text is escaped."""
    head, *body = rows(result)

    def line(tag: str, cells: tuple[str, ...]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    agents = "".join(line("td", row) for row in body)
    table = f"<table><thead>{line('th', head)}</thead><tbody>{agents}</tbody></table>"
    words = "".join(f"<p>{escape(text)}</p>" for text in [note(result), *sentences(result)])
    return f"<p><b>{escape(result.scenario.spec.id)}</b></p>{table}{words}"


def as_frame(result: EvaluationResult) -> Any:
    """One row an episode, with the columns of ``episodes.parquet``.

    Raises:
        MissingExtraError: Without pandas.
    """
    if missing := missing_modules(("pandas",)):
        raise MissingExtraError("A data frame", missing, None)
    import pandas as pd

    return pd.read_parquet(io.BytesIO(result.to_parquet()))
