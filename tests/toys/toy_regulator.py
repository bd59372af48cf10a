"""A linear system with noise on independent axes, to be held at the origin at quadratic cost.

    x[t+1] = drift · x[t] + gain · u[t] + noise · w[t],   w ~ N(0, 1),   x[0] ~ U(-spread, spread)

Step t costs x[t]² and u[t]² of every axis, by the reward's weights. The process has no end of its
own; episodes are truncated at the horizon. Source: Bertsekas (2017), Dynamic Programming and Optimal
Control I, section 3.1. The walls at ±LIMIT m keep observations in their space; optimal play with the
default parameters does not come near them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import InvalidValueError, RewardSpec, RewardTerm

LIMIT = 10.0


class RegulatorConfig(BaseModel):
    """Parameters of the system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    axes: int = Field(1, ge=1, le=8, description="independent axes, 1")
    horizon: int = Field(32, ge=1, le=100_000, description="steps until truncation")
    drift: float = Field(1.0, ge=0.0, le=1.5, description="x[t+1] per x[t], 1")
    gain: float = Field(1.0, gt=0.0, le=10.0, description="x[t+1] per u[t], 1")
    noise: float = Field(0.1, ge=0.0, le=1.0, description="standard deviation of the noise, m")
    spread: float = Field(1.0, gt=0.0, le=5.0, description="half width of the first position's range, m")
    force: float = Field(2.0, gt=0.0, le=10.0, description="largest |u|, m")


@dataclass(frozen=True, slots=True)
class Transition:
    """Position before the step and push, shape ``(..., axes)``, m."""

    position: Any
    push: Any


REWARDS = {
    "quadratic": RewardSpec(
        (
            RewardTerm("state", lambda step: (step.position**2).sum(-1), -1.0, "m²", description="Σ x²"),
            RewardTerm("control", lambda step: (step.push**2).sum(-1), -0.1, "m²", description="Σ u²"),
        )
    )
}


def advance(config: RegulatorConfig, position: Any, push: Any, noise: Any, xp: Any = np) -> Any:
    """Next position, shape ``(..., axes)``, m."""
    return xp.clip(config.drift * position + config.gain * push + config.noise * noise, -LIMIT, LIMIT)


class RegulatorDynamics:
    """The same as array operations of any library; see `sandbox.api.ObservedDynamics`."""

    differentiable = True

    def __init__(self, config: RegulatorConfig) -> None:
        self.config, self.horizon = config, config.horizon

    def begin(self, rng: np.random.Generator, num_envs: int) -> dict[str, Any]:
        spread = self.config.spread
        return {"position": rng.uniform(-spread, spread, (num_envs, self.config.axes))}

    def noise(self, rng: np.random.Generator, num_envs: int, steps: int) -> Any:
        return rng.standard_normal((steps, num_envs, self.config.axes))

    def observe(self, state: Any, xp: Any) -> Any:
        return state["position"]

    def step(self, state: Any, action: Any, noise: Any, xp: Any) -> tuple[dict[str, Any], Transition]:
        push = xp.clip(action, -self.config.force, self.config.force)
        happened = Transition(state["position"], push)
        return {"position": advance(self.config, state["position"], push, noise, xp)}, happened

    def state_of(self, observation: Any, xp: Any) -> dict[str, Any]:
        return {"position": observation}


def make_dynamics(config: RegulatorConfig) -> RegulatorDynamics:
    """The dynamics with a scenario's parameters."""
    return RegulatorDynamics(config)


def draw(config: RegulatorConfig, rng: np.random.Generator) -> tuple[Any, Any]:
    """First position ``(axes,)`` and the episode's noise ``(horizon, axes)``."""
    first = rng.uniform(-config.spread, config.spread, config.axes)
    return first, rng.standard_normal((config.horizon, config.axes))


