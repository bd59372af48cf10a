"""Many lanes of traffic and what automated vehicles in them see and do; what all tasks are built on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sandbox.api import ObservationField
from sandbox.api.types import Json
from sandbox_mixed.config import ControlConfig
from sandbox_mixed.kernels import (
    COLUMNS,
    COMMANDED,
    FILTERED,
    HUMAN,
    OWN_COLUMNS,
    Floats,
    Integers,
    Lanes,
    advance,
)

SCALES: dict[str, tuple[float, ...]] = {
    "local": (10.0, 5.0, 20.0),
    "local-and-mean": (10.0, 5.0, 20.0, 10.0),
    "errors": (10.0, 1.0, 10.0, 1.0),
    "history": (10.0, 2.0, 10.0, 2.0, 2.0, 2.0, 2.0),
}
"""Units of the entries of an observation; see `observed`."""

CLIP = 10.0
"""Greatest entry of an observation."""

TRAILS = (5.0, 20.0, 80.0)
"""Time constants of the running means of the speed of the vehicle ahead, s."""

MEMORY = 38.0
"""Time over which the mean of an automated vehicle's own speed is taken, s (Stern et al. 2018)."""


@dataclass(frozen=True)
class Local:
    """What sensors of automated vehicles measure; shape ``(rows, k)`` each.

    Attributes:
        speed: Own, m/s.
        ahead: Of the vehicle ahead, m/s.
        gap: To it, from bumper to bumper, m.
        mean: Of the own speed over the last `MEMORY` seconds, m/s.
        trails: Running means of the speed of the vehicle ahead with the time constants `TRAILS`, m/s, shape
            ``(rows, k, 3)``.
    """

    speed: Floats
    ahead: Floats
    gap: Floats
    mean: Floats
    trails: Floats


