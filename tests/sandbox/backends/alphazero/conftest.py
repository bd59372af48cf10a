"""Makes the helpers of these tests importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("torch")
pytest.importorskip("pettingzoo")
sys.path.insert(0, str(Path(__file__).parent))
