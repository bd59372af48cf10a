"""What the robot's controller is told: joint state or pictures, noise, commands, a gait's phase, stacking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox_locomotion import body as bodies
from sandbox_locomotion.config import QuadrupedConfig
from sandbox_locomotion.imitation import errors, pose_of, reference_gait

if TYPE_CHECKING:
    from sandbox_locomotion.simulation import Simulation

Array = NDArray[Any]

GAIT_ERRORS = ("pose_error", "speed_error", "foot_error", "root_error", "root_speed_error")


class Observer:
    """Observations of a simulation's copies.

    In the default configuration of Gymnasium's robots this is their v5 observation bit for bit:
    positions without the root's place, velocities (clipped where v5 does so), then the simulator's
    arrays that v5 adds. A command, a gait's phase and earlier observations follow where asked for.

    Args:
        simulation: What is observed.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        config = self._config = simulation.config
        self._quadruped = isinstance(config, QuadrupedConfig) and not config.model
        self._extras = tuple(
            name for name in simulation.robot.observed if name != "cfrc_ext" or config.contact_forces
        )
        self._camera: Any = None
        self.space: gym.spaces.Box
        self._stack: Array
        self._everyone = np.arange(simulation.copies)
        self._nothing = dict.fromkeys(GAIT_ERRORS, np.zeros(simulation.copies))
        self._reference = reference_gait(config) if config.imitate else None
        if config.observation == "camera":
            from sandbox_locomotion.render import Camera

            self._camera = Camera(simulation, config.camera_size)
            side, layers = config.camera_size, 3 * config.frame_stack
            self.space = gym.spaces.Box(0, 255, (side, side, layers), np.uint8)
            self._stack = np.zeros((simulation.copies, side, side, layers), np.uint8)
        else:
            size = self._size()
            self.space = _unbounded(size * config.frame_stack)
            self._stack = np.zeros((simulation.copies, size * config.frame_stack))
        self._newest = self._stack.shape[-1] // config.frame_stack

    def begin(self, rows: NDArray[np.int64]) -> None:
        """Observe the first moment of an episode in these copies; earlier frames are copies of it."""
        latest = self._look(rows)
        self._stack[rows] = np.tile(latest, (1,) * (latest.ndim - 1) + (self._config.frame_stack,))

    def advance(self, rows: NDArray[np.int64] | None = None) -> None:
        """Observe all copies after a step."""
        latest = self._look(self._everyone)
        if self._config.frame_stack > 1:
            self._stack[..., : -self._newest] = self._stack[..., self._newest :]
        self._stack[..., -self._newest :] = latest

    def observation(self) -> Array:
        """The observation of every copy, ``(copies, …)``, a copy; the newest frame comes last."""
        return self._stack.copy()

    def gait_errors(self) -> dict[str, Array]:
        """Squared errors against the reference gait; zero where none is followed."""
        if self._reference is None:
            return self._nothing
        simulation = self._simulation
        return errors(pose_of(simulation), self._reference.at(simulation.elapsed))

    def get_state(self) -> dict[str, Any]:
        """The frames seen so far."""
        return {"stack": self._stack.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self._stack[:] = state["stack"]

    def close(self) -> None:
        """Free the renderer."""
        if self._camera is not None:
            self._camera.close()

    def _look(self, rows: NDArray[np.int64]) -> Array:
        if self._camera is not None:
            return np.stack([self._camera.picture(int(row)) for row in rows])
        return self._sense(rows)

    def _sense(self, rows: NDArray[np.int64]) -> Array:
        simulation = self._simulation
        motion = simulation.physics.motion
        # A copy of all rows is several times as fast as picking them one by one.
        motion = motion.copy() if rows is self._everyone else motion[rows]
        qpos, qvel = motion[:, : simulation.base.nq], motion[:, simulation.base.nq :]
        self._add_noise(rows, qpos, qvel)
        parts = self._proprioception(rows, qpos, qvel) if self._quadruped else self._joints(rows, qpos, qvel)
        if self._config.command_speed is not None:
            parts.append(self._told(simulation.command[rows]))
        if self._reference is not None:
            parts.append(self._reference.phase(simulation.elapsed[rows]))
        return np.concatenate(parts, 1)

    def _joints(self, rows: NDArray[np.int64], qpos: Array, qvel: Array) -> list[Array]:
        simulation, robot = self._simulation, self._simulation.robot
        if simulation.uneven and simulation.body.vertical is not None:
            qpos[:, simulation.body.vertical] -= simulation.ground()[rows]
        if robot.velocity_clip is not None:
            qvel = np.clip(qvel, -robot.velocity_clip, robot.velocity_clip)
        parts = [qpos[:, robot.hidden :], qvel]
        for name in self._extras:
            values = simulation.physics.fields[name][rows]
            if name == "cfrc_ext" and robot.observed_clip is not None:
                values = np.clip(values, *robot.observed_clip)
            # The world's row, and for joint forces the root's, say nothing.
            skipped = simulation.body.velocities if name == "qfrc_actuator" else 1
            parts.append(values[:, skipped:].reshape(len(rows), -1))
        return parts

    def _proprioception(self, rows: NDArray[np.int64], qpos: Array, qvel: Array) -> list[Array]:
        simulation = self._simulation
        return [
            bodies.to_body(qpos, qvel[:, :3]),
            qvel[:, 3:6],
            bodies.gravity_direction(qpos),
            qpos[:, simulation.body.joints] - simulation.start[simulation.body.joints],
            qvel[:, simulation.body.speeds],
            simulation.previous[rows],
        ]

    def _told(self, command: Array) -> Array:
        """The part of a command that the robot can follow."""
        return command[:, :1] if self._simulation.body.root == "sagittal" else command

    def _add_noise(self, rows: NDArray[np.int64], qpos: Array, qvel: Array) -> None:
        config = self._config
        if not config.noise_position and not config.noise_velocity:
            return
        root = 3 if self._simulation.body.root == "free" else 0
        for place, row in enumerate(rows.tolist()):
            rng = self._simulation.rngs[row]
            qpos[place, root:] += config.noise_position * rng.standard_normal(qpos.shape[1] - root)
            qvel[place] += config.noise_velocity * rng.standard_normal(qvel.shape[1])

    def _size(self) -> int:
        """Length of one state observation."""
        size: int
        simulation, model = self._simulation, self._simulation.base
        if self._quadruped:
            size = 9 + 3 * model.nu
        else:
            size = model.nq - simulation.robot.hidden + model.nv
            for name in self._extras:
                shape = simulation.physics.fields[name].shape[1:]
                skipped = simulation.body.velocities if name == "qfrc_actuator" else 1
                size += (shape[0] - skipped) * int(np.prod(shape[1:], dtype=int))
        if self._config.command_speed is not None:
            size += 1 if simulation.body.root == "sagittal" else 3
        if self._config.imitate:
            size += 2
        return size


def _unbounded(size: int) -> gym.spaces.Box:
    space: gym.spaces.Box = gym.spaces.Box(-np.inf, np.inf, (size,), np.float64)
    return space
