"""References that begin with a dot mean a module beside the plugin's own: ``".env:make"``."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

Plugin = TypeVar("Plugin")

_RELATIVE = re.compile(r"\.+[\w.]*:[\w.]+")


def absolute(plugin: Plugin, package: str) -> Plugin:
    """A plugin whose relative references name modules of a package.

    Args:
        plugin: A dataclass of `sandbox.api`, with others in it.
        package: That of the module which defines it; empty for a module outside of any.
    """
    changed = {}
    for field in fields(plugin):  # type: ignore[arg-type]
        value = getattr(plugin, field.name)
        resolved = _resolved(value, package)
        if resolved is not value:
            changed[field.name] = resolved
    return replace(plugin, **changed) if changed else plugin  # type: ignore[type-var]


def _resolved(value: Any, package: str) -> Any:
    """A field's value, itself where nothing in it is relative."""
    if isinstance(value, str):
        return _reference(value, package) if value.startswith(".") and _RELATIVE.fullmatch(value) else value
    if isinstance(value, tuple):
        items = tuple(_resolved(item, package) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        entries = {key: _resolved(item, package) for key, item in value.items()}
        return entries if any(entries[key] is not value[key] for key in value) else value
    if is_dataclass(value) and not isinstance(value, type):
        return absolute(value, package)
    return value


def _reference(reference: str, package: str) -> str:
    module, _, attribute = reference.partition(":")
    if not package:
        return f"{module.lstrip('.')}:{attribute}"
    return f"{importlib.util.resolve_name(module, package)}:{attribute}"
