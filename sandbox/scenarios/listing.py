"""Scenarios as plain data, without heavy imports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.scenarios.find import ScenarioEntry, entries_of_files
from sandbox.scenarios.source import document_of, tasks_without_file


def entries(search: Sequence[Path] = ()) -> list[ScenarioEntry]:
    """All scenarios: files on the search path, and tasks that none of them names."""
    own = []
    for domain, task in tasks_without_file(search):
        document = document_of(domain, task)
        name, title, metric = document["task"], document["title"], document["metric"]
        own.append(ScenarioEntry(name, None, title, name, metric, task.agents))
    return sorted([*entries_of_files(search), *own], key=lambda entry: entry.id)


def list_scenarios() -> list[dict[str, Any]]:
    """Every readable scenario: ``id``, ``task``, ``title``, ``metric``, ``agents``."""
    return [
        {
            "id": entry.id,
            "task": entry.task,
            "title": entry.title,
            "metric": entry.metric,
            "agents": entry.agents,
        }
        for entry in entries()
        if entry.error is None
    ]
