"""A road network as its signals see it: approaches, exits, movements, and the signals upstream.

An approach is an incoming lane and the lanes that lead into it within the detection range. A lane that
leads into several approaches counts in equal parts in each, so that no vehicle is counted twice.

Signals differ in the number of their phases, approaches, exits and movements. Tables over signals are
padded to the largest number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.config import GENERATED, SignalConfig
from sandbox_traffic.network.files import find_file
from sandbox_traffic.network.generated import generated_network
from sandbox_traffic.network.roads import (
    VEHICLE_SPACE,
    RoadNetwork,
    Signal,
    read_network,
    require_signals,
)
from sandbox_traffic.network.tables import WeightedGroups, pad, positions, shared_groups, take_padded
from sandbox_traffic.sumo.interface import SimulationSpec


@dataclass(frozen=True, eq=False)
class SignalNetwork:
    """A network, what is read from SUMO about it, and the tables that gather the values for each signal.

    Attributes:
        config: The parameters.
        roads: Contents of the network file.
        spec: Lanes, edges and loops whose values are read.
        speed_limit: Speed limit of each lane of ``spec``, m/s, shape ``(lanes,)``.
        approach_lanes: Lanes of each approach, over all signals.
        approach_edges: Edges on which vehicles for each approach may wait to enter.
        incoming: Incoming lane of each approach, as an index into ``spec.lanes``, shape ``(approaches,)``.
        approach_table: Approaches of each signal, shape ``(signals, max_approaches)``; padded with the
            number of approaches, as `take_padded` expects it.
        exit_table: Outgoing lanes of each signal, as indices into ``spec.lanes``, shape ``(signals,
            max_exits)``; padded with the number of lanes.
        capacity: Vehicles that fit on each approach, shape ``(signals, max_approaches)``; padded with 1.
        lane_length: Length of each incoming lane, m, shape ``(signals, max_approaches)``; padded with 1.
        exit_length: Length of each outgoing lane, m, shape ``(signals, max_exits)``; padded with 1.
        movement_approach: Approach of each movement, as an index within its signal, shape ``(signals,
            max_movements)``; padded with 0.
        movement_exit: Exit of each movement, as an index within its signal, shape ``(signals,
            max_movements)``; padded with 0.
        upstream_signal: Signal whose exits lead into each approach, shape ``(signals, max_approaches)``;
            the number of signals where there is none.
        upstream_green: 1 where a phase of that signal has green towards the approach, shape ``(signals,
            max_approaches, max_phases)``.
    """

    config: SignalConfig
    roads: RoadNetwork
    spec: SimulationSpec
    speed_limit: NDArray[np.float64]
    approach_lanes: WeightedGroups
    approach_edges: WeightedGroups
    incoming: NDArray[np.intp]
    approach_table: NDArray[np.intp]
    exit_table: NDArray[np.intp]
    capacity: NDArray[np.float64]
    lane_length: NDArray[np.float64]
    exit_length: NDArray[np.float64]
    movement_approach: NDArray[np.intp]
    movement_exit: NDArray[np.intp]
    upstream_signal: NDArray[np.intp]
    upstream_green: NDArray[np.float64]

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals to control, in the order of actions and observations."""
        return self.roads.signals

    @cached_property
    def max_phases(self) -> int:
        """Largest number of green phases of a signal."""
        return max(len(signal.greens) for signal in self.signals)

    @cached_property
    def phase_exists(self) -> NDArray[np.bool_]:
        """Which phases each signal has, shape ``(signals, max_phases)``."""
        counts = np.array([len(signal.greens) for signal in self.signals])
        return np.arange(self.max_phases) < counts[:, None]

    @cached_property
    def approach_exists(self) -> NDArray[np.bool_]:
        """Which approaches each signal has, shape ``(signals, max_approaches)``."""
        return self.approach_table < len(self.incoming)


def load_network(config: SignalConfig) -> SignalNetwork:
    """Read or generate the network that a configuration names.

    Raises:
        BrokenFileError: If the network cannot be read; names file and line.
        InvalidValueError: If there is no such generated network, or the network has no signal to control.
    """
    if config.net.startswith(GENERATED):
        path = generated_network(config.net.removeprefix(GENERATED), config.pedestrians > 0)
    else:
        path = find_file(config.net)
    roads = read_network(path)
    require_signals(roads)
    return build_network(roads, config)


