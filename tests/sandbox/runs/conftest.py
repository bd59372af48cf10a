"""The toy domain and an algorithm that only waits; run directories that version 0.1 wrote."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.registry.discover import registry

TESTS = Path(__file__).parents[2]


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the domain ``toy`` and the algorithm ``still`` known."""
    toys = TESTS / "toys"
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{toys / 'plugin.py'},{toys / 'still.py'}")
    monkeypatch.delenv("SANDBOX_SCENARIOS", raising=False)
    registry.cache_clear()
    yield
    registry.cache_clear()


@pytest.fixture
def old(tmp_path: Path, still: None) -> Path:
    """A copy of the run directories of version 0.1, by kind."""
    return Path(shutil.copytree(TESTS / "fixtures" / "runs-0.1", tmp_path / "old"))
