"""Changes of lanes: to follow the route, for speed, and to keep right, after SUMO's model LC2013."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import NOBODY, Net, Row, Steps
from sandbox_traffic.twin.jit import inlined, njit
from sandbox_traffic.twin.junction import HALTING
from sandbox_traffic.twin.krauss import follow_speed, secure_gap
from sandbox_traffic.twin.lanes import put, take

LOOK_AHEAD = 10.0
"""Time before its end at which a lane is left to the right, s; twice that to the left."""

LEFT, RIGHT = 0.2, 2.0
"""Gathered wish from which a vehicle changes to the left and to the right."""

LEAST_PACE = 10.0
"""Speed for which vehicles look ahead at least, m/s."""

KEEP_RIGHT_TIME = 5.0
"""Time of free driving on the right lane that makes a vehicle change to it, s."""

ACCEPTED = 7.0
"""Free time on the right lane beyond which more makes no difference, by m/s, s."""


@njit
def change_lanes(net: Net, row: Row, steps: Steps) -> None:
    """Let every vehicle of a row change by one lane at most."""
    for edge in range(len(net.edges)):
        lanes, first = net.edges[edge].lanes, net.edges[edge].first
        if lanes < 2:
            continue
        for lane in range(first, first + lanes):
            # Of the lanes beside, the first vehicle behind: it only moves back as those of the lane do.
            right = row.lanes[lane - 1].head if lane > first else NOBODY
            left = row.lanes[lane + 1].head if lane + 1 < first + lanes else NOBODY
            car = row.lanes[lane].head
            while car != NOBODY:
                after = row.cars[car].behind
                offset = steps[row.cars[car].place, net.lanes[lane].place].offset
                if offset != 0:
                    considers = _is_urgent(net, row, steps, car, offset)
                else:
                    considers = row.cars[car].speed >= HALTING
                if considers and row.cars[car].odometer > 0.0:
                    right = _first_behind(row, right, row.cars[car].position)
                    left = _first_behind(row, left, row.cars[car].position)
                    if offset != 0:
                        _follow_route(net, row, steps, car, offset, right, left)
                    else:
                        _consider(net, row, steps, car, right, left)
                car = after


@inlined
def _first_behind(row: Row, car: int, position: float) -> int:
    """The first vehicle behind a position, from a vehicle of its lane on."""
    while car != NOBODY and row.cars[car].position >= position:
        car = row.cars[car].behind
    return car


@inlined
def _follow_route(net: Net, row: Row, steps: Steps, car: int, offset: int, right: int, left: int) -> None:
    """Change to the lane beside since the route asks for it."""
    side = 1 if offset > 0 else -1
    behind = left if side > 0 else right
    if not _change(net, row, car, side, behind):
        _ask(net, row, steps, car, side, behind)


@inlined
def _consider(net: Net, row: Row, steps: Steps, car: int, right: int, left: int) -> None:
    """Change to the lane beside where speed or the rule to keep right ask for it."""
    lane, place = row.cars[car].lane, row.cars[car].place
    number, kind = net.lanes[lane].place, row.cars[car].profile
    lanes = net.edges[net.lanes[lane].edge].lanes
    to_left = number + 1 < lanes and _suits(net, steps, kind, place, lane + 1)
    to_right = number > 0 and _suits(net, steps, kind, place, lane - 1)
    here = _speed_behind(net, row, car, lane, row.cars[car].ahead) if to_left or to_right else 0.0
    wish, keep = row.cars[car].wish, row.cars[car].keep
    if to_left:
        gain = _gain(net, row, car, lane + 1, _ahead_of(row, left, lane + 1), here)
        wish = wish + gain if gain > 0.0 else (wish * 0.5 if wish > 0.0 else wish)
    if to_right:
        gain = _gain(net, row, car, lane - 1, _ahead_of(row, right, lane - 1), here)
        wish = wish - gain if gain > 0.0 else (wish * 0.5 if wish < 0.0 else wish)
        keep += _ease(net, row, car, lane - 1, _ahead_of(row, right, lane - 1))
    else:
        keep = 0.0
    changed = wish > LEFT and _change(net, row, car, 1, left)
    if not changed and (wish < -RIGHT or keep > RIGHT):
        changed = _change(net, row, car, -1, right)
    if changed:
        wish = keep = 0.0
    row.cars[car].wish, row.cars[car].keep = wish, keep


@inlined
def _suits(net: Net, steps: Steps, kind: int, place: int, lane: int) -> bool:
    """Whether a lane beside leads on as far as any."""
    return net.admits[kind, lane] and steps[place, net.lanes[lane].place].offset == 0


@inlined
def _is_urgent(net: Net, row: Row, steps: Steps, car: int, offset: int) -> bool:
    """Whether the lane ends for a vehicle's route soon enough to be left now."""
    lane, profile = row.cars[car].lane, net.kinds[row.cars[car].profile]
    rest = steps[row.cars[car].place, net.lanes[lane].place].reach - row.cars[car].position
    ahead = max(row.cars[car].speed, LEAST_PACE) * LOOK_AHEAD * (2.0 if offset > 0 else 1.0)
    return rest / abs(offset) < ahead + 2.0 * (profile.length + profile.gap)


