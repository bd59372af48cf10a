"""Views: finished images side by side, images after every step, and the replay for the web page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox.api.replay import Clock, Episode, PictureLog, StepLog, write_replay
from sandbox.api.types import Array
from sandbox_diffusion.pictures import tiled
from sandbox_diffusion.quality import pixels

SHOWN = 32
"""Images of an episode that are shown, at most."""

FOLLOWED = 6
"""Images that are shown after every step."""


def samples(request: ViewRequest) -> None:
    """The finished images of every agent and seed."""
    drawn = []
    for agent in request.agents:
        for seed in request.seeds:
            history, record = _history(request, agent, seed)
            drawn.append((_caption(agent, seed, record), tiled(history[-1][:SHOWN], 8, 6)))
    _figure(request, drawn, columns=min(len(drawn), 3))


def steps(request: ViewRequest) -> None:
    """Some images of every agent after every step, noise at the left."""
    drawn = []
    for agent in request.agents:
        history, record = _history(request, agent, request.seeds[0])
        shown = np.stack([images[:FOLLOWED] for images in history], axis=1)
        strip = tiled(shown.reshape(-1, *shown.shape[2:]), len(history), 4)
        drawn.append((_caption(agent, request.seeds[0], record), strip))
    _figure(request, drawn, columns=1)


def replay(request: ViewRequest) -> None:
    """A picture of all images after every step, and the terms of the reward."""
    episodes = [_replay(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, request.scenario, episodes)


def _replay(request: ViewRequest, agent: ViewAgent, seed: int) -> Episode:
    log, pictures = StepLog(request.weights), PictureLog()

    def watch(env: Any, moment: Moment) -> None:
        log.add(moment)
        if pictures.wants(moment.step):
            images = _images(env)[:SHOWN]
            pictures.add(moment.step, tiled(images, min(len(images), 8), 5))

    record = request.play(agent, seed, watch)
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(pictures.steps),
        clock=Clock(unit="step", every=1),
        metrics=record.metrics,
        pictures=pictures.pictures,
        series=log.series(pictures.steps),
    )


def _images(env: Any) -> Array:
    """The images of an environment as they are now, pixels from 0 to 1."""
    process = env.core.process
    return pixels(process.images).reshape(-1, *process.shape)


def _history(request: ViewRequest, agent: ViewAgent, seed: int) -> tuple[list[Array], Any]:
    """Images of an episode at its beginning and after every step, and the episode's record."""
    history: list[Array] = []

    def watch(env: Any, moment: Moment) -> None:
        history.append(_images(env))

    record = request.play(agent, seed, watch)
    return history, record


def _caption(agent: ViewAgent, seed: int, record: Any) -> str:
    names = ("judged", "frechet", "diversity", "kl")
    figures = [f"{name} {record.metrics[name]:.3g}" for name in names if name in record.metrics]
    return f"{agent.name}, seed {seed}\n{', '.join(figures)}"


def _figure(request: ViewRequest, drawn: Sequence[tuple[str, Array]], columns: int) -> None:
    """Pictures with captions, in columns."""
    from matplotlib.figure import Figure

    rows = -(-len(drawn) // columns)
    height, width = drawn[0][1].shape[:2]
    scale = 4.2 if columns > 1 else max(4.2, min(12.0, width / 60))
    figure = Figure((scale * columns, (scale * height / width + 0.5) * rows), dpi=120, layout="constrained")
    for number, (caption, picture) in enumerate(drawn):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.imshow(picture, interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(caption, fontsize=8, loc="left")
    figure.savefig(request.path)
