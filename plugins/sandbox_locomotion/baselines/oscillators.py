"""Open-loop oscillators: a classical controller that needs no observation of the robot's base.

The joint of every motor follows q* = a·sin(θ + φ) + b with a PD law; its phase θ advances at ω_swing while
sin(θ + φ) > 0 and at ω_stance otherwise. The motion of the robot does not feed back into the phases.
Source: Raffin, Sigaud, Kober, Albu-Schäffer, Silvério and Stulp 2023, arXiv 2310.05808.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_locomotion.arrays import Array, Flags, Floats
from sandbox_locomotion.baselines.base import ClassicalPolicy, SimulatedEnv, tuned_parameters
from sandbox_locomotion.simulation import Simulation

SHARED = ("swing", "stance", "stiffness", "damping")
"""Parameters that all joints share, in their order at the end of a flat vector."""


@dataclass(frozen=True)
class Gait:
    """The oscillators of a robot, or of one robot per row of a batch.

    Attributes:
        amplitude: Of each joint, rad, shape ``(…, joints)``.
        phase: Of each joint, rad, ``(…, joints)``.
        offset: Of each joint, rad, ``(…, joints)``.
        swing: Angular frequency in the swing half, rad/s, ``(…,)``.
        stance: Angular frequency in the stance half, rad/s, ``(…,)``.
        stiffness: Control per joint error, 1/rad, ``(…,)``.
        damping: Control per joint velocity, s/rad, ``(…,)``.
    """

    amplitude: Floats
    phase: Floats
    offset: Floats
    swing: Floats
    stance: Floats
    stiffness: Floats
    damping: Floats

    @classmethod
    def of(cls, numbers: Floats) -> Gait:
        """From flat vectors ``(…, 3·joints + 4)``: amplitudes, phases, offsets, then `SHARED`."""
        joints = (numbers.shape[-1] - len(SHARED)) // 3
        parts = (numbers[..., :joints], numbers[..., joints : 2 * joints], numbers[..., 2 * joints : -4])
        return cls(*parts, *(numbers[..., 3 * joints + k] for k in range(len(SHARED))))

    @property
    def numbers(self) -> Floats:
        """The flat vector that `of` takes."""
        shared = np.stack([np.asarray(getattr(self, name)) for name in SHARED], -1)
        return np.concatenate([self.amplitude, self.phase, self.offset, shared], -1)

    @property
    def period(self) -> float:
        """Length of a cycle of a single robot, s."""
        return float(np.pi / self.swing + np.pi / self.stance)

    def target(self, theta: Floats) -> Floats:
        """Joint targets q*, rad, for phases ``(…, joints)``."""
        return np.asarray(self.amplitude * np.sin(theta + self.phase) + self.offset)

    def advance(self, theta: Floats, dt: float) -> Floats:
        """Phases after ``dt`` s."""
        swinging = np.sin(theta + self.phase) > 0
        rate = np.where(swinging, self.swing[..., None], self.stance[..., None])
        return np.asarray(theta + rate * dt)

    def control(self, theta: Floats, position: Floats, velocity: Floats) -> Floats:
        """Motor control kp·(q* − q) − kd·q̇, not yet clipped."""
        error = self.target(theta) - position
        return np.asarray(self.stiffness[..., None] * error - self.damping[..., None] * velocity)


class OscillatorPolicy(ClassicalPolicy):
    """Follows a gait in every environment.

    Args:
        gait: Oscillators for all environments, or one set for each.
        simulation: The simulation whose joints are driven.
    """

    def __init__(self, gait: Gait, simulation: Simulation) -> None:
        self.gait, self._simulation = gait, simulation
        self._theta = self._start(simulation.num_envs)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Start the gait at phase zero in every row."""
        self._theta = self._start(num_envs)

    def act(self, observation: Array | None, mask: Flags | None = None, deterministic: bool = True) -> Array:
        """Control of every row, ``(num_envs, motors)``, within the action space."""
        physics, robot = self._simulation.physics, self._simulation.robot
        position = physics.qpos[:, robot.anatomy.joint_qpos]
        velocity = physics.qvel[:, robot.anatomy.joint_qvel]
        control = self.gait.control(self._theta, position, velocity)
        self._theta = self.gait.advance(self._theta, robot.dt)
        return np.clip(control, robot.action_space.low, robot.action_space.high).astype(np.float32)

    def _start(self, num_envs: int) -> Floats:
        return np.zeros((num_envs, len(self._simulation.robot.anatomy.joint_qpos)))


def shipped_gait(robot: str, motors: int) -> Gait:
    """The tuned gait of a robot.

    Raises:
        InvalidValueError: If there is none, or none for so many motors, as with a user's own model.
    """
    numbers = tuned_parameters(f"oscillators-{robot}.json")
    if numbers is None:
        raise InvalidValueError(
            f"There are no tuned oscillators for '{robot}'.",
            f"Tune some with: python -m sandbox_locomotion.tune {robot}",
        )
    if len(numbers) != 3 * motors + len(SHARED):
        raise InvalidValueError(
            f"The tuned oscillators of '{robot}' do not fit a model of {motors} motors.",
            "Tune some for your own model with: python -m sandbox_locomotion.tune ROBOT --model FILE",
        )
    return Gait.of(numbers)


def open_loop(env: SimulatedEnv) -> OscillatorPolicy:
    """The baseline ``open-loop``."""
    simulation = env.simulation
    gait = shipped_gait(simulation.config.robot, simulation.robot.mj_model.nu)
    return OscillatorPolicy(gait, simulation)
