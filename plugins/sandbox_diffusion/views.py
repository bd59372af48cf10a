"""Views: finished images side by side, images after every step, and the replay for the web page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox_diffusion.pictures import tiled
from sandbox_diffusion.quality import pixels

Array = NDArray[Any]

SHOWN = 32
"""Images of an episode that are shown, at most."""

FOLLOWED = 6
"""Images that are shown after every step."""

FRAMES_PER_SECOND = 5.0


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
    """A picture of all images after every step."""
    from sandbox.api.replay import write_replay

    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            history, record = _history(request, agent, seed)
            frames = [_png(tiled(images[:SHOWN], min(len(images), 8), 6)) for images in history]
            episodes.append(
                {
                    "agent": agent.name,
                    "seed": seed,
                    "metrics": dict(record.metrics),
                    "fps": FRAMES_PER_SECOND,
                    "images": frames,
                    "mime": "image/png",
                }
            )
    write_replay(request.path, "frames", "diffusion", episodes)


def _history(request: ViewRequest, agent: ViewAgent, seed: int) -> tuple[list[Array], Any]:
    """Images of an episode at its beginning and after every step, and the episode's record."""
    history: list[Array] = []

    def watch(env: Any, moment: Moment) -> None:
        process = env.core.process
        history.append(pixels(process.images).reshape(-1, *process.shape))

    record = request.play(agent, seed, watch)
    return history, record


def _caption(agent: ViewAgent, seed: int, record: Any) -> str:
    names = ("judged", "frechet", "diversity", "kl")
    told = [f"{name} {record.metrics[name]:.3g}" for name in names if name in record.metrics]
    return f"{agent.name}, seed {seed}\n{', '.join(told)}"


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


def _png(picture: Array) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).quantize(64).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
