"""The robots: which model, how an episode starts and ends, what is observed.

The six of Gymnasium are stated so that the default configuration reproduces its v5 environments
(Towers et al. 2024, arXiv 2407.17032) bit for bit in observation and termination. Numbers are those of
the v5 environments; units are SI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Root = Literal["free", "sagittal", "planar"]
"""How the robot's root moves: ``free``: x, y, z and a quaternion; ``sagittal``: x, z and pitch;
``planar``: x, y and yaw."""

INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class Robot:
    """A robot's model and the rules of its episodes.

    Attributes:
        name: As in the config.
        file: MJCF file among Gymnasium's assets; empty for a model that is assembled.
        root: How its root moves.
        frame_skip: Simulation steps per control step.
        fast_steps: As many, and longer ones, in fast mode; 0 for the same.
        reset_noise: Scale of the noise on the initial joint positions and velocities.
        normal_velocities: Whether initial velocities are normal rather than uniform.
        forward: What the forward speed is measured on: the root coordinate, the root body's frame, or
            the centre of mass.
        hidden: Leading root coordinates that are not observed.
        velocity_clip: Observed velocities are clipped to ± this, rad/s and m/s.
        observed: Simulator arrays observed after positions and velocities, without the world's row.
        observed_clip: Range to which contact forces are clipped, in observation and cost, N and N·m.
        height: Healthy range of the root's height, m.
        height_inclusive: Whether its ends are healthy.
        angle: Healthy range of the root's pitch, rad.
        state_limit: Largest healthy |value| of all but the first two coordinates.
        terminates: Whether an unhealthy state ends the episode.
        contact_cost: Largest contact cost per unit weight, N².
        applied_control: Whether the control cost is of the simulator's control in double precision.
    """

    name: str
    file: str
    root: Root
    frame_skip: int
    reset_noise: float
    normal_velocities: bool = True
    forward: Literal["root", "body", "mass"] = "root"
    hidden: int = 1
    velocity_clip: float | None = None
    observed: tuple[str, ...] = ()
    observed_clip: tuple[float, float] | None = None
    height: tuple[float, float] = (-INFINITY, INFINITY)
    height_inclusive: bool = False
    angle: tuple[float, float] = (-INFINITY, INFINITY)
    state_limit: float = INFINITY
    terminates: bool = True
    contact_cost: float = INFINITY
    applied_control: bool = False
    fast_steps: int = 0


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
            hidden=2,
            observed=("cfrc_ext",),
            observed_clip=(-1.0, 1.0),
            height=(0.2, 1.0),
            height_inclusive=True,
        ),
        Robot(
            "half-cheetah",
            "half_cheetah.xml",
            "sagittal",
            frame_skip=5,
            reset_noise=0.1,
            terminates=False,
            fast_steps=3,
        ),
        Robot(
            "hopper",
            "hopper.xml",
            "sagittal",
            frame_skip=4,
            reset_noise=5e-3,
            normal_velocities=False,
            velocity_clip=10.0,
            height=(0.7, INFINITY),
            angle=(-0.2, 0.2),
            state_limit=100.0,
        ),
        Robot(
            "walker2d",
            "walker2d_v5.xml",
            "sagittal",
            frame_skip=4,
            reset_noise=5e-3,
            normal_velocities=False,
            velocity_clip=10.0,
            height=(0.8, 2.0),
            angle=(-1.0, 1.0),
        ),
        Robot(
            "humanoid",
            "humanoid.xml",
            "free",
            frame_skip=5,
            reset_noise=1e-2,
            normal_velocities=False,
            forward="mass",
            hidden=2,
            observed=("cinert", "cvel", "qfrc_actuator", "cfrc_ext"),
            height=(1.0, 2.0),
            contact_cost=10.0 / 5e-7,  # Gymnasium clips the weighted cost at 10
            applied_control=True,
        ),
        Robot(
            "swimmer",
            "swimmer.xml",
            "planar",
            frame_skip=4,
            reset_noise=0.1,
            normal_velocities=False,
            hidden=2,
            terminates=False,
        ),
        Robot(
            "quadruped",
            "",
            "free",
            frame_skip=5,  # 50 Hz at the 4 ms that the model is stepped with (MuJoCo Playground)
            reset_noise=0.05,
            normal_velocities=False,
            hidden=2,
            height=(0.15, INFINITY),
        ),
    )
}
"""By name."""
