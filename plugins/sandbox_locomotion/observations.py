"""Observations: joint state or camera images; sensor noise, commands, a gait's phase, frame stacking."""

from __future__ import annotations

from typing import Protocol

import gymnasium as gym
import numpy as np

from sandbox_locomotion import kinematics
from sandbox_locomotion.arrays import Array, Floats, Rows
from sandbox_locomotion.config import QuadrupedConfig
from sandbox_locomotion.models.terrain import uses_height_field
from sandbox_locomotion.render import Camera
from sandbox_locomotion.simulation import Simulation


class Sensor(Protocol):
    """Reads the latest frame of an observation.

    Attributes:
        space: Space of one frame.
    """

    space: gym.spaces.Box

    def read(self, rows: Rows) -> Array:
        """Frames of these environments, given in ascending order, ``(rows, *space.shape)``."""
        ...

    def close(self) -> None:
        """Free resources."""
        ...


class Observer:
    """Observations of the environments of a simulation: the latest frames of a sensor, newest last.

    Args:
        simulation: The simulation to observe.

    Attributes:
        space: Observation space of one environment.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._frames = simulation.config.frame_stack
        self._sensor = _make_sensor(simulation)
        self._all_rows = np.arange(simulation.num_envs)
        frame = self._sensor.space
        stacked = (*frame.shape[:-1], frame.shape[-1] * self._frames)
        self.space = gym.spaces.Box(frame.low.flat[0], frame.high.flat[0], stacked, frame.dtype.type)
        self._stack = np.zeros((simulation.num_envs, *stacked), frame.dtype)

    def reset(self, rows: Rows) -> None:
        """Observe the start of an episode in these environments; earlier frames are copies of it."""
        latest = self._sensor.read(rows)
        self._stack[rows] = np.tile(latest, (1,) * (latest.ndim - 1) + (self._frames,))

    def update(self) -> None:
        """Observe all environments after a step."""
        latest = self._sensor.read(self._all_rows)
        width = latest.shape[-1]
        if self._frames > 1:
            self._stack[..., :-width] = self._stack[..., width:]
        self._stack[..., -width:] = latest

    def observation(self) -> Array:
        """A copy of every environment's observation, ``(num_envs, *space.shape)``."""
        return self._stack.copy()

    def get_state(self) -> dict[str, Array]:
        """The frames seen so far."""
        return {"stack": self._stack.copy()}

    def set_state(self, state: dict[str, Array]) -> None:
        """Continue from what `get_state` returned."""
        self._stack[:] = state["stack"]

    def close(self) -> None:
        """Free the renderer."""
        self._sensor.close()


