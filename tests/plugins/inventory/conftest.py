"""Solvers' results are kept in a folder of the test session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from or written to the user's cache."""
    before = os.environ.get("SANDBOX_INVENTORY_CACHE")
    os.environ["SANDBOX_INVENTORY_CACHE"] = str(tmp_path_factory.mktemp("solved"))
    yield
    if before is None:
        del os.environ["SANDBOX_INVENTORY_CACHE"]
    else:
        os.environ["SANDBOX_INVENTORY_CACHE"] = before
