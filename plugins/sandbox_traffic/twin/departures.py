"""Departures: vehicles wait at their edge in order until one of its lanes has room for the first of them."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import (
    ANYWHERE,
    AS_FAST,
    AVERAGE,
    DRIVING,
    FIRST,
    FREE,
    NOBODY,
    Net,
    Row,
    Steps,
)  # fmt: skip
from sandbox_traffic.twin.jit import inlined, njit
from sandbox_traffic.twin.krauss import brake_gap, follow_speed, secure_gap, stop_speed
from sandbox_traffic.twin.lanes import put, uniform

EQUALLY_FAR = 0.5
"""Lanes whose reach differs by less are equally good, m."""

NOWHERE = -1

TRIES = 10
"""Places that are drawn for a vehicle that departs anywhere; then it departs at the beginning of the lane."""


@njit
def schedule(row: Row) -> None:
    """Let the vehicles wait at their edges whose departure is due."""
    while True:
        car = row.clock[0].next
        if car >= len(row.cars) or row.cars[car].depart > row.clock[0].now:
            return
        edge = row.cars[car].origin
        last = row.edges[edge].last
        if last == NOBODY:
            row.edges[edge].first = car
        else:
            row.cars[last].behind = car
        row.edges[edge].last = car
        row.edges[edge].count += 1.0
        row.clock[0].next += 1


@njit
def depart(net: Net, row: Row, steps: Steps) -> None:
    """Put vehicles on the road, in order at each edge, until one does not fit."""
    for edge in range(len(net.edges)):
        while row.edges[edge].first != NOBODY:
            car = row.edges[edge].first
            following = row.cars[car].behind
            if not _fits(net, row, steps, car, edge):
                break
            row.edges[edge].first = following
            if following == NOBODY:
                row.edges[edge].last = NOBODY
            row.edges[edge].count -= 1.0


@njit
def _fits(net: Net, row: Row, steps: Steps, car: int, edge: int) -> bool:
    """Put a vehicle on the lane that it departs from; returns whether there was room."""
    profile = net.kinds[row.cars[car].profile]
    if profile.depart_pos != ANYWHERE and not _has_room(net, row, car, edge):
        return False  # on whichever lane: those of jammed edges need not be compared
    lane = _lane(net, row, steps, car, edge)
    if lane == NOWHERE:
        return False
    if profile.depart_pos == ANYWHERE:
        for _ in range(TRIES):
            if _fits_at(net, row, car, lane, uniform(row) * net.lanes[lane].length):
                return True
    return _fits_at(net, row, car, lane, _position(net, row, car, lane))


@inlined
def _position(net: Net, row: Row, car: int, lane: int) -> float:
    """Where a vehicle departs on a lane, m, unless it does anywhere."""
    profile = net.kinds[row.cars[car].profile]
    position = profile.depart_pos
    return min(profile.length + 0.1, net.lanes[lane].length) if position < 0.0 else position


@njit
def _has_room(net: Net, row: Row, car: int, edge: int) -> bool:
    """Whether some lane of an edge has room for a vehicle behind who is last on it."""
    profile, first = net.kinds[row.cars[car].profile], net.edges[edge].first
    for lane in range(first, first + net.edges[edge].lanes):
        leader = row.lanes[lane].tail
        if leader == NOBODY:
            return True
        length = net.kinds[row.cars[leader].profile].length
        if row.cars[leader].position - length - _position(net, row, car, lane) - profile.gap >= 0.0:
            return True
    return False


@njit
def _fits_at(net: Net, row: Row, car: int, lane: int, position: float) -> bool:
    """Put a vehicle at a position of a lane; returns whether there was room."""
    profile = net.kinds[row.cars[car].profile]
    place = row.cars[car].place
    desired = min(net.lanes[lane].limit * row.cars[car].factor, profile.top)
    speed = desired if profile.depart_speed < 0.0 else min(profile.depart_speed, desired)
    if profile.depart_speed == AVERAGE:
        speed = min(desired, _mean_speed(net, row, lane))
    safe, leader, behind = speed, row.lanes[lane].tail, NOBODY
    while profile.depart_pos == ANYWHERE and leader != NOBODY and row.cars[leader].position < position:
        behind, leader = leader, row.cars[leader].ahead
    if leader != NOBODY:
        other = net.kinds[row.cars[leader].profile]
        gap = row.cars[leader].position - other.length - position - profile.gap
        if gap < 0.0:
            return False
        safe = min(safe, follow_speed(
            speed, gap, row.cars[leader].speed, other.decel, profile.decel, profile.hardest, profile.tau,
            speed,
        ))  # fmt: skip
    seen = net.lanes[lane].length - position
    if row.cars[car].last > place and seen < brake_gap(safe, profile.decel) + 2.5:
        safe = min(safe, stop_speed(max(seen - 1.0, 0.0), profile.decel, 1.0))
    if safe < speed and profile.depart_speed not in (AS_FAST, AVERAGE):
        return False
    if behind != NOBODY:
        other = net.kinds[row.cars[behind].profile]
        gap = position - profile.length - row.cars[behind].position - other.gap
        if gap < secure_gap(row.cars[behind].speed, other.decel, other.tau, safe, profile.decel):
            return False
    row.cars[car].where, row.cars[car].departed = DRIVING, row.clock[0].now
    row.cars[car].position, row.cars[car].speed = position, safe
    row.cars[car].behind = NOBODY
    put(row, car, lane)
    return True


@njit
def _lane(net: Net, row: Row, steps: Steps, car: int, edge: int) -> int:
    """The lane of an edge that a vehicle departs from."""
    kind = row.cars[car].profile
    rule, place = net.kinds[kind].depart_lane, row.cars[car].place
    first, lanes = net.edges[edge].first, net.edges[edge].lanes
    if rule >= 0.0:
        return first + min(int(rule), lanes - 1)
    if rule == FIRST:
        for lane in range(first, first + lanes):
            if net.admits[kind, lane]:
                return lane
        return NOWHERE
    farthest = 0.0
    for number in range(lanes):
        if net.admits[kind, first + number] and rule != FREE:
            farthest = max(farthest, steps[place, number].reach)
    length = net.kinds[kind].length
    chosen, roomiest, least, room = NOWHERE, NOWHERE, 1e9, -1e9
    for number in range(lanes):
        lane = first + number
        if not net.admits[kind, lane] or steps[place, number].reach < farthest - EQUALLY_FAR:
            continue
        occupied = _occupied(net, row, lane)
        if occupied < least:
            chosen, least = lane, occupied
        last = row.lanes[lane].tail
        gap = (net.lanes[lane].length if last == NOBODY else row.cars[last].position) - length
        if gap > room:
            roomiest, room = lane, gap
    last = NOBODY if chosen == NOWHERE else row.lanes[chosen].tail
    return roomiest if last != NOBODY and row.cars[last].position < length else chosen


@njit
def _mean_speed(net: Net, row: Row, lane: int) -> float:
    """Mean speed on a lane, or its limit where nobody is on it."""
    total, count, car = 0.0, 0, row.lanes[lane].head
    while car != NOBODY:
        total, count = total + row.cars[car].speed, count + 1
        car = row.cars[car].behind
    return total / count if count else net.lanes[lane].limit


@njit
def _occupied(net: Net, row: Row, lane: int) -> float:
    """Share of a lane that vehicles and their least gaps take."""
    total, car = 0.0, row.lanes[lane].head
    while car != NOBODY:
        profile = net.kinds[row.cars[car].profile]
        total += profile.length + profile.gap
        car = row.cars[car].behind
    return total / net.lanes[lane].length
