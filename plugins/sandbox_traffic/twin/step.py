"""One second of traffic: plan, move, change lanes, depart."""

from __future__ import annotations

import math

from sandbox_traffic.twin.arrays import ARRIVED, DRIVING, MAJOR, NOBODY, YELLOW, Net, Row, Steps
from sandbox_traffic.twin.departures import depart, schedule
from sandbox_traffic.twin.jit import inlined, njit
from sandbox_traffic.twin.junction import (
    AT_THE_LINE,
    HALTING,
    LEAST,
    VISIBILITY,
    announce,
    fastest_arrival,
    find_gaps,
    gives_way,
    leave_at,
    speed_at_gap,
    speed_at_halfway,
    speed_at_stop_line,
    speed_for_foes,
)  # fmt: skip
from sandbox_traffic.twin.krauss import (
    FREE,
    brake_gap,
    braking_distance,
    dawdled,
    follow_speed,
    slowed,
    stop_speed,
)
from sandbox_traffic.twin.lane_changes import change_lanes
from sandbox_traffic.twin.lanes import put, take, uniform

SIGHT = 10.0
"""Time for which others see a vehicle come, at the limit, s: nobody needs longer to cross a junction."""

BEYOND = 25.0
"""Length of lanes behind the next junction within which vehicles are seen to come to the one after it, m."""


@njit
def second(net: Net, row: Row, steps: Steps) -> None:
    """Simulate one step of 1 s of a row."""
    row.clock[0].notes, row.clock[0].asks = 0, NOBODY
    for lane in range(len(net.lanes)):
        car = row.lanes[lane].head
        while car != NOBODY:
            row.cars[car].plan = _safe_speed(net, row, steps, car)
            car = row.cars[car].behind
    find_gaps(net, row)
    for lane in range(len(net.lanes)):
        car = row.lanes[lane].head
        while car != NOBODY:
            _move(net, row, car)
            car = row.cars[car].behind
    for lane in range(len(net.lanes)):
        _pass_on(net, row, steps, lane)
    change_lanes(net, row, steps)
    schedule(row)
    depart(net, row, steps)
    _watch_loops(net, row)
    row.clock[0].now += 1.0


@inlined
def _behind(net: Net, row: Row, car: int, leader: int, gap: float, enough: float) -> float:
    """Safe speed behind a leader; `FREE` where ``enough`` surely is safe."""
    profile = net.kinds[row.cars[car].profile]
    return follow_speed(
        row.cars[car].speed,
        gap - profile.gap,
        row.cars[leader].speed,
        net.kinds[row.cars[leader].profile].decel,
        profile.decel,
        profile.hardest,
        profile.tau,
        enough,
    )


@inlined
def _leader_speed(net: Net, row: Row, car: int, enough: float) -> float:
    """Safe speed behind who is ahead on the same lane, or has not left it with its whole length.

    `FREE` where ``enough`` surely is safe.
    """
    lane, leader = row.cars[car].lane, row.cars[car].ahead
    if leader != NOBODY:
        back = row.cars[leader].position - net.kinds[row.cars[leader].profile].length
        return _behind(net, row, car, leader, back - row.cars[car].position, enough)
    leader = row.lanes[lane].leaver
    if leader == NOBODY or row.cars[leader].where == ARRIVED:
        return FREE
    beyond = row.cars[leader].odometer - row.lanes[lane].left_at
    beyond -= net.kinds[row.cars[leader].profile].length
    if beyond >= 0.0:
        return FREE
    return _behind(net, row, car, leader, net.lanes[lane].length + beyond - row.cars[car].position, enough)


