"""What a scenario's name stands for: a file, a task without one, or an environment made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.api.domain import Domain, Task
from sandbox.api.errors import SandboxError, UnknownNameError
from sandbox.external.names import is_external, module_of, scenario_document
from sandbox.registry.allowed import require_allowed
from sandbox.registry.discover import registry
from sandbox.scenarios.find import ScenarioEntry, entries_of_files, find, id_of_file
from sandbox.scenarios.yaml_guard import load_file


@dataclass(frozen=True, slots=True)
class Source:
    """A scenario before it is validated.

    Attributes:
        id: ``<domain>/<name>``.
        document: What a scenario file states.
        folder: Where relative paths start.
        path: The file, where it is one.
    """

    id: str
    document: Any
    folder: Path
    path: Path | None


def source_of(name: str, search: Sequence[Path] = (), wrap: Sequence[str] = ()) -> Source:
    """The scenario that a name stands for.

    Args:
        name: ``domain``, ``domain/name``, a file, ``gym:ID`` or ``pettingzoo:module``.
        search: Folders to look in first.
        wrap: Wrappers around an environment that is made elsewhere.

    Raises:
        UnknownNameError: With the nearest names.
        InvalidValueError: For a name with a module that the user has not allowed.
        SandboxError: If an environment made elsewhere cannot be made.
    """
    if is_external(name):
        for reference in filter(None, (module_of(name), *wrap)):
            require_allowed(reference, f"The scenario {name}")
        document = scenario_document(name, tuple(wrap))
        return Source(document["id"], document, Path.cwd(), None)
    try:
        path = find(name, search)
    except UnknownNameError:
        source = _of_task(name)
        if source is None:
            raise
        return source
    document = load_file(path)
    return Source(id_of_file(path, document), document, path.parent, path)


def tasks_without_file(files: Sequence[ScenarioEntry]) -> list[tuple[Domain, Task]]:
    """Tasks that none of the scenario files names; each is a scenario of its own name."""
    named = {entry.task for entry in files}
    return [
        (domain, task)
        for domain in registry().domains.working()
        for task in domain.tasks
        if f"{domain.name}/{task.name}" not in named
    ]


def document_of(domain: Domain, task: Task) -> dict[str, Any]:
    """The scenario of a task without a file: its default parameters, ranked by its first metric."""
    return {
        "title": task.title or task.name,
        "task": f"{domain.name}/{task.name}",
        "metric": task.metrics[0].name if task.metrics else "",
    }


def _of_task(name: str) -> Source | None:
    domain_name, _, task_name = name.partition("/")
    try:
        domain = registry().domain(domain_name)
    except SandboxError:
        return None
    wanted = name if task_name else domain.default_scenario
    for known, task in tasks_without_file(entries_of_files()):
        if known.name == domain.name and f"{domain.name}/{task.name}" == wanted:
            return Source(wanted, document_of(domain, task), Path.cwd(), None)
    return None
