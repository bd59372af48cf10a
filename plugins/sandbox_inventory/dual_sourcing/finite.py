"""Dual sourcing as a finite Markov decision process, on the grid of its exact solver."""

from __future__ import annotations

import numpy as np

from sandbox.api import FiniteModel, RewardSpec
from sandbox_inventory.core.finite import grid_model
from sandbox_inventory.dual_sourcing.config import DualSourcingConfig
from sandbox_inventory.dual_sourcing.model import make
from sandbox_inventory.dual_sourcing.rules import solved


def finite_model(config: DualSourcingConfig, reward: RewardSpec) -> FiniteModel:
    """States (net stock, regular orders on their way), actions (expedited, regular).

    Backlog and stock have the bounds at which the exact solver's cost no longer changes.

    Raises:
        InvalidValueError: As `sandbox_inventory.core.finite.grid_model` and the solver.
    """
    env = make(config, reward)
    solution, quantities = solved(env)
    high = solution.low + np.asarray(solution.sizes) - 1
    return grid_model(env.core.model, solution.low.tolist(), high.tolist(), quantities, reward)