@inlined
def _safe_speed(net: Net, row: Row, steps: Steps, car: int) -> float:
    """The speed that a vehicle would drive without dawdling, if it finds the gap that it may ask for."""
    lane, place = row.cars[car].lane, row.cars[car].place
    profile = net.kinds[row.cars[car].profile]
    speed, factor, decel = row.cars[car].speed, row.cars[car].factor, profile.decel
    fastest = min(speed + profile.accel, profile.top)
    limit = min(net.lanes[lane].limit * factor, profile.top)
    safe = min(fastest, max(limit, speed - decel))
    ahead = _leader_speed(net, row, car, max(safe, limit))
    safe = min(safe, ahead)
    if row.cars[car].lets != NOBODY or row.cars[car].beside != NOBODY:
        safe = min(safe, _considerate_speed(net, row, car))
    seen = net.lanes[lane].length - row.cars[car].position
    horizon = fastest + braking_distance(fastest, decel, seen - fastest)
    stretch, beyond, followed, asks, note = seen, 0.0, False, False, NOBODY
    row.cars[car].least = 0.0
    if net.lanes[lane].link >= 0:
        safe, asks = _inside(net, row, car, seen, safe, min(limit, ahead))
    while seen <= horizon:
        if net.lanes[lane].link < 0:
            if place == row.cars[car].last:
                return safe
            link = steps[place, net.lanes[lane].place].link
            if link < 0:
                return min(safe, stop_speed(seen, decel, 1.0))
            most = min(limit, ahead, math.sqrt(2.0 * profile.accel * stretch + safe * safe))
            stop, foes, note = _before_link(net, row, steps, car, link, place, seen, safe, most, asks)
            if stop < FREE:
                return min(safe, stop)
            asks = asks or gives_way(net, row, link)
            safe = min(safe, foes)
            following = net.links[link].inner
            beyond += stretch if lane != row.cars[car].lane else 0.0
            place += 1
        else:
            following = net.lanes[lane].following
            safe, asks = _before_halfway(net, row, car, lane, seen, safe, min(limit, ahead), stretch, asks)
        limit = min(net.lanes[following].limit * factor, profile.top)
        safe = slowed(safe, seen, limit, decel)
        stretch, ahead = net.lanes[following].length, FREE
        leader = row.lanes[following].tail
        if leader != NOBODY and not followed:
            back = row.cars[leader].position - net.kinds[row.cars[leader].profile].length
            ahead = _behind(net, row, car, leader, seen + back, max(safe, limit))
            safe = min(safe, ahead)
            if note != NOBODY and net.lanes[following].link >= 0:
                leave_at(row, note, ahead)
            if not net.yields:
                return safe
            followed = True  # drivers beyond who give way have to know of this vehicle as well
        seen += stretch
        lane = following
    if net.yields and safe > LEAST:
        _announce_ahead(net, row, steps, car, lane, place, seen, safe, min(limit, ahead), beyond)
    return safe


@inlined
def _before_halfway(
    net: Net,
    row: Row,
    car: int,
    lane: int,
    seen: float,
    safe: float,
    limit: float,
    stretch: float,
    asks: bool,
) -> tuple[float, bool]:
    """Speed before the end of an inner lane ahead, where who gives way waits inside the junction.

    An inner lane is shorter than a step at speed: who did not look ahead would drive over it.

    Args:
        seen: Distance to its end, m.
        safe: Speed of the vehicle if nothing stops it there, m/s.
        limit, stretch: Speed at most on the lane, m/s, and its length, m.
        asks: Whether it asks for a gap already.

    Returns:
        The speed, and whether it asks for a gap now.
    """
    link, profile = net.lanes[lane].link, net.kinds[row.cars[car].profile]
    passed = lane == row.cars[car].lane or net.lanes[lane].passed > 0.0
    if passed or net.links[link].halfway == 0.0 or row.links[link].light == MAJOR:
        return safe, asks
    if asks:
        return min(safe, stop_speed(max(seen - AT_THE_LINE, 0.0), profile.decel, 1.0)), True
    most = min(limit, math.sqrt(2.0 * profile.accel * stretch + safe * safe))
    return min(safe, speed_at_halfway(net, row, car, link, seen, safe, most, safe)), seen <= VISIBILITY


@inlined
def _inside(net: Net, row: Row, car: int, seen: float, safe: float, most: float) -> tuple[float, bool]:
    """Speed of a vehicle inside a junction, and whether it asks for a gap; see `_before_link`."""
    lane = row.cars[car].lane
    link, profile = net.lanes[lane].link, net.kinds[row.cars[car].profile]
    foes, _ = speed_for_foes(net, row, car, link, row.cars[car].position + net.lanes[lane].passed)
    safe = min(safe, foes)
    if net.links[link].halfway == 0.0 or net.lanes[lane].passed > 0.0:
        return safe, False
    most = min(most, math.sqrt(2.0 * profile.accel * seen + safe * safe))
    safe = min(safe, speed_at_halfway(net, row, car, link, seen, safe, most, foes))
    return safe, seen <= VISIBILITY and row.links[link].light != MAJOR


