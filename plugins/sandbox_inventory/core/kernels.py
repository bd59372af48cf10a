"""Compiled loops over the copies of a batch: the same numbers as the NumPy code that they stand in for.

Each does for one copy after the other, in the same order of operations, what the NumPy code does for all
copies at once; so which of the two ran cannot be told from any result. Loaded only for large batches.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

njit: Any = numba.njit(cache=True, nogil=True)


@njit  # type: ignore[untyped-decorator]
def invert(uniform: Any, cumulative: Any, guide: Any, values: Any) -> None:
    """Smallest k with u < P(d <= k) for every u; ``guide`` says where to begin. All but tables are flat."""
    cells = len(guide)
    for i in range(len(uniform)):
        u = uniform[i]
        k = guide[int(u * cells)]
        while u >= cumulative[k]:
            k += 1
        values[i] = k


@njit  # type: ignore[untyped-decorator]
def scale(values: Any, unit: float, into: Any, at: int) -> None:
    """``values / unit``, single precision, into the columns of ``into`` from ``at`` on."""
    copies, columns = values.shape
    for copy in range(copies):
        for column in range(columns):
            into[copy, at + column] = np.float32(values[copy, column] / unit)


@njit  # type: ignore[untyped-decorator]
def share(wanted: Any, order: Any, first: int, last: int, there: float, total: float) -> float:
    """Whole units of ``there`` in proportion to what is wanted; the largest remainders are rounded up.

    As `sandbox_inventory.warehouse.whole_shares`, for the links ``order[first:last]``; their ``wanted``
    becomes what is sent, whose sum is returned.
    """
    part = min(there / max(total, 1e-12), 1.0)
    floor, remainder = np.empty(last - first), np.empty(last - first)
    rest = min(np.floor(there), total)
    for place in range(last - first):
        asked = wanted[order[first + place]]
        floor[place] = np.floor(asked * part + 1e-9)
        remainder[place] = asked * part - floor[place] if floor[place] < asked else -1.0
        rest -= floor[place]
    for _ in range(min(int(np.rint(rest)), last - first)):
        best = np.argmax(remainder)
        floor[best] += 1.0
        remainder[best] = -2.0
    sent = 0.0
    for place in range(last - first):
        link = order[first + place]
        wanted[link] = min(floor[place], wanted[link])
        sent += wanted[link]
    return sent


@njit  # type: ignore[untyped-decorator]
def network(  # noqa: PLR0912, PLR0915 - one period reads from top to bottom
    stock: Any,
    way: Any,
    owed: Any,
    wanted: Any,
    most: Any,
    demand: Any,
    starts: Any,
    order: Any,
    graph: Any,
    at: Any,
    money: Any,
    rules: Any,
    sums: Any,
) -> None:
    """One period of `sandbox_inventory.network.Network` with whole quantities; arrays change in place.

    Args:
        stock: Shape ``(copies, nodes)``.
        way: Shape ``(copies, links, slots)``.
        owed: Shape ``(copies, markets)``.
        wanted: Shape ``(copies, links)``: what is ordered; afterwards what was sent.
        most: Largest order of each link.
        demand: Shape ``(copies, markets)``.
        starts: Where each supplier's links begin in ``order``, and its end.
        order: Links by supplier, the supplier furthest up first.
        graph: Source, target and lead time of each link.
        at: Node of each market.
        money: Prices, operating and transit cost a link; holding cost a node; price, penalty a market; the
            capacity of each node.
        rules: Whether or-gym's order of events holds, and whether there is a backlog.
        sums: Shape ``(11, copies)``: six terms of money, demand, met at once, stock, bought, sold.
    """
    prices, operating, transit, holding, revenue, penalty, capacity = money
    source, target, leads = graph
    late, backlog = rules
    copies, links = wanted.shape
    for copy in range(copies):
        for link in range(links):
            wanted[copy, link] = min(max(wanted[copy, link], 0.0), most[link])
        for group in range(len(starts) - 1):
            first, last = starts[group], starts[group + 1]
            supplier = source[order[first]]
            if supplier >= 0:
                total = 0.0
                for place in range(first, last):
                    total += wanted[copy, order[place]]
                there = min(stock[copy, supplier], capacity[supplier])
                if total > there and last == first + 1:  # nobody to share with
                    total = np.floor(there)
                    wanted[copy, order[first]] = total
                elif total > there:
                    total = share(wanted[copy], order, first, last, there, total)
                stock[copy, supplier] -= total
            for place in range(first, last):
                link = order[place]
                lead = leads[link]
                if lead == 0 and not late:
                    stock[copy, target[link]] += wanted[copy, link]
                else:
                    way[copy, link, lead if late else lead - 1] += wanted[copy, link]
        if late:
            _receive(stock, way, target, copy)
        short = earned = asked = met = left = 0.0
        # Demand is served, market after market.
        for market in range(len(at)):
            due = demand[copy, market] + owed[copy, market]
            sold = min(stock[copy, at[market]], due)
            stock[copy, at[market]] -= sold
            missing = due - sold
            short += missing * penalty[market]
            earned += sold * revenue[market]
            asked += demand[copy, market]
            met += max(sold - owed[copy, market], 0.0)
            left += sold
            owed[copy, market] = missing if backlog else 0.0
        held = units = 0.0
        for node in range(len(holding)):
            held += stock[copy, node] * holding[node]
            units += stock[copy, node]
        paid = moved = made = bought = 0.0
        for link in range(links):
            sent = wanted[copy, link]
            paid += sent * prices[link]
            made += sent * operating[link]
            if source[link] < 0:
                bought += sent
            if transit[link] != 0.0:
                moved += _between(way, copy, link) * transit[link]
        sums[0, copy], sums[1, copy], sums[2, copy], sums[3, copy] = held, short, paid, moved
        sums[4, copy], sums[5, copy], sums[6, copy], sums[7, copy] = made, earned, asked, met
        sums[8, copy], sums[9, copy], sums[10, copy] = units, bought, left
        if not late:
            _receive(stock, way, target, copy)


# The order of summation is free: sums of whole units are exact.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _between(way: Any, copy: int, link: int) -> float:
    """Units on the way on a link."""
    total = 0.0
    for slot in range(way.shape[2]):
        total += way[copy, link, slot]
    return total


@njit  # type: ignore[untyped-decorator]
def _receive(stock: Any, way: Any, target: Any, copy: int) -> None:
    for link in range(way.shape[1]):
        stock[copy, target[link]] += way[copy, link, 0]
        for slot in range(way.shape[2] - 1):
            way[copy, link, slot] = way[copy, link, slot + 1]
        way[copy, link, way.shape[2] - 1] = 0.0