@inlined
def _ahead_of(row: Row, behind: int, lane: int) -> int:
    """Who drives ahead of a vehicle of a lane, or last on it where that is nobody."""
    return row.lanes[lane].tail if behind == NOBODY else row.cars[behind].ahead


@inlined
def _speed_behind(net: Net, row: Row, car: int, lane: int, leader: int) -> float:
    """Speed that a vehicle can drive on a lane behind who is ahead there."""
    profile = net.kinds[row.cars[car].profile]
    top = min(net.lanes[lane].limit * row.cars[car].factor, profile.top)
    fastest = min(row.cars[car].speed + profile.accel, top)
    if leader == NOBODY:
        return top
    gap = row.cars[leader].position - net.kinds[row.cars[leader].profile].length
    gap -= row.cars[car].position + profile.gap
    safe = follow_speed(
        row.cars[car].speed, gap, row.cars[leader].speed,
        net.kinds[row.cars[leader].profile].decel, profile.decel, profile.hardest, profile.tau, top,
    )  # fmt: skip
    return max(min(safe, top if safe > fastest else fastest), 0.0)


@inlined
def _gain(net: Net, row: Row, car: int, lane: int, leader: int, here: float) -> float:
    """Gain of speed on a lane beside over ``here`` as a share of the speed there, 0 where there is none."""
    if here >= min(net.lanes[lane].limit * row.cars[car].factor, net.kinds[row.cars[car].profile].top):
        return 0.0
    there = _speed_behind(net, row, car, lane, leader)
    return (there - here) / max(there, 1.0) if there > here else 0.0


@inlined
def _ease(net: Net, row: Row, car: int, lane: int, leader: int) -> float:
    """How much a second brings a vehicle nearer to keeping right."""
    profile = net.kinds[row.cars[car].profile]
    top = min(net.lanes[lane].limit * row.cars[car].factor, profile.top)
    room = net.lanes[lane].length - row.cars[car].position
    if leader != NOBODY:
        gap = row.cars[leader].position - net.kinds[row.cars[leader].profile].length
        gap -= row.cars[car].position + profile.gap
        if gap <= 0.0:
            return 0.0
        decel = net.kinds[row.cars[leader].profile].decel
        room = gap - secure_gap(top, profile.decel, profile.tau, row.cars[leader].speed, decel)
    accepted = ACCEPTED * max(1.0, round(row.cars[car].speed))
    return RIGHT * min(accepted, max(room, 0.0) / top) / accepted / KEEP_RIGHT_TIME


@njit
def _ask(net: Net, row: Row, steps: Steps, car: int, side: int, behind: int) -> None:
    """Ask who is behind on the lane beside for a gap, and drop back behind who is ahead there.

    Who is too near to leave a gap is not asked: standing at red, both would wait for each other for ever.
    """
    profile, position = net.kinds[row.cars[car].profile], row.cars[car].position
    ahead = _ahead_of(row, behind, row.cars[car].lane + side)
    while behind != NOBODY:
        follower = row.cars[behind].position + net.kinds[row.cars[behind].profile].gap
        if follower <= position - profile.length:
            break
        behind = row.cars[behind].behind
    if behind != NOBODY:
        row.cars[behind].lets = car
    if ahead != NOBODY and (row.cars[ahead].speed > HALTING or _stays_ahead(net, row, steps, car, ahead)):
        row.cars[car].beside = ahead


@inlined
def _stays_ahead(net: Net, row: Row, steps: Steps, car: int, ahead: int) -> bool:
    """Whether a vehicle cannot pass who stands ahead on the lane beside before its own lane ends.

    Only who will drive on is worth waiting for: two who want each other's lanes would wait for ever.
    """
    there, here = row.cars[ahead].lane, row.cars[car].lane
    if steps[row.cars[ahead].place, net.lanes[there].place].offset != 0:
        return False
    needed = net.kinds[row.cars[ahead].profile].gap + net.kinds[row.cars[car].profile].length
    return row.cars[ahead].position + needed > steps[row.cars[car].place, net.lanes[here].place].reach


@njit
def _change(net: Net, row: Row, car: int, side: int, behind: int) -> bool:
    """Change to the lane beside if nobody has to brake for it; returns whether the vehicle did."""
    lane = row.cars[car].lane + side
    if net.lanes[lane].edge != net.lanes[row.cars[car].lane].edge:
        return False
    if not net.admits[row.cars[car].profile, lane]:
        return False
    profile = net.kinds[row.cars[car].profile]
    ahead = _ahead_of(row, behind, lane)
    speed, position = row.cars[car].speed, row.cars[car].position
    if ahead != NOBODY:
        other = net.kinds[row.cars[ahead].profile]
        gap = row.cars[ahead].position - other.length - position - profile.gap
        if gap < 0.0 or gap < secure_gap(
            speed, profile.decel, profile.tau, row.cars[ahead].speed, other.decel
        ):
            return False
    if behind != NOBODY:
        other = net.kinds[row.cars[behind].profile]
        gap = position - profile.length - row.cars[behind].position - other.gap
        if gap < 0.0 or gap < secure_gap(
            row.cars[behind].speed, other.decel, other.tau, speed, profile.decel
        ):
            return False
    take(row, car)
    put(row, car, lane)
    return True
