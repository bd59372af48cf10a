"""Pictures of locomotion beyond the filmed episode: a chart of speed over time, a strip, a replay."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from sandbox.api import ViewRequest
from sandbox.api.replay import write_replay

SECONDS = 10.0
"""A replay shows this much of an episode, s."""
FRAMES_PER_SECOND = 10.0
SIDE = 240
"""Of a replay's pictures, pixels."""


def draw_replay(request: ViewRequest) -> None:
    """Write a replay with pictures, speed and height of the first seconds of every agent and seed."""
    episodes = [_replay(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, "frames", "locomotion", episodes)


def draw_speed(request: ViewRequest) -> None:
    """Draw forward speed over time, one line an agent, averaged over 0.5 s; a command is dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((8, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for agent in request.agents:
        seen: dict[str, list[float]] = {"time": [], "speed": [], "command": []}

        def watch(env: Any, moment: Any, seen: dict[str, list[float]] = seen) -> None:
            simulation = env.unwrapped.simulation
            seen["time"].append(moment.step * simulation.dt)
            seen["speed"].append(float(simulation.speed[0]))
            if simulation.config.command_speed is not None:
                seen["command"].append(float(simulation.command[0, 0]))

        request.play(agent, request.seeds[0], watch)
        step = seen["time"][1] - seen["time"][0] if len(seen["time"]) > 1 else 1.0
        window = max(1, round(0.5 / step))
        smooth = np.convolve(seen["speed"], np.ones(window) / window, "same")
        (line,) = axes.plot(seen["time"], smooth, label=agent.name)
        if seen["command"]:
            axes.plot(seen["time"], seen["command"], "--", color=line.get_color(), linewidth=1)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("forward speed (m/s)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(request.path, dpi=120)


def _replay(request: ViewRequest, agent: Any, seed: int) -> dict[str, Any]:
    from sandbox_locomotion.render import Painter

    painter: Painter | None = None
    images: list[str] = []
    speeds: list[float] = []
    heights: list[float] = []
    fps = FRAMES_PER_SECOND

    def watch(env: Any, moment: Any) -> None:
        nonlocal painter, fps
        simulation = env.unwrapped.simulation
        every = max(1, round(1 / (FRAMES_PER_SECOND * simulation.dt)))
        fps = 1 / (every * simulation.dt)
        if moment.step % every or moment.step * simulation.dt > SECONDS:
            return
        if painter is None:
            painter = Painter(simulation, SIDE)
        images.append(_jpeg(painter.frame(0)))
        speeds.append(float(simulation.speed[0]))
        vertical = simulation.body.vertical
        heights.append(float(simulation.physics.view("QPOS")[0, vertical]) if vertical is not None else 0.0)

    try:
        record = request.play(agent, seed, watch, "rgb_array")
    finally:
        if painter is not None:
            painter.close()
    return {
        "agent": agent.name,
        "seed": int(seed),
        "fps": fps,
        "images": images,
        "metrics": {name: float(value) for name, value in record.metrics.items()},
        "series": [
            {"name": "speed", "unit": "m/s", "values": speeds},
            {"name": "height", "unit": "m", "values": heights},
        ],
    }


def _jpeg(frame: Any) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode("ascii")
