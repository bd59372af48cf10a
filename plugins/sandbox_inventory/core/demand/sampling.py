"""Draws demand in blocks, with one generator for each environment.

A path depends on its seed alone, not on the number of environments. Families with a memory (autoregressive,
Markov-modulated, trace) carry it from block to block and return the context that makes the process Markov.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.compiled import kernels
from sandbox_inventory.core.demand.distribution import probabilities, table_shares
from sandbox_inventory.core.demand.families import Demand

GUIDE_CELLS = 4096
"""Equal parts of [0, 1) for which the search for a quantile has a place to begin."""


def draw(
    demand: Demand, rng: np.random.Generator, periods: int, items: int, memory: Array | None
) -> tuple[Array, Array | None, Array | None]:
    """Draw a block of demand.

    Args:
        demand: The family.
        rng: The environment's generator.
        periods: Length of the block.
        items: Number of independent items of this family.
        memory: Memory at the end of the last block; None at the start of an episode.

    Returns:
        - Demand, shape ``(periods, items)``, float64.
        - Context observed before each period's decision, shape ``(periods, items·context_size)``, or None.
        - Memory for the next block, or None.
    """
    shape = (periods, items)
    if demand.independent:
        return _independent(demand, rng, shape), None, None
    if demand.kind == "ar1":
        return _autoregressive(demand, rng, shape, memory)
    if demand.kind == "markov":
        return _markov_modulated(demand, rng, shape, memory)
    return _trace(demand, rng, shape, memory)


def _independent(demand: Demand, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    if demand.inverted:
        return quantiles(demand, rng.random(shape))
    mean, std = demand.mean, demand.std or 0.0
    values: Array
    match demand.kind:
        case "poisson":
            values = rng.poisson(mean, shape)
        case "geometric":
            values = rng.geometric(1 / (1 + mean), shape) - 1
        case "negative-binomial":
            values = rng.negative_binomial(mean**2 / (std**2 - mean), mean / std**2, shape)
        case "normal":
            values = _normal(demand, rng, shape)
        case "gamma":
            values = rng.gamma((mean / std) ** 2, std**2 / mean, shape)
            values = np.rint(values) if demand.whole else values
        case "table":
            cumulative = np.cumsum(table_shares(demand))
            cumulative[-1] = np.inf
            place = np.searchsorted(cumulative, rng.random(shape), side="right")
            values = np.asarray(demand.values)[place]
        case _:
            low, high = demand.low, demand.high
            values = (
                rng.integers(int(low), int(high) + 1, shape)
                if demand.whole
                else rng.uniform(low, high, shape)
            )
    return values.astype(np.float64)


@dataclass(frozen=True)
class _InverseTable:
    """A distribution function P(d <= 0), P(d <= 1), … and where the search for a quantile begins."""

    cumulative: Array
    guide: Array


@lru_cache(maxsize=256)
def _inverse_table(demand: Demand) -> _InverseTable:
    cumulative = np.cumsum(probabilities(demand))
    cumulative[-1] = np.inf  # beyond every uniform number, whatever the rounding
    guide = np.searchsorted(cumulative, np.arange(GUIDE_CELLS) / GUIDE_CELLS, side="right")
    return _InverseTable(cumulative, guide.astype(np.int64))


def quantiles(demand: Demand, uniform: Array) -> Array:
    """Quantiles of demand that is `Demand.inverted`, float64.

    Args:
        demand: The family.
        uniform: Numbers in [0, 1), any shape.
    """
    table = _inverse_table(demand)
    if compiled := kernels(uniform.size // 64):
        values = np.empty(uniform.shape)
        compiled.invert(uniform.reshape(-1), table.cumulative, table.guide, values.reshape(-1))
        return values
    result: Array = np.searchsorted(table.cumulative, uniform, side="right").astype(np.float64)
    return result


def _normal(demand: Demand, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    mean, std = demand.mean, demand.std or 0.0
    if demand.whole:
        rounded: Array = np.maximum(np.rint(rng.normal(mean, std, shape)), 0.0)
        return rounded
    from scipy.special import ndtr, ndtri

    below_zero = ndtr(-mean / std)
    # The truncated distribution function is inverted: one uniform number a value, and no rejection.
    values: Array = mean + std * ndtri(below_zero + (1 - below_zero) * rng.random(shape))
    return np.maximum(values, 0.0)


def _autoregressive(
    demand: Demand, rng: np.random.Generator, shape: tuple[int, int], memory: Array | None
) -> tuple[Array, Array, Array]:
    from scipy.signal import lfilter

    mean, std, rho = demand.mean, demand.std or 0.0, demand.correlation
    last = rng.normal(0.0, std, shape[1]) if memory is None else memory
    noise = rng.normal(0.0, std * np.sqrt(1 - rho**2), shape)
    deviation, _ = lfilter([1.0], [1.0, -rho], noise, axis=0, zi=(rho * last)[None])
    context = np.maximum(mean + np.concatenate([last[None], deviation[:-1]]), 0.0)
    values = np.maximum(mean + deviation, 0.0)
    return (np.rint(values) if demand.whole else values), context, deviation[-1]


def _markov_modulated(
    demand: Demand, rng: np.random.Generator, shape: tuple[int, int], memory: Array | None
) -> tuple[Array, Array, Array]:
    count, (periods, items) = len(demand.regimes), shape
    first = rng.integers(count, size=items) if memory is None else memory.astype(np.int64)
    leaves = rng.random(shape) >= demand.persistence
    jumps = rng.integers(1, max(count, 2), shape) * leaves  # to one of the other regimes
    path = (first + np.concatenate([np.zeros((1, items), np.int64), np.cumsum(jumps, 0)])) % count
    values = rng.poisson(np.asarray(demand.regimes)[path[:-1]]).astype(np.float64)
    context = np.eye(count)[path[:-1]].reshape(periods, items * count)
    return values, context, path[-1].astype(np.float64)


def _trace(
    demand: Demand, rng: np.random.Generator, shape: tuple[int, int], memory: Array | None
) -> tuple[Array, None, Array]:
    values, length = np.asarray(demand.values, np.float64), len(demand.values)
    if memory is None:
        memory = rng.integers(length, size=shape[1]) if demand.random_start else np.zeros(shape[1])
    position = memory.astype(np.int64) + np.arange(shape[0])[:, None]
    index = position % length if demand.cycle else np.minimum(position, length - 1)
    return values[index], None, (position[-1] + 1).astype(np.float64)
