"""The state of a core as plain data: what it gives itself, its attributes, or its episodes played again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from itertools import zip_longest
from types import ModuleType
from typing import Any, Literal, Protocol

import gymnasium as gym
import numpy as np
from pydantic import BaseModel

from sandbox.api.batch.rows import Rows
from sandbox.api.batch.types import Array, Core, Info
from sandbox.api.errors import PluginError
from sandbox.api.reward import RewardSpec

Restore = Literal["state", "replay"]

_KEPT_FOR_THE_CORE = ("rngs", "render_mode", "active")


class Keeper(Protocol):
    """Takes and restores the state of a core."""

    def began(self, rows: Array) -> None:
        """Episodes are about to begin in some rows."""
        ...

    def stepped(self, actions: Array) -> None:
        """A step with these actions is about to be taken."""
        ...

    def get(self) -> Info:
        """The state, as `sandbox.api.write_state` takes it."""
        ...

    def set(self, state: Mapping[str, Any]) -> None:
        """Go back to a state; generators are restored by the caller, afterwards."""
        ...


def keeper_of(rows: Rows, restore: Restore) -> Keeper:
    """What restores a core in the way that its author chose."""
    return ReplayKeeper(rows) if restore == "replay" else StateKeeper(rows)


def upgraded(core: Core, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """An environment's state, brought from the form of an earlier version of the plugin to today's."""
    current: Mapping[str, Any] = core.upgrade_state(state) if hasattr(core, "upgrade_state") else state
    return current


class StateKeeper:
    """By ``get_state`` and ``set_state`` of the core, or else by its attributes.

    Args:
        rows: The rows.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows, self._core = rows, rows.core
        self._own = hasattr(self._core, "get_state") and hasattr(self._core, "set_state")
        self._begun = False

    def began(self, rows: Array) -> None:
        """Note that there are episodes."""
        self._begun = True

    def stepped(self, actions: Array) -> None:
        """Nothing to note."""

    def get(self) -> Info:
        """The core's own state, or a copy of its attributes."""
        state: Info = self._core.get_state() if self._own else attributes(self._core)
        return state

    def set(self, state: Mapping[str, Any]) -> None:
        """Give the state back to the core."""
        if self._own:
            self._core.set_state(state)
            return
        if not self._begun:  # what a core makes when episodes begin, such as references to its generators
            self._rows.begin(np.arange(self._rows.num_envs))
            self._begun = True
        for name, value in state.items():
            setattr(self._core, name, _unpacked(getattr(self._core, name, None), value))


class ReplayKeeper:
    """By playing the present episodes again, from their generators and their actions.

    For cores whose simulator cannot save itself. Rows step together, so the log goes back to the row
    whose episode is the oldest; a row whose episode is younger plays anything until it began.

    Args:
        rows: The rows.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._actions: list[Array] = []
        self._starts = np.zeros(rows.num_envs, np.int64)
        """Index in ``_actions`` of the first action of each row's episode."""
        self._generators: list[Info] = [{} for _ in range(rows.num_envs)]
        """State of each row's generator when its episode began; empty before the first."""

    def began(self, rows: Array) -> None:
        """Note the generators, and forget actions that no episode needs any more."""
        for row in rows.tolist():
            self._generators[row] = self._rows.core.rngs[row].bit_generator.state
        self._starts[rows] = len(self._actions)
        if (first := int(self._starts.min())) > 0:
            del self._actions[:first]
            self._starts -= first

    def stepped(self, actions: Array) -> None:
        """Note the actions."""
        self._actions.append(np.array(actions))

    def get(self) -> Info:
        """Generators, starts and actions of the present episodes."""
        actions = np.stack(self._actions) if self._actions else None
        return {"generators": deepcopy(self._generators), "starts": self._starts.copy(), "actions": actions}

    def set(self, state: Mapping[str, Any]) -> None:
        """Play the episodes of a state again."""
        self._generators = deepcopy(list(state["generators"]))
        self._starts = np.array(state["starts"])
        self._actions = [] if state["actions"] is None else [np.array(step) for step in state["actions"]]
        if not all(self._generators):
            return
        self._begin(np.arange(self._rows.num_envs))
        for time, actions in enumerate(self._actions):
            if time:
                self._begin(np.flatnonzero(self._starts == time))
            self._begin(np.flatnonzero(self._rows.replay(actions)))
        if self._actions:
            self._begin(np.flatnonzero(self._starts == len(self._actions)))

    def _begin(self, rows: Array) -> None:
        for row in rows.tolist():
            self._rows.core.rngs[row].bit_generator.state = self._generators[row]
        if len(rows):
            self._rows.begin(rows)


def attributes(core: Core) -> Info:
    """Copies of the attributes of a core that may change.

    Raises:
        PluginError: For an attribute that may hold state and cannot be saved.
    """
    state: Info = {}
    for name, value in vars(core).items():
        if name in _KEPT_FOR_THE_CORE or _is_constant(value):
            continue
        if not _is_plain(value):
            raise PluginError(
                f"The attribute '{name}' of {type(core).__name__} is a {type(value).__name__}, which cannot "
                "be saved by itself.",
                "Give the core get_state() and set_state(state), or use batched(Core, restore='replay').",
            )
        state[name] = _packed(value)
    return state


def _is_constant(value: Any) -> bool:
    """What is not part of the state: configuration, spaces, functions, generators, read-only arrays."""
    if isinstance(value, np.ndarray):
        return not value.flags.writeable
    if isinstance(value, list | tuple | dict):
        items = value.values() if isinstance(value, dict) else value
        return bool(value) and all(_is_constant(item) for item in items)
    constants = (BaseModel, RewardSpec, gym.Space, np.random.Generator, type, ModuleType)
    return inspect.isroutine(value) or isinstance(value, constants)


def _fields(value: Any) -> Info | None:
    """What a dataclass holds and may change; None for anything else."""
    if not is_dataclass(value):
        return None
    held = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: item for name, item in held.items() if not _is_constant(item)}


def _is_plain(value: Any) -> bool:
    if (held := _fields(value)) is not None:
        return all(map(_is_plain, held.values()))
    if isinstance(value, np.ndarray | np.generic):
        return not value.dtype.hasobject
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    return value is None or isinstance(value, bool | int | float | str)


def _packed(value: Any) -> Any:
    if (held := _fields(value)) is not None:
        value = held
    if isinstance(value, dict):
        return {key: _packed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    return np.array(value) if isinstance(value, np.ndarray | np.generic) else value


def _unpacked(before: Any, value: Any) -> Any:  # noqa: PLR0911 - one per kind
    """A packed value, a copy, in the type that the attribute has."""
    if is_dataclass(before) and not isinstance(before, type) and isinstance(value, dict):
        held = {name: _unpacked(getattr(before, name), item) for name, item in value.items()}
        return replace(before, **held)
    if isinstance(value, dict):
        known = before if isinstance(before, dict) else {}
        return {key: _unpacked(known.get(key), item) for key, item in value.items()}
    if isinstance(value, list):
        likes = list(before) if isinstance(before, list | tuple) else []
        items = [_unpacked(like, item) for like, item in zip_longest(likes[: len(value)], value)]
        if isinstance(before, tuple):
            return type(before)(*items) if hasattr(before, "_fields") else tuple(items)
        return items
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim == 0 and before is not None and not isinstance(before, np.ndarray):
        return value[()] if isinstance(before, np.generic) else value.item()
    return np.array(value)