@inlined
def _before_link(
    net: Net,
    row: Row,
    steps: Steps,
    car: int,
    link: int,
    place: int,
    seen: float,
    safe: float,
    most: float,
    asks: bool,
) -> tuple[float, float, int]:
    """Meet a link that is near enough to brake for.

    Args:
        place: Of the link's source in the vehicle's route.
        seen: Distance to the stop line, m.
        safe: Speed of the vehicle if nothing stops it there, m/s.
        most: Speed with which it then arrives at most, m/s.
        asks: Whether it asks for a gap already.

    Returns:
        Speed that lets it stop, `FREE` if it goes on; speed that lets those pass who are inside; and the
        note of its arrival, or `NOBODY`.
    """
    stop = speed_at_stop_line(net, row, steps, car, link, place, seen)
    if stop < FREE:
        return stop, FREE, NOBODY
    decel = net.kinds[row.cars[car].profile].decel
    foes, stuck = speed_for_foes(net, row, car, link, -seen)
    if stuck and net.yields and seen >= brake_gap(row.cars[car].speed, decel):
        return stop_speed(max(seen - AT_THE_LINE, 0.0), decel, 1.0), FREE, NOBODY
    note, waits = NOBODY, gives_way(net, row, link)
    if waits or net.links[link].watched:
        number = row.clock[0].notes
        stop = speed_at_gap(net, row, car, link, seen, safe, most, waits, asks)
        if row.clock[0].notes > number:
            note = number
            leave_at(row, note, foes)
    return stop, foes, note


@njit
def _announce_ahead(
    net: Net,
    row: Row,
    steps: Steps,
    car: int,
    lane: int,
    place: int,
    seen: float,
    safe: float,
    most: float,
    beyond: float,
) -> None:
    """Let others see a vehicle come from farther away than it has to brake for anything.

    Args:
        lane, place: First lane whose end is so far away, and its place in the route.
        seen: Distance to this end, m.
        safe: Speed of the vehicle, m/s.
        most: Speed on this lane at most, m/s.
        beyond: Length of the lanes between the first link and this lane, m.
    """
    profile, stretch = net.kinds[row.cars[car].profile], net.lanes[lane].length
    view = SIGHT * min(net.lanes[row.cars[car].lane].limit * row.cars[car].factor, profile.top)
    while seen <= view and beyond <= BEYOND:
        if net.lanes[lane].link < 0:
            link = -1 if place == row.cars[car].last else steps[place, net.lanes[lane].place].link
            if link < 0 or row.links[link].light <= YELLOW:
                return
            waits = gives_way(net, row, link)
            if net.links[link].watched:
                way = min(stretch, seen)
                arrival = min(most, math.sqrt(2.0 * profile.accel * way + safe * safe))
                if waits:
                    arrival = min(arrival, fastest_arrival(profile.accel, profile.decel))
                announce(net, row, car, link, seen, safe, arrival, False)
            if waits:
                return
            beyond += stretch if lane != row.cars[car].lane else 0.0
            lane, place = net.links[link].inner, place + 1
        else:
            lane = net.lanes[lane].following
        stretch = net.lanes[lane].length
        most = min(net.lanes[lane].limit * row.cars[car].factor, profile.top)
        seen += stretch


@njit
def _considerate_speed(net: Net, row: Row, car: int) -> float:
    """Speed that lets others change lanes, or the vehicle itself; without braking harder than usual."""
    safe = FREE
    for other in (row.cars[car].lets, row.cars[car].beside):
        if other != NOBODY and row.cars[other].where == DRIVING:
            back = row.cars[other].position - net.kinds[row.cars[other].profile].length
            safe = min(safe, _behind(net, row, car, other, back - row.cars[car].position, FREE))
    row.cars[car].lets = row.cars[car].beside = NOBODY
    return max(safe, row.cars[car].speed - net.kinds[row.cars[car].profile].decel)


