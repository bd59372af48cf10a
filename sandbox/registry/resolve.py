"""Objects behind ``"module:attribute"`` strings, and what is missing to use them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from functools import cache
from typing import Any

from sandbox.api.algorithm import Algorithm
from sandbox.api.domain import Domain, Task
from sandbox.api.errors import MissingExtraError, PluginError
from sandbox.api.lazy import Lazy
from sandbox.api.reward import RewardSpec


def resolve(reference: Any) -> Any:
    """The object behind a ``"module:attribute"`` string or a `Lazy`; anything else is returned as it is.

    Raises:
        PluginError: If the module or the attribute does not exist.
        MissingExtraError: If the module needs a package that is not installed.
    """
    if isinstance(reference, Lazy):
        return reference.get()
    if not isinstance(reference, str):
        return reference
    module_name, _, attribute = reference.partition(":")
    try:
        target: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or missing == module_name.partition(".")[0]:
            raise PluginError(f"'{reference}' cannot be imported: {error}") from error
        raise MissingExtraError(f"'{reference}'", [missing], None) from error
    for part in attribute.split("."):
        try:
            target = getattr(target, part)
        except AttributeError as error:
            raise PluginError(f"'{reference}' does not exist: {error}") from error
    return target


def presets_of(task: Task) -> tuple[Mapping[str, RewardSpec], str]:
    """The reward presets of a task by name, and the name of the default one."""
    presets: Mapping[str, RewardSpec] = resolve(task.rewards)
    return presets, task.default_reward or next(iter(presets))


def missing_modules(requires: tuple[str, ...]) -> list[str]:
    """Those of ``requires`` that are not installed, found without importing them."""
    return [name for name in requires if not _is_installed(name)]


def require(plugin: Domain | Algorithm, *, to_play: bool = False) -> None:
    """Refuse a plugin whose packages are missing.

    Args:
        plugin: What is to be used.
        to_play: Whether an algorithm is needed for a policy that it has trained already, which may need less.

    Raises:
        MissingExtraError: Names the packages and the command that installs them.
    """
    needed = plugin.requires
    if to_play and isinstance(plugin, Algorithm) and plugin.load_requires is not None:
        needed = plugin.load_requires
    missing = missing_modules(needed)
    if missing:
        kind = "domain" if isinstance(plugin, Domain) else "algorithm"
        raise MissingExtraError(f"The {kind} '{plugin.name}'", missing, plugin.extra)


@cache
def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
