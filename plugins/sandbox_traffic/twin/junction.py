"""Who may enter a junction: lights, gaps in the traffic that has priority, and room behind the junction.

A step has two parts. All drivers plan and note for others when they expect to be where (`announce`); then
those who give way look for gaps among these notes (`find_gaps`), as in SUMO. Nobody sees half of a step.
"""

from __future__ import annotations

import math

from sandbox_traffic.twin.arrays import (
    EQUAL,
    MAJOR,
    MERGES,
    NOBODY,
    RED,
    STOP,
    YELLOW,
    ZIPPER,
    Net,
    Row,
    Steps,
)  # fmt: skip
from sandbox_traffic.twin.jit import inlined, njit
from sandbox_traffic.twin.krauss import FREE, brake_gap, follow_speed, stop_speed

STOP_LINE = 1.0
"""Distance at which vehicles stop before red, m (SUMO's ``jmStoplineGap``)."""

AT_THE_LINE = 0.1
"""Distance at which vehicles stop that give way, m: they go as far as they can, to need the least gap."""

VISIBILITY = 4.5
"""Distance from which drivers who give way see whether they have to, m."""

HEADWAY = 1.0
"""Time that must be left to vehicles with priority, s."""

PATIENCE = 180.0
"""Waiting time after which drivers expect others to brake for them, s (SUMO's ``--time-to-impatience``)."""

STOPS = 30.0
"""Time by which a vehicle that can brake to a stop arrives later, s."""

LOOK_FOR_ROOM = 5.0
"""Lengths of a vehicle that it looks for room behind a junction."""

HALTING = 0.1
"""Vehicles below this speed stand, m/s."""

STUCK = 5.0
"""Time for which a vehicle stands inside a junction until others no longer enter it before it has left, s."""

SLOWEST = 1e-3
"""Speed that vehicles leave a junction with at least, m/s."""

LEAST = 1e-4
"""Speed from which a vehicle is expected to move, m/s."""


@inlined
def gives_way(net: Net, row: Row, link: int) -> bool:
    """Whether vehicles wait for a gap before a link; with a place inside the junction, they wait there."""
    light = row.links[link].light
    return YELLOW < light < MAJOR and net.links[link].halfway == 0.0


@inlined
def _least_time(distance: float, speed: float, arrival: float, accel: float, decel: float) -> float:
    """Time until a vehicle has driven ``distance`` and has ``arrival`` as its speed, s."""
    change = accel if arrival >= speed else -decel
    time = (arrival - speed) / change
    way = time * (arrival + speed) * 0.5
    if distance >= way:
        return time + (distance - way) / max(speed, arrival, HALTING)
    return (math.sqrt(speed * speed + 2.0 * change * distance) - speed) / change


@njit
def announce(
    net: Net, row: Row, car: int, link: int, distance: float, speed: float, arrival: float, inside: bool
) -> int:
    """Note when a vehicle expects to arrive at a link and to leave it; returns the note, or `NOBODY`.

    Args:
        distance: To the stop line, or to where it waits inside the junction, m.
        speed: Of the vehicle, if it does not have to wait.
        arrival: With which it expects to arrive, m/s.
        inside: Whether it waits inside the junction; nobody gives way to it then.
    """
    number = row.clock[0].notes
    if number >= len(row.notes):
        return NOBODY
    row.clock[0].notes += 1
    profile = net.kinds[row.cars[car].profile]
    halfway, way = net.links[link].halfway, net.links[link].way
    length = way - halfway if inside else (halfway if halfway > 0.0 else way)
    limit = min(net.lanes[net.links[link].inner].limit * row.cars[car].factor, profile.top)
    leaving = min(limit, math.sqrt(2.0 * length * profile.accel + arrival * arrival))
    note = row.notes[number]
    note.car, note.link, note.inside, note.distance = car, link, inside, distance
    note.arrives = _least_time(distance, speed, arrival, profile.accel, profile.decel)
    note.speed, note.leave_speed = arrival, leaving
    note.way = length + profile.length
    note.braking = 0.0
    if distance < brake_gap(speed, profile.decel):
        note.braking = min(arrival, math.sqrt(max(speed * speed - 2.0 * profile.decel * distance, 0.0)))
    note.next, note.ask = NOBODY, NOBODY
    if not inside:
        note.next = row.links[link].first
        row.links[link].first = number
    return number


@inlined
def ask(row: Row, number: int, halt: float) -> None:
    """Let a vehicle look for a gap once everybody has planned; it drives ``halt`` where there is none."""
    row.notes[number].halt = halt
    row.notes[number].ask = row.clock[0].asks
    row.clock[0].asks = number


