"""Scenarios as plain data, without heavy imports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.scenarios.find import ScenarioEntry, entries_of_files
from sandbox.scenarios.source import document_of, tasks_without_file


def entries(search: Sequence[Path] = ()) -> list[ScenarioEntry]:
    """All scenarios: files on the search path, and tasks that none of them names."""
    files = entries_of_files(search)
    without_file = []
    for domain, task in tasks_without_file(files):
        document = document_of(domain, task)
        name, title, metric = document["task"], document["title"], document["metric"]
        without_file.append(ScenarioEntry(name, None, title, name, metric, task.agents))
    return sorted([*files, *without_file], key=lambda entry: entry.id)


if TYPE_CHECKING:
    from sandbox.api.types import Json


def list_scenarios() -> list[Json]:
    """Every readable scenario: ``id``, ``task``, ``title``, ``metric``, ``agents``."""
    return readable(entries())


def readable(listed: Sequence[ScenarioEntry]) -> list[Json]:
    """Those of the entries that can be used, as plain data."""
    return [
        {
            "id": entry.id,
            "task": entry.task,
            "title": entry.title,
            "metric": entry.metric,
            "agents": entry.agents,
        }
        for entry in listed
        if entry.error is None
    ]
