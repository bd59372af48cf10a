"""Scenarios as plain data, without heavy imports."""

from __future__ import annotations

from typing import Any

from sandbox.scenarios.find import entries


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
