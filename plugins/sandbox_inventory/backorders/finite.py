"""One item with backorders as a finite Markov decision process, around its exact (s, S)."""

from __future__ import annotations

import numpy as np

from sandbox.api import FiniteModel, RewardSpec
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.backorders.exact import optimal, problem
from sandbox_inventory.backorders.model import Backorders
from sandbox_inventory.core.finite import grid_model

PERIODS_BELOW = 4
"""Periods of the largest demand below the least position that the optimum lets stand."""


def finite_model(config: BackordersConfig, reward: RewardSpec) -> FiniteModel:
    """States: net stock, then orders on their way; actions 0, 1, ... units.

    Net stock reaches from far below the reorder point to an order above the optimal level: a policy that
    would leave this range is not optimal.

    Raises:
        InvalidValueError: As `sandbox_inventory.core.finite.grid_model`.
    """
    system = Backorders(config)
    largest = int(system.orders.max_quantity[0])
    item = problem(config, reward.weights, largest)
    levels, table, _ = optimal(item)
    if table is not None:  # orders are too limited for (s, S)
        reorder, top = int(table.low[0]), int(table.low[0]) + table.orders.shape[1] - 1
    else:
        reorder, top = levels or (0, 0)
    least = min(reorder, int(config.initial_stock)) - PERIODS_BELOW * (system.longest + 1) * item.largest
    most = max(top, int(config.initial_stock)) + largest
    pipeline = system.pipeline_length
    quantities = np.arange(largest + 1)
    return grid_model(system, [least, *[0] * pipeline], [most, *[largest] * pipeline], quantities, reward)