def spaces(config: RegulatorConfig) -> tuple[gym.spaces.Box, gym.spaces.Box]:
    """Observation: position, ``(axes,)``, m. Action: push, ``(axes,)``, m."""
    observation = gym.spaces.Box(-LIMIT, LIMIT, (config.axes,), np.float32)
    return observation, gym.spaces.Box(-config.force, config.force, (config.axes,), np.float32)


class RegulatorEnv(gym.Env[Any, Any]):
    """One environment; never terminated, truncated at the horizon."""

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's convention

    def __init__(self, config: RegulatorConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.observation_space, self.action_space = spaces(config)
        self.steps, self.costs = 0, np.zeros(2)
        self.position: Any = np.zeros(config.axes)
        self.noise: Any = np.zeros((config.horizon, config.axes))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.position, self.noise = draw(self.config, self.np_random)
        self.steps, self.costs = 0, np.zeros(2)
        return self.position.astype(np.float32), {}

    def get_state(self) -> dict[str, Any]:
        return _state(self) | {"rng": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        _set_state(self, state)
        self.np_random.bit_generator.state = state["rng"]

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        push = np.clip(np.asarray(action, np.float64), -self.config.force, self.config.force)
        breakdown = self.reward(Transition(self.position, push))
        self.costs += (self.position**2).mean(), (push**2).mean()
        self.position = advance(self.config, self.position, push, self.noise[self.steps])
        self.steps += 1
        truncated = self.steps >= self.config.horizon
        info: dict[str, Any] = {"reward_terms": {name: float(x) for name, x in breakdown.terms.items()}}
        info["exogenous"] = {"noise": self.noise[self.steps - 1]}
        if truncated:
            info["denominators"] = {"cost": self.steps, "effort": self.steps}
            state, effort = self.costs / self.steps
            info["metrics"] = {"cost": float(state + 0.1 * effort), "effort": float(effort)}
        return self.position.astype(np.float32), float(breakdown.total), False, truncated, info


class RegulatorVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """Many environments as one array operation; environment i with seed s plays `RegulatorEnv` seeded with s.

    All start together and have the same horizon, so all end together.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, config: RegulatorConfig, reward: RewardSpec, num_envs: int) -> None:
        self.config, self.reward, self.num_envs = config, reward, num_envs
        self.single_observation_space, self.single_action_space = spaces(config)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.rngs = [np.random.default_rng() for _ in range(num_envs)]
        self.steps = 0

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start all anew; an int seeds environment i with ``seed + i``."""
        if isinstance(seed, int):
            seed = [seed + index for index in range(self.num_envs)]
        for env_index, value in enumerate(seed or ()):
            if value is not None:
                self.rngs[env_index] = gym.utils.seeding.np_random(value)[0]
        self._start()
        return self.position.astype(np.float32), {}

    def _start(self) -> None:
        first, noise = zip(*(draw(self.config, rng) for rng in self.rngs), strict=True)
        self.position, self.noise = np.stack(first), np.stack(noise, 1)
        self.steps, self.costs = 0, np.zeros((2, self.num_envs))

    def get_state(self) -> dict[str, Any]:
        return _state(self) | {"rngs": [rng.bit_generator.state for rng in self.rngs]}

    def set_state(self, state: dict[str, Any]) -> None:
        _set_state(self, state)
        for rng, saved in zip(self.rngs, state["rngs"], strict=True):
            rng.bit_generator.state = saved

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        push = np.clip(np.asarray(actions, np.float64), -self.config.force, self.config.force)
        breakdown = self.reward(Transition(self.position, push))
        self.costs += (self.position**2).mean(-1), (push**2).mean(-1)
        self.position = advance(self.config, self.position, push, self.noise[self.steps])
        self.steps += 1
        everyone = np.ones(self.num_envs, np.bool_)
        ended = everyone & (self.steps >= self.config.horizon)
        info: dict[str, Any] = {
            "reward_terms": _with_presence(breakdown.terms, everyone),
            "_reward_terms": everyone,
        }
        if ended.any():
            final_obs = np.empty(self.num_envs, object)
            final_obs[:] = list(self.position.astype(np.float32))
            state, effort = self.costs / self.steps
            metrics = _with_presence({"cost": state + 0.1 * effort, "effort": effort}, everyone)
            final_info = info | {"metrics": metrics, "_metrics": everyone}
            info = {
                "final_obs": final_obs,
                "_final_obs": everyone,
                "final_info": final_info,
                "_final_info": everyone,
            }
            self._start()
        return self.position.astype(np.float32), breakdown.total, ~everyone, ended, info


def _state(env: Any) -> dict[str, Any]:
    arrays = {name: getattr(env, name).copy() for name in ("position", "noise", "costs")}
    return {"steps": env.steps, **arrays}


def _set_state(env: Any, state: dict[str, Any]) -> None:
    env.steps = state["steps"]
    for name in ("position", "noise", "costs"):
        setattr(env, name, state[name].copy())


def _with_presence(values: dict[str, Any], everyone: Any) -> dict[str, Any]:
    """Gymnasium's form of batched infos: beside every ``key`` a boolean ``_key``."""
    return values | {f"_{name}": everyone for name in values}


def make(config: RegulatorConfig, reward: RewardSpec, render_mode: str | None = None) -> RegulatorEnv:
    """The environment of a scenario."""
    return RegulatorEnv(config, reward, render_mode)


def make_vec(config: RegulatorConfig, reward: RewardSpec, num_envs: int) -> RegulatorVectorEnv:
    """``num_envs`` environments, batched natively."""
    return RegulatorVectorEnv(config, reward, num_envs)


def riccati(config: RegulatorConfig, weights: dict[str, float]) -> tuple[Any, Any]:
    """Gains K and cost-to-go weights P of the finite horizon: u[t] = -K[t] x[t], cost P[t] x² + ….

    Returns:
        K of shape ``(horizon,)`` and P of shape ``(horizon + 1,)`` with P[horizon] = 0.

    Raises:
        InvalidValueError: If the weights do not make a convex cost.
    """
    state, control = -weights["state"], -weights["control"]
    if state < 0 or control <= 0:
        raise InvalidValueError(
            f"The optimal regulator needs weights state ≤ 0 and control < 0, not {-state:g} and {-control:g}."
        )
    a, b = config.drift, config.gain
    gains, cost = np.zeros(config.horizon), np.zeros(config.horizon + 1)
    for t in reversed(range(config.horizon)):
        gains[t] = a * b * cost[t + 1] / (control + b * b * cost[t + 1])
        cost[t] = state + a * a * cost[t + 1] * control / (control + b * b * cost[t + 1])
    return gains, cost


def optimal_return(config: RegulatorConfig, weights: dict[str, float]) -> float:
    """Expected return of the optimal controller where the force does not saturate.

    E[P₀ x₀²] + noise² Σ P[t+1] for each axis, with E[x₀²] = spread² / 3; the sign is the reward's.
    """
    _, cost = riccati(config, weights)
    return float(-config.axes * (cost[0] * config.spread**2 / 3 + config.noise**2 * cost[1:].sum()))


class GainPolicy:
    """u[t] = -K[t] x[t], counting steps from `reset`."""

    def __init__(self, gains: Any, force: float) -> None:
        self.gains, self.force, self.steps = gains, force, 0

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.steps = 0

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        gain = self.gains[self.steps % len(self.gains)]
        self.steps += 1
        return np.clip(-gain * np.asarray(observation), -self.force, self.force).astype(np.float32)

    def save(self, directory: Path) -> None:
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def make_optimal(env: Any) -> GainPolicy:
    """Riccati gains for the environment's parameters and reward weights."""
    return GainPolicy(riccati(env.config, env.reward.weights)[0], env.config.force)


def make_idle(env: Any) -> GainPolicy:
    """No control at all."""
    return GainPolicy(np.zeros(1), env.config.force)
