"""Gymnasium environments of the domain: thin adapters of `Simulation`."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.simulation import Outcome, Simulation

Array = NDArray[Any]
Info = dict[str, Any]


def make(config: LocomotionConfig, reward: RewardSpec, render_mode: str | None = None) -> LocomotionEnv:
    """The environment of a locomotion task."""
    return LocomotionEnv(config, reward, render_mode)


def make_vec(config: LocomotionConfig, reward: RewardSpec, num_envs: int) -> LocomotionVectorEnv:
    """``num_envs`` copies, stepped in threads."""
    return LocomotionVectorEnv(config, reward, num_envs)


class LocomotionEnv(gym.Env[Array, Array]):
    """One robot.

    - **Observation**: float64, Gymnasium v5's in the default configuration; see `Observer`.
    - **Action**: motor control in the model's range, float32; for the quadruped joint targets or
      torques in [-1, 1]. Clipped before anything else.
    - **Reward**: the sum of the task's terms.
    - **Termination**: an unhealthy state where the robot has one, or diverged physics.
      ``info["failure"]`` then says so.
    - **Truncation**: the horizon.
    """

    def __init__(self, config: LocomotionConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise InvalidValueError(
                f"Locomotion cannot render as '{render_mode}'.", "It renders as rgb_array."
            )
        visible = render_mode is not None
        self.simulation = Simulation(config, reward, 1, threads=1, visible=visible, batched=False)
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / self.simulation.dt)}
        self.render_mode = render_mode
        self.observation_space = self.simulation.observer.space
        self.action_space = self.simulation.action_space
        self._running = False
        self._painter: Any = None

    @property
    def config(self) -> LocomotionConfig:
        """The task's parameters."""
        return self.simulation.config

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Array, Info]:
        """Begin an episode."""
        super().reset(seed=seed)
        if seed is not None or self.simulation.rngs[0] is not self.np_random:
            self.simulation.rngs[0] = self.np_random
        self.simulation.reset([0])
        self._running = True
        return self.simulation.observer.observation()[0], self._info()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, Info]:
        """Let one control step pass.

        Raises:
            gymnasium.error.ResetNeeded: Before the first and after the last step of an episode.
        """
        if not self._running:
            raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
        action = np.asarray(action)
        if action.shape != self.action_space.shape:
            raise InvalidValueError(f"An action has shape {self.action_space.shape}, not {action.shape}.")
        outcome = self.simulation.step(action[None])
        self.simulation.observer.advance()
        over = bool(outcome.terminated[0] or outcome.truncated[0])
        info = self._info() | {"reward_terms": {name: float(x[0]) for name, x in outcome.terms.items()}}
        if outcome.failed[0]:
            info["failure"] = self.simulation.failure(0)
        if over:
            self._running = False
            metrics = self.simulation.metrics(outcome.failed)
            info["metrics"] = {name: float(values[0]) for name, values in metrics.items()}
        return (
            self.simulation.observer.observation()[0],
            float(outcome.reward[0]),
            bool(outcome.terminated[0]),
            bool(outcome.truncated[0]),
            info,
        )

    def render(self) -> Any:
        """The robot seen by the tracking camera, uint8, ``(480, 480, 3)``; None without a render mode."""
        if self.render_mode is None:
            return None
        if self._painter is None:
            from sandbox_locomotion.render import Painter

            self._painter = Painter(self.simulation)
        return self._painter.frame(0)

    def get_state(self) -> Info:
        """All that the next steps depend on, as plain data."""
        return {"simulation": self.simulation.get_state(), "running": self._running}

    def set_state(self, state: Info) -> None:
        """Go on from what `get_state` gave, bit for bit."""
        self.simulation.set_state(state["simulation"])
        self._np_random = self.simulation.rngs[0]
        self._running = bool(state["running"])

    def close(self) -> None:
        """Free threads and renderer."""
        self.simulation.close()
        if self._painter is not None:
            self._painter.close()
            self._painter = None

    def _info(self) -> Info:
        info: Info = {"x_position": float(self.simulation.tracked[0, 0])}
        if self.config.command_speed is not None:
            info["command"] = self.simulation.command[0].copy()
        return info


class LocomotionVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """Many robots; copy i with seed s plays the episode of `LocomotionEnv` seeded with s.

    Args:
        config: The task's parameters; ``fast`` steps with ``mujoco.rollout``.
        reward: Its reward.
        num_envs: Copies.
    """

    metadata: Info = {  # noqa: RUF012 - Gymnasium declares it so
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, config: LocomotionConfig, reward: RewardSpec, num_envs: int) -> None:
        self.simulation = Simulation(config, reward, num_envs, config.threads)
        self.num_envs = num_envs
        self.single_observation_space = self.simulation.observer.space
        self.single_action_space = self.simulation.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def config(self) -> LocomotionConfig:
        """The task's parameters."""
        return self.simulation.config

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: Info | None = None
    ) -> tuple[Array, Info]:
        """Start all copies anew; an int seeds copy i with ``seed + i``."""
        if isinstance(seed, int):
            seed = [seed + copy for copy in range(self.num_envs)]
        for copy, one in enumerate(seed or ()):
            if one is not None:
                self.simulation.seed(copy, one)
        self.simulation.reset(range(self.num_envs))
        return self.simulation.observer.observation(), {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, Info]:
        """Let one control step pass in every copy; those that end begin anew."""
        simulation = self.simulation
        outcome = simulation.step(actions)
        simulation.observer.advance()
        done = outcome.terminated | outcome.truncated
        info = self._step_info(outcome)
        observation = simulation.observer.observation()
        if done.any():
            final = np.full(self.num_envs, None, object)
            rows = np.flatnonzero(done).tolist()
            for row in rows:
                final[row] = observation[row].copy()
            metrics = _with_presence(simulation.metrics(outcome.failed), done)
            last = info | {"metrics": metrics, "_metrics": done}
            info = {
                **info,
                "final_obs": final,
                "_final_obs": done,
                "final_info": last,
                "_final_info": done,
            }
            simulation.reset(rows)
            observation = simulation.observer.observation()
        return observation, outcome.reward, outcome.terminated, outcome.truncated, info

    def get_state(self) -> Info:
        """All that the next steps depend on, as plain data."""
        return {"simulation": self.simulation.get_state()}

    def set_state(self, state: Info) -> None:
        """Go on from what `get_state` gave, bit for bit."""
        self.simulation.set_state(state["simulation"])

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads."""
        self.simulation.close()

    def _step_info(self, outcome: Outcome) -> Info:
        everyone = np.ones(self.num_envs, np.bool_)
        info: Info = {"reward_terms": _with_presence(outcome.terms, everyone), "_reward_terms": everyone}
        if outcome.failed.any():
            told = np.full(self.num_envs, None, object)
            for row in np.flatnonzero(outcome.failed).tolist():
                told[row] = self.simulation.failure(row)
            info |= {"failure": told, "_failure": outcome.failed}
        return info


def _with_presence(values: Info, where: Array) -> Info:
    """Gymnasium's form of batched infos: beside every ``key`` a boolean ``_key``."""
    return values | {f"_{name}": where for name in values}