@njit
def find_gaps(net: Net, row: Row) -> None:
    """Let those who give way pass or wait."""
    number = row.clock[0].asks
    while number != NOBODY:
        note = row.notes[number]
        if row.links[note.link].light == ZIPPER:
            row.cars[note.car].plan = min(_zipper_speed(net, row, number), row.cars[note.car].plan)
        elif _is_open(net, row, number):
            row.cars[note.car].least = min(note.distance + AT_THE_LINE, row.cars[note.car].plan)
        else:
            row.cars[note.car].plan = min(note.halt, row.cars[note.car].plan)
        number = note.ask


@njit
def _zipper_speed(net: Net, row: Row, number: int) -> float:
    """Speed that lets a vehicle fall in behind those who are nearer to where two lanes become one."""
    mine, safe = row.notes[number], FREE
    car, link, profile = mine.car, mine.link, net.kinds[row.cars[mine.car].profile]
    rest = mine.distance + net.links[link].way
    for conflict in range(net.links[link].first, net.links[link].end):
        foe = net.conflicts[conflict].foe
        other = row.links[foe].first
        while other != NOBODY:
            rival = row.notes[other].car
            ahead = rest - row.notes[other].distance - net.links[foe].way
            if ahead > 0.0 or (ahead == 0.0 and rival < car):
                kind = net.kinds[row.cars[rival].profile]
                safe = min(safe, follow_speed(
                    row.cars[car].speed, ahead - kind.length - profile.gap, row.cars[rival].speed, kind.decel,
                    profile.decel, profile.hardest, profile.tau, FREE,
                ))  # fmt: skip
            other = row.notes[other].next
    return max(safe, row.cars[car].speed - profile.decel)


@njit
def _is_open(net: Net, row: Row, number: int) -> bool:
    """Whether nobody with priority is in the way of a vehicle."""
    note = row.notes[number]
    car, link = note.car, note.link
    light, wait = row.links[link].light, row.cars[car].wait
    if light == STOP and wait == 0.0:
        return False
    for conflict in range(net.links[link].first, net.links[link].end):
        if not net.conflicts[conflict].yields:
            continue
        mine, foe = net.conflicts[conflict].mine, net.conflicts[conflict].foe
        if note.inside and 0.0 <= mine < net.links[link].halfway:
            continue
        other = row.links[foe].first
        while other != NOBODY:
            rival = row.notes[other].car
            # Where nobody has priority, who has stood longer goes first: four who wait would wait for ever.
            later = (
                light == EQUAL
                and row.cars[rival].speed < HALTING
                and (row.cars[rival].wait < wait or (row.cars[rival].wait == wait and car < rival))
            )
            stays = note.inside and light == RED and row.cars[rival].speed <= HALTING
            if rival != car and not later and not stays and _blocks(net, row, number, other, mine == MERGES):
                return False
            other = row.notes[other].next
    return True


@inlined
def _blocks(net: Net, row: Row, number: int, other: int, merges: bool) -> bool:
    """Whether a vehicle that has priority leaves no gap to one that gives way."""
    mine, theirs = row.notes[number], row.notes[other]
    leaves, others_leave = _leaves(row, number), _leaves(row, other)
    decel = net.kinds[row.cars[mine.car].profile].decel
    other_decel = net.kinds[row.cars[theirs.car].profile].decel
    if others_leave < mine.arrives:
        return merges and (
            mine.arrives - others_leave < HEADWAY
            or _too_slow(theirs.leave_speed, mine.speed, other_decel, decel)
        )
    arrives, braking = theirs.arrives, theirs.braking
    impatience = min(row.cars[mine.car].wait / PATIENCE, 1.0)
    if impatience > 0.0 and mine.arrives < arrives:
        # The other one brakes, as hard as impatience expects, from when this one arrives.
        decels = other_decel * impatience
        pace = theirs.distance / (arrives + 1.0)
        rest = theirs.distance - pace * mine.arrives
        left = pace * pace - 2.0 * decels * rest
        later = arrives + STOPS
        if left > 0.0:
            later, braking = mine.arrives + (pace - math.sqrt(left)) / decels, math.sqrt(left)
        else:
            braking = 0.0
        arrives += impatience * max(later - arrives, 0.0)
    if arrives <= leaves + HEADWAY:
        return True
    return merges and _too_slow(mine.leave_speed, braking, decel, other_decel)


@inlined
def _leaves(row: Row, number: int) -> float:
    """Time until a vehicle expects to have left a link, s."""
    note = row.notes[number]
    return note.arrives + note.way / max(0.5 * (note.speed + note.leave_speed), SLOWEST)


