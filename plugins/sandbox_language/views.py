"""Views: texts with what they are worth, and the replay for the web page."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox.api.replay import Clock, Episode, Series, StepLog, Texts, write_replay
from sandbox_language.process import Writing
from sandbox_language.quality import held_out_ratings

SHOWN = 8
"""Texts of an episode that are shown, at most."""


def texts(request: ViewRequest) -> None:
    """The finished texts of every agent and seed with the reward model's value and the held-out rating."""
    from matplotlib.figure import Figure

    blocks = [_block(request, agent, seed) for agent in request.agents for seed in request.seeds]
    lines = [line for block in blocks for line in block]
    figure = Figure((9.5, 0.3 + 0.2 * len(lines)), dpi=120)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(lines) + 0.5, -0.5)
    for number, (score, rated, line) in enumerate(lines):
        axes.text(0.02, number, score, fontsize=8, family="monospace", va="center")
        axes.text(0.10, number, rated, fontsize=8, family="monospace", va="center")
        weight = "bold" if not number or line.startswith("»") else "normal"
        axes.text(0.18, number, line.removeprefix("»"), fontsize=8, va="center", weight=weight)
    figure.savefig(request.path)


def replay(request: ViewRequest) -> None:
    """The texts after every token, and what they earn."""
    episodes = [_replay(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, request.scenario, episodes)


def _block(request: ViewRequest, agent: ViewAgent, seed: int) -> list[tuple[str, str, str]]:
    """A heading, and a line a text: the reward model's value, the rating, the words."""
    last: list[tuple[str, str, str]] = []

    def watch(env: Any, moment: Moment) -> None:
        last[:] = _lines(env.core.process)

    record = request.play(agent, seed, watch)
    figures = ", ".join(
        f"{name} {record.metrics[name]:.3g}"
        for name in ("true_reward", "score", "kl", "sentences", "distinct_2")
    )
    return [("score", "rating", f"»{agent.name}, seed {seed}: {figures}"), *last, ("", "", "")]


def _lines(writing: Writing) -> list[tuple[str, str, str]]:
    rows = np.arange(min(len(writing.windows), SHOWN))
    rated, sentence = held_out_ratings(writing, rows)
    return [
        (
            f"{writing.score[row]:5.2f}",
            f"{rated[row]:5.2f}",
            writing.text(row) + ("" if sentence[row] else "  ✗"),
        )
        for row in rows
    ]


def _replay(request: ViewRequest, agent: ViewAgent, seed: int) -> Episode:
    log = StepLog(request.weights)
    written: list[list[str]] = []
    divergence: list[float] = []

    def watch(env: Any, moment: Moment) -> None:
        log.add(moment)
        writing: Writing = env.core.process
        written.append([writing.text(row)[:500] for row in range(min(len(writing.windows), SHOWN))])
        divergence.append(float(writing.kl.mean()))

    record = request.play(agent, seed, watch)
    columns = zip(*written, strict=True)
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(written),
        clock=Clock(unit="tokens", every=1),
        metrics=record.metrics,
        series=[*log.series(), Series(name="KL so far", unit="nats", values=np.array(divergence))],
        texts=[
            Texts(name=f"text {number + 1}", values=list(column)) for number, column in enumerate(columns)
        ],
        opens_at="end",
    )
