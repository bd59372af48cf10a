"""A grid of cheap cells: the toy domain and an algorithm that only waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from grids import TOYS

from sandbox.registry.discover import registry


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the domain ``toy`` and the algorithm ``still`` known."""
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{TOYS / 'plugin.py'},{TOYS / 'still.py'}")
    monkeypatch.delenv("SANDBOX_SCENARIOS", raising=False)
    registry.cache_clear()
    yield
    registry.cache_clear()
