"""The replay of a task without a view of its own: rendered pictures, and the reward of every step."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from sandbox.api.errors import RunFailedError
from sandbox.api.replay import Clock, Episode, PictureLog, StepLog, write_replay
from sandbox.api.view import Moment, ViewAgent, ViewRequest

MAX_FRAMES = 160
"""Frames with pictures."""

MAX_CHARTED = 4000
"""Frames without pictures; a longer episode is shown at every other step, or every fourth, and so on."""


def draw_default_replay(request: ViewRequest, *, rendered: bool) -> None:
    """Write every agent's episodes.

    Args:
        request: What is asked for.
        rendered: Whether the environment gives pictures.
    """
    episode = partial(_episode, request, rendered=rendered)
    episodes = [episode(agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, request.scenario, episodes)


def _episode(request: ViewRequest, agent: ViewAgent, seed: int, *, rendered: bool) -> Episode:
    log, pictures = StepLog(request.weights), PictureLog(MAX_FRAMES)
    failure = ""

    def watch(env: Any, moment: Moment) -> None:
        nonlocal failure
        log.add(moment)
        # The end of an episode is shown even where its step would be left out.
        if rendered and not failure and (pictures.wants(moment.step) or "metrics" in moment.info):
            try:
                pictures.add(moment.step, _picture(env))
            except Exception as error:  # drivers fail in many ways; the figures are shown all the same
                failure = f"The environment could not be rendered: {error}. "

    record = request.play(agent, seed, watch, "rgb_array" if rendered else None)
    seen = rendered and not failure
    steps = pictures.steps if seen else _spread(len(log))
    means = "" if len(steps) == len(log) else "Figures are means over the steps between two frames."
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(steps),
        clock=Clock(unit="steps", times=np.array(steps, np.float64)),
        metrics=record.metrics,
        pictures=pictures.pictures if seen else None,
        series=log.series(steps, infos=True),
        texts=log.texts(steps),
        note=f"{failure[:300]}{means}".strip(),
    )


def _spread(moments: int) -> list[int]:
    """At most `MAX_CHARTED` steps, evenly, and the last one."""
    every = -(-moments // MAX_CHARTED)
    return sorted({*range(0, moments, every), moments - 1})


def _picture(env: Any) -> Any:
    picture = env.render()
    if not (isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[2] == 3):
        raise RunFailedError(
            f"The environment rendered {type(picture).__name__}, not a picture.",
            "render() must return an array of shape (height, width, 3).",
        )
    return picture.astype(np.uint8, copy=False)
