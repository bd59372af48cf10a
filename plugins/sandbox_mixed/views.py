"""Pictures of episodes: space-time diagram, fundamental diagram, and the replay for the web page."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import ViewAgent, ViewRequest
from sandbox.api.replay import (
    Clock,
    Episode,
    Event,
    Kind,
    LegendEntry,
    Lines,
    Scene,
    Series,
    Things,
    write_replay,
)
from sandbox_mixed.car_following import ring_equilibrium
from sandbox_mixed.kernels import Floats
from sandbox_mixed.recording import Recording, record

REPLAY_EVERY = 2
"""Decisions between two frames of a replay."""

FAST = {True: 8.0, False: 20.0}
"""Speed that is drawn as fast, m/s, on a ring and on a lane."""


def space_time(request: ViewRequest) -> None:
    """Trajectories of all vehicles over time, coloured by speed; automated ones in black."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    recordings = [(agent.name, record(request, agent, request.seeds[0])) for agent in request.agents]
    figure = Figure((9.0, 2.9 * len(recordings) + 0.6), dpi=110, layout="constrained")
    axes = figure.subplots(len(recordings), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, recording) in zip(axes, recordings, strict=True):
        ring = recording.length > 0
        segments, colours = _segments(recording)
        lines = LineCollection(list(segments), cmap="RdYlGn", norm=_norm(FAST[ring]), linewidths=0.7)
        lines.set_array(colours)
        axis.add_collection(lines)
        for vehicle in recording.automated:
            place = _places(recording)[:, vehicle]
            jump = np.abs(np.diff(place, append=place[-1])) > max(recording.length, 1e9 * (not ring)) / 2
            axis.plot(recording.times, np.where(jump, np.nan, place), color="black", linewidth=1.1)
        axis.set_xlim(recording.times[0], recording.times[-1])
        axis.set_ylim(0, recording.length) if ring else axis.autoscale(axis="y")
        axis.set_ylabel("place on the ring, m" if ring else "place, m")
        axis.set_title(f"{name}: {_caption(recording)}", fontsize=9, loc="left")
        if recording.times[0] < 0:
            axis.axvline(0.0, color="#1446c8", linestyle="--", linewidth=1.2)
            axis.text(2, axis.get_ylim()[1] * 0.94, "control begins", color="#1446c8", fontsize=8, va="top")
    axes[-1].set_xlabel("time, s")
    figure.colorbar(lines, ax=list(axes), label="speed, m/s", pad=0.01)
    figure.savefig(request.path)


