"""Views of played episodes: time-space diagrams, distributions of delay, and replays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sandbox.api import Moment, ViewRequest
from sandbox.api.replay import (
    Clock,
    Episode,
    Kind,
    LegendEntry,
    Lines,
    Polygons,
    Scene,
    Series,
    StepLog,
    Things,
    write_replay,
)
from sandbox_traffic.batch import SignalBatch
from sandbox_traffic.network.phases import stop_line_light
from sandbox_traffic.network.shapes import LANE_WIDTH, Shapes, StopLine, read_shapes
from sandbox_traffic.render import LIGHTS, shown_states
from sandbox_traffic.sumo.interface import Vehicles

CORRIDOR = 15.0
"""Distance from the axis of a time-space diagram within which vehicles are shown, m."""

REPLAY_SECONDS = 1800
"""Length of a replay, from the beginning of the episode, s."""

FREE_SPEED = 14.0
"""Speed from which a vehicle has the colour of free flow, m/s."""

SURROUNDINGS = 100.0
"""A single junction is shown with so much of its roads on every side, m."""

MAX_JUMP = 300.0
"""A vehicle that is farther away at the next decision was moved by the simulator, and did not drive, m."""

WIDTHS = {"passenger": 2.0, "bus": 2.6, "bicycle": 0.8}
"""Width of a vehicle by SUMO's vehicle class, m; other classes are as wide as a car."""

VEHICLES = tuple(
    Kind(
        name=name,
        width=width,
        pixels=7.0,
        anchor="front",
        colours=["bad", "yellow", "blue"],
        limits=(0.0, FREE_SPEED),
    )
    for name, width in WIDTHS.items()
)
PEDESTRIAN = Kind(name="pedestrian", shape="circle", length=1.0, pixels=3.0, colour="purple")
STOP_LINE = Kind(
    name="signal", length=1.4, pixels=4.0, anchor="front", colours=["bad", "yellow", "good", "faint"]
)
LIGHT_VALUES = {"r": 0, "y": 1, "u": 1, "G": 2, "o": 3}
LEGEND = [
    LegendEntry(colour="bad", text="standing"),
    LegendEntry(colour="yellow", text=f"{FREE_SPEED / 2:.0f} m/s"),
    LegendEntry(colour="blue", text=f"{FREE_SPEED:.0f} m/s or more"),
]


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
    """Write episodes as a scene from above with the number of vehicles that stand and the reward."""
    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            recording = _Recording(REPLAY_SECONDS, request.weights)
            played = request.play(agent, seed, recording.on_moment)
            episodes.append(_replay(recording, agent.name, seed, played.metrics))
    write_replay(request.path, request.scenario, episodes)


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

    def __init__(self, seconds: float = float("inf"), weights: Mapping[str, float] | None = None) -> None:
        self.frames: list[_Frame] = []
        self.log = StepLog(weights)
        self.interval = 0
        self.duration = 0.0
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
            self.duration = float(simulation.end - simulation.begin)
        time = simulation.now - simulation.begin
        if simulation.running and time <= self._seconds:
            waiting = sum(batch.state.waiting_vehicles(0))
            self.frames.append(_Frame(time, simulation.vehicles(), shown_states(simulation), waiting))
            self.log.add(moment)


def _replay(recording: _Recording, agent: str, seed: int, metrics: dict[str, float]) -> Episode:
    shapes = recording.shapes
    times = [frame.time for frame in recording.frames]
    vehicles = [frame.vehicles for frame in recording.frames]
    lights = ["".join(frame.light(stop) for stop in shapes.stops) for frame in recording.frames]
    queue = [frame.waiting for frame in recording.frames]
    running = [len(moment.names) for moment in vehicles]
    # The frame of the last decision cannot be shown, as the simulation has ended then: that is no cut.
    whole = times[-1] + recording.interval >= recording.duration
    return Episode(
        agent=agent,
        seed=seed,
        frames=len(times),
        clock=Clock(unit="s", start=times[0], every=recording.interval),
        episode_end=None if whole else recording.duration,
        metrics=metrics,
        scene=_scene(shapes, vehicles, lights),
        series=[
            Series(name="standing or outside", values=queue, panel="vehicles", colour="bad"),
            Series(name="on the road", values=running, panel="vehicles", colour="blue"),
            *recording.log.series(),
        ],
        texts=recording.log.texts(),
    )


