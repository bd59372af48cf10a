"""Views of played episodes: time-space diagrams, distributions of delay, and replays."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sandbox.api import Moment, ViewRequest
from sandbox.api.replay import write_replay
from sandbox_traffic.batch import SignalBatch
from sandbox_traffic.network.phases import stop_line_light
from sandbox_traffic.network.shapes import LANE_WIDTH, Shapes, StopLine, read_shapes
from sandbox_traffic.render import LIGHTS, shown_states
from sandbox_traffic.sumo.interface import Vehicles

CORRIDOR = 15.0
"""Distance from the axis of a time-space diagram within which vehicles are shown, m."""

REPLAY_SECONDS = 1800
"""Length of a replay, from the beginning of the episode, s."""

KINDS = ({"name": "car"}, {"name": "bus", "length": 12, "width": 2.5})


def draw_delays(request: ViewRequest) -> None:
    """Draw the distribution of all vehicles' delays by agent, unfinished and undeparted ones included."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for agent in request.agents:
        delays: list[NDArray[np.float64]] = []

        def on_moment(env: Any, moment: Moment, delays: list[NDArray[np.float64]] = delays) -> None:
            trips = env.simulation.trips
            if trips is not None:
                delays.append(trips.time_loss + trips.depart_delay)

        for seed in request.seeds:
            request.play(agent, seed, on_moment)
        values = np.sort(np.concatenate(delays))
        share = np.arange(1, len(values) + 1) / len(values)
        median, high = np.quantile(values, (0.5, 0.95))
        label = f"{agent.name}: mean {values.mean():.1f} s, median {median:.1f} s, 95 % {high:.0f} s"
        axes.plot(values, share, label=label)
    axes.set_xlabel("delay of a vehicle (s)")
    axes.set_ylabel("share of scheduled vehicles")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    FigureCanvasAgg(figure).print_figure(request.path, dpi=150)


def draw_time_space(request: ViewRequest) -> None:
    """Draw vehicles along the busiest straight road through the first signal, a row for each agent."""
    figure = Figure(figsize=(10, 3.2 * len(request.agents)), layout="constrained")
    rows = figure.subplots(len(request.agents), 1, squeeze=False, sharex=True)[:, 0]
    seed = request.seeds[0]
    lines = None
    for axes, agent in zip(rows, request.agents, strict=True):
        recording = _Recording()
        request.play(agent, seed, recording.on_moment)
        lines = _draw_paths(axes, recording)
        axes.set_title(f"{agent.name}, seed {seed}", fontsize=10, loc="left")
        axes.set_ylabel("m along the road")
    rows[-1].set_xlabel("s from the beginning of the episode")
    if lines is not None:
        figure.colorbar(lines, ax=list(rows), label="speed (m/s)", shrink=0.8)
    FigureCanvasAgg(figure).print_figure(request.path, dpi=150)


def draw_replay(request: ViewRequest) -> None:
    """Write episodes for the viewer ``intersection`` of the web page."""
    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            recording = _Recording(REPLAY_SECONDS)
            played = request.play(agent, seed, recording.on_moment)
            episodes.append(_replay(recording, agent.name, seed, played.metrics))
    write_replay(request.path, "intersection", "traffic", episodes)


class _Frame(NamedTuple):
    """One moment of a recording.

    Attributes:
        time: Since the beginning of the episode, s.
        vehicles: Everyone on the road.
        states: State that each signal shows.
        waiting: Vehicles that stand or wait to enter.
    """

    time: int
    vehicles: Vehicles
    states: list[str]
    waiting: float

    def light(self, stop: StopLine) -> str:
        """What a stop line shows."""
        return stop_line_light(self.states[stop.signal], stop.links)


class _Recording:
    """Vehicles and signals at every decision of an episode, up to ``seconds`` from its beginning."""

    def __init__(self, seconds: float = float("inf")) -> None:
        self.frames: list[_Frame] = []
        self.interval = 0
        self._shapes: Shapes | None = None
        self._seconds = seconds

    @property
    def shapes(self) -> Shapes:
        """Geometry of the network."""
        if self._shapes is None:
            raise RuntimeError("nothing has been recorded")
        return self._shapes

    def on_moment(self, env: Any, moment: Moment) -> None:
        """Record the present time, as `ViewRequest.play` calls it."""
        batch: SignalBatch = env.batch
        simulation = batch.simulations[0]
        if self._shapes is None:
            self._shapes = read_shapes(batch.network.roads)
            self.interval = batch.network.config.decision_interval
        time = simulation.now - simulation.begin
        if simulation.running and time <= self._seconds:
            waiting = sum(batch.state.waiting_vehicles(0))
            vehicles = simulation.vehicles()
            self.frames.append(_Frame(time, vehicles, shown_states(simulation, vehicles), waiting))


