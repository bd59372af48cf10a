"""A lane behind a leader as arrays: one episode a row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sandbox.api import InvalidValueError, batched
from sandbox.api.types import Array, Bools, Json
from sandbox_mixed.car_following import equilibrium_gap
from sandbox_mixed.config import PlatoonConfig
from sandbox_mixed.controllers import AdaptiveCruise, ProportionalIntegral
from sandbox_mixed.energy import DENSITY, kinetic_fuel
from sandbox_mixed.kernels import (
    ANY_GAP,
    COLUMNS,
    CORRECTION,
    DISTANCE,
    FUEL,
    INTERVENED,
    JERKINESS,
    SPEED,
    Floats,
)
from sandbox_mixed.lanes import MEMORY, Traffic, action_space, observation_space
from sandbox_mixed.platoon.reward import Interval
from sandbox_mixed.platoon.traces import generate_speeds, read_trace
from sandbox_mixed.road_picture import draw_lane

STATE = ("time", "leader", "totals", "space", "widest")

CATCH_UP = 3.0
"""How much FollowerStopper's desired speed exceeds the leader's mean speed over 38 s, m/s.

Tuned with the other controllers on 24 generated episodes, among 0 to 10 m/s: the least fuel with a
throughput of at least 95 % of the human drivers'.
"""

MAX_WIDE = 300.0
"""Largest excess of a gap that the reward counts, m.

