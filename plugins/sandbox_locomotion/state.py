"""What the episodes of a batch carry from one control step to the next, apart from the physics."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sandbox_locomotion.arrays import Array, Flags, Floats, Rows
from sandbox_locomotion.models.robot_model import RobotModel
from sandbox_locomotion.models.terrain import GRID_POINTS, uses_height_field


@dataclass(frozen=True)
class EpisodeState:
    """The arrays of a batch of n environments, changed in place.

    Attributes:
        elapsed: Control steps since the reset, shape ``(n,)``.
        previous: Clipped action of the last step, ``(n, motors)``.
        history: Latest clipped actions, newest first, ``(n, max latency + 1, motors)``.
        delay: Latency of the episode, control steps, ``(n,)``.
        command: Commanded forward and leftward velocity, m/s, and turn rate, rad/s, ``(n, 3)``.
        push: Force on the torso, N, ``(n, 3)``.
        physics_rows: Drawn physics in the order of `PhysicsLayout`, ``(n, size)``.
        terrain_seeds: Seed of the ground, ``(n,)``.
        air: Time for which each foot has been in the air, s, ``(n, feet)``.
        tracked: Horizontal position from which the forward speed is measured, m, ``(n, 2)``.
        feet_before: Horizontal position of the feet after the last step, m, ``(n, feet, 2)``.
        fallen: Whether the robot lies on the ground or on its back, ``(n,)``.
        speed: Forward speed over the last step, m/s, ``(n,)``.
        body_mass: Mass of each body, kg, zero for those of the scene, ``(n, bodies)``; this and the next two
            follow from ``physics_rows`` and are not saved.
        mass: Mass of the robot, kg, ``(n,)``.
        weight: Its weight, N, ``(n,)``.
        heights: Heights of the ground's grid points, m, ``(n, rows, columns)``; follow from
            ``terrain_seeds`` and are not saved.
        rest: The action that counts as given before an episode, ``(motors,)``; constant.
    """

    elapsed: Rows
    previous: Floats
    history: Floats
    delay: Rows
    command: Floats
    push: Floats
    physics_rows: Floats
    terrain_seeds: Rows
    air: Floats
    tracked: Floats
    feet_before: Floats
    fallen: Flags
    speed: Floats
    body_mass: Floats
    mass: Floats
    weight: Floats
    heights: Floats
    rest: Floats

    @classmethod
    def create(cls, robot: RobotModel, num_envs: int) -> EpisodeState:
        """The state before the first reset."""
        motors, feet, anatomy = robot.mj_model.nu, len(robot.anatomy.feet), robot.anatomy
        side = GRID_POINTS if uses_height_field(robot.config) else 0
        return cls(
            elapsed=np.zeros(num_envs, np.int64),
            previous=np.zeros((num_envs, motors)),
            history=np.zeros((num_envs, robot.config.latency[1] + 1, motors)),
            delay=np.zeros(num_envs, np.int64),
            command=np.zeros((num_envs, 3)),
            push=np.zeros((num_envs, 3)),
            physics_rows=np.ones((num_envs, robot.layout.size)),
            terrain_seeds=np.zeros(num_envs, np.int64),
            air=np.zeros((num_envs, feet)),
            tracked=np.zeros((num_envs, 2)),
            feet_before=np.zeros((num_envs, feet, 2)),
            fallen=np.zeros(num_envs, np.bool_),
            speed=np.zeros(num_envs),
            body_mass=np.tile(anatomy.body_mass, (num_envs, 1)),
            mass=np.full(num_envs, anatomy.mass),
            weight=np.full(num_envs, anatomy.weight),
            heights=np.zeros((num_envs, side, side)),
            rest=robot.rest,
        )

    def clear(self, rows: Rows) -> None:
        """Forget the last episode of these environments; what an episode draws is left to `conditions`."""
        for values in (self.elapsed, self.push, self.air, self.speed):
            values[rows] = 0
        self.previous[rows], self.history[rows] = self.rest, self.rest
        self.fallen[rows] = False

    def saved(self) -> dict[str, Array]:
        """The arrays that a saved state holds, by name."""
        derived = ("body_mass", "mass", "weight", "heights", "rest")
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in derived}
