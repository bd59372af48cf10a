"""The robots: which model, how an episode starts and ends, what is observed.

The numbers of Gymnasium's six robots are those of its v5 environments (Towers et al. 2024,
arXiv 2407.17032): the default configuration reproduces their observations and terminations bit for bit.
Units are SI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RootJoint = Literal["free", "sagittal", "planar"]
"""How the robot's root moves: ``free``: x, y, z and a quaternion; ``sagittal``: x, z and pitch;
``planar``: x, y and yaw."""

INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class Robot:
    """The model of a robot and the rules of its episodes.

    Attributes:
        name: As in the config.
        file: MJCF file among Gymnasium's assets; empty for a model that is assembled.
        root: How its root moves.
        frame_skip: Simulation steps per control step.
        reset_noise: Scale of the noise on the initial joint positions and velocities.
        normal_velocities: Whether initial velocities are drawn from a normal instead of a uniform
            distribution.
        forward: What the forward speed is measured on: the root joint, the frame of the root body, or the
            centre of mass.
        hidden_qpos: Number of leading root coordinates that are not observed.
        velocity_clip: Observed velocities are clipped to ± this, rad/s and m/s.
        observed_fields: Fields of ``MjData`` that are observed after positions and velocities, without
            the row of the world body.
        contact_force_range: Range to which contact forces are clipped, in observation and cost, N and N·m.
        healthy_height: Healthy range of the root's height, m.
        height_inclusive: Whether the ends of that range are healthy.
        healthy_pitch: Healthy range of the root's pitch, rad.
        healthy_state: Upper bound of ``abs(value)`` for all coordinates but the first two.
        terminates: Whether an unhealthy state ends the episode.
        max_contact_cost: Upper bound of the contact cost per unit weight, N².
        cost_of_control: Whether the control cost is computed from ``MjData.ctrl`` in double precision
            instead of from the action.
        height: Height of its root in its start pose, m, to which the initial noise on the position of a
            smaller robot is scaled.
        fast_frame_skip: Simulation steps per control step in fast mode, correspondingly longer ones; 0 for
            ``frame_skip``.
    """

    name: str
    file: str
    root: RootJoint
    frame_skip: int
    reset_noise: float
    normal_velocities: bool = True
    forward: Literal["joint", "body", "mass"] = "joint"
    hidden_qpos: int = 1
    velocity_clip: float | None = None
    observed_fields: tuple[str, ...] = ()
    contact_force_range: tuple[float, float] | None = None
    healthy_height: tuple[float, float] = (-INFINITY, INFINITY)
    height_inclusive: bool = False
    healthy_pitch: tuple[float, float] = (-INFINITY, INFINITY)
    healthy_state: float = INFINITY
    terminates: bool = True
    max_contact_cost: float = INFINITY
    cost_of_control: bool = False
    height: float = 0.0
    fast_frame_skip: int = 0


ROBOTS = {
    robot.name: robot
    for robot in (
        Robot(
            "ant",
            "ant.xml",
            "free",
            frame_skip=5,
            reset_noise=0.1,
            forward="body",
            hidden_qpos=2,
            observed_fields=("cfrc_ext",),
            contact_force_range=(-1.0, 1.0),
            healthy_height=(0.2, 1.0),
            height_inclusive=True,
            height=0.75,
        ),
        Robot(
            "half-cheetah",
            "half_cheetah.xml",
            "sagittal",
            frame_skip=5,
            reset_noise=0.1,
            terminates=False,
            fast_frame_skip=3,
            height=0.7,
        ),
        Robot(
            "hopper",
            "hopper.xml",
            "sagittal",
            frame_skip=4,
            reset_noise=5e-3,
            normal_velocities=False,
            velocity_clip=10.0,
            healthy_height=(0.7, INFINITY),
            healthy_pitch=(-0.2, 0.2),
            healthy_state=100.0,
            height=1.25,
        ),
        Robot(
            "walker2d",
            "walker2d_v5.xml",
            "sagittal",
            frame_skip=4,
            reset_noise=5e-3,
            normal_velocities=False,
            velocity_clip=10.0,
            healthy_height=(0.8, 2.0),
            healthy_pitch=(-1.0, 1.0),
            height=1.25,
        ),
        Robot(
            "humanoid",
            "humanoid.xml",
            "free",
            frame_skip=5,
            reset_noise=1e-2,
            normal_velocities=False,
            forward="mass",
            hidden_qpos=2,
            observed_fields=("cinert", "cvel", "qfrc_actuator", "cfrc_ext"),
            healthy_height=(1.0, 2.0),
            max_contact_cost=10.0 / 5e-7,  # Gymnasium clips the weighted cost at 10
            cost_of_control=True,
            height=1.4,
        ),
        Robot(
            "swimmer",
            "swimmer.xml",
            "planar",
            frame_skip=4,
            reset_noise=0.1,
            normal_velocities=False,
            hidden_qpos=2,
            terminates=False,
        ),
        Robot(
            "quadruped",
            "",
            "free",
            frame_skip=5,  # 50 Hz at the model's time step of 4 ms (MuJoCo Playground)
            reset_noise=0.05,
            normal_velocities=False,
            hidden_qpos=2,
            healthy_height=(0.15, INFINITY),
            height=0.3,
        ),
    )
}
"""Robots by name."""
