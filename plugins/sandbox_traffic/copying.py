"""Copies of environments: SUMO's state cannot be copied, so a copy plays the episode again.

``copy.deepcopy`` and ``pickle`` make a new environment of the same parameters and replay the present episode
from its seed and actions. That takes as long as SUMO took; the copy then plays on exactly like the original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym


class Replayable(Protocol):
    """An environment whose state is its seed and its actions."""

    def get_state(self) -> dict[str, Any]:
        """The state."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Play to a state."""
        ...


def reduce_by_replay(
    env: Replayable, arguments: tuple[Any, ...]
) -> tuple[Callable[..., Replayable], tuple[Any, ...]]:
    """What ``__reduce__`` returns for an environment that was made with ``arguments``."""
    return restore, (type(env), arguments, _spaces(env), env.get_state())


def restore(
    make: Callable[..., Replayable],
    arguments: tuple[Any, ...],
    attributes: dict[str, Any],
    state: dict[str, Any],
) -> Replayable:
    """A new environment in a given state.

    Args:
        make: Its class.
        arguments: What it is made with.
        attributes: Attributes to set.
        state: What ``get_state`` returned.
    """
    env = make(*arguments)
    for name, value in attributes.items():
        setattr(env, name, value)
    env.set_state(state)
    return env


def _spaces(env: Replayable) -> dict[str, Any]:
    """Spaces, which have generators of their own, and Gymnasium's record of how the environment was made."""
    return {name: value for name, value in vars(env).items() if name == "spec" or _is_space(value)}


def _is_space(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(isinstance(space, gym.Space) for space in value.values())
    return isinstance(value, gym.Space)
