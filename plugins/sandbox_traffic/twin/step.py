"""One second of traffic: plan, move, change lanes, depart."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import (
    ACCEL, ARRIVED, DECEL, GAP, HARDEST, LENGTH, NOBODY, SIGMA, TAU, TOP, State, World,
)  # fmt: skip
from sandbox_traffic.twin.departures import depart, schedule
from sandbox_traffic.twin.jit import njit
from sandbox_traffic.twin.junction import (
    FREE, HALTING, next_link, speed_at_halfway, speed_at_stop_line, speed_for_foes,
)  # fmt: skip
from sandbox_traffic.twin.krauss import brake_gap, dawdled, follow_speed, free_speed, stop_speed
from sandbox_traffic.twin.lane_changes import change_lanes
from sandbox_traffic.twin.lanes import put, take, uniform
from sandbox_traffic.twin.signals import NOW, show


@njit
def second(world: World, routes: object, state: State, row: int) -> None:
    """Simulate one step of 1 s of a row."""
    show(world, state, row)
    for lane in range(len(world.roads.length)):
        car = state.head[row, lane]
        while car != NOBODY:
            state.plan[row, car] = _safe_speed(world, routes, state, row, car)
            car = state.behind[row, car]
    for lane in range(len(world.roads.length)):
        car = state.head[row, lane]
        while car != NOBODY:
            _move(world, state, row, car)
            car = state.behind[row, car]
    for lane in range(len(world.roads.length)):
        _pass_on(world, routes, state, row, lane)
    change_lanes(world, routes, state, row)
    schedule(routes, state, row)
    depart(world, routes, state, row)
    _watch_loops(world, state, row)
    state.clock[row, NOW] += 1.0


@njit
def _behind(world: World, state: State, row: int, car: int, leader: int, gap: float) -> float:
    """Safe speed behind a leader."""
    profile = world.profiles[state.profile[row, car]]
    return follow_speed(
        state.speed[row, car],
        gap - profile[GAP],
        state.speed[row, leader],
        world.profiles[state.profile[row, leader], DECEL],
        profile[DECEL],
        profile[HARDEST],
        profile[TAU],
    )


@njit
def _leader_speed(world: World, state: State, row: int, car: int) -> float:
    """Safe speed behind who is ahead on the same lane, or has not left it with its whole length."""
    lane, leader = state.lane[row, car], state.ahead[row, car]
    if leader != NOBODY:
        back = state.position[row, leader] - world.profiles[state.profile[row, leader], LENGTH]
        return _behind(world, state, row, car, leader, back - state.position[row, car])
    leader = state.leaver[row, lane]
    if leader == NOBODY or state.where[row, leader] == ARRIVED:
        return FREE
    beyond = state.odometer[row, leader] - state.left_at[row, lane]
    beyond -= world.profiles[state.profile[row, leader], LENGTH]
    if beyond >= 0.0:
        return FREE
    return _behind(
        world, state, row, car, leader, world.roads.length[lane] + beyond - state.position[row, car]
    )


@njit
def _safe_speed(world: World, routes: object, state: State, row: int, car: int) -> float:
    """The speed that a vehicle would drive without dawdling."""
    roads, lane, place = world.roads, state.lane[row, car], state.place[row, car]
    profile = world.profiles[state.profile[row, car]]
    speed, factor, decel = state.speed[row, car], state.factor[row, car], profile[DECEL]
    fastest = min(speed + profile[ACCEL], profile[TOP])
    safe = min(fastest, max(min(roads.limit[lane] * factor, profile[TOP]), speed - decel))
    safe = min(safe, _leader_speed(world, state, row, car))
    horizon = fastest + brake_gap(fastest, decel)
    seen = roads.length[lane] - state.position[row, car]
    last = routes.start[state.route[row, car] + 1] - 1
    link = roads.link[lane]
    if link >= 0:
        safe = min(safe, _inside(world, routes, state, row, car, link, seen))
    while seen <= horizon:
        if roads.link[lane] < 0:
            if place == last:
                break
            link = routes.link[place, roads.place[lane]]
            if link < 0:
                safe = min(safe, stop_speed(seen, decel, 1.0))
                break
            if lane == state.lane[row, car] or seen > 0.0:
                stop = speed_at_stop_line(world, routes, state, row, car, link, seen)
                if stop < FREE:
                    safe = min(safe, stop)
                    break
            safe = min(safe, speed_for_foes(world, routes, state, row, car, link, -seen))
            following = roads.inner[link]
            place += 1
        else:
            following = roads.following[lane]
        limit = min(roads.limit[following] * factor, profile[TOP])
        safe = min(safe, free_speed(seen, limit, decel))
        leader = state.tail[row, following]
        if leader != NOBODY:
            back = state.position[row, leader] - world.profiles[state.profile[row, leader], LENGTH]
            safe = min(safe, _behind(world, state, row, car, leader, seen + back))
            break
        seen += roads.length[following]
        lane = following
    return safe


@njit
def _inside(
    world: World, routes: object, state: State, row: int, car: int, link: int, seen: float
) -> float:
    """Speed of a vehicle inside a junction that gives way there."""
    roads, lane = world.roads, state.lane[row, car]
    safe = speed_for_foes(
        world, routes, state, row, car, link, state.position[row, car] + roads.passed[lane]
    )
    if roads.halfway[link] > 0.0 and roads.passed[lane] == 0.0:
        safe = min(safe, speed_at_halfway(world, routes, state, row, car, link, seen))
    return safe


@njit
def _move(world: World, state: State, row: int, car: int) -> None:
    """Drive for one second."""
    profile = world.profiles[state.profile[row, car]]
    before, lane = state.speed[row, car], state.lane[row, car]
    safe = state.plan[row, car]
    least = min(max(0.0, before - profile[DECEL]), max(safe, before - profile[HARDEST], 0.0))
    speed = max(least, dawdled(max(safe, least), profile[ACCEL], profile[SIGMA], uniform(state, row)))
    state.speed[row, car] = speed
    state.position[row, car] += speed
    state.odometer[row, car] += speed
    desired = min(world.roads.limit[lane] * state.factor[row, car], profile[TOP])
    state.lost[row, car] += (desired - speed) / desired
    if speed < HALTING:
        state.wait[row, car] += 1.0
        state.waited[row, car] += 1.0
    else:
        state.wait[row, car] = 0.0
    loop = world.loop[lane]
    if loop >= 0:
        _cross_loop(world, state, row, car, loop, speed)


@njit
def _cross_loop(world: World, state: State, row: int, car: int, loop: int, speed: float) -> None:
    """Count a vehicle that has come onto a loop, and note when it has left it."""
    place, front = world.loop_place[loop], state.position[row, car]
    if front - speed <= place < front:
        state.passed[row, loop] += 1.0
    back = front - world.profiles[state.profile[row, car], LENGTH]
    if back - speed <= place < back:
        state.loop_left[row, loop] = state.clock[row, NOW] + (place - back + speed) / speed


@njit
def _pass_on(world: World, routes: object, state: State, row: int, lane: int) -> None:
    """Move the vehicles that have reached the end of a lane to the next one, or off the roads."""
    roads = world.roads
    while True:
        car = state.head[row, lane]
        if car == NOBODY or state.position[row, car] <= roads.length[lane]:
            return
        take(state, row, car)
        state.leaver[row, lane] = car
        beyond = state.position[row, car] - roads.length[lane]
        state.left_at[row, lane] = state.odometer[row, car] - beyond
        if roads.link[lane] >= 0:
            following = roads.following[lane]
        else:
            place = state.place[row, car]
            link = routes.link[place, roads.place[lane]]
            if place == routes.start[state.route[row, car] + 1] - 1:
                state.where[row, car], state.arrived[row, car] = ARRIVED, state.clock[row, NOW]
                continue
            if link < 0:  # nothing leads on from here: it waits to change lanes
                state.position[row, car], state.speed[row, car] = roads.length[lane], 0.0
                put(state, row, car, lane)
                return
            following = roads.inner[link]
            state.place[row, car] += 1
        state.position[row, car] = beyond
        put(state, row, car, following)
        if following < lane:  # lanes before this one have been looked at
            _pass_on_again(world, routes, state, row, following)


@njit
def _pass_on_again(world: World, routes: object, state: State, row: int, lane: int) -> None:
    """As `_pass_on` for a lane that a vehicle crosses within one step; lanes are longer than two steps."""
    roads = world.roads
    car = state.head[row, lane]
    while car != NOBODY and state.position[row, car] > roads.length[lane] and roads.link[lane] >= 0:
        take(state, row, car)
        beyond = state.position[row, car] - roads.length[lane]
        state.leaver[row, lane], state.left_at[row, lane] = car, state.odometer[row, car] - beyond
        state.position[row, car] = beyond
        lane = roads.following[lane]
        put(state, row, car, lane)
        car = state.head[row, lane]


@njit
def _watch_loops(world: World, state: State, row: int) -> None:
    """See whether vehicles stand on the loops."""
    for lane in range(len(world.roads.length)):
        loop = world.loop[lane]
        if loop < 0:
            continue
        state.loop_on[row, loop] = False
        place, car = world.loop_place[loop], state.head[row, lane]
        while car != NOBODY and state.position[row, car] >= place:
            back = state.position[row, car] - world.profiles[state.profile[row, car], LENGTH]
            if back <= place:
                state.loop_on[row, loop] = True
            car = state.behind[row, car]
