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
