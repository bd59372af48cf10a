"""The reference gait to imitate: the robot's tuned gait, recorded in its nominal physics."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sandbox_locomotion.baselines.oscillators import OscillatorPolicy, gait_for
from sandbox_locomotion.baselines.trot import TrotPolicy, has_trot, shipped_trot
from sandbox_locomotion.config import LocomotionConfig, QuadrupedConfig
from sandbox_locomotion.imitation import Pose, ReferenceGait, concatenate, pose_of
from sandbox_locomotion.simulation import Simulation

KEPT = {
    *("horizon", "robot", "model", "model_folder", "keyframe", "gait", "frame_skip"),
    *("body", "control", "action_scale", "kp", "kd"),
}
"""Parameters of the task that hold for the recording too; conditions, noise and observation do not."""
TROT_SPEED = 0.6
"""Speed at which the quadruped's gait is recorded where the task has no command, m/s."""


@lru_cache(maxsize=8)
def reference_gait(config: LocomotionConfig) -> ReferenceGait:
    """Record the tuned gait of the robot of a task, for as long as an episode lasts.

    Raises:
        InvalidValueError: If there is no tuned gait for the robot.
    """
    parameters = {name: value for name, value in config.model_dump().items() if name in KEPT}
    nominal = type(config)(**parameters, reset_noise=0.0, command_speed=_command_speed(config))
    simulation = Simulation(nominal, 1, threads=1)
    try:
        policy, period = _gait_policy(simulation)
        simulation.reset([0])
        policy.reset(1)
        poses = [_pose(simulation)]
        for _ in range(config.horizon):
            simulation.step(policy.act(None))
            poses.append(_pose(simulation))
    finally:
        simulation.close()
    return ReferenceGait(concatenate(poses), period / simulation.dt)


def _pose(simulation: Simulation) -> Pose:
    return pose_of(simulation.robot.anatomy, simulation.physics, simulation.ground())


def _gait_policy(simulation: Simulation) -> tuple[OscillatorPolicy | TrotPolicy, float]:
    """The tuned gait of a simulation's robot, and the length of its cycle, s."""
    config = simulation.config
    if has_trot(config):
        body = config.body if isinstance(config, QuadrupedConfig) else ""
        numbers = shipped_trot(body, config.command_speed is not None)
        return TrotPolicy(numbers, simulation), 1.0 / float(numbers[0])
    gait = gait_for(simulation.robot)
    return OscillatorPolicy(gait, simulation), gait.period


def _command_speed(config: LocomotionConfig) -> float | None:
    """The command that a quadruped follows in the recording: the middle of the task's range."""
    if config.robot != "quadruped":
        return None
    return TROT_SPEED if config.command_speed is None else float(np.mean(config.command_speed))
