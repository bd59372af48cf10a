"""A road network as its signals see it: approaches, exits, movements, and the signals upstream.

An approach is an incoming lane and the lanes that lead into it within the detection range. A lane that
leads into several approaches counts in equal parts in each, so that no vehicle is counted twice.

Signals differ in the number of their phases, approaches, exits and movements. Tables over signals are
padded to the largest number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.config import GENERATED, SignalConfig
from sandbox_traffic.network.files import DemandFiles, expanded, find_demand, find_file
from sandbox_traffic.network.generated import generated_network
from sandbox_traffic.network.phase_plan import TimingRules
from sandbox_traffic.network.reader import read_network
from sandbox_traffic.network.roads import VEHICLE_SPACE, RoadNetwork, require_signals
from sandbox_traffic.network.signals import Signal
from sandbox_traffic.network.tables import WeightedGroups, pad, positions, shared_groups, take_padded
from sandbox_traffic.sumo.additional import copy_additional
from sandbox_traffic.sumo.files import TemporaryFolder
from sandbox_traffic.sumo.interface import SignalSpec, SimulationSpec
from sandbox_traffic.sumo.safety import check_network_file


@dataclass(frozen=True, eq=False)
class SignalNetwork:
    """A network, what is read from SUMO about it, and the tables that gather the values for each signal.

    Attributes:
        config: The parameters, with those that a configuration of SUMO gives.
        roads: Contents of the network file.
        demand: Routes and additional files.
        spec: Lanes, edges and loops whose values are read.
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
        crossing_table: Pedestrian crossings of each signal, as indices into ``spec.crossings``, shape
            ``(signals, max_crossings)``; padded with the number of crossings.
        merge_lanes: Lanes on which the traffic of each signal's exits merges with other traffic, as indices
            into ``spec.lanes``, where the signal is a meter; empty otherwise.
        folder: Holds copies of the additional files.
    """

    config: SignalConfig
    roads: RoadNetwork
    demand: DemandFiles
    spec: SimulationSpec
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
    crossing_table: NDArray[np.intp]
    merge_lanes: tuple[NDArray[np.intp], ...]
    folder: TemporaryFolder | None = None

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals to control, in the order of actions and observations."""
        return self.roads.signals

    @cached_property
    def max_phases(self) -> int:
        """Largest number of phases of a signal."""
        return max(len(signal.phases) for signal in self.signals)

    @cached_property
    def phase_exists(self) -> NDArray[np.bool_]:
        """Which phases each signal has, shape ``(signals, max_phases)``."""
        counts = np.array([len(signal.phases) for signal in self.signals])
        return np.arange(self.max_phases) < counts[:, None]

    @cached_property
    def approach_exists(self) -> NDArray[np.bool_]:
        """Which approaches each signal has, shape ``(signals, max_approaches)``."""
        return self.approach_table < len(self.incoming)

    @cached_property
    def rings(self) -> NDArray[np.intp]:
        """Ring phase of each phase in each ring, shape ``(signals, max_phases, max_rings)``."""
        return self._by_phase("rings", 0).astype(np.intp)

    @cached_property
    def min_green(self) -> NDArray[np.float64]:
        """Minimum green of the ring phases, s, shape ``(signals, max_phases, max_rings)``."""
        return self._by_phase("min_green", 0.0)

    @cached_property
    def max_green(self) -> NDArray[np.float64]:
        """Maximum green of the ring phases, s, shape ``(signals, max_phases, max_rings)``."""
        return self._by_phase("max_green", math.inf)

    @cached_property
    def max_rings(self) -> int:
        """Largest number of rings of a signal."""
        return max(int(signal.plan.rings.shape[1]) for signal in self.signals)

    def _by_phase(self, name: str, filler: float) -> NDArray[np.float64]:
        """An attribute of all phase plans, padded with ``filler``."""
        table = np.full((len(self.signals), self.max_phases, self.max_rings), filler)
        for number, signal in enumerate(self.signals):
            values = getattr(signal.plan, name)
            table[number, : values.shape[0], : values.shape[1]] = values
        return table


def load_network(config: SignalConfig) -> SignalNetwork:
    """Read or generate the network that a configuration names, and check its demand.

    Raises:
        BrokenFileError: If a file cannot be read; names file and line.
        InvalidValueError: If there is no such generated network, the network has no signal to control, or no
            vehicle departs within the time of the episodes.
    """
    config = expanded(config)
    if config.net.startswith(GENERATED):
        path = generated_network(config.net.removeprefix(GENERATED), config.pedestrians > 0)
    else:
        path = find_file(config.net)
        check_network_file(path)  # before the demand, whose errors may follow from a wrong network
    demand = find_demand(config)
    folder = TemporaryFolder() if demand.additional else None
    copies = copy_additional(demand.additional, folder.path) if folder else ()
    roads = read_network(path, timing_rules(config), copies, config.program)
    require_signals(roads)
    return build_network(roads, config, demand, copies, folder)


