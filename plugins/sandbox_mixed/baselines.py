"""Controllers as policies, for any environment whose core has `Traffic`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sandbox.api.types import Array
from sandbox_mixed.config import ControlConfig
from sandbox_mixed.controllers import AdaptiveCruise, FollowerStopper, ProportionalIntegral
from sandbox_mixed.kernels import Floats
from sandbox_mixed.lanes import Local, Traffic


class Core(Protocol):
    """What controllers need of a core."""

    traffic: Traffic
    config: ControlConfig
    human: bool


Rule = Callable[[Local], Floats]
"""Accelerations of automated vehicles, m/s², shape ``(rows, k)``."""


class Controller:
    """A rule as a policy; see `sandbox.api.Policy`.

    Args:
        core: What is driven.
        make_rule: Makes the rule when episodes begin.
    """

    def __init__(self, core: Core, make_rule: Callable[[], Rule]) -> None:
        self._core, self._make_rule = core, make_rule
        self._rule = make_rule()

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget what was remembered."""
        self._rule = self._make_rule()

    def act(self, observation: Any, mask: Array | None = None, deterministic: bool = True) -> Array:
        """Accelerations as shares of the greatest, one row an environment or an agent."""
        wanted = self._core.traffic.actions(self._rule(self._core.traffic.local()))
        return np.clip(wanted, -1.0, 1.0).astype(np.float32).reshape(len(observation), -1)

    def save(self, directory: Path) -> None:
        """Baselines are made from their environment, not saved.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not saved")


class HumanDriver(Controller):
    """Leaves automated vehicles to the human model, with its noise and without a bound on the action."""

    def __init__(self, core: Core) -> None:
        super().__init__(core, lambda: lambda local: np.zeros_like(local.speed))

    def act(self, observation: Any, mask: Array | None = None, deterministic: bool = True) -> Array:
        """Zeros; the human model drives until the next decision."""
        self._core.human = True
        speeds = self._core.traffic.local().speed
        return np.zeros(speeds.size, np.float32).reshape(len(observation), -1)


def speed_tracking(command: Callable[[Local], Floats], interval: float) -> Rule:
    """Accelerations that reach a commanded speed at the next decision."""
    return lambda local: (command(local) - local.speed) / interval


def human(env: Any) -> Controller:
    """All vehicles follow the human model."""
    return HumanDriver(env.core)


def follower_stopper(env: Any) -> Controller:
    """FollowerStopper at the core's speed for it."""
    core, law = env.core, FollowerStopper()
    return Controller(
        core,
        lambda: speed_tracking(
            lambda local: law(local, core.follower_stopper_speed()[:, None]), core.traffic.interval
        ),
    )


def pi_saturation(env: Any) -> Controller:
    """The PI controller with saturation and its published constants."""
    return _pi(env, ProportionalIntegral())


def pi_tuned(env: Any) -> Controller:
    """The PI controller with saturation and the task's tuned constants."""
    return _pi(env, env.core.pi_saturation)


def _pi(env: Any, law: ProportionalIntegral) -> Controller:
    core = env.core

    def make_rule() -> Rule:
        last: list[Floats] = []

        def command(local: Local) -> Floats:
            last[:] = [law(local, last[0] if last else local.speed)]
            return last[0]

        return speed_tracking(command, core.traffic.interval)

    return Controller(core, make_rule)


def adaptive_cruise(env: Any) -> Controller:
    """Adaptive cruise control with the task's tuned gains."""
    core = env.core
    law: AdaptiveCruise = core.adaptive_cruise
    return Controller(core, lambda: law)
