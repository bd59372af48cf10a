"""The toy tasks and the cooperative games, in an empty working directory; one torch thread."""

from pathlib import Path

import pytest
import torch

from sandbox.registry.discover import registry

TOYS = Path(__file__).resolve().parents[3] / "toys"
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{TOYS / 'plugin.py'},{TOYS / 'cooperation.py'}")
    registry.cache_clear()
    yield
    registry.cache_clear()
