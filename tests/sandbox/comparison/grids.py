"""Grids of cells that cost next to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.comparison.suites import Suite

TOYS = Path(__file__).parents[2] / "toys"


def trivial(**changes: Any) -> Suite:
    """A suite of corridors with episodes of some steps only."""
    entry = {
        "id": "toy/corridor",
        "set": {"horizon": 50, "evaluation.episodes": 5, "evaluation.validations": 0},
    }
    given = {"scenarios": [entry], "agents": ["still"], "baselines": "none", "steps": 20, "seeds": 3}
    return Suite.model_validate({**given, **changes})
