"""Scenarios as plain data, without heavy imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.scenarios.find import entries

if TYPE_CHECKING:
    from sandbox.api.types import Json


def list_scenarios() -> list[Json]:
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