class Traffic:
    """Lanes with k automated vehicles each.

    Args:
        config: Drivers, steps, bounds of actions, the gap filter.
        rows: Lanes.
        vehicles: In each of them.
        automated: Indices of automated vehicles, ascending.

    Attributes:
        lanes: The state; see `Lanes`.
        tally: What happened in the last call of `advance`, shape ``(rows, COLUMNS)``.
        by_vehicle: What each automated vehicle did in it, shape ``(rows, k, OWN_COLUMNS)``.
        interval: Time between decisions, s.
    """

    def __init__(self, config: ControlConfig, rows: int, vehicles: int, automated: Integers) -> None:
        self._config = config
        self._driver, self._limits = config.driver.idm(), config.limits()
        self.interval = config.dt * config.decision_steps
        self.lanes = Lanes(
            np.zeros((rows, vehicles)),
            np.zeros((rows, vehicles)),
            np.zeros((rows, vehicles)),
            np.full(rows, 1e9),
            np.zeros(rows, np.uint64),
            np.zeros(rows, np.bool_),
        )
        self._automated, self._slots = automated, np.full(vehicles, -1, np.int64)
        self._slots[automated] = np.arange(len(automated))
        self._ahead = (automated + 1) % vehicles
        self._automated.flags.writeable = self._slots.flags.writeable = False
        self.recent = np.zeros((rows, max(1, round(MEMORY / self.interval)), len(automated)))
        self.newest = np.zeros(rows, np.int64)
        self.trails = np.zeros((rows, len(automated), len(TRAILS)))
        self._fading = np.exp(-self.interval / np.array(TRAILS))
        self.tally = np.zeros((rows, COLUMNS))
        self.by_vehicle = np.zeros((rows, len(automated), OWN_COLUMNS))

    @property
    def automated(self) -> Integers:
        """Indices of automated vehicles."""
        return self._automated

    def place(
        self, rows: Integers, position: Floats, speed: Floats, length: Floats, counter: NDArray[np.uint64]
    ) -> None:
        """Put vehicles into some rows; see `Lanes`."""
        self.lanes.position[rows], self.lanes.speed[rows] = position, speed
        self.lanes.acceleration[rows] = 0.0
        self.lanes.length[rows], self.lanes.counter[rows] = length, counter
        self.lanes.collided[rows] = False
        self.recent[rows] = self.lanes.speed[rows][:, None, self._automated]
        self.newest[rows] = 0
        self.trails[rows] = self.lanes.speed[rows][:, self._ahead, None]

    def advance(
        self,
        commands: Floats,
        human: bool = False,
        leader: Floats | None = None,
        rows: Integers | None = None,
    ) -> None:
        """Simulate until the next decision.

        Args:
            commands: Accelerations of automated vehicles, m/s², shape ``(rows, k)``.
            human: Whether the human model drives automated vehicles, too.
            leader: Speeds of the leader in every step, shape ``(rows, steps)``; None on a ring.
            rows: Which rows; all if absent.
        """
        lanes, tally, by_vehicle = self.lanes, self.tally, self.by_vehicle
        if rows is not None:
            lanes, tally, by_vehicle = rows_of(lanes, rows), tally[rows], by_vehicle[rows]
        control = HUMAN if human else FILTERED if self._config.gap_filter else COMMANDED
        speeds = np.zeros((len(lanes.length), 0)) if leader is None else leader
        steps, dt = self._config.decision_steps, self._config.dt
        advance(
            lanes,
            self._driver,
            self._limits,
            dt,
            steps,
            self._slots,
            commands,
            control,
            speeds,
            tally,
            by_vehicle,
        )
        if rows is not None:
            self.tally[rows], self.by_vehicle[rows] = tally, by_vehicle
            for whole, part in zip(self.lanes, lanes, strict=True):
                whole[rows] = part
        index = np.arange(len(self.newest)) if rows is None else rows
        self.newest[index] = (self.newest[index] + 1) % self.recent.shape[1]
        self.recent[index, self.newest[index]] = lanes.speed[:, self._automated]
        ahead = lanes.speed[:, self._ahead, None]
        self.trails[index] = ahead + self._fading * (self.trails[index] - ahead)

    def means(self, column: int) -> Floats:
        """Mean over the steps of the last call, shape ``(rows,)``; see the tally's columns."""
        mean: Floats = self.tally[:, column] / self._config.decision_steps
        return mean

    def actions(self, accelerations: Floats) -> Floats:
        """The actions that stand for some accelerations, m/s², shape ``(rows, k)``."""
        return accelerations / self._config.max_acceleration

    def local(self) -> Local:
        """What automated vehicles measure now."""
        lanes, here = self.lanes, self._automated
        ahead = self._ahead
        lap = np.where(ahead == 0, 1.0, 0.0) * lanes.length[:, None]
        gap = lanes.position[:, ahead] + lap - lanes.position[:, here] - self._driver.length
        return Local(lanes.speed[:, here], lanes.speed[:, ahead], gap, self.recent.mean(1), self.trails)

    def observe(self) -> NDArray[np.float32]:
        """What policies see, shape ``(rows, k, features)``."""
        return observed(self.local(), self._config.sees)

    def get_state(self) -> Json:
        """All that changes, as plain data."""
        lanes = {name: part.copy() for name, part in self.lanes._asdict().items()}
        return {
            **lanes,
            "recent": self.recent.copy(),
            "newest": self.newest.copy(),
            "trails": self.trails.copy(),
            "tally": self.tally.copy(),
            "by_vehicle": self.by_vehicle.copy(),
        }

    def set_state(self, state: Json) -> None:
        """Go back to a state."""
        self.lanes = Lanes(*(np.array(state[name]) for name in Lanes._fields))
        self.recent, self.newest = np.array(state["recent"]), np.array(state["newest"])
        self.trails = np.array(state["trails"])
        self.tally, self.by_vehicle = np.array(state["tally"]), np.array(state["by_vehicle"])


