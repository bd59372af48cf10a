"""Order-up-to rules of a supply network, with one level a node."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy, tuned_policy
from sandbox_inventory.network.model import Network


def positions(model: Network, state: State, echelon: bool) -> Array:
    """Inventory position of every node, shape ``(num_envs, nodes)``.

    Local: stock and units in transit to the node, less the backlog of its markets. Echelon: the sum of the
    local positions of the node and all nodes downstream.
    """
    local: Array = state["stock"] + state["in_transit"].sum(2) @ model.topology.inbound
    for market, node in enumerate(model.topology.market_nodes):
        local[:, node] -= state["backlog"][:, market]
    whole: Array = local @ model.topology.below.T
    return whole if echelon else local


def base_stock(model: Network, levels: Array, state: State, echelon: bool) -> Array:
    """Every node orders its position up to its level, in equal parts from its suppliers."""
    short = positive(levels - positions(model, state, echelon))
    parts: Array = short / np.maximum(model.topology.inbound.sum(0), 1.0)
    each: Array = parts[:, model.topology.target]
    return each


def _tuned(env: InventoryEnvironment, name: str, echelon: bool) -> RulePolicy:
    model: Network = env.core.model

    def rule(levels: Array, state: State) -> Array:
        return base_stock(model, levels, state, echelon)

    topology = model.topology
    mean = sum(mean_and_std(demand)[0] for demand in model.demands)
    periods = np.array(
        [topology.lead_times[topology.target == node].max() + 1.0 for node in range(len(topology.nodes))]
    )
    if echelon:
        periods = topology.below @ periods
    start = np.ceil(mean * periods).tolist()
    steps = [np.ceil(2 * model.scale)] * len(start)
    low = [0.0] * len(start)
    return tuned_policy(env, f"network-{name}", rule, start, steps, low=low, periods=10_000)


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Local base-stock levels, optimised."""
    return _tuned(env, "base-stock", echelon=False)


def make_echelon(env: InventoryEnvironment) -> RulePolicy:
    """Echelon base-stock levels, optimised."""
    return _tuned(env, "echelon-base-stock", echelon=True)
