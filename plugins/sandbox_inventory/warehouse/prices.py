"""The bound of lost sales with a warehouse whose stock has a price.

The warehouse's stock W_t = W_0 + Σ orders - Σ shipments is never below 0. A multiplier μ_t ≥ 0 that depends
on the demand before period t charges for that (Lagrangian relaxation in several stages). What is left are the
retailers, each alone, who pay for every unit that they are sent in period t the price

    π_t = E[Σ_{u ≥ t} (μ_u - h_w) | demand before t].

Prices are free but for two conditions: μ_t ≥ 0 is π_t ≥ E[π_{t+1}] - h_w (who has too much keeps it at the
cost of holding), and an order of the warehouse, which arrives L_w periods later, must not earn,
E[π_{t+L_w}] ≤ 0. Without prices the warehouse always has enough, at no cost; with them a unit is dear after
high demand, when the warehouse would be short, and cheap after low.

Here π is a function ψ of the total demand of the last periods, at most L_w, in classes of equal width. The
retailers' costs are concave in ψ, and what they are sent is the slope: ψ is found with cutting planes (Kelley
1960, Journal of SIAM 8(4)) in a region of trust. Every ψ that meets the conditions gives a bound, so nothing
rests on how well it was found.

A retailer's cost is convex in its stock (Zipkin 2008, Operations Research 56(4)), which puts straight lines
below it beyond the largest stock of the table. That, and that a unit is never worth more kept than sold, is
checked on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import convolved
from sandbox_inventory.core.solvers.positions import expected_cost
from sandbox_inventory.core.solvers.progress import ProgressLine

CLASSES = {1: 16, 2: 10, 3: 5}
"""Classes of the demand of a period, by the number of periods that a price depends on."""

TABLE_TAIL = 1e-5
"""Probability with which demand exceeds the largest stock of a retailer's table."""

MAX_STOCK = 60
"""Largest stock of a table; with more there are no prices, units."""

ROUNDS, MAX_SOLVED = 60, 240
"""Cutting planes, and most problems of a retailer that are solved for them."""

SEARCHED = 30
"""Periods on which prices are searched; the bound is computed on all of them."""

ROUNDING = 1e-7
"""What rounding may take off a slope, money a unit."""


class Timing(NamedTuple):
    """What an episode is to the warehouse and its retailers.

    Attributes:
        horizon: Periods.
        warmup: Periods at the beginning whose costs do not count.
        lead_time: L_w.
        stock: Of every retailer at the start, units.
        supplied: First period in which the warehouse can have anything to send.
    """

    horizon: int
    warmup: int
    lead_time: int
    stock: int
    supplied: int


class Rates(NamedTuple):
    """h_w, h and p, and the cost of a unit in transit, money a unit and period."""

    warehouse_holding: float
    holding: float
    penalty: float
    transit: float


@dataclass(frozen=True)
class History:
    """What prices depend on: classes of the total demand of the last periods, a Markov chain.

    A state is a number whose digits are the classes of these periods, the newest first.

    Attributes:
        window: Periods that are remembered.
        chances: Probability of each class of a period.
        members: Class of a total demand of 0, 1, …
        sums: Sum of the classes in each state.
    """

    window: int
    chances: Array
    members: Array
    sums: Array

    @classmethod
    def of(cls, total: Array, lead_time: int) -> History:
        """The chain for a total demand with these probabilities."""
        window = max(1, min(lead_time, max(CLASSES)))
        low, high = (int(np.searchsorted(np.cumsum(total), level)) for level in (0.003, 0.997))
        classes = min(CLASSES[window], high - low + 1)
        edges = low + (high - low + 1) * np.arange(1, classes) / classes
        members = np.searchsorted(edges, np.arange(len(total)), side="right")
        chances = np.bincount(members, total, classes)
        sums = np.indices((classes,) * window).reshape(window, -1).sum(0)
        return cls(window, chances, members, sums)

    @property
    def classes(self) -> int:
        """Classes of a period."""
        return len(self.chances)

    @property
    def heads(self) -> Array:
        """Each state without its oldest period, which is forgotten next."""
        heads: Array = np.arange(len(self.sums)) // self.classes
        return heads

    @property
    def shares(self) -> Array:
        """Long-run probability of each state."""
        shares: Array = np.ones(1)
        for _ in range(self.window):
            shares = np.multiply.outer(shares, self.chances).ravel()
        return shares

    @property
    def next_sums(self) -> Array:
        """Sum of the classes after each state and class, shape ``(states, classes)``."""
        after: Array = (self.sums - np.arange(len(self.sums)) % self.classes)[:, None] + np.arange(
            self.classes
        )
        return after


