"""Base-stock for one warehouse with retailers."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import (
    InventoryEnvironment,
    RulePolicy,
    alike,
    best_parameters,
    with_parameters,
)
from sandbox_inventory.warehouse.model import Warehouse


def echelon_base_stock(parameters: Array, state: State) -> Array:
    """(S_w, S_r …): the warehouse raises the system's position to S_w, each retailer its own to its level.

    A single retailer level stands for all retailers.
    """
    retailers = state["net"] + state["in_transit"].sum(1)
    system = state["warehouse"] + state["inbound"].sum(1) + retailers.sum(1)
    return positive(np.concatenate([parameters[:, :1] - system[:, None], parameters[:, 1:] - retailers], 1))


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """An echelon level at the warehouse, and one for each kind of retailer; all optimised.

    The search first moves the safety stocks of all retailers together, then each kind's level.
    """
    model: Warehouse = env.core.model
    kinds = alike(model.demands, model.lead_times.tolist())
    members = [kinds.index(kind) for kind in range(max(kinds) + 1)]
    periods = model.lead_times + 1
    mean, deviation = model.means * periods, np.maximum(model.stds, 0.1) * np.sqrt(periods)
    system = float(np.ceil((model.means * (model.config.warehouse_lead_time + periods)).sum()))
    step = max(float(np.ceil(model.scale)), float(np.ceil(np.sqrt((model.stds**2).sum()) / 2)))

    def together(parameters: Array, state: State) -> Array:
        levels = np.rint(mean + parameters[:, 1:] / 4 * deviation)
        return echelon_base_stock(np.concatenate([parameters[:, :1], levels], 1), state)

    def each(parameters: Array, state: State) -> Array:
        levels = parameters[:, 1:][:, kinds]
        return echelon_base_stock(np.concatenate([parameters[:, :1], levels], 1), state)

    start, _ = best_parameters(
        env, "warehouse-base-stock-together", together, [system, 4.0], [step, 2.0], periods=20_000, version=4
    )
    levels = np.rint(mean + start[1] / 4 * deviation)[members]
    steps = np.maximum(np.ceil(deviation[members] / 4), 1)
    best, cost = best_parameters(
        env,
        "warehouse-base-stock",
        each,
        [float(start[0]), *levels],
        [step, *steps],
        low=[0.0] * (1 + len(members)),
        version=3,
    )
    values = [float(best[0]), *best[1:][kinds].tolist()]
    return RulePolicy(env, with_parameters(each, best), {"values": values, "cost": cost})
