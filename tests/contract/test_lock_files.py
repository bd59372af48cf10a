"""Shipped lock files hold all tasks of their domain at their versions; `locked` compares the episodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.registry.discover import registry
from sandbox.runs.code import LOCK

PLUGINS = Path(__file__).parents[2] / "plugins"
LOCKED = {path.parent.name.removeprefix("sandbox_"): path for path in PLUGINS.glob(f"*/{LOCK}")}


def test_domains_whose_dynamics_are_ours_alone_ship_a_lock_file() -> None:
    assert {"bandits", "chip", "games", "inventory"} <= set(LOCKED)


@pytest.mark.parametrize("domain", sorted(LOCKED))
def test_a_shipped_lock_file_holds_every_task_at_its_version(domain: str) -> None:
    entries = json.loads(LOCKED[domain].read_text())
    versions = {f"{domain}/{task.name}": task.version for task in registry().domain(domain).tasks}
    assert {name: entry["version"] for name, entry in entries.items()} == versions
