"""Sampling model-predictive control: plan by playing the task itself ahead, from where the robot is.

Candidates are splines of control over the horizon, played in a simulation with the same physics and the
same reward. Predictive sampling keeps the best (Howell et al. 2022, arXiv 2212.00541); MPPI averages
all, weighted by exp(return/λ) (Williams et al. 2017, ICRA). Planning happens in paused time: the world
waits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_locomotion.simulation import Simulation

Array = NDArray[Any]

HORIZON = 0.8
"""Length of a plan, s."""
CANDIDATES = 32
KNOTS = 5
"""Points of the control spline over the horizon."""
NOISE = 0.35
"""Standard deviation of the candidates about the last plan, in half ranges of the control."""
TEMPERATURE = 0.1
"""MPPI's λ, in standard deviations of the candidates' returns."""


class SamplingPolicy:
    """Plans for every copy at every step.

    Args:
        simulation: What is controlled; its config must not change the physics between episodes.
        method: Predictive sampling or MPPI.

    Raises:
        InvalidValueError: Where every episode has physics of its own, which a planner does not know.
    """

    def __init__(self, simulation: Simulation, method: Literal["best", "mppi"]) -> None:
        if simulation.own_models:
            raise InvalidValueError(
                "Planning needs to know the physics, but this scenario draws it anew for every episode.",
                "Fix friction, gravity, mass, torso_mass and motor to one value, on ground that is no field.",
            )
        self._real, self._method = simulation, method
        config = simulation.config.model_copy(
            update={"observation": "state", "noise_position": 0.0, "noise_velocity": 0.0, "imitate": False}
        )
        self._model = Simulation(config, simulation.reward, CANDIDATES, simulation.config.threads)
        self._steps = max(2, round(HORIZON / simulation.dt))
        low, high = simulation.action_space.low, simulation.action_space.high
        self._low, self._high = low.astype(float), high.astype(float)
        self._plans = np.zeros((simulation.copies, KNOTS, len(low)))
        self._rng = np.random.default_rng(0)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget the plans and restart the generator."""
        self._plans = np.zeros((num_envs, *self._plans.shape[1:]))
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """First control of every copy's new plan, ``(num_envs, motors)``."""
        return np.stack([self._plan(copy) for copy in range(self._real.copies)]).astype(np.float32)

    def save(self, directory: Path) -> None:
        """A baseline is made from its environment, not from a file.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not from a file")

    def _plan(self, copy: int) -> Array:
        last = self._plans[copy]
        noise = NOISE * (self._high - self._low) / 2 * self._rng.standard_normal((CANDIDATES, *last.shape))
        noise[0] = 0.0  # the last plan is a candidate
        candidates = np.clip(last + noise, self._low, self._high)
        returns = self._play(copy, candidates)
        if self._method == "best":
            plan = candidates[int(np.argmax(returns))]
        else:
            scaled = (returns - returns.max()) / (TEMPERATURE * max(float(returns.std()), 1e-9))
            weights = np.exp(scaled)
            plan = np.tensordot(weights / weights.sum(), candidates, 1)
        action: Array = plan[0].copy()
        self._plans[copy] = _at(plan, np.arange(KNOTS) + (KNOTS - 1) / self._steps)
        return action

    def _play(self, copy: int, candidates: Array) -> Array:
        """Return of every candidate over the horizon; nothing more after an end."""
        model = self._model
        model.imagine(self._real.moment(copy))
        running, returns = np.ones(CANDIDATES, np.bool_), np.zeros(CANDIDATES)
        times = np.arange(self._steps) * (KNOTS - 1) / self._steps
        controls = np.stack([_at(candidate, times) for candidate in candidates], 1)
        for control in controls:
            outcome = model.step(control)
            returns += np.where(running, outcome.reward, 0.0)
            running &= ~outcome.terminated
        return returns


def _at(knots: Array, times: Array) -> Array:
    """Linear interpolation of knots ``(KNOTS, motors)`` at times in knots; the last one is held."""
    low = np.clip(times.astype(int), 0, KNOTS - 2)
    part = np.clip(times - low, 0.0, 1.0)[:, None]
    return np.asarray(knots[low] * (1 - part) + knots[low + 1] * part)


def predictive_sampling(env: Any) -> SamplingPolicy:
    """Keeps the best of the candidates."""
    return SamplingPolicy(env.simulation, "best")


def mppi(env: Any) -> SamplingPolicy:
    """Averages the candidates by their returns."""
    return SamplingPolicy(env.simulation, "mppi")
