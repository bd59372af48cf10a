"""One period of a supply network with whole quantities, compiled: the same bits as `Network.step`.

Each phase of a period is one loop over the environments. Loaded for large batches only; see
`sandbox_inventory.core.kernels`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from sandbox.api.kernels import compiled
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.kernels import njit
from sandbox_inventory.network.topology import FlatTopology, Rates


@njit  # type: ignore[untyped-decorator]
def play_period(
    stock: Array,
    backlog: Array,
    in_transit: Array,
    orders: Array,
    max_order: Array,
    demand: Array,
    topology: FlatTopology,
    rates: Rates,
    late_receipt: bool,
    keep_backlog: bool,
) -> Array:
    """Play one period; ``stock``, ``backlog`` and ``in_transit`` become the next state.

    Args:
        stock: Shape ``(num_envs, nodes)``.
        backlog: Shape ``(num_envs, markets)``.
        in_transit: Shape ``(num_envs, links, slots)``.
        orders: Shape ``(num_envs, links)``; becomes what was sent.
        max_order: Largest order of each link.
        demand: Shape ``(num_envs, markets)``.
        topology: Who supplies whom.
        rates: Costs, prices and capacities.
        late_receipt: Whether or-gym's order of events holds.
        keep_backlog: Whether unmet demand waits.

    Returns:
        Shape ``(11, num_envs)``: money by the six terms of `model.TERMS`, then demand, demand met at once,
        stock, units bought and units sold.
    """
    sums = np.empty((11, len(stock)))
    _ship(stock, in_transit, orders, max_order, topology, rates.capacity, late_receipt)
    if late_receipt:
        _receive(stock, in_transit, topology.target)
    _serve(stock, backlog, demand, topology.market_nodes, rates, keep_backlog, sums)
    _charge(stock, in_transit, orders, topology.source, rates, sums)
    if not late_receipt:
        _receive(stock, in_transit, topology.target)
    return sums


@njit  # type: ignore[untyped-decorator]
def _ship(
    stock: Array,
    in_transit: Array,
    orders: Array,
    max_order: Array,
    topology: FlatTopology,
    capacity: Array,
    late_receipt: bool,
) -> None:
    """Ship every supplier's orders, upstream first."""
    starts, links, source, target, lead_times, _ = topology
    for env in range(len(stock)):
        for link in range(len(max_order)):
            orders[env, link] = min(max(orders[env, link], 0.0), max_order[link])
        for group in range(len(starts) - 1):
            first, last = starts[group], starts[group + 1]
            supplier = source[links[first]]
            total = 0.0
            for place in range(first, last):
                total += orders[env, links[place]]
            if supplier >= 0 or total > capacity[group]:
                available = capacity[group]
                if supplier >= 0:
                    available = min(stock[env, supplier], available)
                if total > available and last == first + 1:  # a single customer gets what there is
                    total = np.floor(available)
                    orders[env, links[first]] = total
                elif total > available:
                    total = share(orders[env], links, first, last, available, total)
                if supplier >= 0:
                    stock[env, supplier] -= total
            for place in range(first, last):
                link = links[place]
                lead_time = lead_times[link]
                if lead_time == 0 and not late_receipt:
                    stock[env, target[link]] += orders[env, link]
                else:
                    in_transit[env, link, lead_time if late_receipt else lead_time - 1] += orders[env, link]


@njit  # type: ignore[untyped-decorator]
def share(orders: Array, links: Array, first: int, last: int, available: float, total: float) -> float:
    """Share whole units in proportion to the orders; the shares with the largest remainders are rounded up.

    As `sandbox_inventory.core.allocation.whole_shares`, for ``links[first:last]``: their ``orders`` become
    what is sent, whose sum is returned.
    """
    part = min(available / max(total, 1e-12), 1.0)
    floor, remainder = np.empty(last - first), np.empty(last - first)
    rest = min(np.floor(available), total)
    for place in range(last - first):
        ordered = orders[links[first + place]]
        floor[place] = np.floor(ordered * part + 1e-9)
        remainder[place] = ordered * part - floor[place] if floor[place] < ordered else -1.0
        rest -= floor[place]
    for _ in range(min(int(np.rint(rest)), last - first)):
        largest = np.argmax(remainder)
        floor[largest] += 1.0
        remainder[largest] = -2.0
    sent = 0.0
    for place in range(last - first):
        link = links[first + place]
        orders[link] = min(floor[place], orders[link])
        sent += orders[link]
    return sent


@njit  # type: ignore[untyped-decorator]
def _receive(stock: Array, in_transit: Array, target: Array) -> None:
    """Add what arrives to the stocks and advance the pipelines."""
    num_envs, links, slots = in_transit.shape
    for env in range(num_envs):
        for link in range(links):
            stock[env, target[link]] += in_transit[env, link, 0]
            for slot in range(slots - 1):
                in_transit[env, link, slot] = in_transit[env, link, slot + 1]
            in_transit[env, link, slots - 1] = 0.0


@njit  # type: ignore[untyped-decorator]
def _serve(
    stock: Array,
    backlog: Array,
    demand: Array,
    market_nodes: Array,
    rates: Rates,
    keep_backlog: bool,
    sums: Array,
) -> None:
    """Serve the markets in turn."""
    revenue, penalty = rates.revenue, rates.penalty
    for env in range(len(stock)):
        short = earned = demanded = filled = total_sold = 0.0
        for market in range(len(market_nodes)):
            node = market_nodes[market]
            due = demand[env, market] + backlog[env, market]
            sold = min(stock[env, node], due)
            stock[env, node] -= sold
            missing = due - sold
            short += missing * penalty[market]
            earned += sold * revenue[market]
            demanded += demand[env, market]
            filled += max(sold - backlog[env, market], 0.0)
            total_sold += sold
            backlog[env, market] = missing if keep_backlog else 0.0
        sums[1, env], sums[5, env] = short, earned
        sums[6, env], sums[7, env], sums[10, env] = demanded, filled, total_sold


@njit  # type: ignore[untyped-decorator]
def _charge(stock: Array, in_transit: Array, sent: Array, source: Array, rates: Rates, sums: Array) -> None:
    """Add up the costs of stock and shipments, and the units on hand and bought."""
    purchase, operating, transit, holding, _, _, _ = rates
    for env in range(len(stock)):
        held = units = 0.0
        for node in range(len(holding)):
            held += stock[env, node] * holding[node]
            units += stock[env, node]
        paid = moved = operated = bought = 0.0
        for link in range(len(source)):
            quantity = sent[env, link]
            paid += quantity * purchase[link]
            operated += quantity * operating[link]
            if source[link] < 0:
                bought += quantity
            if transit[link] != 0.0:
                moved += _units_in_transit(env, in_transit, link) * transit[link]
        sums[0, env], sums[2, env], sums[3, env], sums[4, env] = held, paid, moved, operated
        sums[8, env], sums[9, env] = units, bought


# The order of summation is free: sums of whole units are exact.
@partial(compiled, fastmath={"reassoc", "nsz"})
def _units_in_transit(env: int, in_transit: Array, link: int) -> float:
    """Units in transit on a link."""
    total = 0.0
    for slot in range(in_transit.shape[2]):
        total += in_transit[env, link, slot]
    return total
