"""Pictures of played episodes: time-space diagrams, distributions of delay, and replays."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sandbox.api import Moment, ViewRequest
from sandbox.api.replay import write_replay
from sandbox_traffic.control import SignalControl
from sandbox_traffic.render import LIGHTS, shown_states
from sandbox_traffic.shapes import LANE_WIDTH, Shapes, StopLine, light, read_shapes

CORRIDOR = 15.0
"""A time-space diagram shows vehicles this near to its axis, m."""

REPLAY_SECONDS = 1800
"""A replay holds so much of an episode, s."""

KINDS = ({"name": "car"}, {"name": "bus", "length": 12, "width": 2.5})


def draw_delays(request: ViewRequest) -> None:
    """Distribution of the delay of all vehicles by agent, those outside and on the road included."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for agent in request.agents:
        delays: list[NDArray[np.float64]] = []

        def watch(env: Any, moment: Moment, delays: list[NDArray[np.float64]] = delays) -> None:
            trips = env.control.trips
            if trips is not None:
                delays.append(trips.time_loss + trips.depart_delay)

        for seed in request.seeds:
            request.play(agent, seed, watch)
        every = np.sort(np.concatenate(delays))
        share = np.arange(1, len(every) + 1) / len(every)
        median, late = np.quantile(every, (0.5, 0.95))
        label = f"{agent.name}: mean {every.mean():.1f} s, median {median:.1f} s, 95 % {late:.0f} s"
        axes.plot(every, share, label=label)
    axes.set_xlabel("delay of a vehicle (s)")
    axes.set_ylabel("share of scheduled vehicles")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    FigureCanvasAgg(figure).print_figure(request.path, dpi=150)


def draw_time_space(request: ViewRequest) -> None:
    """Paths of the vehicles along the busiest straight road through the first signal, one row an agent."""
    figure = Figure(figsize=(10, 3.2 * len(request.agents)), layout="constrained")
    rows = figure.subplots(len(request.agents), 1, squeeze=False, sharex=True)[:, 0]
    seed = request.seeds[0]
    lines = None
    for axes, agent in zip(rows, request.agents, strict=True):
        film = _Film()
        request.play(agent, seed, film.watch)
        lines = _paths(axes, film)
        axes.set_title(f"{agent.name}, seed {seed}", fontsize=10, loc="left")
        axes.set_ylabel("m along the road")
    rows[-1].set_xlabel("s from the beginning of the episode")
    if lines is not None:
        figure.colorbar(lines, ax=list(rows), label="speed (m/s)", shrink=0.8)
    FigureCanvasAgg(figure).print_figure(request.path, dpi=150)


def draw_replay(request: ViewRequest) -> None:
    """Episodes for the viewer ``intersection`` of the web page."""
    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            film = _Film(REPLAY_SECONDS)
            played = request.play(agent, seed, film.watch)
            episodes.append(_replay(film, agent.name, seed, played.metrics))
    write_replay(request.path, "intersection", "traffic", episodes)


class _Film:
    """Remembers vehicles and signals at every decision of an episode."""

    def __init__(self, seconds: float = float("inf")) -> None:
        self.frames: list[tuple[int, Any, list[str], float]] = []
        self.shapes: Shapes | None = None
        self.interval = 0
        self._seconds = seconds

    def watch(self, env: Any, moment: Moment) -> None:
        control: SignalControl = env.control
        if self.shapes is None:
            self.shapes = read_shapes(control.network)
            self.interval = control.config.decision_interval
        time = control.now - control.begin
        if control.running and time <= self._seconds:
            queue = float(control.approaches.queue.sum() + control.approaches.outside.sum())
            self.frames.append((time, control.vehicles(), shown_states(control), queue))


