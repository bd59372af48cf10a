"""Gymnasium environments of the domain: thin adapters of `Simulation` and `Observer`."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_locomotion.arrays import Array, Flags
from sandbox_locomotion.baselines.reference import reference_gait
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.observations import Observer, StateSensor
from sandbox_locomotion.render import AnnotatedCamera
from sandbox_locomotion.simulation import Simulation, StepResult

Info = dict[str, Any]


def make(config: LocomotionConfig, reward: RewardSpec, render_mode: str | None = None) -> LocomotionEnv:
    """The environment of a locomotion task."""
    return LocomotionEnv(config, reward, render_mode)


def make_vec(config: LocomotionConfig, reward: RewardSpec, num_envs: int) -> LocomotionVectorEnv:
    """A native batch of ``num_envs`` environments."""
    return LocomotionVectorEnv(config, reward, num_envs)


class LocomotionEnv(gym.Env[Array, Array]):
    """A single robot.

    - **Observation**: float64, that of Gymnasium v5 in the default configuration (see `StateSensor`); or
      uint8 images.
    - **Action**: motor control in the model's range, float32; for the quadruped joint targets or torques
      in [-1, 1]. Clipped before anything else.
    - **Reward**: the weighted sum of the task's terms.
    - **Termination**: an unhealthy state, for robots that have one, or diverged physics, which
      ``info["failure"]`` describes.
    - **Truncation**: after ``horizon`` control steps.

    Args:
        config: The task's parameters.
        reward: Its reward.
        render_mode: ``rgb_array`` or None.

    Raises:
        InvalidValueError: For another render mode.
    """

    def __init__(self, config: LocomotionConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise InvalidValueError(
                f"Locomotion cannot render as '{render_mode}'.", "It renders as rgb_array."
            )
        reference = reference_gait(config) if config.imitate else None
        visible = render_mode is not None
        self.simulation = Simulation(config, reward, 1, threads=1, visible=visible, reference=reference)
        self.observer = Observer(self.simulation)
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / self.simulation.dt)}
        self.render_mode = render_mode
        self.observation_space = self.observer.space
        self.action_space = self.simulation.action_space
        self._running = False
        self._camera: AnnotatedCamera | None = None

    @property
    def config(self) -> LocomotionConfig:
        """The task's parameters."""
        return self.simulation.config

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Array, Info]:
        """Start an episode."""
        super().reset(seed=seed)
        if seed is not None or self.simulation.rngs[0] is not self.np_random:
            self.simulation.rngs[0] = self.np_random
        self.simulation.reset([0])
        self.observer.reset(np.array([0]))
        self._running = True
        return self.observer.observation()[0], self._info()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, Info]:
        """Advance by one control step.

        Raises:
            gymnasium.error.ResetNeeded: Before the first and after the last step of an episode.
            InvalidValueError: For an action of the wrong shape.
        """
        if not self._running:
            raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
        action = np.asarray(action)
        if action.shape != self.action_space.shape:
            raise InvalidValueError(f"An action has shape {self.action_space.shape}, not {action.shape}.")
        result = self.simulation.step(action[None])
        self.observer.update()
        terminated, truncated = bool(result.terminated[0]), bool(result.truncated[0])
        info = self._info() | {"reward_terms": {name: float(x[0]) for name, x in result.terms.items()}}
        if result.failed[0]:
            info["failure"] = self.simulation.failure_message(0)
        if terminated or truncated:
            self._running = False
            metrics = self.simulation.metrics(result.failed)
            info["metrics"] = {name: float(values[0]) for name, values in metrics.items()}
        return self.observer.observation()[0], float(result.reward[0]), terminated, truncated, info

    def render(self) -> Any:
        """The image of the tracking camera, uint8, ``(480, 480, 3)``; None without a render mode."""
        if self.render_mode is None:
            return None
        if self._camera is None:
            self._camera = AnnotatedCamera(self.simulation)
        return self._camera.picture(0)

    def get_state(self) -> Info:
        """Everything that the next steps depend on, as plain data."""
        return {"simulation": _get_state(self.simulation, self.observer), "running": self._running}

    def set_state(self, state: Info) -> None:
        """Continue from what `get_state` returned, bit for bit."""
        _set_state(self.simulation, self.observer, state["simulation"])
        self._np_random = self.simulation.rngs[0]
        self._running = bool(state["running"])

    @property
    def state_space(self) -> gym.spaces.Box:
        """Space of `state`."""
        return self._state_sensor.space

    def state(self) -> Array:
        """The joint state, whatever is observed; without sensor noise, shape ``state_space.shape``."""
        state: Array = self._state_sensor.read(np.array([0]))[0]
        return state

    @cached_property
    def _state_sensor(self) -> StateSensor:
        return StateSensor(self.simulation, noise=False)

    @property
    def can_redraw(self) -> bool:
        """Whether anything is drawn after an episode has begun: pushes, noise, new commands."""
        config = self.config
        renewed = config.command_speed is not None and config.command_interval
        return bool(config.push_speed or config.noise_position or config.noise_velocity or renewed)

    def redraw(self, seed: int) -> None:
        """Draw coming pushes, noise and commands again."""
        self._np_random = self.simulation.rngs[0] = np.random.default_rng(seed)

    def __getstate__(self) -> Info:
        """A copy plays on exactly like the original; it makes a camera of its own when it is drawn."""
        return self.__dict__ | {"_camera": None}

    def __setstate__(self, state: Info) -> None:
        self.__dict__.update(state)
        self._np_random = self.simulation.rngs[0]  # a copy of it would not advance with the simulation

    def close(self) -> None:
        """Free threads and renderers."""
        self.simulation.close()
        self.observer.close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _info(self) -> Info:
        info: Info = {"x_position": float(self.simulation.state.tracked[0, 0])}
        if self.config.command_speed is not None:
            info["command"] = self.simulation.state.command[0].copy()
        return info


class LocomotionVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """A batch of robots; environment i with seed s plays the episode of `LocomotionEnv` with seed s.

    Environments are reset in the step that ends their episode (same-step autoreset).

    Args:
        config: The task's parameters; with ``fast`` it is stepped by ``mujoco.rollout``.
        reward: Its reward.
        num_envs: Number of environments.
    """

    metadata: Info = {  # noqa: RUF012 - Gymnasium declares it so
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, config: LocomotionConfig, reward: RewardSpec, num_envs: int) -> None:
        reference = reference_gait(config) if config.imitate else None
        self.simulation = Simulation(
            config, reward, num_envs, config.threads, fast=config.fast, reference=reference
        )
        self.observer = Observer(self.simulation)
        self.num_envs = num_envs
        self.single_observation_space = self.observer.space
        self.single_action_space = self.simulation.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def config(self) -> LocomotionConfig:
        """The task's parameters."""
        return self.simulation.config

    @property
    def state_space(self) -> gym.spaces.Box:
        """Space of `state` of one environment."""
        return self._state_sensor.space

    def state(self) -> Array:
        """Joint states, whatever is observed; without sensor noise, shape ``(num_envs, size)``."""
        return self._state_sensor.read(np.arange(self.num_envs))

    @cached_property
    def _state_sensor(self) -> StateSensor:
        return StateSensor(self.simulation, noise=False)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: Info | None = None
    ) -> tuple[Array, Info]:
        """Start an episode in every environment; an int seeds environment i with ``seed + i``."""
        seeds = [seed + row for row in range(self.num_envs)] if isinstance(seed, int) else seed or ()
        for row, value in enumerate(seeds):
            if value is not None:
                self.simulation.seed(row, value)
        self._start(list(range(self.num_envs)))
        return self.observer.observation(), {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, Info]:
        """Advance every environment by one control step; those whose episode ends are reset."""
        result = self.simulation.step(actions)
        self.observer.update()
        done = result.terminated | result.truncated
        info = self._info(result)
        observation = self.observer.observation()
        if done.any():
            info = self._with_final(info, observation, done, result.failed)
            self._start(np.flatnonzero(done).tolist())
            observation = self.observer.observation()
        return observation, result.reward, result.terminated, result.truncated, info

    def get_state(self) -> Info:
        """Everything that the next steps depend on, as plain data."""
        return {"simulation": _get_state(self.simulation, self.observer)}

    def set_state(self, state: Info) -> None:
        """Continue from what `get_state` returned, bit for bit."""
        _set_state(self.simulation, self.observer, state["simulation"])

    def close_extras(self, **kwargs: Any) -> None:
        """Free threads, worker processes and renderers."""
        self.simulation.close()
        self.observer.close()

    def _start(self, rows: list[int]) -> None:
        self.simulation.reset(rows)
        self.observer.reset(np.asarray(rows))

    def _info(self, result: StepResult) -> Info:
        everywhere = np.ones(self.num_envs, np.bool_)
        info: Info = {"reward_terms": _with_masks(result.terms, everywhere), "_reward_terms": everywhere}
        if result.failed.any():
            messages = np.full(self.num_envs, None, object)
            for row in np.flatnonzero(result.failed).tolist():
                messages[row] = self.simulation.failure_message(row)
            info |= {"failure": messages, "_failure": result.failed}
        return info

    def _with_final(self, info: Info, observation: Array, done: Flags, failed: Flags) -> Info:
        """``info`` with the last observation, info and metrics of the episodes that have ended."""
        final = np.full(self.num_envs, None, object)
        for row in np.flatnonzero(done).tolist():
            final[row] = observation[row].copy()
        metrics = _with_masks(self.simulation.metrics(failed), done)
        final_info = info | {"metrics": metrics, "_metrics": done}
        return info | {
            "final_obs": final,
            "_final_obs": done,
            "final_info": final_info,
            "_final_info": done,
        }


def _with_masks(values: dict[str, Array], where: Flags) -> Info:
    """Gymnasium's form of batched infos: every ``key`` has a boolean mask ``_key``."""
    return values | {f"_{name}": where for name in values}


def _get_state(simulation: Simulation, observer: Observer) -> Info:
    return simulation.get_state() | {"observer": observer.get_state()}


def _set_state(simulation: Simulation, observer: Observer, state: Info) -> None:
    simulation.set_state(state)
    observer.set_state(state["observer"])
