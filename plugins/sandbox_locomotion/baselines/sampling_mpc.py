"""Sampling-based model-predictive control: plans are evaluated by simulating the task from the present state.

A plan is a spline of motor control over the horizon; candidates are simulated with the same physics and
the same reward. Predictive sampling takes the best candidate (Howell et al. 2022, arXiv 2212.00541); MPPI
averages all, weighted by exp(return/λ) (Williams et al. 2017, ICRA). The environment is paused while a
plan is made.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_locomotion.arrays import Array, Flags, Floats
from sandbox_locomotion.baselines.base import ClassicalPolicy, SimulatedEnv
from sandbox_locomotion.simulation import Simulation

HORIZON = 0.8
"""Length of a plan, s."""
CANDIDATES = 32
KNOTS = 5
"""Points of the control spline over the horizon."""
NOISE = 0.35
"""Standard deviation of the candidates about the last plan, in half ranges of the control."""
TEMPERATURE = 0.1
"""λ of MPPI, in standard deviations of the candidates' returns."""


class SamplingPolicy(ClassicalPolicy):
    """Makes a plan for every environment at every step.

    Args:
        simulation: The simulation to control.
        reward: What plans are to gain.
        method: ``best`` for predictive sampling, or ``mppi``.

    Raises:
        InvalidValueError: If episodes differ in their physics, which a planner does not know.
    """

    def __init__(self, simulation: Simulation, reward: RewardSpec, method: Literal["best", "mppi"]) -> None:
        if simulation.robot.varies:
            raise InvalidValueError(
                "Planning needs to know the physics, but this scenario draws it anew for every episode.",
                "Fix friction, gravity, mass, torso_mass and motor to one value, on flat ground or a slope.",
            )
        self._simulation, self._reward, self._method = simulation, reward, method
        config = simulation.config.model_copy(
            update={"observation": "state", "noise_position": 0.0, "noise_velocity": 0.0, "imitate": False}
        )
        self._model = Simulation(config, CANDIDATES, simulation.config.threads, fast=config.fast)
        self._steps = max(2, round(HORIZON / simulation.dt))
        space = simulation.action_space
        self._low, self._high = space.low.astype(float), space.high.astype(float)
        self._plans = np.zeros((simulation.num_envs, KNOTS, len(self._low)))
        self._rng = np.random.default_rng(0)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget the plans and restart the generator."""
        self._plans = np.zeros((num_envs, *self._plans.shape[1:]))
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Array | None, mask: Flags | None = None, deterministic: bool = True) -> Array:
        """First control of every environment's new plan, ``(num_envs, motors)``."""
        return np.stack([self._plan(row) for row in range(self._simulation.num_envs)]).astype(np.float32)

    def _plan(self, row: int) -> Floats:
        last = self._plans[row]
        noise = NOISE * (self._high - self._low) / 2 * self._rng.standard_normal((CANDIDATES, *last.shape))
        noise[0] = 0.0  # the last plan is a candidate
        candidates = np.clip(last + noise, self._low, self._high)
        returns = self._returns(row, candidates)
        if self._method == "best":
            plan = candidates[int(np.argmax(returns))]
        else:
            scaled = (returns - returns.max()) / (TEMPERATURE * max(float(returns.std()), 1e-9))
            weights = np.exp(scaled)
            plan = np.tensordot(weights / weights.sum(), candidates, 1)
        action: Floats = plan[0].copy()
        self._plans[row] = interpolate(plan, np.arange(KNOTS) + (KNOTS - 1) / self._steps)
        return action

    def _returns(self, row: int, candidates: Floats) -> Floats:
        """Return of every candidate over the horizon, or until its episode terminates."""
        model = self._model
        model.load_snapshot(self._simulation.snapshot(row))
        running, returns = np.ones(CANDIDATES, np.bool_), np.zeros(CANDIDATES)
        times = np.arange(self._steps) * (KNOTS - 1) / self._steps
        controls = np.stack([interpolate(candidate, times) for candidate in candidates], 1)
        for control in controls:
            reward = self._reward(model.step(control)).total
            returns += np.where(running, reward, 0.0)
            running &= ~model.terminated
        return returns


def interpolate(knots: Floats, times: Floats) -> Floats:
    """Linear interpolation of knots ``(KNOTS, motors)`` at times in units of their spacing."""
    low = np.clip(times.astype(int), 0, KNOTS - 2)
    part = np.clip(times - low, 0.0, 1.0)[:, None]
    return np.asarray(knots[low] * (1 - part) + knots[low + 1] * part)


def predictive_sampling(env: SimulatedEnv) -> SamplingPolicy:
    """The baseline ``predictive-sampling``."""
    return SamplingPolicy(env.core.simulation, env.reward, "best")


def mppi(env: SimulatedEnv) -> SamplingPolicy:
    """The baseline ``mppi``."""
    return SamplingPolicy(env.core.simulation, env.reward, "mppi")