def _replay(film: _Film, agent: str, seed: int, metrics: dict[str, float]) -> dict[str, Any]:
    assert film.shapes is not None
    numbers: dict[str, int] = {}
    frames = []
    for _, vehicles, states, _ in film.frames:
        rows = [
            [
                numbers.setdefault(name, len(numbers)),
                *(round(float(value), 1) for value in (*place, angle, speed)),
                int(kind == "bus"),
            ]
            for name, kind, place, angle, speed in zip(
                vehicles.names, vehicles.kinds, vehicles.position, vehicles.angle, vehicles.speed, strict=True
            )
        ]
        letters = "".join(light(states[stop.signal], stop.links) for stop in film.shapes.stops)
        frames.append({"vehicles": rows, "signals": letters})
    return {
        "agent": agent,
        "seed": seed,
        "metrics": metrics,
        "series": [
            {
                "name": "standing or outside",
                "unit": "vehicles",
                "values": [queue for *_, queue in film.frames],
            }
        ],
        "seconds_per_frame": film.interval,
        "roads": [
            {"points": np.round(road.points, 1).tolist(), "width": road.width} for road in film.shapes.roads
        ],
        "junctions": [np.round(shape, 1).tolist() for shape in film.shapes.junctions],
        "signals": [np.round(stop.ends, 1).tolist() for stop in film.shapes.stops],
        "kinds": list(KINDS),
        "frames": frames,
    }


def _paths(axes: Any, film: _Film) -> Any:
    """Draw one diagram; returns the collection that has the colours."""
    assert film.shapes is not None
    origin, heading = _axis(film)
    across = np.array([-heading[1], heading[0]])
    tracks: dict[str, list[tuple[float, float, float]]] = {}
    for time, vehicles, _, _ in film.frames:
        angle = np.deg2rad(vehicles.angle)
        along = np.sin(angle) * heading[0] + np.cos(angle) * heading[1] > 0.9
        near = np.abs((vehicles.position - origin) @ across) < CORRIDOR
        place = (vehicles.position - origin) @ heading
        for index in np.flatnonzero(along & near).tolist():
            track = tracks.setdefault(vehicles.names[index], [])
            track.append((time, float(place[index]), float(vehicles.speed[index])))
    pieces, speeds = [], []
    for track in tracks.values():
        for (t0, x0, _), (t1, x1, speed) in pairwise(track):
            pieces.append([(t0, x0), (t1, x1)])
            speeds.append(speed)
    lines = LineCollection(pieces, cmap="turbo_r", linewidths=0.7)
    lines.set_array(np.array(speeds))
    lines.set_clim(0, 14)
    axes.add_collection(lines)
    on_axis: dict[int, list[StopLine]] = {}
    for stop in film.shapes.stops:
        if stop.heading @ heading > 0.95 and abs((stop.middle - origin) @ across) < CORRIDOR:
            on_axis.setdefault(stop.signal, []).append(stop)
    for stops in on_axis.values():  # the lane that most vehicles use: not its neighbour for left turns
        stop = max(stops, key=lambda stop: _busy(film, stop, LANE_WIDTH / 2))
        _signal_bar(axes, film, stop, float((stop.middle - origin) @ heading))
    axes.autoscale_view()
    return lines


def _signal_bar(axes: Any, film: _Film, stop: StopLine, place: float) -> None:
    times = [time for time, *_ in film.frames]
    colours = [LIGHTS[light(states[stop.signal], stop.links)] for _, _, states, _ in film.frames]
    ends = [*times[1:], times[-1] + film.interval]
    bars = [[(start, place), (end, place)] for start, end in zip(times, ends, strict=True)]
    axes.add_collection(LineCollection(bars, colors=colours, linewidths=2.0))


def _axis(film: _Film) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point and the direction of the road with the most vehicles among those of the first signal."""
    assert film.shapes is not None
    stops = [stop for stop in film.shapes.stops if stop.signal == 0]
    best = max(stops, key=lambda stop: _busy(film, stop, CORRIDOR))
    return best.middle, best.heading


def _busy(film: _Film, stop: StopLine, width: float) -> int:
    """How often vehicles were seen heading for or from a stop line, this near to its axis."""
    positions = np.concatenate([vehicles.position for _, vehicles, *_ in film.frames])
    angles = np.deg2rad(np.concatenate([vehicles.angle for _, vehicles, *_ in film.frames]))
    across = np.array([-stop.heading[1], stop.heading[0]])
    near = np.abs((positions - stop.middle) @ across) < width
    along = np.sin(angles) * stop.heading[0] + np.cos(angles) * stop.heading[1] > 0.9
    return int((near & along).sum())
