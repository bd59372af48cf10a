"""The twin's data as arrays of records: what never changes, and the state with a row for each simulation.

Records keep what belongs together in one place of memory, and compiled code takes few arguments.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Flags = NDArray[np.bool_]
Records = NDArray[Any]

LANE = np.dtype([
    ("length", "f8"), ("limit", "f8"), ("passed", "f8"), ("loop_place", "f8"), ("edge", "i4"),
    ("place", "i4"),    ("following", "i4"), ("link", "i4"), ("loop", "i4"),
], align=True)  # fmt: skip
"""Lanes, in the order of the network file, inner lanes among them.

- length, m; limit, m/s; edge, −1 for inner lanes; place: number within the edge, from the right
- following, link: of inner lanes, the next lane and the link that they belong to; −1 of others
- passed: of inner lanes, length of the link before them, m
- loop: number of the lane's loop, −1 where it has none; loop_place: its distance from the start, m
"""

EDGE = np.dtype([("first", "i4"), ("lanes", "i4")], align=True)
"""Edges: first lane and number of lanes."""

LINK = np.dtype([
    ("halfway", "f8"), ("way", "f8"), ("source", "i4"), ("target", "i4"), ("inner", "i4"), ("signal", "i4"),
    ("light", "i4"), ("first", "i4"), ("end", "i4"), ("right", "u1"), ("watched", "?"),
], align=True)  # fmt: skip
"""Links from a lane to a lane of the next edge.

- source, target: lanes; inner: first lane on the link, the target where it has no inner lane
- halfway: distance from the stop line to where vehicles wait inside the junction, m; 0 where they do not
- way: length of its inner lanes, m
- signal, light: signal and place in its states, −1 without a signal; right: the light that it then has
- first, end: its conflicts; watched: whether some link gives way to it
"""

CONFLICT = np.dtype([("mine", "f8"), ("theirs", "f8"), ("foe", "i4"), ("yields", "?")], align=True)
"""Conflicts of a link: the foe, and whether the link gives way to it; distances from the stop lines to where
they cross, m, `MERGES` where they merge, and `APART` where they do neither."""

MERGES, APART = -1.0, -2.0

KIND = np.dtype([(name, "f8") for name in (
    "length", "gap", "accel", "decel", "hardest", "sigma", "tau", "top", "depart_lane", "depart_speed",
    "depart_pos",
)])  # fmt: skip
"""Kinds of vehicles: length and least gap, m; acceleration, deceleration and that in an emergency, m/s²;
sigma, 1; tau, s; top speed, m/s; then how they depart, see the constants below."""

STEP = np.dtype([("link", "i4"), ("offset", "i4"), ("reach", "f8")], align=True)
"""What a lane is good for at a place of a route: the link to take, −1 where none leads on; lanes to change to
the left to get on, negative to the right; how far one gets without changing lanes, m."""

CAR = np.dtype([
    ("position", "f8"), ("speed", "f8"), ("plan", "f8"), ("factor", "f8"), ("odometer", "f8"), ("wait", "f8"),
    ("wish", "f8"), ("keep", "f8"), ("depart", "f8"), ("departed", "f8"), ("arrived", "f8"), ("waited", "f8"),
    ("lost", "f8"), ("entered", "f8"), ("least", "f8"),
    ("lane", "i4"), ("place", "i4"), ("last", "i4"), ("origin", "i4"),
    ("profile", "i4"),    ("ahead", "i4"), ("behind", "i4"), ("where", "i4"),
    ("lets", "i4"), ("beside", "i4"),
], align=True)  # fmt: skip
"""Vehicles in order of their scheduled departure.

- position of the front from the start of the lane, m; speed, the speed that is safe in this step, and the
  least that takes it over a link for which it has found a gap, m/s
- factor: desired speed as a share of the limit; odometer: way since departure, m
- wait: time for which it has been standing, s; wish, keep: gathered wishes to change lanes
- depart: scheduled, s, infinite past the last vehicle; departed, arrived: s, −1 before
- waited, lost: sums over the trip, s
- entered: when it came onto the junction that it is on, s
- lane; place in the routes, and the route's last place; origin: edge of departure; profile: its kind
- ahead, behind: neighbours on the lane, or of the vehicles that wait at an edge; where: see below
- lets: whom it lets change to its lane; beside: behind whom it is about to change
"""

TRACK = np.dtype([("left_at", "f8"), ("head", "i4"), ("tail", "i4"), ("leaver", "i4")], align=True)
"""First and last vehicle of each lane, the one that left it last, and its odometer then."""

QUEUE = np.dtype([("count", "f8"), ("first", "i4"), ("last", "i4")], align=True)
"""Vehicles that wait to enter at each edge."""

LOOP = np.dtype([("left", "f8"), ("passed", "f8"), ("on", "?")], align=True)
"""Induction loops: when a vehicle left it last, s; vehicles that came; whether one is on it."""

SIGNAL = np.dtype([
    ("requested", "f8"), ("phase", "i8"), ("shown", "i4"), ("switch", "i4"), ("switches", "i4"),
    ("held", "?"),
], align=True)  # fmt: skip
"""Signals: time of the latest change of phase; the phase; the state that it shows; the next switch and how
many are left; whether the latest request was not allowed."""

ENTRY = np.dtype([("light", "i4"), ("first", "i4")], align=True)
"""Links: their light, and the first note of a vehicle that approaches; see `NOTE`."""

NOTE = np.dtype([
    ("distance", "f8"), ("arrives", "f8"), ("way", "f8"), ("speed", "f8"), ("leave_speed", "f8"),
    ("braking", "f8"), ("halt", "f8"), ("car", "i4"), ("link", "i4"), ("next", "i4"), ("ask", "i4"),
    ("inside", "?"),
], align=True)  # fmt: skip
"""What drivers expect within one step, for others to see before anybody moves.

