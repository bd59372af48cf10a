"""The toy domain and an algorithm whose best setting is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.registry.discover import registry

TOYS = Path(__file__).parents[2] / "toys"


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the domain ``toy`` and the algorithm ``still`` known."""
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{TOYS / 'plugin.py'},{TOYS / 'still.py'}")
    monkeypatch.delenv("SANDBOX_SCENARIOS", raising=False)
    registry.cache_clear()
    yield
    registry.cache_clear()