@inlined
def _move(net: Net, row: Row, car: int) -> None:
    """Drive for one second."""
    profile = net.kinds[row.cars[car].profile]
    before, lane = row.cars[car].speed, row.cars[car].lane
    safe = row.cars[car].plan
    least = min(max(0.0, before - profile.decel), max(safe, before - profile.hardest, 0.0))
    speed = max(least, dawdled(max(safe, least), profile.accel, profile.sigma, uniform(row)))
    speed = max(speed, row.cars[car].least)
    row.cars[car].speed = speed
    row.cars[car].position += speed
    row.cars[car].odometer += speed
    desired = min(net.lanes[lane].limit * row.cars[car].factor, profile.top)
    row.cars[car].lost += (desired - speed) / desired
    if speed < HALTING:
        row.cars[car].wait += 1.0
        row.cars[car].waited += 1.0
    else:
        row.cars[car].wait = 0.0
    loop = net.lanes[lane].loop
    if loop >= 0:
        _cross_loop(net, row, car, loop, speed)


@inlined
def _cross_loop(net: Net, row: Row, car: int, loop: int, speed: float) -> None:
    """Count a vehicle that has come onto a loop, and note when it has left it."""
    place, front = net.lanes[row.cars[car].lane].loop_place, row.cars[car].position
    if front - speed <= place < front:
        row.loops[loop].passed += 1.0
    back = front - net.kinds[row.cars[car].profile].length
    if back - speed <= place < back:
        row.loops[loop].left = row.clock[0].now + (place - back + speed) / speed


@inlined
def _pass_on(net: Net, row: Row, steps: Steps, lane: int) -> None:
    """Move the vehicles that have reached the end of a lane to the next one, or off the roads."""
    while True:
        car = row.lanes[lane].head
        if car == NOBODY or row.cars[car].position <= net.lanes[lane].length:
            return
        take(row, car)
        row.lanes[lane].leaver = car
        beyond = row.cars[car].position - net.lanes[lane].length
        row.lanes[lane].left_at = row.cars[car].odometer - beyond
        if net.lanes[lane].link >= 0:
            following = net.lanes[lane].following
        else:
            place = row.cars[car].place
            link = steps[place, net.lanes[lane].place].link
            if place == row.cars[car].last:
                row.cars[car].where, row.cars[car].arrived = ARRIVED, row.clock[0].now
                continue
            if link < 0:  # nothing leads on from here: it waits to change lanes
                row.cars[car].position, row.cars[car].speed = net.lanes[lane].length, 0.0
                put(row, car, lane)
                return
            following = net.links[link].inner
            row.cars[car].place += 1
            row.cars[car].entered = row.clock[0].now
        row.cars[car].position = beyond
        put(row, car, following)
        loop = net.lanes[following].loop
        if loop >= 0 and beyond > net.lanes[following].loop_place:
            row.loops[loop].passed += 1.0
        if following < lane:  # lanes before this one have been looked at
            _pass_on_again(net, row, steps, following)


@njit
def _pass_on_again(net: Net, row: Row, steps: Steps, lane: int) -> None:
    """As `_pass_on` for a lane that a vehicle crosses within one step; lanes are longer than two steps."""
    car = row.lanes[lane].head
    while car != NOBODY and row.cars[car].position > net.lanes[lane].length and net.lanes[lane].link >= 0:
        take(row, car)
        beyond = row.cars[car].position - net.lanes[lane].length
        row.lanes[lane].leaver, row.lanes[lane].left_at = car, row.cars[car].odometer - beyond
        row.cars[car].position = beyond
        lane = net.lanes[lane].following
        put(row, car, lane)
        car = row.lanes[lane].head


@njit
def _watch_loops(net: Net, row: Row) -> None:
    """See whether vehicles stand on the loops."""
    for lane in range(len(net.lanes)):
        loop = net.lanes[lane].loop
        if loop < 0:
            continue
        row.loops[loop].on = False
        place, car = net.lanes[lane].loop_place, row.lanes[lane].head
        while car != NOBODY and row.cars[car].position >= place:
            back = row.cars[car].position - net.kinds[row.cars[car].profile].length
            if back <= place:
                row.loops[loop].on = True
            car = row.cars[car].behind
