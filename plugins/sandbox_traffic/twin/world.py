"""Everything of a scenario that does not change, as arrays; and what the twin refuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_traffic.network.nema import NEMA
from sandbox_traffic.network.programs import Program
from sandbox_traffic.network.reader import read_programs
from sandbox_traffic.network.signal_network import SignalNetwork
from sandbox_traffic.network.signals import Signal, choose_programs
from sandbox_traffic.twin.arrays import KIND, MAJOR, MINOR, RED, STOP, YELLOW, Net, Readings, Records, Signals
from sandbox_traffic.twin.demand import Demand
from sandbox_traffic.twin.roads import WAY_OUT, RoadMap

LIGHTS = {"G": MAJOR, "O": MAJOR, "g": MINOR, "o": MINOR, "s": STOP, "y": YELLOW, "Y": YELLOW}
"""Light by SUMO's character; all others are red."""

FOR_EVER = 1e9
"""Blocking time of vehicles inside a junction where there is no limit, s."""


def refuse(network: SignalNetwork) -> None:
    """Refuse what the twin cannot represent.

    Raises:
        InvalidValueError: Names it, and the way out.
    """
    config, scan = network.config, network.demand.scan
    for present, what in (
        (config.pedestrians > 0 or scan.people or bool(network.spec.crossings), "walkers"),
        (config.bicycles > 0, "bicycles"),
        (config.emergency > 0, "emergency vehicles"),
        (config.emissions, "emissions"),
        (config.step_length != 1.0, f"time steps of {config.step_length:g} s"),
        (config.lateral_resolution is not None, "sublanes"),
        (bool(config.options), f"SUMO's options {config.options}"),
        (scan.stops, "stops"),
        (bool(scan.triggered), "vehicles that wait to be boarded"),
        (scan.rare_actions, "drivers who act less often than every second"),
        (scan.junctions, "trips between junctions"),
        (any(signal.is_meter for signal in network.signals), "ramp meters"),
    ):
        if present:
            raise InvalidValueError(f"The twin has no {what}.", WAY_OUT)


def make_net(network: SignalNetwork, roadmap: RoadMap, demand: Demand, signals: Signals) -> Net:
    """The roads of a scenario and the kinds of its vehicles."""
    lanes, edges, links, conflicts = roadmap.roads
    for number, (lane, place) in enumerate(network.spec.loops):
        lanes["loop"][roadmap.lanes[lane]] = number
        lanes["loop_place"][roadmap.lanes[lane]] = place
    giving = conflicts["yields"] & np.repeat(_give_way(links, signals), links["end"] - links["first"])
    links["watched"][conflicts["foe"][giving]] = True
    blockers = network.config.junction_blockers
    return Net(
        lanes=lanes,
        edges=edges,
        links=links,
        conflicts=conflicts,
        kinds=np.array([kind.row for kind in demand.kinds], KIND),
        admits=np.array([demand.book.admits(kind.vclass) for kind in demand.kinds]),
        blockers=FOR_EVER if blockers is None else float(blockers),
        yields=bool(giving.any()),
    )


def _give_way(links: Records, signals: Signals) -> NDArray[np.bool_]:
    """Which links give way, at least in some state of their signal."""
    table = signals.lights[:, links["light"]]
    shown = np.zeros(table.shape, np.bool_)
    for number in range(len(signals.phases)):
        first, end = signals.program[number : number + 2]
        states = {*signals.step_state[first:end].tolist(), *signals.phase_state[number].tolist()}
        for start, count in zip(signals.first[number].flat, signals.number[number].flat, strict=True):
            states |= {*signals.state[start : start + count].tolist()}
        shown[np.ix_([*states], links["signal"] == number)] = True
    minor = shown & (table > YELLOW) & (table < MAJOR)
    without = (links["signal"] < 0) & (links["right"] != MAJOR)
    return np.asarray(minor.any(axis=0) | without)


def make_readings(network: SignalNetwork, roadmap: RoadMap) -> Readings:
    """What is read of the state."""
    spec = network.spec
    return Readings(
        np.array([roadmap.lanes[name] for name in spec.lanes], np.int32),
        np.array(spec.limits, np.float64),
        np.array([roadmap.edges[name] for name in spec.edges], np.int32),
    )