@dataclass(frozen=True)
class Retailer:
    """A retailer alone, with a lead time of 0 or 1, on the stocks 0, 1, … of a table.

    Attributes:
        lead_time: Periods.
        stage: Expected holding and shortage of a period that begins with each stock.
        kept: Probability of what is left and of the class of the total demand, ``(stocks, left, classes)``.
        steepest: h + p: a unit that is worth more later would not be sold.
        transit: Cost of being sent, money a unit.
    """

    lead_time: int
    stage: Array
    kept: Array
    steepest: float
    transit: float

    @classmethod
    def of(
        cls, own: Array, others: Array, history: History, rates: Rates, lead_time: int, stock: int
    ) -> Retailer | None:
        """The retailer; None if its table would be too large.

        Args:
            own: Probabilities of its demand.
            others: Probabilities of the demand of all others together.
            history: Classes of the total.
            rates: Costs.
            lead_time: 0 or 1.
            stock: At the start, units.
        """
        at_least = np.cumsum(convolved(own, lead_time + 2)[::-1])[::-1]
        size = max(int((at_least > TABLE_TAIL).sum()), stock) + 2
        if size > MAX_STOCK:
            return None
        kept = np.zeros((size, size, history.classes))
        for units, chance in enumerate(own):
            reached = history.members[np.minimum(units + np.arange(len(others)), len(history.members) - 1)]
            classes = chance * np.bincount(reached, others, history.classes)
            for stock_before in range(size):
                kept[stock_before, max(stock_before - units, 0)] += classes
        stage = expected_cost(own, rates.holding, rates.penalty)(np.arange(size))
        return cls(lead_time, stage, kept, rates.holding + rates.penalty, rates.transit * lead_time)

    def solve(
        self, history: History, prices: Array, scales: Array, timing: Timing, begin: int
    ) -> tuple[float, Array] | None:
        """Least expected cost from period ``begin`` on, and the units that are sent in each state, scaled.

        Args:
            history: What prices depend on.
            prices: π of each state.
            scales: Of the prices in each period.
            timing: Of the episode.
            begin: First period that counts; beyond the first one it begins with the best stock.

        Returns:
            None if the table is too small for these prices, or a unit would be worth more kept than sold.
        """
        later = np.zeros((len(self.stage), len(prices)))
        decided: list[Array] = []
        before = self._at_once if self.lead_time == 0 else self._a_period_later
        for period in reversed(range(begin, timing.horizon)):
            slope = np.diff(later, axis=0)
            if slope.min() < -self.steepest - ROUNDING or np.diff(slope, axis=0).min() < -ROUNDING:
                return None
            unit = scales[period] * prices + self.transit
            step = before(later, unit, history, period >= timing.supplied)
            if step is None:
                return None
            later, sent = step
            decided.append(sent)
        share = np.zeros_like(later)
        if begin:
            share[later.argmin(0), np.arange(len(prices))] = history.shares
        else:
            share[timing.stock, 0] = 1.0
        cost = float((share * later).sum())
        return cost, self._sent(history, share, decided[::-1], scales[begin:])

    def _at_once(
        self, later: Array, unit: Array, history: History, supplied: bool
    ) -> tuple[Array, Array] | None:
        """Cost before a period from that after it, and what is sent and arrives before the demand."""
        size, places = len(self.stage), np.arange(len(self.stage))[:, None]
        demanded = self.kept.reshape(size, -1) @ later.reshape(size * history.classes, -1)
        paid = self.stage[:, None] + demanded[:, history.heads] + unit * places
        if (paid[-1] < paid[-2] - ROUNDING).any():
            return None
        reached = np.maximum(places, paid.argmin(0) if supplied else 0)
        reached = np.broadcast_to(reached, paid.shape)
        return np.take_along_axis(paid, reached, 0) - unit * places, reached - places

    def _a_period_later(
        self, later: Array, unit: Array, history: History, supplied: bool
    ) -> tuple[Array, Array] | None:
        """The same for what arrives after the demand."""
        size, classes = len(self.stage), history.classes
        beyond = later[-1] + np.arange(1, size + 1)[:, None] * (later[-1] - later[-2])
        windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([later, beyond]), size, 0)
        # (units sent, states, left) → (left · class, units sent, heads)
        following = windows[:size].reshape(size, classes, -1, size).transpose(3, 1, 0, 2)
        demanded = self.kept.reshape(size, -1) @ following.reshape(size * classes, -1)
        paid = demanded.reshape(size, size, -1)[:, :, history.heads] + unit * np.arange(size)[:, None]
        if (paid[:, -1] < paid[:, -2] - ROUNDING).any():
            return None
        sent = paid.argmin(1) if supplied else np.zeros(later.shape, np.int64)
        return self.stage[:, None] + np.take_along_axis(paid, sent[:, None], 1)[:, 0], sent

    def _sent(self, history: History, share: Array, decided: Sequence[Array], scales: Array) -> Array:
        """Expected units sent in each state of the history, over all periods, scaled."""
        size, classes, states = len(self.stage), history.classes, share.shape[1]
        total = np.zeros(states)
        for sent, scale in zip(decided, scales, strict=True):
            total += scale * (share * sent).sum(0)
            before = np.zeros((size, states))
            after = np.zeros_like(share)
            if self.lead_time == 0:
                np.add.at(before, (np.arange(size)[:, None] + sent, np.arange(states)), share)
                after = self._kept(before, classes).reshape(size, -1)
            else:
                for units in np.unique(sent[share > 0]):
                    left = self._kept(np.where(sent == units, share, 0.0), classes).reshape(size, -1)
                    after[units:] += left[: size - units]
                    after[-1] += left[size - units :].sum(0)
            share = after
        return total

    def _kept(self, share: Array, classes: int) -> Array:
        """Shares after demand, shape ``(left, class, heads)``."""
        heads = share.reshape(len(share), -1, classes).sum(2)
        left: Array = np.einsum("slc,sh->lch", self.kept, heads, optimize=True)
        return left


