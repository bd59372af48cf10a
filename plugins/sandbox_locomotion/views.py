"""Views of an episode beyond its film: a chart of the speed over time, and a replay for the web page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox.api.replay import write_replay
from sandbox_locomotion.env import LocomotionEnv
from sandbox_locomotion.render import AnnotatedCamera, Image

SECONDS = 10.0
"""A replay shows the first so many seconds of an episode."""
FRAMES_PER_SECOND = 10.0
IMAGE_SIZE = 240
"""Side of a replay's images, pixels."""


def draw_replay(request: ViewRequest) -> None:
    """Write a replay with images, speed and height of the first seconds of every agent and seed."""
    episodes = [_replay(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, "frames", "locomotion", episodes)


def draw_speed(request: ViewRequest) -> None:
    """Draw the forward speed over time, averaged over 0.5 s: one line per agent, its command dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((8, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for agent in request.agents:
        seen: dict[str, list[float]] = {"time": [], "speed": [], "command": []}

        def on_step(env: LocomotionEnv, moment: Moment, seen: dict[str, list[float]] = seen) -> None:
            simulation = env.simulation
            seen["time"].append(moment.step * simulation.dt)
            seen["speed"].append(float(simulation.state.speed[0]))
            if simulation.config.command_speed is not None:
                seen["command"].append(float(simulation.state.command[0, 0]))

        request.play(agent, request.seeds[0], on_step)
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


def _replay(request: ViewRequest, agent: ViewAgent, seed: int) -> dict[str, Any]:
    camera: AnnotatedCamera | None = None
    images: list[str] = []
    speeds: list[float] = []
    heights: list[float] = []
    fps = FRAMES_PER_SECOND

    def on_step(env: LocomotionEnv, moment: Moment) -> None:
        nonlocal camera, fps
        simulation = env.simulation
        every = max(1, round(1 / (FRAMES_PER_SECOND * simulation.dt)))
        fps = 1 / (every * simulation.dt)
        if moment.step % every or moment.step * simulation.dt > SECONDS:
            return
        if camera is None:
            camera = AnnotatedCamera(simulation, IMAGE_SIZE)
        images.append(_jpeg(camera.picture(0)))
        speeds.append(float(simulation.state.speed[0]))
        heights.append(float(simulation.robot.anatomy.root.height(simulation.physics.qpos)[0]))

    try:
        record = request.play(agent, seed, on_step, "rgb_array")
    finally:
        if camera is not None:
            camera.close()
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


def _jpeg(image: Image) -> str:
    from PIL import Image as Pillow

    file = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode("ascii")