- distance to the link, m; arrives: time until then, s; way from then until it has left, m
- speed, leave_speed: when it arrives and when it leaves, m/s
- braking: least speed with which it can arrive, m/s; halt: speed if it has to wait, m/s
- car, link; next: note of the next vehicle that approaches the link; ask: next vehicle that needs a gap
- inside: whether it looks for the gap from inside the junction
"""

CLOCK = np.dtype([
    ("now", "f8"), ("counter", "u8"), ("next", "i4"), ("mode", "i4"), ("notes", "i4"), ("asks", "i4"),
], align=True)  # fmt: skip
"""Time, s; state of the random numbers; next vehicle to be scheduled; who decides on phases, see below;
number of notes, and the first of who needs a gap."""

FIRST, BEST, FREE = -1.0, -2.0, -3.0
"""Lanes of departure that are no number: the rightmost one that admits the vehicle, the emptiest of the best
ones, and the emptiest of all."""

AS_FAST, DESIRED, AVERAGE = -1.0, -2.0, -3.0
"""Speeds of departure: as fast as is safe, the desired one, which the vehicle waits for, and at most the mean
speed on the lane."""

BASE, ANYWHERE = -1.0, -2.0
"""Positions of departure: as far back as the vehicle fits, and drawn at random."""

RED, YELLOW, STOP, EQUAL, MINOR, MAJOR, ZIPPER = range(7)
"""Lights of links, and what they have without a signal: after `YELLOW` and before `MAJOR` come those that
give way, at `STOP` after a stop, and at `EQUAL` to whom comes from the right. At `ZIPPER` two lanes become
one, and vehicles fall in behind who is nearer."""

OUTSIDE, DRIVING, ARRIVED = range(3)
"""Where a vehicle is; `OUTSIDE` before its departure."""

REQUESTS, PROGRAMS, NOTHING = range(3)
"""Who decides on phases: requests, the signals' programs, or nobody before an episode."""

NOBODY = -1


class Net(NamedTuple):
    """What never changes: records of `LANE`, `EDGE`, `LINK`, `CONFLICT` and `KIND`.

    Attributes:
        admits: Which lanes each kind may use, shape ``(kinds, lanes)``.
        blockers: Time after which vehicles that stand inside a junction no longer block others, s.
        yields: Whether any link gives way.
    """

    lanes: Records
    edges: Records
    links: Records
    conflicts: Records
    kinds: Records
    admits: Flags
    blockers: float
    yields: bool


class Signals(NamedTuple):
    """Signals, their phases and what they show.

    Attributes:
        lights: Light of each link in each state, shape ``(states, links)``.
        phase_state: State of each phase, shape ``(signals, phases)``.
        first: First switch from one phase to another, shape ``(signals, phases, phases)``.
        number: Number of these switches, likewise.
        after, state: Time from the request, s, and state of each switch.
        rings: Ring phase of each phase, shape ``(signals, phases, rings)``.
        low, high: Minimum and maximum green, s, likewise.
        phases, width: Number of phases and of rings of each signal.
        program: First step of each signal's program, shape ``(signals + 1,)``.
        step_state, step_time, step_phase: State, time, s, and phase of each step.
        offset: Of each program, s.
        interval: Time between decisions, s.
    """

    lights: NDArray[np.uint8]
    phase_state: Integers
    first: Integers
    number: Integers
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
    interval: float


class Readings(NamedTuple):
    """What is read: lanes and their limits, m/s, and edges, by number."""

    lanes: Integers
    limits: Floats
    edges: Integers


class State(NamedTuple):
    """All that changes, a row for each simulation.

    Attributes:
        cars, lanes, edges, loops, signals, clock: Records of `CAR`, `TRACK`, `QUEUE`, `LOOP`, `SIGNAL` and
            `CLOCK`.
        green_since: When the green of each ring begins, s, shape ``(rows, signals, rings)``.
        links: Records of `ENTRY`, shape ``(rows, links)``.
        notes: Records of `NOTE`, which are of use within a step of a row only, shape ``(notes,)``.
    """

    cars: Records
    lanes: Records
    edges: Records
    loops: Records
    signals: Records
    green_since: Floats
    links: Records
    notes: Records
    clock: Records


class Row(NamedTuple):
    """One row of a `State`; the clock is an array of one record."""

    cars: Records
    lanes: Records
    edges: Records
    loops: Records
    links: Records
    notes: Records
    clock: Records


Steps = Records
"""Records of `STEP`, shape ``(places, lanes of an edge)``: all routes, one after the other."""
