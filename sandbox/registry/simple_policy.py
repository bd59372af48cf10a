"""Whatever acts, as a policy: a function of the observation, or an object with ``act``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import InvalidValueError
from sandbox.api.policy import Policy
from sandbox.api.types import Array, Element


def as_policy(given: Any) -> Policy:
    """A policy from anything that acts.

    Args:
        given: A `Policy`, which is returned as it is; an object with a method ``act``; or a function. What
            acts takes a batch of observations and, if it has parameters of these names, ``mask`` and
            ``deterministic``. A method ``reset`` is called with
            ``num_envs`` and ``seed``, if it has such parameters.

    Raises:
        InvalidValueError: If it is none of these.
    """
    if all(callable(getattr(given, name, None)) for name in ("reset", "act", "save")):
        policy: Policy = given
        if _names(given.act) >= {"mask", "deterministic"}:
            return policy
    act = getattr(given, "act", given)
    if not callable(act):
        raise InvalidValueError(
            f"A {type(given).__name__} cannot play: it has no method act, and it is no function."
        )
    return SimplePolicy(given, act)


class SimplePolicy:
    """Calls what acts with as much as it takes."""

    def __init__(self, given: Any, act: Callable[..., Any]) -> None:
        self._given, self._act = given, act
        self._takes = _names(act)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Tell it that episodes begin, where it wants to know."""
        reset = getattr(self._given, "reset", None)
        if callable(reset):
            known = {"num_envs": num_envs, "seed": seed}
            names = _names(reset)
            reset(**{name: value for name, value in known.items() if name in names})

    def act(
        self, observation: Element, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> Array:
        """Its actions."""
        known = {"mask": mask, "deterministic": deterministic}
        actions = self._act(observation, **{name: known[name] for name in known if name in self._takes})
        return np.asarray(actions)

    def save(self, directory: Path) -> None:
        """It lives in this process alone.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError


def _names(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # built-in functions may have none
        return set()