def others(network: SignalNetwork) -> list[Program]:
    """Programs of the signals that have too few phases to be controlled; they run as they are."""
    controlled = {signal.id for signal in network.signals}
    programs = choose_programs(read_programs(network.roads.path), None)
    return [programs[name] for name in sorted(programs) if name not in controlled]


def signal_names(network: SignalNetwork) -> list[str]:
    """All signals in the order of their numbers: those that are controlled, then the others."""
    return [*(signal.id for signal in network.signals), *(program.signal for program in others(network))]


def is_fixed(program: Program) -> bool:
    """Whether a program runs in fixed times, which the twin can follow."""
    return program.kind == "static" and not any(step.followers for step in program.steps)


class _States:
    """Numbers of the states of all signals."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, state: str) -> int:
        if state not in self._numbers:
            self._numbers[state] = len(self.rows)
            self.rows.append(state)
        return self._numbers[state]

    def lights(self) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        table = np.full((len(self.rows), max(map(len, self.rows))), RED, np.uint8)
        for row, state in enumerate(self.rows):
            table[row, : len(state)] = [LIGHTS.get(light, RED) for light in state]
        return table


def make_signals(network: SignalNetwork, rest: Sequence[Program]) -> Signals:
    """Phases, switches and programs of all signals.

    Args:
        network: The network.
        rest: Programs of the signals that are not controlled.
    """
    signals, states = network.signals, _States()
    total, phases = len(signals) + len(rest), network.max_phases
    first, count = np.zeros((2, total, phases, phases), np.int32)
    phase_state = np.zeros((total, phases), np.int32)
    after: list[float] = []
    shown: list[int] = []
    for number, signal in enumerate(signals):
        phase_state[number, : len(signal.phases)] = [states.number(state) for state in signal.phases]
        for (old, new), switches in signal.plan.transitions.items():
            first[number, old, new], count[number, old, new] = len(after), len(switches)
            after += [seconds for seconds, _ in switches]
            shown += [states.number(state) for _, state in switches]
    programs = [*(signal.program for signal in signals), *rest]
    steps = [[(states.number(step.state), step.seconds) for step in each.steps] for each in programs]
    numbers = [[_phase_of(signal, step.state) for step in signal.program.steps] for signal in signals]
    numbers += [[-1] * len(program.steps) for program in rest]
    rings = np.zeros((total, phases, network.max_rings), np.int32)
    low, high = np.zeros((2, *rings.shape))
    for number, signal in enumerate(signals):
        width = signal.plan.rings.shape[1]
        rings[number, : len(signal.phases)] = signal.plan.rings[
            :, [*range(width), *[-1] * (network.max_rings - width)]
        ]
        low[number], high[number] = network.min_green[number], network.max_green[number]
    return Signals(
        lights=states.lights(),
        phase_state=phase_state,
        first=first,
        number=count,
        after=np.array(after, np.float64),
        state=np.array(shown, np.int32),
        rings=rings,
        low=low,
        high=high,
        phases=np.array([*(len(signal.phases) for signal in signals), *[1] * len(rest)], np.int32),
        width=np.array([*(signal.plan.rings.shape[1] for signal in signals), *[1] * len(rest)], np.int32),
        program=np.cumsum([0, *map(len, steps)]).astype(np.int32),
        step_state=np.array([state for row in steps for state, _ in row], np.int32),
        step_time=np.array([seconds for row in steps for _, seconds in row], np.float64),
        step_phase=np.array([phase for row in numbers for phase in row], np.int32),
        offset=np.array([program.offset for program in programs], np.float64),
        interval=float(network.config.decision_interval),
    )


def _phase_of(signal: Signal, state: str) -> int:
    """The phase that a step of the signal's program shows or leads to."""
    return -1 if signal.program.kind == NEMA else signal.plan.leads_to.get(state, -1)


def name_states(network: SignalNetwork, signals: Signals) -> list[dict[int, str]]:
    """The states of each controlled signal by their numbers in `Signals`."""
    named: list[dict[int, str]] = []
    for number, signal in enumerate(network.signals):
        names = dict(zip(signals.phase_state[number].tolist(), signal.phases, strict=False))
        for (old, new), switches in signal.plan.transitions.items():
            first = int(signals.first[number, old, new])
            names |= {int(signals.state[first + place]): state for place, (_, state) in enumerate(switches)}
        first = int(signals.program[number])
        for place, step in enumerate(signal.program.steps):
            names[int(signals.step_state[first + place])] = step.state
        named.append(names)
    return named