def _scene(shapes: Shapes, vehicles: Sequence[Vehicles], lights: Sequence[str]) -> Scene:
    """The network from above.

    Args:
        shapes: Where lanes, crossings, junctions and stop lines are.
        vehicles: Vehicles and pedestrians of every frame.
        lights: For every frame one letter a stop line.
    """
    widths = sorted({road.width for road in shapes.roads})
    lanes = [  # a little narrower than they are, so that lanes side by side can be told apart
        Lines(
            paths=[np.round(road.points, 1) for road in shapes.roads if road.width == width],
            width=0.9 * width,
            pixels=1.5,
            line="grey",
            opacity=0.4,
        )
        for width in widths
    ]
    junctions = Polygons(paths=[np.round(shape, 1) for shape in shapes.junctions], fill="grey", opacity=0.4)
    crossings = [
        Lines(paths=[np.round(crossing.points, 1)], width=crossing.width, line="faint", opacity=0.4)
        for crossing in shapes.crossings
    ]
    things = [_stop_lines(shapes, lights), _vehicles(vehicles)]
    if any(len(moment.pedestrians) for moment in vehicles):
        places = [
            {
                "id": np.arange(len(moment.pedestrians)),
                "x": moment.pedestrians[:, 0],
                "y": moment.pedestrians[:, 1],
            }
            for moment in vehicles
        ]
        things.append(Things.of(places, [PEDESTRIAN], smooth=False))
    return Scene(
        title="the network from above",
        unit="m",
        view=_view(shapes),
        shapes=[*lanes, junctions, *crossings],
        things=things,
        legend=[*LEGEND, *([LegendEntry(colour="purple", text="people on foot")] if len(things) > 2 else [])],
        scale=True,
    )


def _view(shapes: Shapes) -> tuple[float, float, float, float] | None:
    """The surroundings of a single junction; all of a network."""
    if len({stop.signal for stop in shapes.stops}) != 1:
        return None
    middle = np.mean([stop.middle for stop in shapes.stops], axis=0)
    low = np.maximum(shapes.low, middle - SURROUNDINGS)
    width, height = np.minimum(shapes.high, middle + SURROUNDINGS) - low
    return float(low[0]), float(low[1]), float(width), float(height)


def _stop_lines(shapes: Shapes, lights: Sequence[str]) -> Things:
    """Stop lines in the colours of their signals; a frame has a row for those that changed."""
    middles = np.array([stop.middle for stop in shapes.stops])
    headings = np.array([stop.heading for stop in shapes.stops])
    angles = np.rad2deg(np.arctan2(headings[:, 1], headings[:, 0]))
    widths = np.array([np.hypot(*(stop.ends[1] - stop.ends[0])) for stop in shapes.stops])
    frames = []
    before = [""] * len(shapes.stops)
    for letters in lights:
        rows = [row for row, letter in enumerate(letters) if letter != before[row]]
        before = list(letters)
        frames.append(
            {
                "id": rows,
                "x": middles[rows, 0],
                "y": middles[rows, 1],
                "angle": angles[rows],
                "width": widths[rows],
                "value": [LIGHT_VALUES[letters[row]] for row in rows],
            }
        )
    return Things.of(frames, [STOP_LINE], keep=True)


def _vehicles(vehicles: Sequence[Vehicles]) -> Things:
    """Vehicles with their length and, as their value, their speed."""
    classes = list(WIDTHS)
    frames = [
        {
            "id": moment.names,
            "x": moment.position[:, 0],
            "y": moment.position[:, 1],
            "angle": 90.0 - moment.angle,  # SUMO's are clockwise from north
            "length": moment.length,
            "value": moment.speed,
            "kind": [classes.index(kind) if kind in WIDTHS else 0 for kind in moment.kinds],
        }
        for moment in vehicles
    ]
    return Things.of(frames, VEHICLES, jump=MAX_JUMP)


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
