"""The bound of joint replenishment with the demand known, and a penalty on that knowledge.

Let every item alone, with the set-up cost k_i + α_i·K, have the optimal cost g_i and the relative values v_i.
Whoever knows the demand d is charged E v_i(y - D) - v_i(y - d) in every period, y being the position after
ordering: nothing on average for a policy that does not know it (Brown, Smith & Sun 2010, Operations Research
58(4)). In the long run Σ v_i(x) at the ends of a stretch of periods cancel, so that no policy costs less than

    E min Σ_t [K·max_i 1_it + Σ_i (k_i·1_it + L_i(y_it) + E v_i(y_it - D) - v_i(x_it))] / T,

which is Σ g_i plus what it costs that the items' own best times of ordering do not coincide. The minimum for
known demand is bounded from below by shares of K that may now differ from period to period and from path to
path, α_it ≥ 0 with Σ_i α_it = 1, found by supergradients: every item is then a problem of one dimension.

An item is never ordered beyond S̄_i, the first position that costs K + k_i more a period than the best: one
could order less now and the rest a period later (Veinott 1966, SIAM Journal on Applied Mathematics 14(5)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.solvers.positions import (
    best_min_max,
    expected_cost,
    position_cost,
    search_margin,
)
from sandbox_inventory.core.solvers.progress import ProgressLine

PERIODS = 160
ROUNDS = 100
STEP = 0.15
"""Change of a share in the first round; it falls with the root of the number of rounds."""

MIN_PATHS, MAX_PATHS, ENTRIES = 6, 24, 8_000
"""Paths of demand: as many as keep paths × items × positions below `ENTRIES`."""

SEED = 1_618_033_988
"""Of the demand that the bound is computed on."""

CERTAINTY = 2.326
"""Standard errors that are taken off a mean, so that the bound holds with a certainty of 99 %."""


@dataclass(frozen=True)
class Item:
    """An item alone, on its positions low, low + 1, …

    Attributes:
        mass: P(d = 0), P(d = 1), …
        low: The first position.
        values: v, shape ``(positions,)``.
        after: L(y) + E v(y - D), shape ``(positions,)``.
        setup: k, without a share of K.
    """

    mass: Array
    low: int
    values: Array
    after: Array
    setup: float


def item_alone(mass: Array, holding: float, penalty: float, setup: float, share: float, fixed: float) -> Item:
    """The item with the set-up cost ``setup + share``; ``fixed`` is all of K."""
    cost = position_cost(mass, holding, penalty, search_margin(mass, fixed + setup, holding, penalty))
    reorder, top, average = best_min_max(mass, cost, setup + share)
    dear = np.flatnonzero(cost.cost >= cost(cost.best) + fixed + setup)
    beyond = dear[dear > cost.best - cost.low]
    high = max(int(beyond[0]) + cost.low if len(beyond) else top, top)
    low = min(reorder, cost.best) - len(mass)
    positions = np.arange(low, high + 1)
    stage = expected_cost(mass, holding, penalty)(positions)
    values, whole = np.full(len(positions), setup + share), np.zeros(len(positions))
    for place, position in enumerate(positions):
        # Demand beyond the first position counts as reaching it: v is constant there.
        before = values[np.maximum(place - np.arange(1, len(mass)), 0)]
        expected = float(mass[1:] @ before)
        if position > reorder:
            values[place] = (stage[place] - average + expected) / (1 - mass[0])
        whole[place] = stage[place] + mass[0] * values[place] + expected
    return Item(mass, low, values, whole, setup)


def penalised_cost(
    items: Sequence[Item],
    shares: Array,
    fixed: float,
    *,
    paths: int | None = None,
    periods: int = PERIODS,
    rounds: int = ROUNDS,
) -> tuple[float, float]:
    """The bound's mean and standard error over paths of demand, money a period.

    Args:
        items: Of `item_alone`.
        shares: α_i to begin with, shape ``(items,)``.
        fixed: K.
        paths: Paths of demand; see `ENTRIES` if absent.
        periods: Of a path; the ends, where nothing is known of the time beyond, weigh less on long ones.
        rounds: Of the search for shares.
    """
    if paths is None:
        entries = sum(len(item.values) for item in items)
        paths = int(np.clip(ENTRIES // entries, MIN_PATHS, MAX_PATHS))
    rng, progress = np.random.default_rng(SEED), ProgressLine("bound of joint replenishment")
    demand = np.stack([rng.choice(len(item.mass), (periods, paths), p=item.mass) for item in items], -1)
    relaxed = _Relaxed.of(items, demand)
    share = np.broadcast_to(shares, demand.shape).copy()
    best = np.full(paths, -np.inf)
    for number in range(rounds):
        cost, ordered = relaxed.solve(fixed * share)
        best = np.maximum(best, cost)
        progress(f"{best.mean() / periods:.5g}")
        share = on_simplex(share + STEP / np.sqrt(number + 1.0) * (ordered - ordered.mean(-1, keepdims=True)))
    progress.done()
    return float(best.mean()) / periods, float(best.std(ddof=1)) / np.sqrt(paths) / periods


@dataclass(frozen=True)
class _Relaxed:
    """All items on all paths with known demand; arrays have the shape ``(paths, items, positions)``.

    Attributes:
        values, after: Of the items, shape ``(items, positions)``; infinite cost beyond an item's last one.
        setups: Shape ``(items,)``.
        demand: Shape ``(periods, paths, items)``, units.
    """

    values: Array
    after: Array
    setups: Array
    demand: Array

    @classmethod
    def of(cls, items: Sequence[Item], demand: Array) -> _Relaxed:
        size = max(len(item.values) for item in items)
        values, after = np.zeros((len(items), size)), np.full((len(items), size), 1e15)
        for number, item in enumerate(items):
            values[number, : len(item.values)] = item.values
            after[number, : len(item.values)] = item.after
        return cls(values, after, np.array([item.setup for item in items]), demand)

    def solve(self, paid: Array) -> tuple[Array, Array]:
        """Least cost of each path, and which items it orders in which period.

        Args:
            paid: Share of K that an order of an item costs, shape ``(periods, paths, items)``, money.

        Returns:
            Shape ``(paths,)``, and of zeros and ones, shape ``(periods, paths, items)``.
        """
        periods, paths, items = self.demand.shape
        size = self.values.shape[1]
        places = np.arange(size)
        later = np.zeros((paths, items, size))
        staying, target = [], []
        for period in reversed(range(periods)):
            fallen = np.maximum(places - self.demand[period][..., None], 0)
            value = self.after + np.take_along_axis(later, fallen, 2)
            # The best position at or above each: where it pays the set-up cost, it is above.
            lowest = np.minimum.accumulate(value[..., ::-1], 2)[..., ::-1]
            raised = lowest + (self.setups + paid[period])[..., None]
            stays = value <= raised
            later = np.where(stays, value, raised) - self.values
            staying.append(stays)
            target.append(value <= lowest)
        place = later.argmin(2)
        cost: Array = np.take_along_axis(later, place[..., None], 2)[..., 0].sum(1)
        ordered = np.zeros(self.demand.shape)
        for period in range(periods):
            stays, reached = staying[-1 - period], target[-1 - period]
            stay = np.take_along_axis(stays, place[..., None], 2)[..., 0]
            first = (reached & (places >= place[..., None])).argmax(2)
            ordered[period] = ~stay
            place = np.maximum(np.where(stay, place, first) - self.demand[period], 0)
        return cost, ordered


def on_simplex(points: Array) -> Array:
    """The nearest points whose coordinates are at least 0 and sum to 1, over the last axis.

    Source: Duchi, Shalev-Shwartz, Singer & Chandra 2008, ICML, algorithm 1.
    """
    falling = np.sort(points, -1)[..., ::-1]
    excess = np.cumsum(falling, -1) - 1.0
    count = (falling - excess / np.arange(1, points.shape[-1] + 1) > 0).sum(-1, keepdims=True)
    level = np.take_along_axis(excess, count - 1, -1) / count
    nearest: Array = np.maximum(points - level, 0.0)
    return nearest
