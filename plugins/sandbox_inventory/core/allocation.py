"""Sharing of scarce stock among customers."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array


def proportional_shares(ordered: Array, available: Array) -> Array:
    """Real shares in proportion to the orders, at most the orders, shape ``(num_envs, customers)``.

    Args:
        ordered: Shape ``(num_envs, customers)``, units.
        available: Shape ``(num_envs,)``, units.
    """
    part = np.minimum(available / np.maximum(ordered.sum(1), 1e-12), 1.0)
    share: Array = ordered * part[:, None]
    return share


def whole_shares(share: Array, ordered: Array, total: Array) -> Array:
    """Whole shares that sum to ``total``: the shares with the largest remainders are rounded up.

    Args:
        share: Real shares, shape ``(num_envs, customers)``, units.
        ordered: Largest share of each customer.
        total: Whole units to distribute, shape ``(num_envs,)``.
    """
    floor = np.floor(share + 1e-9)
    rest = np.rint(total - floor.sum(1))
    remainder = np.where(floor < ordered, share - floor, -1.0)
    rank = np.argsort(np.argsort(-remainder, 1, "stable"), 1, "stable")
    result: Array = np.minimum(floor + (rank < rest[:, None]), ordered)
    return result


def lowest_first_shares(ordered: Array, available: Array, position: Array) -> Array:
    """Real shares that raise the lowest positions first, to a common level, at most by the order.

    Args:
        ordered: Shape ``(num_envs, customers)``, units.
        available: Shape ``(num_envs,)``, units.
        position: Customers' inventory positions before the shipment, shape ``(num_envs, customers)``.
    """
    low, high = position.min(1), (position + ordered).max(1)
    for _ in range(50):  # bisection of the common level
        level = (low + high) / 2
        used = np.clip(level[:, None] - position, 0, ordered).sum(1)
        low, high = np.where(used <= available, level, low), np.where(used <= available, high, level)
    result: Array = np.clip(low[:, None] - position, 0, ordered)
    return result


def full_loads(ordered: Array, capacity: float, limits: Array) -> Array:
    """Whole quantities that fill whole trucks: as many as the orders come nearest to, shared in proportion.

    Args:
        ordered: Whole orders, shape ``(num_envs, items)``, units.
        capacity: Units of a truck, a whole number.
        limits: Largest quantity of each item, shape ``(items,)``, units.
    """
    most = np.where(ordered > 0, limits, 0.0)
    total = ordered.sum(1)
    loads = np.minimum(np.floor(total / capacity + 0.5), np.floor(most.sum(1) / capacity))
    target = loads * capacity
    low, high = np.zeros(len(ordered)), np.full(len(ordered), float(limits.max()) + 1.0)
    for _ in range(60):  # bisection of the factor by which orders grow or shrink, up to their limits
        factor = (low + high) / 2
        enough = np.minimum(ordered * factor[:, None], most).sum(1) >= target
        low, high = np.where(enough, low, factor), np.where(enough, factor, high)
    result = whole_shares(np.minimum(ordered * high[:, None], most), most, target)
    exact = (total == target) & (ordered <= limits).all(1)
    return np.where(exact[:, None], ordered, result)
