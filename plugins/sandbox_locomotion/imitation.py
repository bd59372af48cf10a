"""A reference gait to imitate: the robot's open-loop gait in its own, undisturbed physics.

Source of the reward that uses it: Peng et al. 2020, arXiv 2004.00784. The reference is played once and
kept: joint angles and velocities, the feet relative to the torso in its heading, the torso's height,
tilt and velocity, for every control step of an episode.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sandbox_locomotion import body as bodies

if TYPE_CHECKING:
    from sandbox_locomotion.simulation import Simulation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """How a batch of robots stands and moves, first axis copies or time.

    Attributes:
        joints, speeds: Of the motors' joints, rad and rad/s.
        feet: Places of the feet relative to the torso in its heading, m, ``(…, feet, 3)``.
        height: Of the root, m.
        up: Vertical component of the root's up axis.
        velocity: Forward, leftward, m/s, and turn rate, rad/s, ``(…, 3)``.
    """

    joints: Array
    speeds: Array
    feet: Array
    height: Array
    up: Array
    velocity: Array


def pose_of(simulation: Simulation) -> Pose:
    """The current poses of a simulation's copies."""
    physics, body = simulation.physics, simulation.body
    qpos, qvel = physics.view("QPOS"), physics.view("QVEL")
    relative = physics.fields["xipos"][:, list(body.feet)] - physics.fields["xpos"][:, None, body.torso]
    yaw = bodies.heading(body, qpos)
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y = relative[..., 0], relative[..., 1]
    feet = np.stack([cos * x + sin * y, cos * y - sin * x, relative[..., 2]], -1)
    height = qpos[:, body.vertical].copy() if body.vertical is not None else np.zeros(len(qpos))
    return Pose(
        qpos[:, body.joints],
        qvel[:, body.speeds],
        feet,
        height - simulation.ground(),
        bodies.upright(body, qpos),
        bodies.body_velocity(body, qpos, qvel),
    )


def errors(now: Pose, wanted: Pose) -> dict[str, Any]:
    """Squared errors, ``(copies,)`` each, weighted within the root's as in the source."""
    return {
        "pose_error": np.square(now.joints - wanted.joints).sum(-1),
        "speed_error": np.square(now.speeds - wanted.speeds).sum(-1),
        "foot_error": np.square(now.feet - wanted.feet).sum((-1, -2)),
        "root_error": 20 * np.square(now.height - wanted.height) + 10 * np.square(now.up - wanted.up),
        "root_speed_error": 2 * np.square(now.velocity[:, :2] - wanted.velocity[:, :2]).sum(-1)
        + 0.2 * np.square(now.velocity[:, 2] - wanted.velocity[:, 2]),
    }


@dataclass(frozen=True)
class Reference:
    """A recorded gait.

    Attributes:
        poses: For every control step, first axis time; step 0 is the start.
        period: Length of one cycle, control steps.
    """

    poses: Pose
    period: float

    def at(self, steps: NDArray[np.int64]) -> Pose:
        """Poses of the gait after so many steps; the last one is held."""
        index = np.minimum(steps, len(self.poses.height) - 1)
        return Pose(*(getattr(self.poses, name)[index] for name in Pose.__dataclass_fields__))

    def phase(self, steps: NDArray[np.int64]) -> Array:
        """Sine and cosine of the gait's phase, ``(copies, 2)``."""
        angle = 2 * np.pi * steps / self.period
        return np.stack([np.sin(angle), np.cos(angle)], 1)


@lru_cache(maxsize=8)
def reference_gait(config: Any) -> Reference:
    """Play the shipped gait of a robot in its nominal physics and record it.

    Args:
        config: Of the task; its conditions, observation and noise are left out.
    """
    from sandbox.api import RewardSpec
    from sandbox_locomotion.baselines import gait_policy
    from sandbox_locomotion.reward import TERMS
    from sandbox_locomotion.simulation import Simulation

    kept = {"horizon", "robot", "model", "frame_skip", "body", "control", "action_scale", "kp", "kd"}
    plain = {name: value for name, value in config.model_dump().items() if name in kept}
    nominal = type(config)(**plain, reset_noise=0.0, command_speed=_gait_speed(config))
    simulation = Simulation(nominal, RewardSpec(TERMS), copies=1, threads=1)
    try:
        policy, period = gait_policy(simulation)
        simulation.reset([0])
        policy.reset(1)
        poses = [pose_of(simulation)]
        for _ in range(config.horizon):
            simulation.step(policy.act(None))
            poses.append(pose_of(simulation))
    finally:
        simulation.close()
    stacked = Pose(*(np.concatenate([getattr(p, n) for p in poses]) for n in Pose.__dataclass_fields__))
    return Reference(stacked, period / simulation.dt)


def _gait_speed(config: Any) -> float | None:
    """The quadruped's gait follows a command: the middle of the task's, 0.6 m/s if there is none."""
    if config.robot != "quadruped":
        return None
    return 0.6 if config.command_speed is None else float(np.mean(config.command_speed))
