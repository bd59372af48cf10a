"""Open-loop oscillators: a classical controller that needs no observation of the robot's base.

Every control follows a·sin(θ + φ) + b; its phase θ advances at ω_swing while sin(θ + φ) > 0 and at ω_stance
otherwise. For a motor that applies its control as the torque of a joint that is the target of the joint's
angle, which a PD law follows; for all others, such as servos, muscles, and motors on tendons or sites, it is
the action itself. The motion of the robot does not feed back into the phases.
Source: Raffin, Sigaud, Kober, Albu-Schäffer, Silvério and Stulp 2023, arXiv 2310.05808.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_locomotion.arrays import Array, Flags, Floats, Rows
from sandbox_locomotion.baselines.base import ClassicalPolicy, SimulatedEnv
from sandbox_locomotion.baselines.gait_files import read_gait, tuned_parameters
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.models.robot_model import RobotModel
from sandbox_locomotion.simulation import Simulation

SHARED = ("swing", "stance", "stiffness", "damping")
"""Parameters that all joints share, in their order at the end of a flat vector."""
TUNE = "python -m sandbox_locomotion.tune"


@dataclass(frozen=True)
class Gait:
    """The oscillators of a robot, or of one robot per row of a batch.

    Attributes:
        amplitude: Of each joint, rad, or of each control that is driven directly, shape ``(…, controls)``.
        phase: Of each, rad, ``(…, controls)``.
        offset: Of each, in units of the amplitude, ``(…, controls)``.
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
        """From flat vectors ``(…, 3·controls + 4)``: amplitudes, phases, offsets, then `SHARED`."""
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
        """Joint targets q*, rad, or actions, for phases ``(…, controls)``."""
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


@dataclass(frozen=True)
class DrivenJoints:
    """The joints that a gait moves by torque.

    Attributes:
        controls: Whether each control is the torque of a single joint, ``(controls,)``.
        joints: The joint of each such control, ``(torques,)``.
        qpos: Its index in ``qpos``.
        qvel: Its index in ``qvel``.
    """

    controls: Flags
    joints: Rows
    qpos: Rows
    qvel: Rows

    @classmethod
    def of(cls, robot: RobotModel) -> DrivenJoints:
        """Of a robot whose actions are torques in proportion; a quadruped's joint targets are not."""
        model = robot.mj_model
        plain = [motor for motor in robot.anatomy.motors if motor.plain]
        joints = np.array([motor.joints[0] for motor in plain], np.int64)
        controls = np.zeros(model.nu, np.bool_)
        controls[[motor.controls[0] for motor in plain]] = True
        qvel = model.jnt_dofadr[joints].astype(np.int64)
        return cls(controls, joints, model.jnt_qposadr[joints].astype(np.int64), qvel)


class OscillatorPolicy(ClassicalPolicy):
    """Follows a gait in every environment.

    Args:
        gait: Oscillators for all environments, or one set for each.
        simulation: The simulation whose joints are driven.
    """

    def __init__(self, gait: Gait, simulation: Simulation) -> None:
        self.gait, self._simulation = gait, simulation
        self._driven = DrivenJoints.of(simulation.robot)
        self._theta = self._start(simulation.num_envs)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Start the gait at phase zero in every row."""
        self._theta = self._start(num_envs)

    def act(self, observation: Array | None, mask: Flags | None = None, deterministic: bool = True) -> Array:
        """Actions of every row, ``(num_envs, motors)``, within the action space."""
        physics, robot, driven = self._simulation.physics, self._simulation.robot, self._driven
        position, velocity = np.zeros(self._theta.shape), np.zeros(self._theta.shape)
        position[:, driven.controls] = physics.qpos[:, driven.qpos]
        velocity[:, driven.controls] = physics.qvel[:, driven.qvel]
        control = self.gait.control(self._theta, position, velocity)
        if not driven.controls.all():
            control = np.where(driven.controls, control, self.gait.target(self._theta))
        self._theta = self.gait.advance(self._theta, robot.dt)
        return np.clip(control, robot.action_space.low, robot.action_space.high).astype(np.float32)

    def _start(self, num_envs: int) -> Floats:
        return np.zeros((num_envs, self._simulation.robot.mj_model.nu))


def shipped_gait(robot: str, motors: int) -> Gait:
    """The tuned gait of a shipped robot.

    Raises:
        InvalidValueError: If there is none, or none for so many motors.
    """
    numbers = tuned_parameters(f"oscillators-{robot}.json")
    if numbers is None:
        raise InvalidValueError(
            f"There are no tuned oscillators for '{robot}'.", f"Tune some with: {TUNE} {robot}"
        )
    if len(numbers) != 3 * motors + len(SHARED):
        raise InvalidValueError(
            f"The tuned oscillators of '{robot}' do not fit a model of {motors} motors.",
            f"Tune some for your own model with: {TUNE} ROBOT --model FILE --out GAIT",
        )
    return Gait.of(numbers)


def gait_for(robot: RobotModel) -> Gait:
    """The gait that was tuned for a robot: the one that the config names, or a shipped robot's own.

    Raises:
        InvalidValueError: For a user's model without a gait, or with that of another.
        BrokenFileError: If the gait's file cannot be read.
    """
    config, motors = robot.config, [motor.name for motor in robot.anatomy.motors]
    if not config.model:
        return shipped_gait(config.robot, robot.mj_model.nu)
    if not config.gait:
        raise InvalidValueError(
            f"No gait has been tuned for the model {config.model}.",
            f"Tune one with: {TUNE} {config.robot} --model {config.model} --out gait.json, then give "
            "--set config.gait=gait.json.",
        )
    numbers = read_gait(config.gait, motors)
    if len(numbers) != 3 * robot.mj_model.nu + len(SHARED):
        raise InvalidValueError(
            f"The gait {config.gait} holds {len(numbers)} numbers, which fit another robot."
        )
    return Gait.of(numbers)


def has_gait(config: LocomotionConfig) -> bool:
    """Whether a gait was found for the robot of a config."""
    return not config.model or bool(config.gait)


def open_loop(env: SimulatedEnv) -> OscillatorPolicy:
    """The baseline ``open-loop``."""
    return OscillatorPolicy(gait_for(env.core.simulation.robot), env.core.simulation)
