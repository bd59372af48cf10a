"""Trot of a quadruped: diagonal legs step together, and inverse kinematics gives the joint targets.

A foot in stance moves backwards under the hip at the commanded speed; in swing it returns in an arc.
Sources: Raibert 1986, Legged Robots That Balance; the open-loop trot of Raffin et al. 2023,
arXiv 2310.05808, section on quadrupeds.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_locomotion import kinematics
from sandbox_locomotion.arrays import Array, Flags, Floats
from sandbox_locomotion.baselines.base import ClassicalPolicy, SimulatedEnv
from sandbox_locomotion.baselines.gait_files import tuned_parameters
from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.simulation import Simulation

LINK_LENGTH = 0.213
"""Length of thigh and calf, m (Go1, Go2)."""
HIPS = np.array([[0.19, 0.13], [0.19, -0.13], [-0.19, 0.13], [-0.19, -0.13]])
"""Neutral position of each foot, m forward and to the left of the centre: FL, FR, RL, RR."""
PHASES = np.array([0.0, 0.5, 0.5, 0.0])
"""Phase of each leg, in cycles."""
FORWARD = (1.0, 0.0, 0.0)
"""Velocity that is followed where none is commanded, m/s and rad/s; `Trot.stride` scales it."""


@dataclass(frozen=True)
class Trot:
    """The six parameters of a trot.

    Attributes:
        frequency: Steps of a leg, Hz.
        height: Height of the hips above the feet, m.
        clearance: Height of the swing's arc, m.
        stride: Stride as a multiple of the one that the commanded velocity asks for.
        shift: Neutral position of the feet ahead of the hips, m.
        steering: Gain of the feedback of the turn rate.
    """

    frequency: float = 2.5
    height: float = 0.27
    clearance: float = 0.06
    stride: float = 1.2
    shift: float = -0.01
    steering: float = 0.3

    @property
    def numbers(self) -> Floats:
        """The parameters as a vector, ``(6,)``."""
        return np.array(astuple(self))


LOW = np.array([1.2, 0.2, 0.02, 0.2, -0.12, 0.0])
HIGH = np.array([5.0, 0.32, 0.2, 4.0, 0.06, 1.0])
"""Bounds of the parameters in the search."""


class TrotPolicy(ClassicalPolicy):
    """Trots in every environment: after the command, or forwards where the task has none.

    Args:
        numbers: `Trot` parameters for all environments, ``(6,)``, or a row for each, ``(num_envs, 6)``.
        simulation: The simulation of a quadruped with joint targets as actions.

    Raises:
        InvalidValueError: If actions are no joint targets.
    """

    def __init__(self, numbers: Floats, simulation: Simulation) -> None:
        config, scaling = simulation.config, simulation.robot.scaling
        if scaling is None or not isinstance(config, QuadrupedConfig) or not has_trot(config):
            raise InvalidValueError(
                "The trot gives joint targets of the Unitree Go1 and Go2.",
                "Use it with config.control=pd and without config.model.",
            )
        self._scaling = scaling
        self._numbers = np.broadcast_to(np.atleast_2d(numbers), (simulation.num_envs, 6))
        self._simulation = simulation
        self._cycle = np.zeros(simulation.num_envs)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Start the cycle in every row."""
        self._cycle = np.zeros(num_envs)

    def act(self, observation: Array | None, mask: Flags | None = None, deterministic: bool = True) -> Array:
        """Joint targets of every row as actions, ``(num_envs, 12)``."""
        frequency, height, clearance, stride, shift, _ = self._numbers.T
        forward, leftward = self._foot_velocity()
        phase = (self._cycle[:, None] + PHASES) % 1.0
        stance = phase < 0.5
        swing = (phase - 0.5) * 2
        # Position along the stride: from +1/2 to −1/2 in stance, back in swing.
        along = np.where(stance, 0.5 - 2 * phase, -0.5 * np.cos(np.pi * swing))
        reach = (stride / (2 * frequency))[:, None] * along
        lift = np.where(stance, 0.0, clearance[:, None] * np.sin(np.pi * swing))
        x = shift[:, None] + forward * reach
        targets = leg_angles(x, leftward * reach, height[:, None] - lift).reshape(len(phase), 12)
        self._cycle = self._cycle + frequency * self._simulation.dt
        actions = (targets - self._scaling.center) / self._scaling.half_range
        return np.asarray(np.clip(actions, -1.0, 1.0), np.float32)

    def _foot_velocity(self) -> tuple[Floats, Floats]:
        """Commanded forward and leftward velocity of each foot's stance, m/s, ``(num_envs, 4)``."""
        simulation, steering = self._simulation, self._numbers[:, 5]
        command = simulation.state.command
        if simulation.config.command_speed is None:
            command = np.tile(FORWARD, (len(command), 1))
        qpos, qvel = simulation.physics.qpos, simulation.physics.qvel
        root = simulation.robot.anatomy.root
        turn = kinematics.body_velocity(root.kind, root.position(qpos), root.velocity(qvel))[:, 2]
        turning = command[:, 2] + steering * (command[:, 2] - turn)
        forward = command[:, :1] - turning[:, None] * HIPS[:, 1]
        leftward = command[:, 1:2] + turning[:, None] * HIPS[:, 0]
        return forward, leftward


def leg_angles(x: Floats, y: Floats, down: Floats) -> Floats:
    """Hip, thigh and knee angles that put a foot ahead, to the left and below its hip.

    Args:
        x: Forward position, m, shape ``(…,)``.
        y: Leftward position, m.
        down: Distance below the hip, m.

    Returns:
        Angles, rad, ``(…, 3)``.
    """
    length = np.minimum(np.hypot(x, down), 2 * LINK_LENGTH - 1e-3)
    bend = np.arccos(length / (2 * LINK_LENGTH))
    hip = np.arctan2(y, down)
    return np.stack([hip, np.arctan2(-x, down) + bend, -2 * bend], -1)


def trot_file(body: str, commanded: bool) -> str:
    """Name of the file of a trot that was tuned to follow commands, or else for speed."""
    return f"trot-{body}{'' if commanded else '-speed'}.json"


def shipped_trot(body: str, commanded: bool) -> Floats:
    """Tuned parameters of a quadruped; the defaults of `Trot` where there are none."""
    numbers = tuned_parameters(trot_file(body, commanded))
    return Trot().numbers if numbers is None else numbers


def has_trot(config: LocomotionConfig) -> bool:
    """Whether the robot of a config is one that the trot was made for."""
    return isinstance(config, QuadrupedConfig) and not config.model and config.control == "pd"


def trot(env: SimulatedEnv) -> TrotPolicy:
    """The baseline ``trot``."""
    config = env.core.simulation.config
    body = config.body if isinstance(config, QuadrupedConfig) else ""
    return TrotPolicy(shipped_trot(body, config.command_speed is not None), env.core.simulation)