@inlined
def leave_at(row: Row, number: int, speed: float) -> None:
    """Let a vehicle expect to leave a link not faster than it may drive on it; others are there."""
    row.notes[number].leave_speed = max(min(row.notes[number].leave_speed, speed), 0.0)


@inlined
def _too_slow(leader: float, follower: float, leader_decel: float, follower_decel: float) -> bool:
    """Whether a leader would stop on a shorter way than who follows it."""
    return leader * leader / leader_decel < follower * follower / follower_decel


@njit
def speed_for_foes(net: Net, row: Row, car: int, link: int, done: float) -> tuple[float, bool]:
    """Speed that lets vehicles inside the junction pass, on the links that cross a vehicle's own.

    Args:
        done: Way of the vehicle beyond the stop line, m; negative before it.

    Returns:
        The speed, and whether one of those vehicles has been standing for some time.
    """
    safe, stuck = FREE, False
    profile = net.kinds[row.cars[car].profile]
    for conflict in range(net.links[link].first, net.links[link].end):
        foe = net.conflicts[conflict].foe
        merges = net.conflicts[conflict].mine == MERGES
        lane = net.links[foe].inner
        while lane != NOBODY and net.lanes[lane].link == foe:
            other = row.lanes[lane].tail
            while other != NOBODY:
                room = _room(net, row, conflict, link, car, other, done)
                if room < FREE and row.cars[other].wait < net.blockers:
                    stuck = stuck or row.cars[other].wait > STUCK
                    if merges and room >= 0.0:
                        decel = net.kinds[row.cars[other].profile].decel
                        safe = min(safe, follow_speed(
                            row.cars[car].speed, room, row.cars[other].speed, decel, profile.decel,
                            profile.hardest, profile.tau, FREE,
                        ))  # fmt: skip
                    else:
                        stop = max(room, -done) if merges else room
                        safe = min(safe, stop_speed(stop, profile.decel, 1.0))
                other = row.cars[other].ahead
            lane = net.lanes[lane].following
    return safe, stuck


@inlined
def _room(net: Net, row: Row, conflict: int, link: int, car: int, other: int, done: float) -> float:
    """Way that a vehicle inside the junction leaves to another one, m; `FREE` where it is in nobody's way."""
    foe, lane = net.conflicts[conflict].foe, row.cars[other].lane
    place = row.cars[other].position + net.lanes[lane].passed
    back = place - net.kinds[row.cars[other].profile].length
    mine, theirs = net.conflicts[conflict].mine, net.conflicts[conflict].theirs
    halfway = net.links[foe].halfway
    waits = halfway > 0.0 and place <= halfway + 0.1  # for a gap, inside the junction
    if waits and (mine == MERGES or theirs > halfway):
        return FREE
    if mine == MERGES:  # they merge: who is nearer to the end of its link goes first
        rest = net.links[link].way - done
        other_rest = net.links[foe].way - place
        if other_rest > rest or (other_rest == rest and not net.conflicts[conflict].yields):
            return FREE
        return (
            rest
            - other_rest
            - net.kinds[row.cars[other].profile].length
            - net.kinds[row.cars[car].profile].gap
        )
    if mine < 0.0 or done > mine - 1.0 or back > theirs + 1.0:
        return FREE
    if done >= 0.0 and _goes_first(row, car, other):
        return FREE
    return mine - done - 2.0


@inlined
def _goes_first(row: Row, car: int, other: int) -> bool:
    """Whether a vehicle has come onto the junction before another one; an order that knows no circles."""
    mine, theirs = row.cars[car].entered, row.cars[other].entered
    return mine < theirs or (mine == theirs and car < other)


@njit
def has_room_behind(net: Net, row: Row, steps: Steps, car: int, link: int, place: int) -> bool:
    """Whether a vehicle would not have to stand inside a junction that others cross.

    Where the next lanes are short, the room goes on behind the junctions that follow, up to who stands and
    up to red.

    Args:
        place: Of the link's source in the vehicle's route.
    """
    if net.links[link].first == net.links[link].end:
        return True
    profile = net.kinds[row.cars[car].profile]
    needed, ways = profile.length + profile.gap, LOOK_FOR_ROOM * profile.length
    room, lane = 0.0, net.links[link].inner
    while net.lanes[lane].link == link:
        other = row.lanes[lane].tail
        while other != NOBODY:
            inside = net.kinds[row.cars[other].profile]
            room -= inside.length + inside.gap
            other = row.cars[other].ahead
        lane = net.lanes[lane].following
    while True:
        free, stands = _free_way(net, row, lane)
        room += free
        if stands:
            return room >= needed
        if net.lanes[lane].link >= 0:
            lane = net.lanes[lane].following
            continue
        place, ways = place + 1, ways - net.lanes[lane].length
        if ways < 0.0 or place >= row.cars[car].last:
            return True
        link = steps[place, net.lanes[lane].place].link
        if link < 0 or row.links[link].light <= YELLOW:
            return link < 0 or room >= needed
        lane = net.links[link].inner


