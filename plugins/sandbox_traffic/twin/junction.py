"""Who may enter a junction: lights, gaps in the traffic that has priority, and room behind the junction."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import (
    DECEL, GAP, LENGTH, MAJOR, MINOR, NOBODY, RED, TOP, YELLOW, State, World,
)  # fmt: skip
from sandbox_traffic.twin.jit import njit
from sandbox_traffic.twin.krauss import brake_gap, stop_speed
from sandbox_traffic.twin.signals import light_of

STOP_LINE = 1.0
"""Distance at which vehicles stop before the stop line, m (SUMO's ``jmStoplineGap``)."""

VISIBILITY = 4.5
"""Distance from which drivers who give way see whether they have to, m."""

HEADWAY = 1.0
"""Time that must be left to vehicles with priority, s."""

HALTING = 0.1
"""Vehicles below this speed stand, m/s."""

FREE = 1e9


@njit
def next_link(world: World, routes: object, state: State, row: int, car: int) -> int:
    """The link that a vehicle takes from its lane; −1 at the end of its route or where none leads on."""
    lane, place = state.lane[row, car], state.place[row, car]
    return routes.link[place, world.roads.place[lane]]


@njit
def progress(world: World, routes: object, state: State, row: int, car: int, link: int) -> float:
    """Way of a vehicle beyond the stop line of the link that it is on or before, m."""
    lane = state.lane[row, car]
    if world.roads.link[lane] == link:
        return state.position[row, car] + world.roads.passed[lane]
    return state.position[row, car] - world.roads.length[lane]


@njit
def _arrives(world: World, state: State, row: int, car: int, distance: float) -> float:
    """Time until a vehicle has driven ``distance``, s, accelerating at most for its lane."""
    speed = state.speed[row, car]
    profile = world.profiles[state.profile[row, car]]
    top = min(world.roads.limit[state.lane[row, car]] * state.factor[row, car], profile[TOP])
    pace = max(0.5 * (speed + min(top, speed + profile[2] * 2.0)), 0.5)
    return max(distance, 0.0) / pace


@njit
def gap_is_free(
    world: World, routes: object, state: State, row: int, car: int, link: int, distance: float
) -> bool:
    """Whether a vehicle that gives way finds a gap in the traffic towards the links of its foes.

    Args:
        distance: To where it waits, m.
    """
    roads = world.roads
    profile = world.profiles[state.profile[row, car]]
    for conflict in range(roads.foes[link], roads.foes[link + 1]):
        if not roads.yields[conflict]:
            continue
        foe = roads.foe[conflict]
        light = light_of(world, state, row, foe)
        if light == RED:
            continue
        merges = roads.mine[conflict] == -1.0
        way = distance + max(roads.mine[conflict], 0.0) - roads.halfway[link]
        arrive = _arrives(world, state, row, car, distance)
        leave = _arrives(world, state, row, car, way + profile[LENGTH])
        other = state.head[row, roads.source[foe]]
        while other != NOBODY:
            ahead = roads.length[roads.source[foe]] - state.position[row, other]
            speed = state.speed[row, other]
            decel = world.profiles[state.profile[row, other], DECEL]
            if ahead > speed + 3.0 + brake_gap(speed + 2.6, decel):
                break
            stops = light == YELLOW and ahead - STOP_LINE >= brake_gap(speed, decel)
            if next_link(world, routes, state, row, other) == foe and not stops and speed > HALTING:
                comes = _arrives(world, state, row, other, ahead)
                clears = comes + _arrives(
                    world, state, row, other, world.profiles[state.profile[row, other], LENGTH] + 4.0
                )
                if not (comes > leave + HEADWAY or (clears < arrive and not merges)):
                    return False
            other = state.behind[row, other]
    return True


@njit
def speed_for_foes(
    world: World, routes: object, state: State, row: int, car: int, link: int, done: float
) -> float:
    """Speed that lets vehicles inside the junction pass, on the links that cross a vehicle's own.

    Args:
        done: Way of the vehicle beyond the stop line, m; negative before it.
    """
    roads, safe = world.roads, FREE
    profile = world.profiles[state.profile[row, car]]
    for conflict in range(roads.foes[link], roads.foes[link + 1]):
        foe = roads.foe[conflict]
        lane = roads.inner[foe]
        while lane != NOBODY and roads.link[lane] == foe:
            other = state.tail[row, lane]
            while other != NOBODY:
                room = _room(world, state, row, conflict, link, other, done, profile[GAP])
                if room < FREE and state.wait[row, other] < world.blockers:
                    safe = min(safe, stop_speed(room, profile[DECEL], 1.0))
                other = state.ahead[row, other]
            lane = roads.following[lane]
    return safe


@njit
def _room(
    world: World, state: State, row: int, conflict: int, link: int, other: int, done: float, gap: float
) -> float:
    """Way that a vehicle inside the junction leaves to another one, m; `FREE` where it is in nobody's way."""
    roads = world.roads
    foe, lane = roads.foe[conflict], state.lane[row, other]
    place = state.position[row, other] + roads.passed[lane]
    back = place - world.profiles[state.profile[row, other], LENGTH]
    mine, theirs = roads.mine[conflict], roads.theirs[conflict]
    if mine == -1.0:  # they merge: who is nearer to the end of its link goes first
        rest = way_through(world, link) - done
        other_rest = way_through(world, foe) - place
        if other_rest > rest or (other_rest == rest and not roads.yields[conflict]):
            return FREE
        return rest - other_rest - world.profiles[state.profile[row, other], LENGTH] - gap
    if mine < 0.0 or done > mine - 1.0 or back > theirs + 1.0:
        return FREE
    if not roads.yields[conflict] and place < theirs - 3.0:
        return FREE
    if roads.halfway[foe] > 0.0 and place <= roads.halfway[foe] + 0.1 and theirs > roads.halfway[foe]:
        return FREE  # it waits for a gap itself
    return mine - done - 2.0


@njit
def way_through(world: World, link: int) -> float:
    """Length of the inner lanes of a link, m."""
    roads, total = world.roads, 0.0
    lane = roads.inner[link]
    while roads.link[lane] == link:
        total += roads.length[lane]
        lane = roads.following[lane]
    return total


@njit
def has_room_behind(world: World, state: State, row: int, car: int, link: int) -> bool:
    """Whether a vehicle would not have to stand inside a junction that others cross."""
    roads = world.roads
    if roads.foes[link] == roads.foes[link + 1]:
        return True
    target = roads.target[link]
    room, standing = 0.0, False
    other = state.tail[row, target]
    while other != NOBODY:
        profile = world.profiles[state.profile[row, other]]
        if state.speed[row, other] < HALTING:
            room += state.position[row, other] - profile[LENGTH]
            standing = True
            break
        room -= profile[LENGTH] + profile[GAP]
        other = state.ahead[row, other]
    if not standing:
        return True
    lane = roads.inner[link]
    while roads.link[lane] == link:
        other = state.tail[row, lane]
        while other != NOBODY:
            profile = world.profiles[state.profile[row, other]]
            room -= profile[LENGTH] + profile[GAP]
            other = state.ahead[row, other]
        lane = roads.following[lane]
    profile = world.profiles[state.profile[row, car]]
    return room >= profile[LENGTH] + profile[GAP]


@njit
def speed_at_stop_line(
    world: World, routes: object, state: State, row: int, car: int, link: int, distance: float
) -> float:
    """Speed that a link allows to a vehicle that has ``distance`` (m) to its stop line; `FREE` to go on."""
    profile = world.profiles[state.profile[row, car]]
    decel, speed = profile[DECEL], state.speed[row, car]
    light = light_of(world, state, row, link)
    can_stop = distance - STOP_LINE >= brake_gap(speed, decel) or (speed < HALTING and distance > 0.0)
    wait = stop_speed(max(distance - STOP_LINE, 0.0), decel, 1.0)
    if (light == RED or light == YELLOW) and can_stop:
        return wait
    if distance < brake_gap(speed, decel):
        return FREE
    if light == MINOR and world.roads.halfway[link] == 0.0:
        if distance > VISIBILITY or not gap_is_free(world, routes, state, row, car, link, distance):
            return wait
    if not has_room_behind(world, state, row, car, link):
        return wait
    return FREE


@njit
def speed_at_halfway(
    world: World, routes: object, state: State, row: int, car: int, link: int, distance: float
) -> float:
    """Speed of a vehicle that may have to wait inside a junction, ``distance`` (m) ahead."""
    roads = world.roads
    if roads.signal[link] >= 0 and light_of(world, state, row, link) == MAJOR:
        return FREE
    profile = world.profiles[state.profile[row, car]]
    if distance < brake_gap(state.speed[row, car], profile[DECEL]):
        return FREE
    if distance <= VISIBILITY and gap_is_free(world, routes, state, row, car, link, distance):
        return FREE
    return stop_speed(distance, profile[DECEL], 1.0)
