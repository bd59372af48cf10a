"""The content hash of a scenario: its parameters, the task's version and the input files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.registry.allowed import names_something
from sandbox.registry.extend import terms_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sandbox.api.domain import Task
    from sandbox.api.extension import Extension, Observation
    from sandbox.api.metric import Metric
    from sandbox.api.types import Json


def add_extensions(content: Json, task: Task, metric: Metric, observation: Observation | None) -> None:
    """Put into the content of a scenario what extensions have to do with its numbers.

    A term of an extension that weighs nothing does not take part: what is installed beside a task must
    not make its scenarios others.

    Args:
        content: What is hashed.
        task: The scenario's task.
        metric: What ranks agents.
        observation: What is observed in place of the environment's own observation.
    """
    weights = content["reward"]
    used = {
        extension.name: extension.version for extension in taking_part(task, weights, metric, observation)
    }
    for extension in task.extensions:
        for term in terms_of(extension):
            if not weights.get(term.name):
                weights.pop(term.name, None)
    if observation is not None:
        content["observe"] = observation.name
    if used:
        content["extensions"] = used


def taking_part(
    task: Task, weights: Mapping[str, float], metric: Metric, observation: Observation | None
) -> tuple[Extension, ...]:
    """The extensions of a task that have to do with a scenario's numbers."""
    return tuple(
        extension
        for extension in task.extensions
        if metric in extension.metrics
        or observation in extension.observations
        or any(weights.get(term.name) for term in terms_of(extension))
    )


def code_names(model: type[BaseModel], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of the values given for fields that name code, those that name a module, each with its field.

    In a mapping of arguments these are all texts that may be paths or name something in a module.
    """
    from sandbox.api.scenario import CodeName

    found = []
    for name, info in model.model_fields.items():
        mark = next((extra for extra in info.metadata if isinstance(extra, CodeName)), None)
        given = values.get(name)
        if mark is None or given is None:
            continue
        if isinstance(given, Mapping):
            found += [(name, text) for text in _texts(given) if names_something(text)]
            continue
        for reference in [given] if isinstance(given, str) else given:
            if isinstance(reference, str) and (mark.module or ":" in reference):
                found.append((name, reference))
    return found


def _texts(value: Any) -> Iterator[str]:
    """All texts in nested plain data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)
