"""Views of an episode beyond its film: a chart of the speed over time, and a replay for the web page."""

from __future__ import annotations

import numpy as np

from sandbox.api import Moment, ViewAgent, ViewRequest
from sandbox.api.replay import Clock, Colour, Episode, PictureLog, Series, StepLog, write_replay
from sandbox_locomotion.baselines.base import SimulatedEnv
from sandbox_locomotion.render import AnnotatedCamera

SECONDS = 10.0
"""A replay shows the first so many seconds of an episode."""
MAX_FRAMES = 160
"""Pictures of a replay; a longer episode has fewer a second."""

FIGURES: tuple[tuple[str, str, str, Colour], ...] = (
    ("speed", "speed", "m/s", "blue"),
    ("command", "speed", "m/s", "orange"),
    ("height", "height", "m", "green"),
)
"""Name, panel, unit and colour of a replay's series."""

IMAGE_SIZE = 240
"""Side of a replay's images, pixels."""


def draw_replay(request: ViewRequest) -> None:
    """Write a replay with images, speed and height of the first seconds of every agent and seed."""
    episodes = [_replay(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, request.scenario, episodes)


def draw_speed(request: ViewRequest) -> None:
    """Draw the forward speed over time, averaged over 0.5 s: one line per agent, its command dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((8, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for agent in request.agents:
        seen: dict[str, list[float]] = {"time": [], "speed": [], "command": []}

        def on_step(env: SimulatedEnv, moment: Moment, seen: dict[str, list[float]] = seen) -> None:
            simulation = env.core.simulation
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


def _replay(request: ViewRequest, agent: ViewAgent, seed: int) -> Episode:
    camera: AnnotatedCamera | None = None
    log, pictures = StepLog(request.weights), PictureLog(MAX_FRAMES, IMAGE_SIZE)
    figures: dict[str, list[float]] = {"speed": [], "height": [], "command": []}
    dt = 0.0

    def on_step(env: SimulatedEnv, moment: Moment) -> None:
        nonlocal camera, dt
        simulation = env.core.simulation
        dt = simulation.dt
        if moment.step * dt > SECONDS:
            return
        log.add(moment)
        figures["speed"].append(float(simulation.state.speed[0]))
        root = simulation.robot.anatomy.root
        if root.kind != "planar":
            figures["height"].append(float(root.height(simulation.physics.qpos)[0]))
        if simulation.config.command_speed is not None:
            figures["command"].append(float(simulation.state.command[0, 0]))
        if pictures.wants(moment.step):
            camera = camera or AnnotatedCamera(simulation, IMAGE_SIZE)
            pictures.add(moment.step, camera.picture(0))

    try:
        record = request.play(agent, seed, on_step, "rgb_array")
    finally:
        if camera is not None:
            camera.close()
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
