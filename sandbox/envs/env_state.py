"""The environments of a training run as data, and back: what `sandbox.api.Task.resume` promises.

A copy in ``state`` mode gives its state. One in ``replay`` mode has logged the seed and the actions of
its current episode, which are played again. In both, the stream of further episode seeds goes on
where it was. The functions here find the copies behind whatever wraps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api.errors import PluginError


def _get_state(env: Any) -> dict[str, Any]:
    try:
        state: dict[str, Any] = env.get_state()
    except AttributeError as error:
        raise PluginError(
            f'The task declares resume="state", but {type(env).__name__} has no get_state: {error}.'
        ) from error
    rng = _generator(env)
    return {"env": state, "np_random": rng.bit_generator.state if rng is not None else None}


def _set_state(env: Any, state: Mapping[str, Any]) -> None:
    env.set_state(state["env"])
    rng = _generator(env)
    if state["np_random"] is not None and rng is not None:
        rng.bit_generator.state = state["np_random"]


def _generator(env: Any) -> np.random.Generator | None:
    rng = getattr(env, "_np_random", None)
    return rng if isinstance(rng, np.random.Generator) else None


_COUNTERS = ("_elapsed_steps", "_has_reset")


def _layers(env: Any) -> list[dict[str, Any]]:
    """What Gymnasium's own wrappers around an environment count, outermost first."""
    layers = []
    while isinstance(env, gym.Wrapper):
        layers.append(
            {
                name: value
                for name, value in vars(env).items()
                if name in _COUNTERS and isinstance(value, int | bool)
            }
        )
        env = env.env
    return layers


def _restore_layers(env: Any, layers: list[dict[str, Any]]) -> None:
    for counts in layers:
        for name, value in counts.items():
            setattr(env, name, value)
        env = env.env


def _copied(action: Any) -> Any:
    if isinstance(action, dict):
        return {key: _copied(value) for key, value in action.items()}
    return np.array(action) if isinstance(action, np.ndarray) else action


def _stacked(actions: list[Any]) -> Any:
    """Logged actions as one array where they are numbers."""
    if not actions or isinstance(actions[0], dict):
        return list(actions)
    return np.stack([np.asarray(action) for action in actions])


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return isinstance(other, dict) and all(_same(part, other.get(key)) for key, part in one.items())
    a, b = np.asarray(one), np.asarray(other)
    return bool(a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
