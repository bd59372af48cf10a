"""Changes of lanes: to follow the route, for speed, and to keep right, after SUMO's model LC2013."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import (
    ACCEL, DECEL, GAP, HARDEST, LENGTH, NOBODY, TAU, TOP, State, World,
)  # fmt: skip
from sandbox_traffic.twin.jit import njit
from sandbox_traffic.twin.krauss import follow_speed, secure_gap
from sandbox_traffic.twin.lanes import put, take

LOOK_AHEAD = 10.0
"""Time before its end at which a lane is left to the right, s; twice that to the left."""

LEFT, RIGHT = 0.2, 2.0
"""Gathered wish from which a vehicle changes to the left and to the right."""

KEEP_RIGHT_TIME = 5.0
"""Time of free driving on the right lane that makes a vehicle change to it, s."""

ACCEPTED = 7.0
"""Free time on the right lane beyond which more makes no difference, by m/s, s."""

FAR = 1e9


@njit
def change_lanes(world: World, routes: object, state: State, row: int) -> None:
    """Let every vehicle of a row change by one lane at most."""
    roads = world.roads
    for edge in range(len(roads.lanes)):
        lanes, first = roads.lanes[edge], roads.first_lane[edge]
        if lanes < 2:
            continue
        for lane in range(first, first + lanes):
            car = state.head[row, lane]
            while car != NOBODY:
                after = state.behind[row, car]
                if state.odometer[row, car] > 0.0:
                    _consider(world, routes, state, row, car)
                car = after


@njit
def _consider(world: World, routes: object, state: State, row: int, car: int) -> None:
    """Change to the lane beside where the route, speed or the rule to keep right ask for it."""
    roads, lane, place = world.roads, state.lane[row, car], state.place[row, car]
    number = roads.place[lane]
    offset = routes.offset[place, number]
    if offset != 0:
        side = 1 if offset > 0 else -1
        if _is_urgent(world, routes, state, row, car, offset):
            _change(world, state, row, car, side)
        return
    kind = state.profile[row, car]
    here = _speed_on(world, state, row, car, lane)
    wish, keep = state.wish[row, car], state.keep[row, car]
    if number + 1 < roads.lanes[roads.edge[lane]] and _suits(world, routes, kind, place, lane + 1):
        there = _speed_on(world, state, row, car, lane + 1)
        gain = (there - here) / max(there, 1.0)
        wish = wish + gain if gain > 0.0 else (wish * 0.5 if wish > 0.0 else wish)
    if number > 0 and _suits(world, routes, kind, place, lane - 1):
        there = _speed_on(world, state, row, car, lane - 1)
        gain = (there - here) / max(there, 1.0)
        wish = wish - gain if gain > 0.0 else (wish * 0.5 if wish < 0.0 else wish)
        keep += _ease(world, state, row, car, lane - 1)
    else:
        keep = 0.0
    if wish > LEFT and _change(world, state, row, car, 1):
        wish = keep = 0.0
    elif (wish < -RIGHT or keep > RIGHT) and _change(world, state, row, car, -1):
        wish = keep = 0.0
    state.wish[row, car], state.keep[row, car] = wish, keep


@njit
def _suits(world: World, routes: object, kind: int, place: int, lane: int) -> bool:
    """Whether a lane beside leads on as far as any."""
    return world.admits[kind, lane] and routes.offset[place, world.roads.place[lane]] == 0


@njit
def _is_urgent(world: World, routes: object, state: State, row: int, car: int, offset: int) -> bool:
    """Whether the lane ends for a vehicle's route soon enough to be left now."""
    lane, profile = state.lane[row, car], world.profiles[state.profile[row, car]]
    rest = routes.reach[state.place[row, car], world.roads.place[lane]] - state.position[row, car]
    ahead = max(state.speed[row, car], 5.0) * LOOK_AHEAD * (2.0 if offset > 0 else 1.0)
    return rest / abs(offset) < ahead + 2.0 * (profile[LENGTH] + profile[GAP])


@njit
def _neighbours(state: State, row: int, car: int, lane: int) -> tuple[int, int]:
    """Who would be ahead and behind on another lane."""
    ahead, position = state.head[row, lane], state.position[row, car]
    if ahead == NOBODY or state.position[row, ahead] < position:
        return NOBODY, ahead
    while state.behind[row, ahead] != NOBODY and state.position[row, state.behind[row, ahead]] >= position:
        ahead = state.behind[row, ahead]
    return ahead, state.behind[row, ahead]


@njit
def _speed_on(world: World, state: State, row: int, car: int, lane: int) -> float:
    """Speed that a vehicle can drive on a lane behind who is ahead there."""
    profile = world.profiles[state.profile[row, car]]
    top = min(world.roads.limit[lane] * state.factor[row, car], profile[TOP])
    fastest = min(state.speed[row, car] + profile[ACCEL], top)
    leader = state.ahead[row, car]
    if lane != state.lane[row, car]:
        leader, _ = _neighbours(state, row, car, lane)
    if leader == NOBODY:
        return top
    gap = state.position[row, leader] - world.profiles[state.profile[row, leader], LENGTH]
    gap -= state.position[row, car] + profile[GAP]
    safe = follow_speed(
        state.speed[row, car], gap, state.speed[row, leader],
        world.profiles[state.profile[row, leader], DECEL], profile[DECEL], profile[HARDEST], profile[TAU],
    )  # fmt: skip
    return max(min(safe, top if safe > fastest else fastest), 0.0)


@njit
def _ease(world: World, state: State, row: int, car: int, lane: int) -> float:
    """How much a second brings a vehicle nearer to keeping right."""
    profile = world.profiles[state.profile[row, car]]
    top = min(world.roads.limit[lane] * state.factor[row, car], profile[TOP])
    leader, _ = _neighbours(state, row, car, lane)
    room = world.roads.length[lane] - state.position[row, car]
    if leader != NOBODY:
        gap = state.position[row, leader] - world.profiles[state.profile[row, leader], LENGTH]
        gap -= state.position[row, car] + profile[GAP]
        decel = world.profiles[state.profile[row, leader], DECEL]
        room = gap - secure_gap(top, profile[DECEL], profile[TAU], state.speed[row, leader], decel)
    accepted = ACCEPTED * max(1.0, round(state.speed[row, car]))
    return RIGHT * min(accepted, max(room, 0.0) / top) / accepted / KEEP_RIGHT_TIME


@njit
def _change(world: World, state: State, row: int, car: int, side: int) -> bool:
    """Change to the lane beside if nobody has to brake for it; returns whether the vehicle did."""
    lane = state.lane[row, car] + side
    if world.roads.edge[lane] != world.roads.edge[state.lane[row, car]]:
        return False
    if not world.admits[state.profile[row, car], lane]:
        return False
    profile = world.profiles[state.profile[row, car]]
    ahead, behind = _neighbours(state, row, car, lane)
    speed, position = state.speed[row, car], state.position[row, car]
    if ahead != NOBODY:
        other = world.profiles[state.profile[row, ahead]]
        gap = state.position[row, ahead] - other[LENGTH] - position - profile[GAP]
        if gap < 0.0 or gap < secure_gap(
            speed, profile[DECEL], profile[TAU], state.speed[row, ahead], other[DECEL]
        ):
            return False
    if behind != NOBODY:
        other = world.profiles[state.profile[row, behind]]
        gap = position - profile[LENGTH] - state.position[row, behind] - other[GAP]
        if gap < 0.0 or gap < secure_gap(
            state.speed[row, behind], other[DECEL], other[TAU], speed, profile[DECEL]
        ):
            return False
    take(state, row, car)
    put(state, row, car, lane)
    return True
