"""Pictures of locomotion beyond the filmed episode: a chart of speed over time, a strip, a replay."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox.api.replay import Clock, Colour, Episode, PictureLog, Series, StepLog, write_replay

SECONDS = 10.0
"""A replay shows this much of an episode, s."""
MOST_FRAMES = 160
"""Pictures of a replay; a longer episode has fewer a second."""

FIGURES: tuple[tuple[str, str, str, Colour], ...] = (
    ("speed", "speed", "m/s", "blue"),
    ("command", "speed", "m/s", "orange"),
    ("height", "height", "m", "green"),
)
"""Name, panel, unit and colour of a replay's series."""

SIDE = 240
"""Of a replay's pictures, pixels."""


def draw_replay(request: ViewRequest) -> None:
    """Write a replay with pictures, speed and height of the first seconds of every agent and seed."""
    episodes = [_replay(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, request.scenario, episodes)


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


def _replay(request: ViewRequest, agent: ViewAgent, seed: int) -> Episode:
    from sandbox_locomotion.render import Painter

    painter: Painter | None = None
    log, pictures = StepLog(request.weights), PictureLog(MOST_FRAMES, SIDE)
    figures: dict[str, list[float]] = {"speed": [], "height": [], "command": []}
    dt = 0.0

    def watch(env: Any, moment: Moment) -> None:
        nonlocal painter, dt
        simulation = env.unwrapped.simulation
        dt = simulation.dt
        if moment.step * dt > SECONDS:
            return
        log.add(moment)
        figures["speed"].append(float(simulation.speed[0]))
        if simulation.body.vertical is not None:
            figures["height"].append(float(simulation.physics.view("QPOS")[0, simulation.body.vertical]))
        if simulation.config.command_speed is not None:
            figures["command"].append(float(simulation.command[0, 0]))
        if pictures.wants(moment.step):
            painter = painter or Painter(simulation, SIDE)
            pictures.add(moment.step, painter.frame(0))

    try:
        record = request.play(agent, seed, watch, "rgb_array")
    finally:
        if painter is not None:
            painter.close()
    steps = pictures.steps
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(steps),
        clock=Clock(unit="s", every=dt * (steps[1] if len(steps) > 1 else 1)),
        episode_end=record.length * dt if record.length * dt > SECONDS else None,
        metrics=record.metrics,
        pictures=pictures.pictures,
        series=[
            *(
                Series(
                    name=name, panel=panel, unit=unit, colour=colour, values=np.array(figures[name])[steps]
                )
                for name, panel, unit, colour in FIGURES
                if figures[name]
            ),
            *log.series(steps),
        ],
    )