@inlined
def _free_way(net: Net, row: Row, lane: int) -> tuple[float, bool]:
    """Way on a lane up to who stands, once all who move have closed up, m; whether somebody stands."""
    taken, other = 0.0, row.lanes[lane].tail
    while other != NOBODY:
        profile = net.kinds[row.cars[other].profile]
        if row.cars[other].speed < HALTING:
            return row.cars[other].position - profile.length - taken, True
        taken += profile.length + profile.gap
        other = row.cars[other].ahead
    return net.lanes[lane].length - taken, False


@njit
def speed_at_stop_line(
    net: Net, row: Row, steps: Steps, car: int, link: int, place: int, distance: float
) -> float:
    """Speed before a light or a junction without room, ``distance`` (m) ahead; `FREE` to go on."""
    profile = net.kinds[row.cars[car].profile]
    decel, speed = profile.decel, row.cars[car].speed
    light = row.links[link].light
    can_stop = distance - STOP_LINE >= brake_gap(speed, decel) or (speed < HALTING and distance > 0.0)
    if light in (RED, YELLOW) and can_stop:
        return stop_speed(max(distance - STOP_LINE, 0.0), decel, 1.0)
    if distance < brake_gap(speed, decel) or has_room_behind(net, row, steps, car, link, place):
        return FREE
    offset = AT_THE_LINE if light < MAJOR else STOP_LINE
    return stop_speed(max(distance - offset, 0.0), decel, 1.0)


@njit
def speed_at_gap(
    net: Net,
    row: Row,
    car: int,
    link: int,
    distance: float,
    speed: float,
    most: float,
    waits: bool,
    asks: bool,
) -> float:
    """Announce a vehicle at a link, and let it ask for a gap where it gives way.

    Args:
        distance: To the stop line, m.
        speed, most: Of the vehicle if it does not wait, now and at the most when it arrives, m/s.
        waits: Whether it gives way.
        asks: Whether it asks for a gap already.

    Returns:
        Speed that lets it stop, or `FREE` if it goes on or asks.
    """
    profile = net.kinds[row.cars[car].profile]
    unstoppable = distance < brake_gap(row.cars[car].speed, profile.decel)
    far = waits and not unstoppable and distance > VISIBILITY
    arrival = min(most, fastest_arrival(profile.accel, profile.decel)) if far else most
    note = announce(net, row, car, link, distance, speed, arrival, False) if speed > LEAST else NOBODY
    if row.links[link].light == ZIPPER and note != NOBODY and not asks:
        ask(row, note, FREE)
    if not waits or unstoppable:
        return FREE
    halt = stop_speed(max(distance - AT_THE_LINE, 0.0), profile.decel, 1.0)
    if far or asks or note == NOBODY:
        return halt
    ask(row, note, min(speed, halt))
    return FREE


@inlined
def fastest_arrival(accel: float, decel: float) -> float:
    """Speed at a stop line of who could stop before it until it saw that nobody comes, m/s."""
    seen = stop_speed(VISIBILITY, decel, 0.0)
    return math.sqrt(seen * seen + 2.0 * accel * VISIBILITY)


@njit
def speed_at_halfway(
    net: Net, row: Row, car: int, link: int, distance: float, speed: float, most: float, foes: float
) -> float:
    """Speed of a vehicle that may have to wait inside a junction, ``distance`` (m) ahead, or asks for a gap.

    Args:
        speed, most: See `speed_at_gap`.
        foes: Speed that lets those pass who are inside, m/s.
    """
    profile = net.kinds[row.cars[car].profile]
    if row.links[link].light == MAJOR or distance < brake_gap(row.cars[car].speed, profile.decel):
        return FREE
    halt = stop_speed(max(distance - AT_THE_LINE, 0.0), profile.decel, 1.0)
    if distance > VISIBILITY or speed <= LEAST:
        return halt
    note = announce(net, row, car, link, distance, speed, most, True)
    if note != NOBODY:
        leave_at(row, note, foes)
        ask(row, note, min(speed, halt))
    return FREE
