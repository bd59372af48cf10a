"""Who may enter a junction: lights, gaps in the traffic that has priority, and room behind the junction."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import MAJOR, MERGES, MINOR, NOBODY, RED, YELLOW, Net, Row, Steps
from sandbox_traffic.twin.jit import inlined, njit
from sandbox_traffic.twin.krauss import brake_gap, stop_speed

STOP_LINE = 1.0
"""Distance at which vehicles stop before the stop line, m (SUMO's ``jmStoplineGap``)."""

VISIBILITY = 4.5
"""Distance from which drivers who give way see whether they have to, m."""

HEADWAY = 1.0
"""Time that must be left to vehicles with priority, s."""

HALTING = 0.1
"""Vehicles below this speed stand, m/s."""

FREE = 1e9


@inlined
def next_link(net: Net, row: Row, steps: Steps, car: int) -> int:
    """The link that a vehicle takes from its lane; −1 at the end of its route or where none leads on."""
    lane, place = row.cars[car].lane, row.cars[car].place
    return steps[place, net.lanes[lane].place].link


@inlined
def _arrives(net: Net, row: Row, car: int, distance: float) -> float:
    """Time until a vehicle has driven ``distance``, s, accelerating at most for its lane."""
    speed = row.cars[car].speed
    profile = net.kinds[row.cars[car].profile]
    top = min(net.lanes[row.cars[car].lane].limit * row.cars[car].factor, profile.top)
    pace = max(0.5 * (speed + min(top, speed + profile.accel * 2.0)), 0.5)
    return max(distance, 0.0) / pace


@njit
def gap_is_free(net: Net, row: Row, steps: Steps, car: int, link: int, distance: float) -> bool:
    """Whether a vehicle that gives way finds a gap in the traffic towards the links of its foes.

    Args:
        distance: To where it waits, m.
    """
    profile = net.kinds[row.cars[car].profile]
    for conflict in range(net.links[link].first, net.links[link].end):
        if not net.conflicts[conflict].yields:
            continue
        foe = net.conflicts[conflict].foe
        light = row.lights[foe]
        if light == RED:
            continue
        merges = net.conflicts[conflict].mine == MERGES
        way = distance + max(net.conflicts[conflict].mine, 0.0) - net.links[link].halfway
        arrive = _arrives(net, row, car, distance)
        leave = _arrives(net, row, car, way + profile.length)
        other = row.lanes[net.links[foe].source].head
        while other != NOBODY:
            ahead = net.lanes[net.links[foe].source].length - row.cars[other].position
            speed = row.cars[other].speed
            decel = net.kinds[row.cars[other].profile].decel
            if ahead > speed + 3.0 + brake_gap(speed + 2.6, decel):
                break
            stops = light == YELLOW and ahead - STOP_LINE >= brake_gap(speed, decel)
            if next_link(net, row, steps, other) == foe and not stops and speed > HALTING:
                comes = _arrives(net, row, other, ahead)
                clears = comes + _arrives(net, row, other, net.kinds[row.cars[other].profile].length + 4.0)
                if not (comes > leave + HEADWAY or (clears < arrive and not merges)):
                    return False
            other = row.cars[other].behind
    return True


@njit
def speed_for_foes(net: Net, row: Row, steps: Steps, car: int, link: int, done: float) -> float:
    """Speed that lets vehicles inside the junction pass, on the links that cross a vehicle's own.

    Args:
        done: Way of the vehicle beyond the stop line, m; negative before it.
    """
    safe = FREE
    profile = net.kinds[row.cars[car].profile]
    for conflict in range(net.links[link].first, net.links[link].end):
        foe = net.conflicts[conflict].foe
        lane = net.links[foe].inner
        while lane != NOBODY and net.lanes[lane].link == foe:
            other = row.lanes[lane].tail
            while other != NOBODY:
                room = _room(net, row, conflict, link, car, other, done)
                if room < FREE and row.cars[other].wait < net.blockers:
                    safe = min(safe, stop_speed(room, profile.decel, 1.0))
                other = row.cars[other].ahead
            lane = net.lanes[lane].following
    return safe


@inlined
def _room(net: Net, row: Row, conflict: int, link: int, car: int, other: int, done: float) -> float:
    """Way that a vehicle inside the junction leaves to another one, m; `FREE` where it is in nobody's way."""
    foe, lane = net.conflicts[conflict].foe, row.cars[other].lane
    place = row.cars[other].position + net.lanes[lane].passed
    back = place - net.kinds[row.cars[other].profile].length
    mine, theirs = net.conflicts[conflict].mine, net.conflicts[conflict].theirs
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
    if (
        net.links[foe].halfway > 0.0
        and place <= net.links[foe].halfway + 0.1
        and theirs > net.links[foe].halfway
    ):
        return FREE  # it waits for a gap itself
    return mine - done - 2.0


@inlined
def _goes_first(row: Row, car: int, other: int) -> bool:
    """Whether a vehicle has come onto the junction before another one; an order that knows no circles."""
    mine, theirs = row.cars[car].entered, row.cars[other].entered
    return mine < theirs or (mine == theirs and car < other)


@njit
def has_room_behind(net: Net, row: Row, car: int, link: int) -> bool:
    """Whether a vehicle would not have to stand inside a junction that others cross."""
    if net.links[link].first == net.links[link].end:
        return True
    target = net.links[link].target
    room, standing = 0.0, False
    other = row.lanes[target].tail
    while other != NOBODY:
        profile = net.kinds[row.cars[other].profile]
        if row.cars[other].speed < HALTING:
            room += row.cars[other].position - profile.length
            standing = True
            break
        room -= profile.length + profile.gap
        other = row.cars[other].ahead
    if not standing:
        return True
    lane = net.links[link].inner
    while net.lanes[lane].link == link:
        other = row.lanes[lane].tail
        while other != NOBODY:
            profile = net.kinds[row.cars[other].profile]
            room -= profile.length + profile.gap
            other = row.cars[other].ahead
        lane = net.lanes[lane].following
    profile = net.kinds[row.cars[car].profile]
    return room >= profile.length + profile.gap


@njit
def speed_at_stop_line(net: Net, row: Row, steps: Steps, car: int, link: int, distance: float) -> float:
    """Speed that a link allows to a vehicle that has ``distance`` (m) to its stop line; `FREE` to go on."""
    profile = net.kinds[row.cars[car].profile]
    decel, speed = profile.decel, row.cars[car].speed
    light = row.lights[link]
    can_stop = distance - STOP_LINE >= brake_gap(speed, decel) or (speed < HALTING and distance > 0.0)
    wait = stop_speed(max(distance - STOP_LINE, 0.0), decel, 1.0)
    if light in (RED, YELLOW) and can_stop:
        return wait
    if distance < brake_gap(speed, decel):
        return FREE
    gives_way = light == MINOR and net.links[link].halfway == 0.0
    if gives_way and (distance > VISIBILITY or not gap_is_free(net, row, steps, car, link, distance)):
        return wait
    if not has_room_behind(net, row, car, link):
        return wait
    return FREE


@njit
def speed_at_halfway(net: Net, row: Row, steps: Steps, car: int, link: int, distance: float) -> float:
    """Speed of a vehicle that may have to wait inside a junction, ``distance`` (m) ahead."""
    if net.links[link].signal >= 0 and row.lights[link] == MAJOR:
        return FREE
    profile = net.kinds[row.cars[car].profile]
    if distance < brake_gap(row.cars[car].speed, profile.decel):
        return FREE
    if distance <= VISIBILITY and gap_is_free(net, row, steps, car, link, distance):
        return FREE
    return stop_speed(distance, profile.decel, 1.0)