With 50 m a vehicle far behind was no better off for coming nearer, and it learned to stand: that burns least
in a second.
"""


class Platoon:
    """Lanes with a leader, automated vehicles and a platoon; `sandbox.api.BatchedCore`.

    - Observation: as on the ring; shape ``(k · 4,)`` with ``sees: local-and-mean``.
    - Action: the acceleration of each automated vehicle, from -1 to 1 times ``max_acceleration``.
    - Termination: vehicles touch. Truncation: after ``horizon`` seconds.

    Vehicle n - 1 is the leader, n - 2 the first automated vehicle. Episodes begin in equilibrium at the
    leader's speed.

    Attributes:
        traffic: The vehicles.
        leader: Speeds of the leader in every step, m/s, shape ``(rows, steps)``.
        human: Whether the human model drives automated vehicles until the next decision.
    """

    render_fps = 10
    adaptive_cruise = AdaptiveCruise(gap_gain=0.02, speed_gain=0.3, headway=2.5, standstill=3.0)
    pi_saturation = ProportionalIntegral(catch_up=8.0, lower=7.0, width=100.0)

    def __init__(self, config: PlatoonConfig, num_envs: int) -> None:
        self.config = config
        vehicles = config.platoon + config.automated + 1
        behind = np.arange(config.automated) * (vehicles - 1) // config.automated
        self.traffic = Traffic(config, num_envs, vehicles, np.sort(vehicles - 2 - behind))
        self.observation_space = observation_space(config.automated, config.sees)
        self.action_space = action_space(config.automated)
        self.decisions = round(config.horizon / self.traffic.interval)
        self.trace = read_trace(Path(config.trace)) if config.trace else None
        self.time = np.zeros(num_envs, np.int64)
        self.leader = np.zeros((num_envs, self.decisions * config.decision_steps))
        self.totals = np.zeros((num_envs, COLUMNS))
        self.space, self.widest = np.zeros((2, num_envs))
        self.human = False

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """A part of the trace; all vehicles in equilibrium."""
        config, driver = self.config, self.config.driver.idm()
        self.leader[row] = self._speeds(rng)
        speed = min(float(self.leader[row, 0]), 0.95 * driver.desired_speed)
        vehicles = self.traffic.lanes.speed.shape[1]
        spacing = equilibrium_gap(speed, driver) + config.driver.length
        counter = rng.integers(0, 2**64, dtype=np.uint64)
        rows = np.array([row])
        position = np.arange(vehicles, dtype=np.float64)[None] * float(spacing)
        self.traffic.place(
            rows, position, np.full((1, vehicles), speed), np.full(1, 1e9), np.array([counter], np.uint64)
        )
        self.time[row] = 0
        self.totals[row] = 0.0
        self.totals[row, ANY_GAP] = np.inf
        self.space[row] = self.widest[row] = 0.0

    def _speeds(self, rng: np.random.Generator) -> Floats:
        """The leader's speeds in an episode.

        Raises:
            InvalidValueError: If the part of the file is shorter than an episode.
        """
        config, steps = self.config, self.leader.shape[1]
        if self.trace is None:
            return generate_speeds(rng, steps, config.dt)
        first, last = (share * self.trace.duration for share in config.part)
        if last - first < config.horizon:
            raise InvalidValueError(
                f"The part of {config.trace} that is used lasts {last - first:.0f} s, an episode "
                f"{config.horizon:g} s.",
                "Shorten horizon or widen part.",
            )
        return self.trace.sampled(float(rng.uniform(first, last - config.horizon)), steps, config.dt)

    def step(self, actions: Array) -> Interval:
        """Drive until the next decision."""
        config, traffic = self.config, self.traffic
        steps = config.decision_steps
        columns = np.minimum(self.time, self.decisions - 1)[:, None] * steps + np.arange(steps)
        leader = np.take_along_axis(self.leader, columns, axis=1)
        before = self._kinetic_fuel()
        traffic.advance(actions.astype(np.float64) * config.max_acceleration, self.human, leader)
        self.human = False
        self._account()
        tally = traffic.tally
        followers = traffic.lanes.speed.shape[1] - 1
        return Interval(
            fuel=tally[:, FUEL] / (followers * traffic.interval),
            lost=(tally[:, FUEL] / followers - (self._kinetic_fuel() - before)) / traffic.interval,
            wide=self.too_wide().mean(1),
            effort=tally[:, JERKINESS] / steps,
            correction=tally[:, CORRECTION] / steps,
            speed=tally[:, SPEED] / steps,
            spacing=(self.spacing() - self._uniform_spacing()) / 10.0,
            collision=traffic.lanes.collided.astype(np.float64),
        )

    def too_wide(self) -> Floats:
        """By how much gaps exceed the widest permitted ones, in 10 m, shape ``(rows, k)``."""
        local = self.traffic.local()
        permitted = self.config.standing_gap + self.config.wide_gap * local.speed
        excess: Floats = np.clip(local.gap - permitted, 0.0, MAX_WIDE) / 10.0
        return excess

    def spacing(self) -> Floats:
        """Mean of the vehicles from the leader to the last, m, shape ``(rows,)``."""
        position = self.traffic.lanes.position
        mean: Floats = (position[:, -1] - position[:, 0]) / (position.shape[1] - 1)
        return mean

    def _uniform_spacing(self) -> Floats:
        """That of uniform flow at the vehicles' present speeds, its mean, m, shape ``(rows,)``."""
        driver = self.config.driver.idm()
        # At the desired speed no gap is wide enough, and none above it.
        speed = np.minimum(self.traffic.lanes.speed[:, :-1], 0.95 * driver.desired_speed)
        mean: Floats = equilibrium_gap(speed, driver).mean(1) + driver.length
        return mean

    def _kinetic_fuel(self) -> Floats:
        """In the speeds of the vehicles behind the leader, their mean, g, shape ``(rows,)``."""
        mean: Floats = kinetic_fuel(self.traffic.lanes.speed[:, :-1]).mean(1)
        return mean

    def _account(self) -> None:
        tally = np.where(np.isfinite(self.traffic.tally), self.traffic.tally, 0.0)
        gap = np.minimum(self.totals[:, ANY_GAP], self.traffic.tally[:, ANY_GAP])
        self.totals += tally
        self.totals[:, ANY_GAP] = gap
        self.time = self.time + 1
        self.space += self.spacing()
        self.widest = np.maximum(self.widest, self.traffic.local().gap.max(1))

    def observe(self) -> Array:
        """What all automated vehicles of a row see."""
        return self.traffic.observe().reshape(len(self.time), -1)

    def ends(self) -> tuple[Bools, Bools]:
        """A collision terminates, the horizon truncates."""
        collided = self.traffic.lanes.collided.copy()
        return collided, (self.time >= self.decisions) & ~collided

    def metrics(self, row: int) -> Mapping[str, float]:
        """Of the whole episode; one that ended early counts as standing from then on."""
        steps = self.decisions * self.config.decision_steps
        totals, lanes = self.totals[row], self.traffic.lanes
        speed = totals[SPEED] / steps
        spacing = self.space[row] / max(int(self.time[row]), 1)
        return {
            "fuel": float(1e5 / DENSITY * totals[FUEL] / max(totals[DISTANCE], 1e-9)),
            "throughput": float(3600.0 * speed / spacing),
            "speed": float(speed),
            "spacing": float(spacing),
            "widest_gap": float(self.widest[row]),
            "min_gap": float(totals[ANY_GAP]),
            "collisions": float(lanes.collided[row]),
            "intervened": float(totals[INTERVENED] / (int(self.time[row]) * self.config.decision_steps)),
        }

    def follower_stopper_speed(self) -> Floats:
        """FollowerStopper's desired speed now, m/s, shape ``(rows,)``: the leader's mean and `CATCH_UP`."""
        last = np.minimum(self.time * self.config.decision_steps, self.leader.shape[1] - 1)
        first = np.maximum(last - round(MEMORY / self.config.dt), 0)
        means = [self.leader[row, first[row] : last[row] + 1].mean() for row in range(len(last))]
        return np.array(means) + CATCH_UP

    def get_state(self) -> Json:
        """All that the future depends on but the generators."""
        arrays = {name: getattr(self, name).copy() for name in STATE}
        return {"traffic": self.traffic.get_state(), "human": self.human, **arrays}

    def set_state(self, state: Json) -> None:
        """Go back to a state."""
        self.traffic.set_state(state["traffic"])
        self.human = bool(state["human"])
        for name in STATE:
            setattr(self, name, np.array(state[name]))

    def render(self, row: int) -> Array:
        """The lane from above, the leader at the right."""
        lanes = self.traffic.lanes
        return draw_lane(
            lanes.position[row], lanes.speed[row], self.traffic.automated, self.config.driver.length
        )


make, make_vec = batched(Platoon)