def fundamental(request: ViewRequest) -> None:
    """Flow against density: a point an episode, beside uniform flow of the human drivers."""
    from matplotlib.figure import Figure

    env = request.make_env()
    config = env.config
    env.close()
    figure = Figure((6.4, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    lengths = np.linspace(config.length[0] * 0.9, config.length[1] * 1.3, 80)
    driver = config.driver.idm()
    flow = [3.6 * config.vehicles / x * ring_equilibrium(x, config.vehicles, driver) * 1000 for x in lengths]
    axes.plot(1000 * config.vehicles / lengths, flow, color="grey", label="uniform flow of human drivers")
    for number, agent in enumerate(request.agents):
        points = []
        for seed in request.seeds:
            metrics = request.play(agent, seed, lambda env, moment: None).metrics
            packed = 1000 * config.vehicles / metrics["length"]
            points.append((packed, 3.6 * packed * metrics["speed"]))
        density, flows = np.array(sorted(points)).T
        axes.scatter(density, flows, s=18, color=f"C{number}", label=agent.name)
    axes.set_xlabel("density, veh/km")
    axes.set_ylabel("flow, veh/h")
    axes.legend(fontsize=8)
    figure.savefig(request.path)


def replay(request: ViewRequest) -> None:
    """The road from above with its vehicles, speeds, and the reward."""
    episodes = [_episode(request, agent, seed) for agent in request.agents for seed in request.seeds]
    write_replay(request.path, request.scenario, episodes)


def _episode(request: ViewRequest, agent: ViewAgent, seed: int) -> Episode:
    recording = record(request, agent, seed)
    before = int(np.searchsorted(recording.times, 0.0))
    shown = np.arange(before % REPLAY_EVERY, len(recording.times), REPLAY_EVERY)
    start = int(np.searchsorted(shown, before))
    followers = recording.speeds if recording.length else recording.speeds[:, :-1]
    rows = [None] * start + [0] * (len(shown) - start)
    automated = recording.speeds[shown][:, recording.automated].mean(1)
    logged = recording.log.series((shown[start:] - before).tolist())
    return Episode(
        agent=agent.name,
        seed=seed,
        frames=len(shown),
        clock=Clock(unit="s", start=float(recording.times[shown[0]]), every=_step(recording) * REPLAY_EVERY),
        metrics=recording.metrics,
        scene=_scene(recording, shown),
        series=[
            Series(name="mean of all", unit="m/s", panel="speed", values=followers[shown].mean(1)),
            Series(name="automated", unit="m/s", panel="speed", values=automated),
            Series(name="spread of speeds", unit="m/s", values=followers[shown].std(1)),
            *(_delayed(series, len(rows) - start, start) for series in logged),
        ],
        events=[Event(frame=0, until=start, text="warm-up: human driving")] if start else [],
    )


def _delayed(series: Series, frames: int, start: int) -> Series:
    """A series that begins with control."""
    values = np.concatenate([np.full(start, np.nan), np.asarray(series.values, np.float64)[:frames]])
    return series.model_copy(update={"values": values})


def _scene(recording: Recording, shown: Any) -> Scene:
    ring = recording.length > 0
    kinds = [
        Kind(
            name=name, length=recording.vehicle_length, width=2.0, pixels=4, anchor="front", line=line,
            colours=["bad", "warn", "good"], limits=(0, FAST[ring]),
        )
        for name, line in (("human driver", None), ("automated vehicle", "blue"))
    ]  # fmt: skip
    numbers = np.arange(recording.positions.shape[1])
    automated = np.isin(numbers, recording.automated).astype(int)
    frames = []
    for index in shown:
        x, y, angle = _seen_from_above(recording, int(index))
        frames.append(
            {
                "id": numbers,
                "x": x,
                "y": y,
                "angle": angle,
                "kind": automated,
                "value": recording.speeds[index],
            }
        )
    return Scene(
        title="the road from above",
        unit="m",
        scale=True,
        shapes=[_road(recording)],
        things=[Things.of(frames, kinds, smooth=not ring)],
        legend=[
            LegendEntry(colour="bad", text="standing"),
            LegendEntry(colour="good", text=f"{FAST[ring]:g} m/s"),
            LegendEntry(colour="blue", text="outlined: automated"),
        ],
    )


def _seen_from_above(recording: Recording, index: int) -> tuple[Floats, Floats, Floats]:
    """x, y and heading (degrees) of all vehicles; on a lane the leader is at x = 0."""
    place = recording.positions[index]
    if not recording.length:
        return place - place[-1], np.zeros_like(place), np.zeros_like(place)
    radius = recording.length / (2 * np.pi)
    around = place / radius
    return radius * np.cos(around), radius * np.sin(around), np.degrees(around + np.pi / 2) % 360


def _road(recording: Recording) -> Lines:
    if recording.length:
        radius = recording.length / (2 * np.pi)
        around = np.linspace(0, 2 * np.pi, 97)
        path = np.stack([radius * np.cos(around), radius * np.sin(around)], 1)
    else:
        back = float((recording.positions[:, -1] - recording.positions[:, 0]).max())
        path = np.array([[-back - 20.0, 0.0], [20.0, 0.0]])
    return Lines(paths=[path], width=4.0, line="faint")


def _segments(recording: Recording) -> tuple[Floats, Floats]:
    """Pieces of trajectories, shape ``(pieces, 2, 2)``, and the speed on each."""
    places = _places(recording)
    times = np.broadcast_to(recording.times[:, None], places.shape)
    points = np.stack([times, places], axis=-1)
    pieces = np.stack([points[:-1], points[1:]], axis=2)
    colours = recording.speeds[1:]
    whole = np.abs(pieces[..., 1, 1] - pieces[..., 0, 1]) < (recording.length or 1e9) / 2
    return pieces[whole], colours[whole]


def _places(recording: Recording) -> Floats:
    """Along the ring from 0 to its length; on a lane as they are."""
    positions = recording.positions
    places: Floats = positions % recording.length if recording.length else positions - positions[0, 0]
    return places


def _norm(fast: float) -> Any:
    from matplotlib.colors import Normalize

    return Normalize(0.0, fast)


def _caption(recording: Recording) -> str:
    names = ("speed", "share", "spread", "fuel", "throughput")
    return ", ".join(f"{name} {recording.metrics[name]:.3g}" for name in names if name in recording.metrics)


def _step(recording: Recording) -> float:
    return float(recording.times[1] - recording.times[0])