def build_network(roads: RoadNetwork, config: SignalConfig) -> SignalNetwork:
    """Make the tables of a network."""
    signals = roads.signals
    incoming = [lane for signal in signals for lane in signal.incoming]
    outgoing = [lane for signal in signals for lane in signal.outgoing]
    near = [roads.approach(lane, config.detection_range) for lane in incoming]
    entries = [roads.edges_upstream(lane) for lane in incoming]
    lanes = tuple(dict.fromkeys([*(name for names in near for name in names), *outgoing]))
    edges = tuple(sorted(set().union(*entries)))
    spec = SimulationSpec(
        net=str(roads.path),
        lanes=lanes,
        loops=tuple((lane, roads.loop_position(lane)) for lane in incoming),
        edges=edges,
        depart_jitter=0 if config.routes.startswith(GENERATED) else config.depart_jitter,
        junction_blockers=config.junction_blockers,
    )
    approach_lanes = shared_groups(near, lanes)
    approach_table = pad(np.split(np.arange(len(incoming)), _starts(signals)), len(incoming))
    exit_table = pad([positions(signal.outgoing, lanes) for signal in signals], len(lanes))
    vehicles = np.array([roads.lanes[name].length for name in lanes]) / VEHICLE_SPACE
    capacity = np.maximum(approach_lanes.sums(vehicles), 1.0)
    movement_approach, movement_exit = (
        pad([signal.movements[:, side] for signal in signals], 0) for side in (0, 1)
    )
    upstream_signal, upstream_green = _upstream(roads, approach_table.shape[1])
    return SignalNetwork(
        config=config,
        roads=roads,
        spec=spec,
        speed_limit=np.array([roads.lanes[name].speed for name in lanes]),
        approach_lanes=approach_lanes,
        approach_edges=shared_groups(entries, edges),
        incoming=positions(incoming, lanes),
        approach_table=approach_table,
        exit_table=exit_table,
        capacity=np.maximum(take_padded(capacity, approach_table), 1.0),
        lane_length=_lengths(roads, [signal.incoming for signal in signals]),
        exit_length=_lengths(roads, [signal.outgoing for signal in signals]),
        movement_approach=movement_approach,
        movement_exit=movement_exit,
        upstream_signal=upstream_signal,
        upstream_green=upstream_green,
    )


def _starts(signals: tuple[Signal, ...]) -> NDArray[np.intp]:
    """Number of the first approach of every signal but the first."""
    return np.cumsum([len(signal.incoming) for signal in signals])[:-1]


def _lengths(roads: RoadNetwork, rows: list[tuple[str, ...]]) -> NDArray[np.float64]:
    """Lengths of rows of lanes, m, padded with 1."""
    table = np.ones((len(rows), max(map(len, rows))))
    for number, lanes in enumerate(rows):
        table[number, : len(lanes)] = [roads.lanes[lane].length for lane in lanes]
    return table


def _upstream(roads: RoadNetwork, max_approaches: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """``upstream_signal`` and ``upstream_green`` of a network.

    A signal is upstream of an approach if the edge of one of its exits is that of the approach, or leads
    to it without a signal between.
    """
    signals = roads.signals
    max_phases = max(len(signal.greens) for signal in signals)
    upstream = np.full((len(signals), max_approaches), len(signals), dtype=np.intp)
    green = np.zeros((len(signals), max_approaches, max_phases))
    exit_of = {
        roads.lanes[lane].edge: number for number, signal in enumerate(signals) for lane in signal.outgoing
    }
    for number, signal in enumerate(signals):
        for row, lane in enumerate(signal.incoming):
            edges = roads.edges_upstream(lane)
            sources = (exit_of[edge] for edge in sorted(edges) if exit_of.get(edge, number) != number)
            source = next(sources, None)
            if source is None:
                continue
            upstream[number, row] = source
            other = signals[source]
            towards = [roads.lanes[other.outgoing[exit_]].edge in edges for exit_ in other.movements[:, 1]]
            green[number, row, : len(other.greens)] = (other.moves * towards).max(axis=1)
    return upstream, green