@dataclass(frozen=True)
class Prices:
    """The retailers' costs at prices, and the conditions on prices.

    Attributes:
        history: What prices depend on.
        kinds: Unlike retailers, and how many there are of each.
        rates: Costs.
        timing: Of the episode.
    """

    history: History
    kinds: Sequence[tuple[Retailer, int]]
    rates: Rates
    timing: Timing

    @property
    def free(self) -> bool:
        """Whether stock at the warehouse costs nothing: prices are then 0."""
        return self.timing.lead_time == 0 or self.rates.warehouse_holding == 0

    @property
    def lowest(self) -> float:
        """No price is lower, by the conditions."""
        return -self.history.window * self.rates.warehouse_holding

    def begin(self) -> int:
        """First period that counts."""
        return max(self.timing.warmup, self.history.window) if self.timing.warmup else 0

    def scales(self, levels: Array, timing: Timing) -> Array:
        """Shares of the prices ψ in each period, between 0 and 1, that keep the conditions at both ends.

        At the end nobody has a use for a unit, so that its price must not be below 0. At the beginning, stock
        that is already at the warehouse has no price.
        """
        holding, begin = self.rates.warehouse_holding, self.begin()
        if self.free:
            return np.zeros(timing.horizon)
        history, periods = self.history, np.arange(timing.horizon)
        cheapest = max(-float(levels.min()), holding)
        down = min(holding, self.rates.holding) / cheapest
        scales = 1 - (1 - down) ** np.maximum(timing.horizon - 1 - periods, 0)
        if begin or timing.supplied < timing.lead_time:
            dearest = max(float((levels[history.next_sums] * history.chances).sum(1).max()), holding)
            first = max(begin, history.window)
            return np.minimum(scales, 1 - (1 - holding / dearest) ** np.maximum(periods - first, 0))
        return np.where(periods < timing.lead_time, 0.0, scales)

    def cost(self, levels: Array, timing: Timing) -> tuple[float, Array] | None:
        """All retailers' least cost at prices ψ, and its slope in them; None where a table does not do."""
        scales, slope, total = self.scales(levels, timing), np.zeros(len(levels)), 0.0
        for retailer, count in self.kinds:
            solved = retailer.solve(self.history, levels[self.history.sums], scales, timing, self.begin())
            if solved is None:
                return None
            total += count * solved[0]
            slope += count * np.bincount(self.history.sums, solved[1], len(levels))
        return total, slope

    def conditions(self) -> tuple[Array, Array]:
        """Rows whose product with ψ is at most h_w, and the row whose product is 0."""
        history, states = self.history, len(self.history.sums)
        size = int(history.sums.max()) + 1
        rows = np.zeros((states, size))
        np.add.at(rows, (np.arange(states)[:, None], history.next_sums), history.chances)
        rows[np.arange(states), history.sums] -= 1.0
        return np.unique(rows.round(15), axis=0), np.bincount(history.sums, history.shares, size)

    def search(self) -> Array:
        """The best ψ that cutting planes find."""
        from scipy.optimize import linprog

        rows, mean = self.conditions()
        size, holding = rows.shape[1], self.rates.warehouse_holding
        timing = self.timing._replace(horizon=min(self.timing.horizon, self.begin() + SEARCHED))
        best, radius = np.zeros(size), holding / 2
        known = None if self.free else self.cost(best, timing)
        if known is None:
            return best
        value, cuts = known[0], [np.append(-known[1], 1.0)]
        limits = [known[0] - float(known[1] @ best)]
        progress = ProgressLine("bound of a warehouse")
        for _ in range(min(ROUNDS, MAX_SOLVED // len(self.kinds))):
            planned = linprog(
                np.append(np.zeros(size), -1.0),
                A_ub=np.concatenate([np.stack(cuts), np.pad(rows, ((0, 0), (0, 1)))]),
                b_ub=np.append(limits, np.full(len(rows), holding)),
                A_eq=np.append(mean, 0.0)[None],
                b_eq=[0.0],
                bounds=[
                    *zip(
                        np.maximum(best - radius, self.lowest),
                        np.minimum(best + radius, self.rates.penalty),
                        strict=True,
                    ),
                    (None, None),
                ],
                method="highs",
            )
            if not planned.success or -planned.fun < value * (1 + 1e-5):
                break
            levels = planned.x[:-1]
            solved = self.cost(levels, timing)
            if solved is None:
                radius /= 2
                continue
            cuts.append(np.append(-solved[1], 1.0))
            limits.append(solved[0] - float(solved[1] @ levels))
            better = solved[0] - value
            radius *= 1.5 if better > 0.5 * (-planned.fun - value) else 0.7 if better <= 0 else 1.0
            if better > 0:
                best, value = levels, solved[0]
            progress(f"{value / timing.horizon:.5g}")
        progress.done()
        return best


def priced_cost(
    masses: Sequence[Array], lead_times: Sequence[int], rates: Rates, timing: Timing
) -> float | None:
    """Least expected cost of the counted periods at the best prices that are found.

    Args:
        masses: Probabilities of each retailer's demand.
        lead_times: Of each retailer, periods.
        rates: Costs.
        timing: Of the episode.

    Returns:
        None where retailers are not solved: for a lead time of a retailer beyond 1, rates of 0, and tables
        that would be too large.
    """
    if min(rates.holding, rates.penalty) <= 0 or max(lead_times) > 1 or timing.horizon <= timing.warmup:
        return None
    total = _sum_of(masses)
    history = History.of(total, timing.lead_time)
    kinds: list[tuple[Retailer, int]] = []
    counted: dict[tuple[bytes, int], int] = {}
    for mass, lead_time in zip(masses, lead_times, strict=True):
        key = (mass.tobytes(), lead_time)
        counted[key] = counted.get(key, 0) + 1
    for number, (mass, lead_time) in enumerate(zip(masses, lead_times, strict=True)):
        count = counted.pop((mass.tobytes(), lead_time), 0)
        if not count:
            continue
        others = _sum_of([other for place, other in enumerate(masses) if place != number])
        retailer = Retailer.of(mass, others, history, rates, lead_time, timing.stock)
        if retailer is None:
            return None
        kinds.append((retailer, count))
    prices = Prices(history, kinds, rates, timing)
    solved = prices.cost(prices.search(), timing)
    return None if solved is None else solved[0]


def _sum_of(masses: Sequence[Array]) -> Array:
    """Probabilities of the sum of independent demands."""
    total: Array = np.ones(1)
    for mass in masses:
        total = np.convolve(total, mass)
    return total
