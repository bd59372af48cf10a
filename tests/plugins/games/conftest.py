"""Makes the helpers of the games tests importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("pyspiel")
pytest.importorskip("pettingzoo")
sys.path.insert(0, str(Path(__file__).parent))