def observed(local: Local, sees: str) -> NDArray[np.float32]:
    """What sensors measured as policies see it, shape ``(rows, k, features)``.

    ``local``: speed (in 10 m/s), difference to the vehicle ahead (5 m/s), gap (20 m). ``local-and-mean``:
    also the mean of the own speed (10 m/s). ``errors``: speed (10 m/s), difference to the vehicle ahead (1
    m/s), gap (10 m), and by how much the mean of the own speed exceeds the speed (1 m/s): a controller near
    uniform flow answers to differences of 0.1 m/s, which the others show as 0.01, and that of speed and mean
    as one between two entries. ``history``: the same with differences in 2 m/s, and running means of the
    speed of the vehicle ahead less the own speed: how fast traffic has been, which says how fast it will be
    when the vehicle ahead has braked.
    """
    parts = [local.speed, local.ahead - local.speed, local.gap]
    if sees == "local-and-mean":
        parts.append(local.mean)
    elif sees != "local":
        parts.append(local.mean - local.speed)
    if sees == "history":
        parts.extend(np.moveaxis(local.trails, -1, 0) - local.speed)
    scaled = [part / scale for part, scale in zip(parts, SCALES[sees], strict=True)]
    return np.clip(np.stack(scaled, axis=-1), -CLIP, CLIP).astype(np.float32)


_SPEED = ("speed", "10 m/s", "of the automated vehicle")
_LOCAL = (
    _SPEED,
    ("speed difference", "5 m/s", "speed of the vehicle ahead less one's own, −50 to 50 m/s"),
    ("gap", "20 m", "to the vehicle ahead, bumper to bumper, at most 200 m"),
)
FIELDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "local": _LOCAL,
    "local-and-mean": (
        *_LOCAL,
        ("mean speed", "10 m/s", f"of the automated vehicle over the last {MEMORY:g} s"),
    ),
    "errors": (
        _SPEED,
        ("speed difference", "1 m/s", "speed of the vehicle ahead less one's own, −10 to 10 m/s"),
        ("gap", "10 m", "to the vehicle ahead, bumper to bumper, at most 100 m"),
        ("mean less speed", "1 m/s", f"own mean over the last {MEMORY:g} s less the speed, −10 to 10 m/s"),
    ),
    "history": (
        _SPEED,
        ("speed difference", "2 m/s", "speed of the vehicle ahead less one's own, −20 to 20 m/s"),
        ("gap", "10 m", "to the vehicle ahead, bumper to bumper, at most 100 m"),
        ("mean less speed", "2 m/s", f"own mean over the last {MEMORY:g} s less the speed, −20 to 20 m/s"),
        *(
            (
                f"mean ahead over {constant:g} s less speed",
                "2 m/s",
                "running mean of the speed of the vehicle ahead less one's own speed, −20 to 20 m/s",
            )
            for constant in TRAILS
        ),
    ),
}
"""Name, unit and meaning of what an automated vehicle sees, in the order of `SCALES`."""


def local_fields(vehicles: int, sees: str) -> list[ObservationField]:
    """What the numbers of some automated vehicles' observation are, vehicle by vehicle."""
    return [
        ObservationField(name if vehicles == 1 else f"{name}, automated vehicle {vehicle + 1}", unit, meaning)
        for vehicle in range(vehicles)
        for name, unit, meaning in FIELDS[sees]
    ]


def observation_fields(env: Any) -> list[ObservationField]:
    """The same of an environment on a ring or in a lane."""
    core = env.core
    return local_fields(len(core.traffic.automated), core.config.sees)


def fleet_fields(env: Any) -> list[ObservationField]:
    """The same of each agent of an environment with an agent a vehicle."""
    return local_fields(1, env.core.config.sees)


def rows_of(lanes: Lanes, rows: Integers) -> Lanes:
    """A copy of some rows."""
    return Lanes(
        lanes.position[rows],
        lanes.speed[rows],
        lanes.acceleration[rows],
        lanes.length[rows],
        lanes.counter[rows],
        lanes.collided[rows],
    )


def observation_space(agents: int, sees: str) -> spaces.Box:
    """Of some automated vehicles together."""
    low = np.full(len(SCALES[sees]), -CLIP, np.float32)
    low[0] = 0.0
    if sees == "local-and-mean":
        low[3] = 0.0
    low = np.tile(low, agents)
    return spaces.Box(low, np.full(len(low), CLIP, np.float32))


def action_space(agents: int) -> spaces.Box:
    """Accelerations as a share of the greatest."""
    return spaces.Box(-1.0, 1.0, (agents,), np.float32)
