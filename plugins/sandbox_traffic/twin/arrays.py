"""The state of the twin as arrays, with one row for each simulation, and what never changes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.twin.roads import Floats, Integers, Roads

Flags = NDArray[np.bool_]

LENGTH, GAP, ACCEL, DECEL, HARDEST, SIGMA, TAU, TOP, DEPART_LANE, DEPART_SPEED, DEPART_POS = range(11)
"""Columns of profiles: m, m, m/s², m/s², m/s², 1, s, m/s; then how a vehicle departs."""

COLUMNS = 11

FIRST, BEST, FREE = -1.0, -2.0, -3.0
"""Lanes of departure that are no number: the rightmost one that admits the vehicle, the emptiest of the best
ones, and the emptiest of all."""

AS_FAST = -1.0
"""Speed of departure: as fast as is safe."""

DESIRED = -2.0
"""Speed of departure: the desired one, which the vehicle waits for."""

BASE = -1.0
"""Position of departure: as far back as the vehicle fits."""

RED, YELLOW, MINOR, MAJOR = range(4)
"""Lights of links."""

NOBODY = -1

OUTSIDE, DRIVING, ARRIVED = range(3)
"""Where a vehicle is; `OUTSIDE` before its departure."""


class Routes(NamedTuple):
    """Routes, and what each lane of their edges is good for.

    Attributes:
        start: First place of each route, shape ``(routes + 1,)``.
        edge: Edge at each place.
        link: Link to take from each lane of the edge, −1 where none leads on; shape ``(places, lanes)``.
        offset: Lanes to change to the left to get on, likewise; negative to the right.
        reach: How far one gets without changing lanes, m, likewise.
    """

    start: Integers
    edge: Integers
    link: Integers
    offset: NDArray[np.int8]
    reach: NDArray[np.float32]


class Signals(NamedTuple):
    """Signals, their phases and what they show.

    Attributes:
        lights: Light of each link in each state, shape ``(states, links)``.
        phase_state: State of each phase, shape ``(signals, phases)``.
        first: First switch from one phase to another, shape ``(signals, phases, phases)``.
        count: Number of these switches, likewise.
        after, state: Time from the request, s, and state of each switch.
        rings: Ring phase of each phase, shape ``(signals, phases, rings)``.
        low, high: Minimum and maximum green, s, likewise.
        phases: Number of phases of each signal.
        width: Number of rings of each signal.
        program: First step of each signal's program, shape ``(signals + 1,)``.
        step_state, step_time, step_phase: State, time, s, and phase of each step.
        offset: Of each program, s.
    """

    lights: NDArray[np.uint8]
    phase_state: Integers
    first: Integers
    count: Integers
    after: Floats
    state: Integers
    rings: Integers
    low: Floats
    high: Floats
    phases: Integers
    width: Integers
    program: Integers
    step_state: Integers
    step_time: Floats
    step_phase: Integers
    offset: Floats


class World(NamedTuple):
    """All that does not change.

    Attributes:
        roads: Lanes and links.
        signals: Signals.
        profiles: Kinds of vehicles, shape ``(profiles, COLUMNS)``.
        admits: Which lanes each kind may use, shape ``(profiles, lanes)``.
        read: Lanes whose values are read, in order.
        limits: Their speed limits, m/s.
        edges: Edges whose waiting vehicles are counted.
        loop: Loop on each lane, −1 where there is none.
        loop_place: Distance of each loop from the start of its lane, m.
        blockers: Time after which vehicles that stand inside a junction no longer block others, s.
        interval: Time between decisions, s.
    """

    roads: Roads
    signals: Signals
    profiles: Floats
    admits: Flags
    read: Integers
    limits: Floats
    edges: Integers
    loop: Integers
    loop_place: Floats
    blockers: float
    interval: float


class State(NamedTuple):
    """All that changes, a row for each simulation: vehicles, then lanes, then signals.

    Vehicles are in order of their scheduled departure; those of a lane are a chain from its front to its
    back, those that wait at an edge another one.

    Attributes:
        depart: Scheduled departure, s; infinite past the last vehicle.
        route, profile: Of each vehicle.
        factor: Desired speed as a share of the limit.
        where: `OUTSIDE`, `DRIVING` or `ARRIVED`.
        lane, place: Lane, and place in its route.
        position: Of the front from the start of the lane, m.
        speed: m/s.
        plan: Speed that is safe in this step, m/s.
        odometer: Way since departure, m.
        wait: Time for which it has been standing, s.
        ahead, behind: Neighbours on the lane.
        wish: Gathered wish to change lanes for speed, positive to the left.
        keep: Gathered wish to keep right.
        departed, arrived: Times, s; −1 before.
        waited, lost: Sums over the trip, s.
        head, tail: First and last vehicle of each lane.
        leaver, left_at: Vehicle that left each lane last, and its odometer then.
        first_out, last_out: Vehicles that wait at each edge.
        outside: Their number.
        loop_on: Whether a vehicle is on each loop; loop_left: when one was last, s; passed: how many came.
        phase: Of each signal, or what it changes to.
        shown: State that it shows.
        requested, switch, switches: Time of the latest change, its next switch and how many are left.
        green_since: When the green of each ring begins, s.
        held: Whether the latest request was not allowed.
        clock: Now, next vehicle to be scheduled, and whether programs run (0 or 1).
        counter: State of the random numbers.
    """

    depart: Floats
    route: Integers
    profile: Integers
    factor: Floats
    where: NDArray[np.int8]
    lane: Integers
    place: Integers
    position: Floats
    speed: Floats
    plan: Floats
    odometer: Floats
    wait: Floats
    ahead: Integers
    behind: Integers
    wish: Floats
    keep: Floats
    departed: Floats
    arrived: Floats
    waited: Floats
    lost: Floats
    head: Integers
    tail: Integers
    leaver: Integers
    left_at: Floats
    first_out: Integers
    last_out: Integers
    outside: Floats
    loop_on: Flags
    loop_left: Floats
    passed: Floats
    phase: NDArray[np.int64]
    shown: Integers
    requested: Floats
    switch: Integers
    switches: Integers
    green_since: Floats
    held: Flags
    clock: Floats
    counter: NDArray[np.uint64]
