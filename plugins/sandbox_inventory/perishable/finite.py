"""A perishable item as a finite Markov decision process, on the grid of its exact solver."""

from __future__ import annotations

import numpy as np

from sandbox.api import FiniteModel, RewardSpec
from sandbox_inventory.core.finite import grid_model
from sandbox_inventory.perishable.config import PerishableConfig
from sandbox_inventory.perishable.model import Perishable


def finite_model(config: PerishableConfig, reward: RewardSpec) -> FiniteModel:
    """States: stock by remaining life, then orders on their way; actions 0, 1, ... units.

    Stock of an age is at most what can arrive together. The discount is that of the baseline ``optimal``.

    Raises:
        InvalidValueError: As `sandbox_inventory.core.finite.grid_model`.
    """
    system = Perishable(config)
    highest, quantities = system.highest, np.arange(int(system.orders.max_quantity[0]) + 1)
    return grid_model(system, [0] * len(highest), highest, quantities, reward, config.discount)
