"""Speeds that are safe and free, after Krauss (1998) as SUMO computes them with steps of 1 s.

The vehicle's speed is updated first and moves it then (SUMO's semi-implicit Euler). All speeds are in m/s,
distances in m, decelerations in m/s².
"""

from __future__ import annotations

import math

from sandbox_traffic.twin.jit import inlined

EPSILON = 0.001
"""SUMO's margin of distances, m."""

FREE = 1e9
"""A speed that hinders nobody, m/s."""

SURELY = 0.999
"""Share of a bound below which rounding does not matter."""


@inlined
def brake_gap(speed: float, decel: float) -> float:
    """Distance to a stop without reaction time."""
    if speed < decel:
        return 0.0
    steps = math.floor(speed / decel)
    return float(steps * speed - decel * steps * (steps + 1) / 2)


@inlined
def braking_distance(speed: float, decel: float, distance: float) -> float:
    """`brake_gap` where ``distance`` may not be enough for it, 0 elsewhere."""
    return brake_gap(speed, decel) if 2.0 * decel * distance <= speed * speed else 0.0


@inlined
def stop_speed(gap: float, decel: float, headway: float) -> float:
    """Greatest speed from which a vehicle can stop within ``gap``, after ``headway`` s at that speed."""
    room = gap - EPSILON
    if room < 0.0:
        return 0.0
    if headway == 1.0 and room < SURELY * decel:
        return room  # what the formula gives without a full step of braking: most vehicles in a queue
    root = math.sqrt(1.0 + 4.0 * (2.0 * room / decel - headway + headway * headway))
    steps = math.floor(0.5 - (headway - 0.5 * root))
    covered = 0.5 * steps * (steps - 1) * decel + steps * decel * headway
    return float(steps * decel + (room - covered) / (steps + headway))


@inlined
def follow_speed(
    speed: float,
    gap: float,
    leader: float,
    leader_decel: float,
    decel: float,
    hardest: float,
    headway: float,
    enough: float,
) -> float:
    """Greatest speed that is safe behind a leader that may brake; `FREE` where ``enough`` surely is safe.

    Args:
        speed: Of the vehicle.
        gap: To the leader, beyond the least one.
        leader: Its speed.
        leader_decel: Its deceleration.
        decel: Of the vehicle.
        hardest: Its emergency deceleration.
        headway: Its reaction time, s.
        enough: Speed beyond which it makes no difference how fast it might drive.
    """
    if gap < 0.0:
        return max(speed - hardest, 0.0)
    # Stopping from a speed v takes v * headway + v² / (2 decel) - v / 2 + decel / 8 at the most, and the
    # leader's way is v² / (2 decel) - v / 2 at the least.
    rest = gap - EPSILON - enough * headway - decel - 0.5 * leader
    if leader_decel <= decel and 2.0 * decel * rest + leader * leader >= enough * enough:
        return FREE
    return stop_speed(gap + brake_gap(leader, max(decel, leader_decel)), decel, headway)


@inlined
def free_speed(distance: float, target: float, decel: float) -> float:
    """Greatest speed from which a vehicle slows down to ``target`` within ``distance``."""
    if distance < target:
        return target
    root = math.sqrt((decel + 2.0 * target) ** 2 + 8.0 * decel * distance)
    steps = max(0.0, ((root - decel) * 0.5 - target) / decel)
    full = math.floor(steps)
    exact = (full * full + full) * 0.5 * decel + full * target + (target if steps > full else 0.0)
    return float(max(0.0, distance - exact) / (full + 1.0) + full * decel + target)


@inlined
def slowed(speed: float, distance: float, target: float, decel: float) -> float:
    """``speed``, or less where a vehicle has to slow down to ``target`` within ``distance``."""
    return min(speed, free_speed(distance, target, decel)) if speed > target else speed


@inlined
def dawdled(speed: float, accel: float, sigma: float, draw: float) -> float:
    """The speed that is driven for lack of attention; ``draw`` is uniform in [0, 1)."""
    return max(0.0, speed - sigma * min(speed, accel) * draw)


@inlined
def secure_gap(speed: float, decel: float, headway: float, leader: float, leader_decel: float) -> float:
    """Gap that a vehicle needs so as not to brake behind another one."""
    own_way = brake_gap(speed, decel) + speed * headway
    return max(0.0, own_way - brake_gap(leader, max(decel, leader_decel)))
