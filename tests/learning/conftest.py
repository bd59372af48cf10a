"""The toys, in an empty working directory; one torch thread, as small networks want it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sandbox.registry.allowed import allow_modules
from sandbox.registry.discover import registry

TESTS = Path(__file__).resolve().parents[1]
TOYS = TESTS / "toys"
BACKENDS = TESTS / "sandbox" / "backends"
SHARED = ("alphazero", "reinforce", "tabular")
"""Backends whose helpers are used here as well."""

sys.path += [str(folder) for folder in (TOYS, Path(__file__).parent, *(BACKENDS / name for name in SHARED))]


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The toy tasks, the cooperative games, and a model and a goal of a user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{TOYS / 'plugin.py'},{TOYS / 'cooperation.py'}")
    monkeypatch.delenv("SANDBOX_SCENARIOS", raising=False)
    allow_modules(["known_generation"])
    registry.cache_clear()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    registry.cache_clear()
