"""The toy domain, loaded by path as a user would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.registry.discover import registry

TOYS = Path(__file__).parents[1] / "toys" / "plugin.py"


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the domain ``toy`` known for the test."""
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS))
    monkeypatch.delenv("SANDBOX_SCENARIOS", raising=False)
    registry.cache_clear()
    yield
    registry.cache_clear()


@pytest.fixture
def ddpg(toys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the algorithm ``ddpg`` known, a row of the SB3 catalogue that the package does not have."""
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{TOYS},{TOYS.with_name('ddpg.py')}")
    registry.cache_clear()
