"""Open-loop oscillators: the classical controller that needs no observation of where the robot is.

Every motor's joint follows q* = a·sin(θ + φ) + b with a PD law; its phase θ runs at ω_swing while
sin(θ + φ) > 0 and at ω_stance otherwise. The robot's motion does not feed back into the gait.
Source: Raffin, Sigaud, Kober, Albu-Schäffer, Silvério and Stulp 2023, arXiv 2310.05808.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError

Array = NDArray[np.float64]

SHARED = ("swing", "stance", "stiffness", "damping")
"""Parameters that all joints share, in the order of a flat vector's end."""


@dataclass(frozen=True)
class Gait:
    """Oscillators of one robot, or of one for each row of a batch.

    Attributes:
        amplitude, phase, offset: Of each joint, rad, shape ``(…, joints)``.
        swing, stance: Angular frequencies, rad/s, shape ``(…,)``.
        stiffness: Control per joint error, 1/rad.
        damping: Control per joint velocity, s/rad.
    """

    amplitude: Array
    phase: Array
    offset: Array
    swing: Array
    stance: Array
    stiffness: Array
    damping: Array

    @classmethod
    def of(cls, numbers: Array) -> Gait:
        """From flat vectors ``(…, 3·joints + 4)``: amplitudes, phases, offsets, then `SHARED`."""
        joints = (numbers.shape[-1] - len(SHARED)) // 3
        parts = (numbers[..., :joints], numbers[..., joints : 2 * joints], numbers[..., 2 * joints : -4])
        return cls(*parts, *(numbers[..., 3 * joints + k] for k in range(len(SHARED))))

    @property
    def numbers(self) -> Array:
        """The flat vector that `of` takes."""
        shared = np.stack([np.asarray(getattr(self, name)) for name in SHARED], -1)
        return np.concatenate([self.amplitude, self.phase, self.offset, shared], -1)

    def target(self, theta: Array) -> Array:
        """Joint targets q*, rad, for phases ``(…, joints)``."""
        return np.asarray(self.amplitude * np.sin(theta + self.phase) + self.offset)

    def advance(self, theta: Array, dt: float) -> Array:
        """Phases after ``dt`` s."""
        swinging = np.sin(theta + self.phase) > 0
        rate = np.where(swinging, self.swing[..., None], self.stance[..., None])
        return np.asarray(theta + rate * dt)

    def control(self, theta: Array, position: Array, velocity: Array) -> Array:
        """Motor control kp·(q* − q) − kd·q̇, not yet clipped."""
        error = self.target(theta) - position
        return np.asarray(self.stiffness[..., None] * error - self.damping[..., None] * velocity)


class OscillatorPolicy:
    """Plays a gait on every copy of an environment.

    Args:
        gait: Oscillators for all rows, or one for each.
        simulation: Whose joints are driven.
    """

    def __init__(self, gait: Gait, simulation: Any) -> None:
        self.gait, self._simulation = gait, simulation
        self._joints, self._speeds = simulation.body.joints, simulation.body.speeds
        self._theta = np.zeros((simulation.copies, len(self._joints)))

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Begin the gait at phase zero in every row."""
        self._theta = np.zeros((num_envs, len(self._joints)))

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> NDArray[Any]:
        """Control of every row, ``(num_envs, motors)``, within the action space."""
        physics, space = self._simulation.physics, self._simulation.action_space
        position = physics.view("QPOS")[:, self._joints]
        velocity = physics.view("QVEL")[:, self._speeds]
        control = self.gait.control(self._theta, position, velocity)
        self._theta = self.gait.advance(self._theta, self._simulation.dt)
        return np.clip(control, space.low, space.high).astype(np.float32)

    def save(self, directory: Path) -> None:
        """A baseline is made from its environment, not from a file.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def shipped_gait(robot: str, motors: int) -> Gait:
    """The tuned gait of a robot.

    Raises:
        InvalidValueError: If none fits, as with a model of one's own.
    """
    path = files("sandbox_locomotion") / "data" / f"oscillators-{robot}.json"
    if not path.is_file():
        raise InvalidValueError(
            f"No oscillators are shipped for '{robot}'.",
            f"python -m sandbox_locomotion.tune {robot} finds some.",
        )
    numbers = np.array(json.loads(path.read_text("utf-8"))["numbers"])
    if len(numbers) != 3 * motors + len(SHARED):
        raise InvalidValueError(
            f"The shipped oscillators of '{robot}' do not fit a model of {motors} motors.",
            "python -m sandbox_locomotion.tune finds some for a model of your own: --model FILE.",
        )
    return Gait.of(numbers)


def open_loop(env: Any) -> OscillatorPolicy:
    """The tuned oscillators of the environment's robot."""
    simulation = env.simulation
    return OscillatorPolicy(shipped_gait(simulation.config.robot, simulation.base.nu), simulation)