def timing_rules(config: SignalConfig) -> TimingRules:
    """The times that a configuration sets for all signals."""
    return TimingRules(
        min_green=config.min_green,
        max_green=math.inf if config.max_green is None else config.max_green,
        yellow=config.yellow,
        all_red=config.all_red,
        step=config.step_length,
    )


def build_network(
    roads: RoadNetwork,
    config: SignalConfig,
    demand: DemandFiles,
    additional: Sequence[Path] = (),
    folder: TemporaryFolder | None = None,
) -> SignalNetwork:
    """Make the tables of a network.

    Args:
        roads: Contents of the network file.
        config: The parameters.
        demand: Routes and additional files.
        additional: Copies of the additional files for SUMO to read.
        folder: Holds them.
    """
    signals = roads.signals
    incoming = [lane for signal in signals for lane in signal.incoming]
    outgoing = [lane for signal in signals for lane in signal.outgoing]
    near = [roads.approach(lane, config.detection_range) for lane in incoming]
    entries = [roads.edges_upstream(lane) for lane in incoming]
    merges = [roads.merge_downstream(signal.outgoing) if signal.is_meter else () for signal in signals]
    read = [
        *(name for names in near for name in names),
        *outgoing,
        *(name for names in merges for name in names),
    ]
    lanes, edges = tuple(dict.fromkeys(read)), tuple(sorted(set().union(*entries)))
    crossings = [crossing for signal in signals for crossing in signal.crossings]
    spec = SimulationSpec(
        net=str(roads.path),
        lanes=lanes,
        limits=tuple(roads.lanes[name].speed for name in lanes),
        loops=tuple((lane, roads.loop_position(lane)) for lane in incoming),
        edges=edges,
        crossings=tuple((crossing.edge, crossing.areas) for crossing in crossings),
        signals=tuple(SignalSpec(signal.id, signal.program.id, signal.plan.leads_to) for signal in signals),
        additional=tuple(zip(map(str, additional), map(str, demand.additional), strict=True)),
        step_length=config.step_length,
        depart_jitter=0 if config.routes.startswith(GENERATED) else config.depart_jitter,
        junction_blockers=config.junction_blockers,
        junction_taz=demand.scan.junctions,
        lateral_resolution=config.lateral_resolution,
        every_vehicle=_has_slow_vehicles(roads, config, demand),
        emissions=config.emissions,
        options=tuple(config.options.split()),
        triggered=demand.scan.triggered,
        trip_output=_needs_trip_output(config, demand),
    )
    approach_lanes = shared_groups(near, lanes)
    approach_table = pad(np.split(np.arange(len(incoming)), _starts(signals)), len(incoming))
    walk_ends = np.cumsum([len(signal.crossings) for signal in signals])[:-1]
    vehicles = np.array([roads.lanes[name].length for name in lanes]) / VEHICLE_SPACE
    capacity = np.maximum(approach_lanes.sums(vehicles), 1.0)
    movement_approach, movement_exit = (
        pad([signal.movements[:, side] for signal in signals], 0) for side in (0, 1)
    )
    upstream_signal, upstream_green = _upstream(roads, approach_table.shape[1])
    return SignalNetwork(
        config=config,
        roads=roads,
        demand=demand,
        spec=spec,
        approach_lanes=approach_lanes,
        approach_edges=shared_groups(entries, edges),
        incoming=positions(incoming, lanes),
        approach_table=approach_table,
        exit_table=pad([positions(signal.outgoing, lanes) for signal in signals], len(lanes)),
        capacity=np.maximum(take_padded(capacity, approach_table), 1.0),
        lane_length=_lengths(roads, [signal.incoming for signal in signals]),
        exit_length=_lengths(roads, [signal.outgoing for signal in signals]),
        movement_approach=movement_approach,
        movement_exit=movement_exit,
        upstream_signal=upstream_signal,
        upstream_green=upstream_green,
        crossing_table=pad(np.split(np.arange(len(crossings)), walk_ends), len(crossings)),
        merge_lanes=tuple(positions(names, lanes) for names in merges),
        folder=folder,
    )


def _has_slow_vehicles(roads: RoadNetwork, config: SignalConfig, demand: DemandFiles) -> bool:
    """Whether some vehicles stop on purpose or are slower than some road allows."""
    fastest = max(lane.speed for lane in roads.lanes.values())
    return demand.scan.stops or demand.scan.slowest < fastest or config.bicycles > 0


def _needs_trip_output(config: SignalConfig, demand: DemandFiles) -> bool:
    """Whether there are trips that SUMO's getters do not know; see `SimulationSpec.trip_output`."""
    scan = demand.scan
    people = scan.people or config.pedestrians > 0
    return people or config.emissions or scan.rare_actions or "default.action-step-length" in config.options


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
    max_phases = max(len(signal.phases) for signal in signals)
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
            green[number, row, : len(other.phases)] = (other.moves * towards).max(axis=1)
    return upstream, green
