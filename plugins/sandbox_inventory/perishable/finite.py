"""A perishable item as a finite Markov decision process, on the grid of its exact solver."""

from __future__ import annotations

import numpy as np

from sandbox.api import FiniteModel, RewardSpec
from sandbox_inventory.core.finite import grid_model
from sandbox_inventory.perishable.config import PerishableConfig
from sandbox_inventory.perishable.model import Perishable


def finite_model(config: PerishableConfig, reward: RewardSpec) -> FiniteModel:
    """States: stock by remaining life, then orders on their way; actions 0, 1, ... units.

    Each of them is at most the largest order. The discount is that of the baseline ``optimal``.

    Raises:
        InvalidValueError: As `sandbox_inventory.core.finite.grid_model`.
    """
    system = Perishable(config)
    largest = int(system.orders.max_quantity[0])
    columns = config.life + system.pipeline_length
    quantities = np.arange(largest + 1)
    return grid_model(system, [0] * columns, [largest] * columns, quantities, reward, config.discount)
