"""Metrics that are computed outside of a task's environment, from what it tells at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api.derived import DerivedMetrics
from sandbox.api.domain import Task
from sandbox.api.lazy import Call
from sandbox.api.metric import Metric
from sandbox.api.types import Element, Environment, Info, Reset, VectorEnvironment
from sandbox.envs.wrappers import AnyVectorWrapper


def derived_metrics(task: Task) -> list[Metric]:
    """The metrics of a task that its environment does not give itself."""
    added = [metric for extension in task.extensions for metric in extension.metrics]
    if isinstance(task.make, Call) and task.make.function.startswith("sandbox.external."):
        return added  # such an environment derives its own
    return [metric for metric in task.metrics if metric.from_term or metric.from_info]


class DerivedMetricsEnv(gym.Wrapper[Any, Any, Any, Any]):
    """Adds derived metrics to the info of an episode's last step."""

    def __init__(self, env: Environment, metrics: Sequence[Metric]) -> None:
        super().__init__(env)
        self._derived = DerivedMetrics(metrics, 1)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> Reset:
        """Begin an episode."""
        self._derived.begin()
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Element) -> tuple[Any, Any, bool, bool, Info]:
        """One step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._derived.add(one_row(info.get("reward_terms", {})), one_row(info))
        if terminated or truncated:
            derived = {name: float(values[0]) for name, values in self._derived.values().items()}
            info = info | {"metrics": {**derived, **info.get("metrics", {})}}
        return observation, reward, terminated, truncated, info

    def get_layer(self) -> Info:
        """What the present episode has gathered; see `sandbox.envs.env_state.wrapper_counters`."""
        return self._derived.get_state()

    def set_layer(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_layer` gave."""
        self._derived.set_state(state)


class DerivedMetricsVectorEnv(AnyVectorWrapper):
    """Adds derived metrics to the final infos of a native vector environment in SAME_STEP mode."""

    def __init__(self, env: VectorEnvironment, metrics: Sequence[Metric]) -> None:
        super().__init__(env)
        self._derived = DerivedMetrics(metrics, env.num_envs)

    def reset(self, *, seed: Any = None, options: Info | None = None) -> Reset:
        """Begin an episode everywhere."""
        self._derived.begin()
        return self.env.reset(seed=seed, options=options)

    def step(self, actions: Element) -> tuple[Any, Any, Any, Any, Info]:
        """One step of all rows."""
        observation, reward, terminated, truncated, info = self.env.step(actions)
        done = np.asarray(terminated) | np.asarray(truncated)
        final = info.get("final_info", {})
        if not done.any():
            self._derived.add(info.get("reward_terms", {}), info)
            return observation, reward, terminated, truncated, info
        # Where an episode has ended, what was told of its last step is in the final info.
        terms = _last(info.get("reward_terms", {}), final.get("reward_terms", {}), done)
        self._derived.add(terms, _last(info, final, done))
        metrics = dict(final.get("metrics", {}))
        for name, values in self._derived.values().items():
            metrics.setdefault(name, values)
            metrics.setdefault(f"_{name}", done)
        self._derived.begin(done)
        info = info | {"final_info": {**final, "metrics": metrics, "_metrics": done}}
        return observation, reward, terminated, truncated, info

    def get_layer(self) -> Info:
        """What the present episodes have gathered."""
        return self._derived.get_state()

    def set_layer(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_layer` gave."""
        self._derived.set_state(state)


def one_row(values: Mapping[str, Any]) -> Info:
    """Numbers of one environment as a batch of one; those of several agents keep their axis."""
    rows: Info = {}
    for name, value in values.items():
        array = np.asarray(value)
        if array.dtype.kind in "fiub" and array.ndim <= 1:
            rows[name] = array[None]
    return rows


def _last(current: Mapping[str, Any], final: Mapping[str, Any], done: Any) -> Info:
    """Values of the step just taken: the final ones where an episode has ended."""
    values: Info = {}
    for name in dict.fromkeys((*current, *final)):
        now, then = current.get(name), final.get(name)
        if name.startswith("_") or not isinstance(now if now is not None else then, np.ndarray):
            continue
        if now is None or then is None:
            values[name] = now if then is None else then
        elif now.shape == then.shape and now.dtype.kind in "fiub":
            values[name] = np.where(done.reshape(-1, *[1] * (now.ndim - 1)), then, now)
    return values
