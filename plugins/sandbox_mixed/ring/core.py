"""The ring road as arrays: one episode a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sandbox.api import batched
from sandbox.api.types import Array, Bools, Json
from sandbox_mixed.car_following import ring_bound, ring_equilibrium
from sandbox_mixed.config import RingConfig
from sandbox_mixed.controllers import AdaptiveCruise, ProportionalIntegral
from sandbox_mixed.energy import DENSITY
from sandbox_mixed.kernels import (
    ANY_GAP,
    COLUMNS,
    CORRECTION,
    DISTANCE,
    EFFORT,
    FUEL,
    INTERVENED,
    SPEED,
    SPREAD,
    Floats,
    Integers,
)
from sandbox_mixed.lanes import Traffic, action_space, observation_space
from sandbox_mixed.ring.reward import Interval
from sandbox_mixed.road_picture import draw_ring

STATE = ("time", "equilibrium", "measured", "whole", "waving", "warmup")

FOLLOWER_STOPPER = (0.6, 0.003, 1.0)
"""Desired speed as a share of uniform flow: at the beginning, its increase per second, and the end.

Tuned on 32 episodes with L from 220 to 270 m, among first shares of 0.55 to 0.65 and increases of 0.002 to
0.004; a constant desired speed of 0.94 or more does not dissolve a wave that has formed.
"""

ADAPTIVE_CRUISE = AdaptiveCruise(gap_gain=0.5, speed_gain=1.0, headway=4.0, standstill=0.0)
"""Best of 36 combinations with headways from 2 to 4 s on the same episodes."""

PI_SATURATION = ProportionalIntegral(catch_up=0.2, lower=3.0, width=15.0)
"""Best of 36 combinations with catch-ups from 0.2 to 0.45 m/s on the same episodes."""

WAVE = 0.5
"""Standard deviation of speeds above which there still is a wave, m/s."""


class Ring:
    """Rings with automated vehicles; `sandbox.api.BatchedCore`.

    - Observation: for each automated vehicle its speed (in 10 m/s), the difference to the vehicle ahead (in
      5 m/s), the gap (in 20 m) and, with ``sees: local-and-mean``, the mean of its own speed over 38 s (in
      10 m/s); shape ``(k · 3,)`` or ``(k · 4,)``.
    - Action: the acceleration of each, from -1 to 1 times ``max_acceleration``; shape ``(k,)``. The gap
      filter may brake harder.
    - Termination: vehicles touch. Truncation: after ``horizon`` seconds.

    Attributes:
        traffic: The vehicles.
        equilibrium: Speed of uniform flow on each ring, m/s, shape ``(rows,)``.
        human: Whether the human model drives automated vehicles until the next decision.
        warmup: Positions and speeds in the warm-up of a single environment, shape ``(times, 2, n)``.
    """

    render_fps = 10
    adaptive_cruise = ADAPTIVE_CRUISE
    pi_saturation = PI_SATURATION

    def __init__(self, config: RingConfig, num_envs: int) -> None:
        self.config = config
        here = np.arange(config.automated) * config.vehicles // config.automated
        self.traffic = Traffic(config, num_envs, config.vehicles, here)
        self.observation_space = observation_space(config.automated, config.sees)
        self.action_space = action_space(config.automated)
        self.decisions = round(config.horizon / self.traffic.interval)
        self.measured_from = self.decisions - max(1, round(config.measured / self.traffic.interval))
        self.time = np.zeros(num_envs, np.int64)
        self.equilibrium = np.ones(num_envs)
        self.measured, self.whole = np.zeros((2, num_envs, COLUMNS))
        self.waving = np.zeros(num_envs, np.int64)
        self.human = False
        self.warmup = np.zeros((0, 2, config.vehicles))

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """A ring of a drawn length; the wave forms in the warm-up."""
        self.begin_rows(np.array([row]), [rng])

    def begin_rows(self, rows: Integers, rngs: Sequence[np.random.Generator]) -> None:
        """The same for some rows at once."""
        config = self.config
        length = np.array([drawn_length(config, rng) for rng in rngs])
        counter = np.array([rng.integers(0, 2**64, dtype=np.uint64) for rng in rngs])
        first = np.array([rng.integers(config.vehicles) for rng in rngs])
        place = np.arange(config.vehicles) - first[:, None]
        position = (place % config.vehicles) * ((length - config.bunching) / config.vehicles)[:, None]
        # Vehicle 0 leads the last one across the end of the ring, wherever the bunch begins.
        position = np.where(place < 0, position - length[:, None], position)
        self.traffic.place(rows, position, np.zeros_like(position), length, counter)
        idle, history = np.zeros((len(rows), config.automated)), []
        for _ in range(round(config.warmup / self.traffic.interval)):
            self.traffic.advance(idle, human=True, rows=rows)
            if len(self.time) == 1:
                history.append(np.stack([self.traffic.lanes.position[0], self.traffic.lanes.speed[0]]))
        self.warmup = np.array(history).reshape(-1, 2, config.vehicles)
        self.equilibrium[rows] = [ring_equilibrium(x, config.vehicles, config.driver.idm()) for x in length]
        self.time[rows] = self.waving[rows] = 0
        self.measured[rows], self.whole[rows] = 0.0, 0.0
        self.whole[rows, ANY_GAP] = np.inf

    @property
    def can_redraw(self) -> bool:
        """Whether human drivers have noise that is drawn from step to step."""
        return self.config.driver.noise > 0

    def redraw(self, row: int, rng: np.random.Generator) -> None:
        """Draw the coming noise of human drivers again."""
        self.traffic.lanes.counter[row] = rng.integers(0, 2**64, dtype=np.uint64)

    def step(self, actions: Array) -> Interval:
        """Drive until the next decision."""
        traffic, interval = self.traffic, self.config.decision_steps
        traffic.advance(actions.astype(np.float64) * self.config.max_acceleration, self.human)
        self.human = False
        tally = traffic.tally
        self.measured += np.where(self.time >= self.measured_from, 1.0, 0.0)[:, None] * np.where(
            np.isfinite(tally), tally, 0.0
        )
        gap = np.minimum(self.whole[:, ANY_GAP], tally[:, ANY_GAP])
        self.whole += np.where(np.isfinite(tally), tally, 0.0)
        self.whole[:, ANY_GAP] = gap
        self.time = self.time + 1
        spread = tally[:, SPREAD] / interval
        self.waving = np.where(spread > WAVE, self.time, self.waving)
        speed = tally[:, SPEED] / interval
        return Interval(
            speed=speed,
            share=speed / self.equilibrium,
            spread=spread,
            wave=spread / (spread + WAVE),
            effort=tally[:, EFFORT] / interval,
            correction=tally[:, CORRECTION] / interval,
            collision=traffic.lanes.collided.astype(np.float64),
        )

    def observe(self) -> Array:
        """What all automated vehicles of a row see."""
        return self.traffic.observe().reshape(len(self.time), -1)

    def ends(self) -> tuple[Bools, Bools]:
        """A collision terminates, the horizon truncates."""
        collided = self.traffic.lanes.collided.copy()
        return collided, (self.time >= self.decisions) & ~collided

    def metrics(self, row: int) -> Mapping[str, float]:
        """Of the measured part; an episode that ended early counts as standing from then on."""
        config = self.config
        steps = (self.decisions - self.measured_from) * config.decision_steps
        done = int(self.time[row]) * config.decision_steps
        measured, whole = self.measured[row], self.whole[row]
        collided = bool(self.traffic.lanes.collided[row])
        speed = measured[SPEED] / steps
        # Vehicles that stand after a collision have no spread of speeds: the whole episode's is taken.
        spread = whole[SPREAD] / done if collided else measured[SPREAD] / steps
        return {
            "share": float(speed / self.equilibrium[row]),
            "speed": float(speed),
            "spread": float(spread),
            "settling": config.horizon if collided else float(self.waving[row] * self.traffic.interval),
            "collisions": float(collided),
            "min_gap": float(whole[ANY_GAP]),
            "effort": float(whole[EFFORT] / done),
            "intervened": float(whole[INTERVENED] / done),
            "fuel": float(1e5 / DENSITY * whole[FUEL] / max(whole[DISTANCE], 1e-9)),
            "length": float(self.traffic.lanes.length[row]),
        }

    def follower_stopper_speed(self) -> Floats:
        """FollowerStopper's desired speed now, m/s, shape ``(rows,)``: it knows the ring's uniform flow."""
        first, rate, last = FOLLOWER_STOPPER
        seconds = self.time * self.traffic.interval
        speed: Floats = self.equilibrium * np.minimum(first + rate * seconds, last)
        return speed

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

    def speed_bound(self, row: int = 0) -> float:
        """Speed that no stationary flow on this ring exceeds, m/s."""
        config, length = self.config, float(self.traffic.lanes.length[row])
        return ring_bound(length, config.vehicles, config.driver.idm(), config.automated)

    def render(self, row: int) -> Array:
        """The ring from above."""
        lanes = self.traffic.lanes
        return draw_ring(
            lanes.position[row],
            lanes.speed[row],
            float(lanes.length[row]),
            self.traffic.automated,
            self.config.driver.length,
        )


def drawn_length(config: RingConfig, rng: np.random.Generator) -> float:
    """A length of the ring, uniform over those that are not held out, m."""
    low, high = config.length
    if config.without is None:
        return float(rng.uniform(low, high))
    first, last = config.without
    length = float(rng.uniform(low, high - (last - first)))
    return length if length < first else length + (last - first)


make, make_vec = batched(Ring)
