"""Positions from moves, and environments of games."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox_games.config import SolvedConfig, VersusConfig
from sandbox_games.env import make, make_vec, make_versus
from sandbox_games.reward import PRESETS


def after(rules: Any, moves: Sequence[int]) -> Any:
    """The position after some moves, as a batch of one."""
    positions = rules.start(1)
    for move in moves:
        assert rules.legal(positions)[0, move], f"move {move} of {list(moves)} is not legal"
        positions = rules.play(positions, np.array([move]))
    return positions


def solved_env(**config: Any) -> Any:
    """A fresh environment of two agents."""
    return make(SolvedConfig(**config), PRESETS["outcome"])


def solved_batch(copies: int, **config: Any) -> Any:
    """Many copies of it."""
    return make_vec(SolvedConfig(**config), PRESETS["outcome"], copies)


def versus_env(**config: Any) -> Any:
    """A fresh environment of one agent against an opponent."""
    return make_versus(VersusConfig(**config), PRESETS["lawful"])
