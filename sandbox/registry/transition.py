"""What the reward terms of a task are functions of: the fields of its transition."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from sandbox.api.domain import Task
from sandbox.api.lazy import Call
from sandbox.registry.resolve import presets_of, resolve

_ENTRY = re.compile(r"^ {4}(\w+(?:, \w+)*): (.*(?:\n {8}.*)*)", re.MULTILINE)


def transition_fields(task: Task) -> list[tuple[str, str]]:
    """Name and meaning of every field of a task's transition; empty where the task does not say.

    The class is `Task.transition`, or the annotation of what a batched core's ``step`` returns, or that of
    what the terms' functions take; meanings are those of the section ``Attributes`` of its docstring.
    """
    transition = _class(task)
    if transition is None:
        return []
    names = [field.name for field in fields(transition)] if is_dataclass(transition) else []
    names = names or list(getattr(transition, "__annotations__", {}))
    meanings = _attributes(inspect.getdoc(transition) or "")
    return [(name, meanings.get(name, "")) for name in names]


def _class(task: Task) -> Any:
    if task.transition is not None:
        return resolve(task.transition)
    make = resolve(task.make)
    if isinstance(make, Call) and make.function.startswith("sandbox.external."):
        from sandbox.external.single import Step

        return Step
    step = getattr(getattr(make, "core", None), "step", None)
    if step is not None and (returned := _hints(step).get("return")) is not None:
        return returned
    for spec in presets_of(task)[0].values():
        for term in spec.terms:
            names = list(inspect.signature(term.fn).parameters)
            function = term.fn if inspect.isroutine(term.fn) else type(term.fn).__call__
            if names and (taken := _hints(function).get(names[0])) is not None:
                return taken
    return None


def _hints(function: Callable[..., Any]) -> dict[str, type]:
    """The classes that a function's parameters and result are annotated with."""
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return {}
    return {name: hint for name, hint in hints.items() if inspect.isclass(hint)}


def _attributes(text: str) -> dict[str, str]:
    """The entries of a docstring's section ``Attributes``."""
    _, _, section = text.partition("Attributes:\n")
    meanings = {}
    for names, meaning in _ENTRY.findall(section):
        for name in names.split(", "):
            meanings[name] = " ".join(meaning.split())
    return meanings