class StateSensor:
    """Joint state, float64, then the command and the gait's phase where the task has them.

    For Gymnasium's robots in their default configuration this is the observation of their v5
    environments, bit for bit: positions without the root's horizontal coordinates, velocities (clipped
    where v5 clips them), then the fields of ``MjData`` that v5 adds.

    Args:
        simulation: The simulation to observe.
        noise: Whether the sensor noise of the task's parameters is added.
    """

    def __init__(self, simulation: Simulation, noise: bool = True) -> None:
        self._simulation, self._noise = simulation, noise
        config, robot = simulation.config, simulation.robot
        self._proprioceptive = isinstance(config, QuadrupedConfig) and not config.model
        self._extra_fields = tuple(
            name for name in robot.rules.robot.observed_fields if name != "cfrc_ext" or config.contact_forces
        )
        self._rows: dict[str, slice | Rows] = {name: self._rows_of(name) for name in self._extra_fields}
        self.space: gym.spaces.Box = gym.spaces.Box(-np.inf, np.inf, (self._size(),), np.float64)

    def read(self, rows: Rows) -> Floats:
        """Joint states, ``(rows, size)``."""
        simulation, robot = self._simulation, self._simulation.robot
        motion = simulation.physics.motion
        # Copying all rows is several times as fast as indexing them.
        motion = motion.copy() if len(rows) == len(motion) else motion[rows]
        qpos, qvel = motion[:, : robot.mj_model.nq], motion[:, robot.mj_model.nq :]
        if self._noise:
            self._add_noise(rows, qpos, qvel)
        parts = (
            self._proprioception(rows, qpos, qvel) if self._proprioceptive else self._joints(rows, qpos, qvel)
        )
        if simulation.config.command_speed is not None:
            command = simulation.state.command[rows]
            # A robot in a vertical plane can follow the forward speed only.
            parts.append(command[:, :1] if robot.anatomy.root.kind == "sagittal" else command)
        if simulation.reference is not None:
            parts.append(simulation.reference.phase(simulation.state.elapsed[rows]))
        return np.concatenate(parts, 1)

    def close(self) -> None:
        """Nothing to free."""

    def _joints(self, rows: Rows, qpos: Floats, qvel: Floats) -> list[Floats]:
        simulation, robot = self._simulation, self._simulation.robot
        root, rules = robot.anatomy.root, robot.rules.robot
        if uses_height_field(simulation.config) and root.height_column is not None:
            qpos[:, root.height_column] -= root.height_sign * simulation.ground()[rows]
        if rules.velocity_clip is not None:
            qvel = np.minimum(np.maximum(qvel, -rules.velocity_clip), rules.velocity_clip)
        parts = [qpos[:, robot.observed_qpos], qvel[:, robot.anatomy.dofs]]
        for name in self._extra_fields:
            values = simulation.physics.fields[name][rows]
            if name == "cfrc_ext" and rules.contact_force_range is not None:
                low, high = rules.contact_force_range
                values = np.minimum(np.maximum(values, low), high)  # as np.clip, in half of its time
            parts.append(values[:, self._rows[name]].reshape(len(rows), -1))
        return parts

    def _rows_of(self, name: str) -> slice | Rows:
        """Rows of a field that are observed: the robot's bodies, or the degrees of freedom below its root."""
        model, anatomy = self._simulation.robot.mj_model, self._simulation.robot.anatomy
        if name == "qfrc_actuator":
            of_robot, root = np.arange(model.nv)[anatomy.dofs], np.arange(model.nv)[anatomy.root.dofs]
            rows = of_robot[~np.isin(of_robot, root)]
        else:
            rows = anatomy.bodies
        # A slice costs no copy.
        size = model.nv if name == "qfrc_actuator" else model.nbody
        start = int(rows[0]) if len(rows) else size
        return slice(start, None) if rows.tolist() == list(range(start, size)) else rows

    def _proprioception(self, rows: Rows, qpos: Floats, qvel: Floats) -> list[Floats]:
        """What a real quadruped measures: see the README."""
        robot, state = self._simulation.robot, self._simulation.state
        joints = robot.anatomy.joint_qpos
        return [
            kinematics.to_body_frame(qpos, qvel[:, :3]),
            qvel[:, 3:6],
            kinematics.projected_gravity(qpos),
            qpos[:, joints] - robot.start.qpos[joints],
            qvel[:, robot.anatomy.joint_qvel],
            state.previous[rows],
        ]

    def _add_noise(self, rows: Rows, qpos: Floats, qvel: Floats) -> None:
        config = self._simulation.config
        if not config.noise_position and not config.noise_velocity:
            return
        anatomy = self._simulation.robot.anatomy
        own_qpos, own_qvel = qpos[:, anatomy.qpos], qvel[:, anatomy.dofs]
        root = 3 if anatomy.root.kind == "free" else 0
        for index, row in enumerate(rows.tolist()):
            rng = self._simulation.rngs[row]
            own_qpos[index, root:] += config.noise_position * rng.standard_normal(own_qpos.shape[1] - root)
            own_qvel[index] += config.noise_velocity * rng.standard_normal(own_qvel.shape[1])

    def _size(self) -> int:
        """Length of an observation."""
        simulation, robot = self._simulation, self._simulation.robot
        model = robot.mj_model
        size: int
        if self._proprioceptive:
            size = 9 + 3 * model.nu
        else:
            size = (
                np.arange(model.nq)[robot.observed_qpos].size + np.arange(model.nv)[robot.anatomy.dofs].size
            )
            for name in self._extra_fields:
                size += int(simulation.physics.fields[name][0][self._rows[name]].size)
        if simulation.config.command_speed is not None:
            size += 1 if robot.anatomy.root.kind == "sagittal" else 3
        if simulation.reference is not None:
            size += 2
        return size


class CameraSensor:
    """Images of the tracking camera, uint8, ``(size, size, 3)``.

    Args:
        simulation: The simulation to observe.
    """

    def __init__(self, simulation: Simulation) -> None:
        size = simulation.config.camera_size
        self._camera = Camera(simulation, size)
        self.space: gym.spaces.Box = gym.spaces.Box(0, 255, (size, size, 3), np.uint8)

    def read(self, rows: Rows) -> Array:
        """Images, ``(rows, size, size, 3)``."""
        return np.stack([self._camera.picture(int(row)) for row in rows])

    def close(self) -> None:
        """Free the renderer."""
        self._camera.close()


def _make_sensor(simulation: Simulation) -> Sensor:
    return CameraSensor(simulation) if simulation.config.observation == "camera" else StateSensor(simulation)
