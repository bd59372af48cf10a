"""An evaluation as text and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from html import escape

from sandbox.records.evaluation import EvaluationRecord
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


def ranked(record: EvaluationRecord) -> list[str]:
    """Names of the agents, best first; those without a mean last."""
    sign = 1.0 if record.better == "lower" else -1.0

    def key(name: str) -> tuple[bool, float]:
        mean = record.agents[name].mean
        return mean is None, sign * (mean or 0.0)

    return sorted(record.agents, key=key)


def sentence(name: str, record: EvaluationRecord) -> str:
    """Whether an agent won, and how far the limit is."""
    agent = record.agents[name]
    said = verdict(
        name, agent.against_best_baseline, record.metric, record.unit, record.episodes, beats=agent.beats
    )
    return said + distance(agent.mean, record.limit, record.bound, record.better)


@dataclass(frozen=True)
class Shown:
    """What is shown of an evaluation.

    Attributes:
        scenario: The scenario's id.
        record: The figures.
        ranking: Agents, best first.
        learned: Those of them that have learned.
    """

    scenario: str
    record: EvaluationRecord
    ranking: tuple[str, ...]
    learned: Collection[str]

    def rows(self) -> list[tuple[str, ...]]:
        """The table's head, and a row for every agent, best first."""
        record = self.record
        unit = "" if record.unit in ("", "1") else f" ({record.unit})"
        gap = gap_heading(record.limit)
        body: list[tuple[str, ...]] = [
            ("agent", f"{record.metric}{unit}", "95 % interval", "against best baseline", gap)
        ]
        for name in self.ranking:
            agent = record.agents[name]
            low, high = agent.ci95
            span = "" if low is None else f"{number(low)} to {number(high)}"
            body.append((name, number(agent.mean), span, self._standing(name), percent(agent.gap)))
        return body

    def _standing(self, name: str) -> str:
        against = self.record.agents[name].against_best_baseline
        if name == self.record.optimum:
            return "optimum"
        if against is None or against.difference is None:
            return "best baseline" if name == self.record.best_baseline else ""
        return f"{signed(against.difference)} {against.verdict}"

    def sentences(self) -> list[str]:
        """How many episodes there were; for every learned agent whether it won, and how far the limit is."""
        record, count = self.record, self.record.episodes
        few = f" Under {MIN_EPISODES} there is no 95 % interval." if count < MIN_EPISODES else ""
        said = [f"{plural(count, 'test episode')} an agent, {record.better} is better.{few}"]
        return said + [sentence(name, record) for name in record.agents if name in self.learned]

    def text(self) -> str:
        """The table in columns, and the sentences."""
        table = self.rows()
        widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]

        def line(row: tuple[str, ...]) -> str:
            return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

        lines = [line(row) for row in table]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([self.scenario, *lines, *self.sentences()])

    def html(self) -> str:
        """The same as HTML; all text is escaped."""
        head, *body = self.rows()

        def line(tag: str, cells: tuple[str, ...]) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        agents = "".join(line("td", row) for row in body)
        table = f"<table><thead>{line('th', head)}</thead><tbody>{agents}</tbody></table>"
        words = "".join(f"<p>{escape(text)}</p>" for text in self.sentences())
        return f"<p><b>{escape(self.scenario)}</b></p>{table}{words}"