def _replay(recording: _Recording, agent: str, seed: int, metrics: dict[str, float]) -> dict[str, Any]:
    """An episode in the format of the viewer ``intersection``."""
    shapes = recording.shapes
    numbers: dict[str, int] = {}
    return {
        "agent": agent,
        "seed": seed,
        "metrics": metrics,
        "series": [
            {
                "name": "standing or outside",
                "unit": "vehicles",
                "values": [frame.waiting for frame in recording.frames],
            }
        ],
        "seconds_per_frame": recording.interval,
        "roads": [
            {"points": np.round(road.points, 1).tolist(), "width": road.width} for road in shapes.roads
        ],
        "junctions": [np.round(shape, 1).tolist() for shape in shapes.junctions],
        "signals": [np.round(stop.ends, 1).tolist() for stop in shapes.stops],
        "kinds": list(KINDS),
        "frames": [
            {
                "vehicles": _vehicle_rows(frame.vehicles, numbers),
                "signals": "".join(frame.light(stop) for stop in shapes.stops),
            }
            for frame in recording.frames
        ],
    }


def _vehicle_rows(vehicles: Vehicles, numbers: dict[str, int]) -> list[list[float]]:
    """``[id, x, y, heading, speed, kind]`` of every vehicle; ``numbers`` gives and remembers their ids."""
    rows = zip(vehicles.names, vehicles.kinds, vehicles.position, vehicles.angle, vehicles.speed, strict=True)
    return [
        [
            numbers.setdefault(name, len(numbers)),
            *(round(float(value), 1) for value in (*position, angle, speed)),
            int(kind == "bus"),
        ]
        for name, kind, position, angle, speed in rows
    ]


def _draw_paths(axes: Any, recording: _Recording) -> Any:
    """Draw one time-space diagram; returns the collection that has the colours."""
    origin, heading = _main_road(recording)
    across = np.array([-heading[1], heading[0]])
    tracks: dict[str, list[tuple[float, float, float]]] = {}
    for frame in recording.frames:
        vehicles = frame.vehicles
        offset = vehicles.position - origin
        on_road = _heads_along(vehicles.angle, heading) & (np.abs(offset @ across) < CORRIDOR)
        distance = offset @ heading
        for index in np.flatnonzero(on_road).tolist():
            track = tracks.setdefault(vehicles.names[index], [])
            track.append((frame.time, float(distance[index]), float(vehicles.speed[index])))
    pieces, speeds = [], []
    for track in tracks.values():
        for (t0, x0, _), (t1, x1, speed) in pairwise(track):
            pieces.append([(t0, x0), (t1, x1)])
            speeds.append(speed)
    lines = LineCollection(pieces, cmap="turbo_r", linewidths=0.7)
    lines.set_array(np.array(speeds))
    lines.set_clim(0, 14)
    axes.add_collection(lines)
    stops_on_road: dict[int, list[StopLine]] = {}
    for stop in recording.shapes.stops:
        if stop.heading @ heading > 0.95 and abs((stop.middle - origin) @ across) < CORRIDOR:
            stops_on_road.setdefault(stop.signal, []).append(stop)
    for stops in stops_on_road.values():  # the lane that most vehicles use, not its neighbour for left turns
        stop = max(stops, key=lambda stop: _traffic(recording, stop, LANE_WIDTH / 2))
        _draw_lights(axes, recording, stop, float((stop.middle - origin) @ heading))
    axes.autoscale_view()
    return lines


def _draw_lights(axes: Any, recording: _Recording, stop: StopLine, distance: float) -> None:
    """Draw what a stop line shows over time as a coloured bar at its distance along the road."""
    times = [frame.time for frame in recording.frames]
    colours = [LIGHTS[frame.light(stop)] for frame in recording.frames]
    ends = [*times[1:], times[-1] + recording.interval]
    bars = [[(start, distance), (end, distance)] for start, end in zip(times, ends, strict=True)]
    axes.add_collection(LineCollection(bars, colors=colours, linewidths=2.0))


def _main_road(recording: _Recording) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point and the direction of the busiest road through the first signal."""
    stops = [stop for stop in recording.shapes.stops if stop.signal == 0]
    busiest = max(stops, key=lambda stop: _traffic(recording, stop, CORRIDOR))
    return busiest.middle, busiest.heading


def _traffic(recording: _Recording, stop: StopLine, width: float) -> int:
    """How often vehicles were seen on the axis of a stop line, within ``width`` m, in its direction."""
    positions = np.concatenate([frame.vehicles.position for frame in recording.frames])
    angles = np.concatenate([frame.vehicles.angle for frame in recording.frames])
    across = np.array([-stop.heading[1], stop.heading[0]])
    near = np.abs((positions - stop.middle) @ across) < width
    return int((near & _heads_along(angles, stop.heading)).sum())


def _heads_along(angles: NDArray[np.float64], heading: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether vehicles drive in a direction; ``angles`` in degrees clockwise from north."""
    radians = np.deg2rad(angles)
    along: NDArray[np.bool_] = np.sin(radians) * heading[0] + np.cos(radians) * heading[1] > 0.9
    return along
