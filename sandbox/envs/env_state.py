"""The environments of a training run as data, and back: what `sandbox.api.Task.resume` promises.

An environment in ``state`` mode gives its state. One in ``replay`` mode has logged the seed and the
actions of its current episode, which are played again. In both, the stream of further episode seeds
goes on where it was.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api.errors import PluginError
from sandbox.api.types import Array, Element, Environment, Json


def get_state(env: Any) -> Json:
    """The state of an environment and of its generator.

    Raises:
        PluginError: If the environment has no ``get_state``.
    """
    try:
        state: Json = env.get_state()
    except AttributeError as error:
        raise PluginError(
            f'The task declares resume="state", but {type(env).__name__} has no get_state: {error}.'
        ) from error
    rng = _generator(env)
    return {"env": state, "np_random": rng.bit_generator.state if rng is not None else None}


def set_state(env: Any, state: Json) -> None:
    """Bring an environment, which must have been reset, into a state of `get_state`."""
    env.set_state(state["env"])
    rng = _generator(env)
    if state["np_random"] is not None and rng is not None:
        rng.bit_generator.state = state["np_random"]


def _generator(env: object) -> np.random.Generator | None:
    rng = getattr(env, "_np_random", None)
    return rng if isinstance(rng, np.random.Generator) else None


_COUNTERS = ("_elapsed_steps", "_has_reset")
_LAYER = "layer"

Counts = Json
"""What a wrapper counts, by attribute, and its layer."""


def wrapper_counters(env: Environment) -> list[Counts]:
    """What wrappers around an environment count, outermost first.

    Of Gymnasium's own their counters, of those here what their ``get_layer`` gives; a
    `sandbox.envs.multiagent.JointEnv` counts as a wrapper.
    """
    layers = []
    while isinstance(env, gym.Wrapper):
        layers.append(_counts(env))
        env = env.env
    return [*layers, _counts(env)]


def restore_counters(env: Environment, layers: list[Counts]) -> None:
    """Set what `wrapper_counters` gave."""
    layer: Any = env
    for counts in layers:
        for name, value in counts.items():
            if name == _LAYER:
                layer.set_layer(value)
            else:
                setattr(layer, name, value)
        layer = layer.env if isinstance(layer, gym.Wrapper) else None


def _counts(env: Environment) -> Counts:
    counts: Counts = {}
    if isinstance(env, gym.Wrapper):
        for name, value in vars(env).items():
            if name in _COUNTERS and isinstance(value, int | bool):
                counts[name] = value
    get_layer: Any = getattr(type(env), "get_layer", None)
    if get_layer is not None:
        counts[_LAYER] = get_layer(env)
    return counts


def copied(action: Element) -> Element:
    """An action that later changes of its arrays do not reach."""
    if isinstance(action, dict):
        return {key: copied(value) for key, value in action.items()}
    return np.array(action) if isinstance(action, np.ndarray) else action


def stacked(actions: list[Element]) -> Array | list[Element]:
    """Logged actions as one array where they are numbers."""
    if not actions or isinstance(actions[0], dict):
        return list(actions)
    return np.stack([np.asarray(action) for action in actions])


def same(first: Element, second: Element) -> bool:
    """Whether two observations are equal in every bit, NaN included."""
    if isinstance(first, dict):
        return isinstance(second, dict) and all(same(part, second.get(key)) for key, part in first.items())
    a, b = np.asarray(first), np.asarray(second)
    return bool(a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
