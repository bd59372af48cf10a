"""Departures: vehicles wait at their edge in order until one of its lanes has room for the first of them."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import (
    AS_FAST, BASE, DECEL, DEPART_LANE, DEPART_POS, DEPART_SPEED, DRIVING, FIRST, FREE, GAP,
    HARDEST, LENGTH, NOBODY, TAU, TOP, State, World,
)  # fmt: skip
from sandbox_traffic.twin.jit import njit
from sandbox_traffic.twin.krauss import brake_gap, follow_speed, stop_speed
from sandbox_traffic.twin.lanes import put
from sandbox_traffic.twin.signals import NEXT, NOW

EQUALLY_FAR = 0.5
"""Lanes whose reach differs by less are equally good, m."""

NOWHERE = -1


@njit
def schedule(routes: object, state: State, row: int) -> None:
    """Let the vehicles wait at their edges whose departure is due."""
    while True:
        car = int(state.clock[row, NEXT])
        if car >= state.depart.shape[1] or state.depart[row, car] > state.clock[row, NOW]:
            return
        edge = routes.edge[routes.start[state.route[row, car]]]
        last = state.last_out[row, edge]
        if last == NOBODY:
            state.first_out[row, edge] = car
        else:
            state.behind[row, last] = car
        state.last_out[row, edge] = car
        state.outside[row, edge] += 1.0
        state.clock[row, NEXT] += 1.0


@njit
def depart(world: World, routes: object, state: State, row: int) -> None:
    """Put vehicles on the road, in order at each edge, until one does not fit."""
    for edge in range(len(world.roads.lanes)):
        while state.first_out[row, edge] != NOBODY:
            car = state.first_out[row, edge]
            following = state.behind[row, car]
            if not _fits(world, routes, state, row, car, edge):
                break
            state.first_out[row, edge] = following
            if following == NOBODY:
                state.last_out[row, edge] = NOBODY
            state.outside[row, edge] -= 1.0


@njit
def _fits(world: World, routes: object, state: State, row: int, car: int, edge: int) -> bool:
    """Put a vehicle on the lane that it departs from; returns whether there was room."""
    profile = world.profiles[state.profile[row, car]]
    place = routes.start[state.route[row, car]]
    lane = _lane(world, routes, state, row, car, edge)
    if lane == NOWHERE:
        return False
    roads, position = world.roads, profile[DEPART_POS]
    if position == BASE:
        position = min(profile[LENGTH] + 0.1, roads.length[lane])
    desired = min(roads.limit[lane] * state.factor[row, car], profile[TOP])
    speed = desired if profile[DEPART_SPEED] < 0.0 else min(profile[DEPART_SPEED], desired)
    safe, leader = speed, state.tail[row, lane]
    if leader != NOBODY:
        other = world.profiles[state.profile[row, leader]]
        gap = state.position[row, leader] - other[LENGTH] - position - profile[GAP]
        if gap < 0.0:
            return False
        safe = min(safe, follow_speed(
            speed, gap, state.speed[row, leader], other[DECEL], profile[DECEL], profile[HARDEST], profile[TAU],
        ))  # fmt: skip
    seen = roads.length[lane] - position
    if routes.start[state.route[row, car] + 1] - place > 1 and seen < brake_gap(safe, profile[DECEL]) + 2.5:
        safe = min(safe, stop_speed(max(seen - 1.0, 0.0), profile[DECEL], 1.0))
    if safe < speed and profile[DEPART_SPEED] != AS_FAST:
        return False
    state.where[row, car], state.departed[row, car] = DRIVING, state.clock[row, NOW]
    state.place[row, car], state.position[row, car], state.speed[row, car] = place, position, safe
    state.behind[row, car] = NOBODY
    put(state, row, car, lane)
    return True


@njit
def _lane(world: World, routes: object, state: State, row: int, car: int, edge: int) -> int:
    """The lane of an edge that a vehicle departs from."""
    roads, kind = world.roads, state.profile[row, car]
    rule, place = world.profiles[kind, DEPART_LANE], routes.start[state.route[row, car]]
    first, lanes = roads.first_lane[edge], roads.lanes[edge]
    if rule >= 0.0:
        return first + min(int(rule), lanes - 1)
    if rule == FIRST:
        for lane in range(first, first + lanes):
            if world.admits[kind, lane]:
                return lane
        return NOWHERE
    farthest = 0.0
    for number in range(lanes):
        if world.admits[kind, first + number]:
            farthest = max(farthest, routes.reach[place, number])
    if rule == FREE:
        farthest = 0.0
    length = world.profiles[kind, LENGTH]
    chosen, roomiest, least, room = NOWHERE, NOWHERE, 1e9, -1e9
    for number in range(lanes):
        lane = first + number
        if not world.admits[kind, lane] or routes.reach[place, number] < farthest - EQUALLY_FAR:
            continue
        occupied = _occupied(world, state, row, lane)
        if occupied < least:
            chosen, least = lane, occupied
        last = state.tail[row, lane]
        gap = (roads.length[lane] if last == NOBODY else state.position[row, last]) - length
        if gap > room:
            roomiest, room = lane, gap
    if chosen != NOWHERE and state.tail[row, chosen] != NOBODY:
        if state.position[row, state.tail[row, chosen]] < length:
            return roomiest
    return chosen


@njit
def _occupied(world: World, state: State, row: int, lane: int) -> float:
    """Share of a lane that vehicles and their least gaps take."""
    total, car = 0.0, state.head[row, lane]
    while car != NOBODY:
        profile = world.profiles[state.profile[row, car]]
        total += profile[LENGTH] + profile[GAP]
        car = state.behind[row, car]
    return total / world.roads.length[lane]
