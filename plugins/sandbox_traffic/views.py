"""Pictures of played episodes: time-space diagrams, distributions of delay, and replays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

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
from sandbox_traffic.control import SignalControl
from sandbox_traffic.render import LIGHTS, shown_states
from sandbox_traffic.shapes import LANE_WIDTH, Shapes, StopLine, light, read_shapes
from sandbox_traffic.simulator import Vehicles

CORRIDOR = 15.0
"""A time-space diagram shows vehicles this near to its axis, m."""

REPLAY_SECONDS = 1800
"""A replay holds so much of an episode, s."""

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
WALKER = Kind(name="walker", shape="circle", length=1.0, pixels=3.0, colour="purple")
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
    """Episodes as a scene from above with the number of vehicles that stand and the reward."""
    episodes = []
    for agent in request.agents:
        for seed in request.seeds:
            film = _Film(REPLAY_SECONDS, request.weights)
            played = request.play(agent, seed, film.watch)
            episodes.append(_replay(film, agent.name, seed, played.metrics))
    write_replay(request.path, request.scenario, episodes)


class _Film:
    """Remembers vehicles, signals and the step's figures at every decision of an episode."""

    def __init__(self, seconds: float = float("inf"), weights: Mapping[str, float] | None = None) -> None:
        self.frames: list[tuple[int, Any, list[str], float]] = []
        self.log = StepLog(weights)
        self.shapes: Shapes | None = None
        self.interval = 0
        self.duration = 0.0
        self._seconds = seconds

    def watch(self, env: Any, moment: Moment) -> None:
        control: SignalControl = env.control
        if self.shapes is None:
            self.shapes = read_shapes(control.network)
            self.interval = control.config.decision_interval
            self.duration = float(control.end - control.begin)
        time = control.now - control.begin
        if control.running and time <= self._seconds:
            queue = float(control.approaches.queue.sum() + control.approaches.outside.sum())
            self.frames.append((time, control.vehicles(), shown_states(control), queue))
            self.log.add(moment)


def _replay(film: _Film, agent: str, seed: int, metrics: dict[str, float]) -> Episode:
    shapes = film.shapes
    assert shapes is not None
    times = [time for time, *_ in film.frames]
    vehicles = [vehicles for _, vehicles, *_ in film.frames]
    lights = [
        "".join(light(states[stop.signal], stop.links) for stop in shapes.stops)
        for _, _, states, _ in film.frames
    ]
    queue = [queue for *_, queue in film.frames]
    running = [len(moment.names) for moment in vehicles]
    # The frame of the last decision cannot be shown, as the simulation has ended then: that is no cut.
    whole = times[-1] + film.interval >= film.duration
    return Episode(
        agent=agent,
        seed=seed,
        frames=len(times),
        clock=Clock(unit="s", start=times[0], every=film.interval),
        episode_end=None if whole else film.duration,
        metrics=metrics,
        scene=_scene(shapes, vehicles, lights),
        series=[
            Series(name="standing or outside", values=queue, panel="vehicles", colour="bad"),
            Series(name="on the road", values=running, panel="vehicles", colour="blue"),
            *film.log.series(),
        ],
        texts=film.log.texts(),
    )


def _scene(shapes: Shapes, vehicles: Sequence[Vehicles], lights: Sequence[str]) -> Scene:
    """The network from above.

    Args:
        shapes: Where lanes, crossings, junctions and stop lines are.
        vehicles: Vehicles and walkers of every frame.
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
    if any(len(moment.walkers) for moment in vehicles):
        places = [
            {"id": np.arange(len(moment.walkers)), "x": moment.walkers[:, 0], "y": moment.walkers[:, 1]}
            for moment in vehicles
        ]
        things.append(Things.of(places, [WALKER], smooth=False))
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
