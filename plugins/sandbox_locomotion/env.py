"""The environments of robots: `sandbox.api.batched` makes the single one and the batch of a core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import batched
from sandbox_locomotion.arrays import Array, Flags, Floats, Rows, any_true
from sandbox_locomotion.baselines.reference import reference_gait
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.observations import Observer, StateSensor
from sandbox_locomotion.render import AnnotatedCamera
from sandbox_locomotion.simulation import Simulation
from sandbox_locomotion.transition import Transition

Info = dict[str, Any]


class RobotCore:
    """Robots under the rules of a task; `sandbox.api.BatchedCore`.

    - **Observation**: float64, that of Gymnasium v5 in the default configuration (see `StateSensor`); or
      uint8 images.
    - **Action**: motor control in the model's range, float32; for the quadruped joint targets or torques
      in [-1, 1]. Clipped before anything else.
    - **Reward**: the weighted sum of the task's terms (`sandbox_locomotion.reward`) of the step.
    - **Termination**: an unhealthy state, for robots that have one; or diverged physics or an action that is
      not finite, which ``info["failure"]`` of that step describes.
    - **Truncation**: after ``horizon`` control steps.

    Args:
        config: The task's parameters.
        num_envs: Robots side by side.
        threads: Threads or processes that step them; 0 for one per processor.
        visible: Whether they will be drawn.
        fast: Whether they are stepped by ``mujoco.rollout``, which is faster and not exact.

    Attributes:
        simulation: The robots; what baselines and pictures read.
        observer: What is seen of them.
    """

    render_modes = ("rgb_array",)
    keeps_precision = True
    """Gymnasium charges for an action in the precision it is given in."""

    def __init__(
        self,
        config: LocomotionConfig,
        num_envs: int,
        threads: int = 1,
        visible: bool = False,
        fast: bool = False,
    ) -> None:
        reference = reference_gait(config) if config.imitate else None
        self.simulation = Simulation(
            config, num_envs, threads, visible=visible, fast=fast, reference=reference
        )
        self.observer = Observer(self.simulation)
        self.observation_space: gym.spaces.Box = self.observer.space
        self.action_space = self.simulation.action_space
        self.render_fps = round(1 / self.simulation.dt)
        self._camera: AnnotatedCamera | None = None

    @property
    def rngs(self) -> list[np.random.Generator]:
        """One generator per robot: those of the simulation."""
        return self.simulation.rngs

    @rngs.setter
    def rngs(self, rngs: list[np.random.Generator]) -> None:
        self.simulation.rngs = rngs

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """Start an episode."""
        self.begin_rows(np.array([row]), [rng])

    def begin_rows(self, rows: Rows, rngs: Sequence[np.random.Generator]) -> None:
        """Start an episode of some robots; their generators are those of the simulation."""
        self.simulation.reset(rows.tolist())
        self.observer.reset(rows)

    def step(self, actions: Array) -> Transition:
        """Advance every robot by one control step, and look at it."""
        transition = self.simulation.step(actions)
        self.observer.update()
        return transition

    def observe(self) -> Array:
        """A copy of every robot's observation."""
        return self.observer.observation()

    def ends(self) -> tuple[Flags, Flags]:
        """Unhealthy states and failures; the horizon."""
        return self.simulation.terminated, self.simulation.truncated

    def info(self) -> Info:
        """Where the robots are, m; the command; why episodes have failed, where they have."""
        info: Info = {"x_position": self.simulation.state.tracked[:, 0]}
        if self.simulation.config.command_speed is not None:
            info["command"] = self.simulation.state.command
        failed = self.simulation.failed
        if any_true(failed):
            messages = np.full(len(failed), None, object)
            for row in np.flatnonzero(failed).tolist():
                messages[row] = self.simulation.failure_message(row)
            info |= {"failure": messages, "_failure": failed}
        return info

    def metrics(self, row: int) -> Mapping[str, float]:
        """Of the present episode of a robot."""
        return {name: float(values[row]) for name, values in self.simulation.metrics().items()}

    def metrics_rows(self, rows: Rows) -> Mapping[str, Floats]:
        """The same of some robots at once."""
        return {name: values[rows] for name, values in self.simulation.metrics().items()}

    def render(self, row: int) -> Any:
        """The image of the tracking camera, uint8, ``(480, 480, 3)``."""
        if self._camera is None:
            self._camera = AnnotatedCamera(self.simulation)
        return self._camera.picture(row)

    @property
    def state_space(self) -> gym.spaces.Box:
        """Space of `state` of one robot."""
        return self._state_sensor.space

    def state(self) -> Floats:
        """Joint states, whatever is observed; without sensor noise, shape ``(num_envs, size)``."""
        return self._state_sensor.read(np.arange(self.simulation.num_envs))

    @cached_property
    def _state_sensor(self) -> StateSensor:
        return StateSensor(self.simulation, noise=False)

    def get_state(self) -> Info:
        """Everything that the next steps depend on but the generators, as plain data."""
        return self.simulation.get_state() | {"observer": self.observer.get_state()}

    def set_state(self, state: Info) -> None:
        """Continue from what `get_state` returned, bit for bit."""
        self.simulation.set_state(state)
        self.observer.set_state(state["observer"])

    def upgrade_state(self, state: Info) -> Info:
        """States that were saved before these environments were made from a core."""
        if "core" in state:
            return state
        core = dict(state["simulation"])
        generators = core.pop("generators")
        running = bool(state.get("running", True))
        return {"core": core, "generators": generators, "generator": generators[0], "running": running}

    @property
    def can_redraw(self) -> bool:
        """Whether anything is drawn after an episode has begun: pushes, noise, new commands."""
        config = self.simulation.config
        renewed = config.command_speed is not None and config.command_interval
        return bool(config.push_speed or config.noise_position or config.noise_velocity or renewed)

    def redraw(self, row: int, rng: np.random.Generator) -> None:
        """Coming pushes, noise and commands are drawn from the new generator, each when it is due."""
        self.simulation.rngs[row] = rng

    def __getstate__(self) -> Info:
        """A copy makes a camera of its own when it is drawn."""
        return self.__dict__ | {"_camera": None}

    def close(self) -> None:
        """Free threads, worker processes and renderers."""
        self.simulation.close()
        self.observer.close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None


def single_robot(config: LocomotionConfig, num_envs: int, render_mode: str | None = None) -> RobotCore:
    """The core of the single environment: always exact, and stepped by this thread."""
    return RobotCore(config, num_envs, visible=render_mode is not None)


def robots(config: LocomotionConfig, num_envs: int) -> RobotCore:
    """The core of a batch: shared by threads or processes, and fast where the parameters ask for it."""
    return RobotCore(config, num_envs, config.threads, fast=config.fast)


make = batched(single_robot).make
make_vec = batched(robots).make_vec
