"""What the signals of several simulations look like at one time, in arrays over simulations and signals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.approaches import APPROACH_FIELDS, by_signal, gather_table
from sandbox_traffic.control import Ground, SignalControl
from sandbox_traffic.phases import allowed_phases
from sandbox_traffic.reward import Transition
from sandbox_traffic.simulator import Snapshot

Array = NDArray[np.float64]


class Scene:
    """Copies of one network at one time; all arrays begin with axes ``(copies, signals)``.

    Where signals differ in their number of phases, approaches or exits, arrays are padded with zeros.

    Attributes:
        now: Simulated time, s, shape ``(copies,)``.
        phase: Phase that is green or being changed to, shape ``(copies, signals)``.
        green_since: Time at which its green starts or started, s, likewise.
        count: Vehicles on each approach, shape ``(copies, signals, most approaches)``.
        queue: Standing vehicles likewise.
        waiting: Sum of their present waiting times, s, likewise.
        slowness: Vehicles weighted by 1 − speed/limit, likewise.
        outside: Vehicles that wait to enter, likewise.
        gap: Time since a vehicle was on the approach's loop, s, likewise.
        passed: Vehicles that have crossed the loop since the episode began, likewise.
        incoming: Vehicles on each incoming lane alone, likewise.
        totals: Each of the eight summed over a signal's approaches, by name, shape ``(copies, signals)``.

    Args:
        ground: What the copies share.
        controls: The copies.
        values: What was read from them, shape ``(copies, ground.spec.size)``.
        before: The scene one interval earlier; this one if absent.
    """

    def __init__(
        self, ground: Ground, controls: Sequence[SignalControl], values: Array, before: Scene | None = None
    ) -> None:
        self.ground = ground
        self.layout = ground.layout
        clocks = [control.clocks for control in controls]
        self.now: Array = np.array([control.now for control in controls], dtype=np.float64)
        self.phase = np.array([[clock.phase for clock in row] for row in clocks])
        self.green_since: Array = np.array(
            [[clock.green_since for clock in row] for row in clocks], dtype=np.float64
        )
        self.snapshot = Snapshot.of(values.copy(), ground.spec)
        # One pass for all of them: on small networks NumPy's price is by the call.
        fields = gather_table(self.snapshot, self.layout).take(self.layout.rows, axis=-1)
        (
            self.count, self.queue, self.waiting, self.slowness,
            self.outside, self.gap, self.passed, self.incoming,
        ) = fields  # fmt: skip
        self.totals = dict(zip(APPROACH_FIELDS, fields.sum(axis=-1), strict=True))
        self.before = before or self

    @cached_property
    def one_hot(self) -> Array:
        """Which phase is green or being changed to, shape ``(copies, signals, most phases)``."""
        table: Array = np.eye(self.ground.most_phases)[self.phase]
        return table

    @property
    def capacity(self) -> Array:
        """Vehicles that fit on each approach, shape ``(signals, most approaches)``; padded with ones."""
        return self.layout.spaces

    @property
    def green(self) -> Array:
        """How long it has been green, s; negative while it is being changed to."""
        return self.now[:, None] - self.green_since

    @property
    def may_switch(self) -> Array:
        """1 where the shortest green is over, else 0."""
        return (self.green >= self.ground.config.min_green).astype(np.float64)

    @cached_property
    def lane_queue(self) -> Array:
        """Standing vehicles likewise."""
        return by_signal(self.snapshot.halting.take(self.layout.incoming, axis=-1), self.layout.rows)

    @property
    def lane_length(self) -> Array:
        """Lengths of the incoming lanes, m, shape ``(signals, most approaches)``; padded with ones."""
        return self.ground.surroundings.lane_length

    @property
    def exit_length(self) -> Array:
        """Lengths of the outgoing lanes likewise."""
        return self.ground.surroundings.exit_length

    @cached_property
    def exit_queue(self) -> Array:
        """Standing vehicles on each outgoing lane, shape ``(copies, signals, most exits)``."""
        return by_signal(self.snapshot.halting, self.layout.exits)

    @cached_property
    def movement_pressure(self) -> Array:
        """Vehicles on each movement's approach less those on its exit, ``(copies, signals, movements)``."""
        sources, targets = self.ground.surroundings.movements
        at = np.arange(len(sources))[:, None]
        difference: Array = self.count[:, at, sources] - self.outgoing[:, at, targets]
        return difference

    @cached_property
    def released(self) -> Array:
        """1 where some other signal has green towards the approach, ``(copies, signals, approaches)``."""
        flat = np.concatenate((self.phase, np.zeros_like(self.phase[:, :1])), axis=1)
        source, green = self.ground.surroundings.feeders, self.ground.surroundings.feeding
        places = np.indices(source.shape)
        table: Array = green[places[0], places[1], flat[:, source]]
        return table

    @cached_property
    def outgoing(self) -> Array:
        """Vehicles on each outgoing lane, shape ``(copies, signals, most exits)``."""
        return by_signal(self.snapshot.count, self.layout.exits)

    def transition(self) -> Transition:
        """What rewards are computed from."""
        before = self.before
        return Transition(
            queue=self.queue,
            outside=self.outside,
            waiting=self.waiting,
            slowness=self.slowness,
            previous_waiting=before.waiting,
            incoming=self.incoming,
            outgoing=self.outgoing,
            count=self.count,
            passed=self.passed - before.passed,
            totals=self.totals | {"passed": self.totals["passed"] - before.totals["passed"]},
            braking=np.repeat(
                (self.snapshot.braking - before.snapshot.braking)[:, None], len(self.layout.views), axis=1
            ),
        )

    def forget_past(self) -> None:
        """Keep no more than one interval."""
        self.before = self


def masks(ground: Ground, controls: Sequence[SignalControl]) -> NDArray[np.bool_]:
    """Allowed phases, shape ``(copies, signals, most phases)``, padded with false."""
    interval, width = ground.config.decision_interval, ground.most_phases
    return np.stack([allowed_phases(control.clocks, control.now, interval, width) for control in controls])
