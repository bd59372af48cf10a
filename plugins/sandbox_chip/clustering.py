"""Standard cells gathered into soft macros: first-choice coarsening of the netlist, own and open.

Level by level every cluster of cells joins the neighbour that it is tied to most, by Σ weight / (pins − 1)
of the nets that they share, over the area of both, as long as the two together stay under a greatest area.
Macros and pads stay as they are. A soft macro is a square as large as its cells, at their centre of gravity.

Source of the rating: Karypis and Kumar 1999, hMETIS (first choice, edge coarsening). Nets that end at the
same soft macros become one net of their summed weight, as in the clustered netlists of circuit_training.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.netlist import CELL, SOFT, Netlist
from sandbox_chip.types import Bools, Floats, Ints

PREFIX = "Grp_"
"""First part of a soft macro's name, by which circuit_training tells it from a hard one."""

MAX_AREA = 3.0
"""Greatest area of a cluster, in mean areas of the clusters that are asked for."""

MAX_LEVELS = 60
MAX_RATED_PINS = 100
"""Nets of more pins say little about who belongs together, and cost most."""


def cluster_cells(netlist: Netlist, clusters: int, seed: int = 0, bloat: float = 1.0) -> Netlist:
    """The netlist with its standard cells gathered into about ``clusters`` soft macros.

    Args:
        netlist: Any netlist; one without standard cells is returned as it is.
        clusters: How many soft macros to aim for.
        seed: Of the order in which cells choose their neighbours.
        bloat: Area of a soft macro over that of its cells, for the room that routing and buffers take.
    """
    cells = netlist.kind == CELL
    if not cells.any():
        return netlist
    area = netlist.width * netlist.height
    area = np.maximum(area, area[cells].sum() / max(cells.sum(), 1) * 1e-3 + 1e-12)
    limit = MAX_AREA * area[cells].sum() / max(clusters, 1)
    cluster = _coarsen(netlist, cells, area, limit, clusters, seed)
    return _gathered(netlist, cluster, bloat)


def _coarsen(netlist: Netlist, cells: Bools, area: Floats, limit: float, clusters: int, seed: int) -> Ints:
    """Cluster of every node, −1 for macros and pads, shape ``(nodes,)``; clusters are numbered from 0."""
    rng = np.random.default_rng(seed)
    cluster_of = np.full(len(cells), -1, np.int64)
    cluster_of[cells] = np.arange(int(cells.sum()))
    size = area[cells].copy()
    for _ in range(MAX_LEVELS):
        count = len(size)
        if count <= clusters:
            break
        starts, members, weights = _nets_of_clusters(netlist, cluster_of, count)
        parent = _match(starts, members, weights, size, limit, rng.permutation(count), count - clusters)
        roots, number = np.unique(parent, return_inverse=True)
        if len(roots) == count:
            break
        cluster_of[cluster_of >= 0] = number[cluster_of[cluster_of >= 0]]
        size = np.bincount(number, size, len(roots)).astype(np.float64)
    return cluster_of


def _nets_of_clusters(netlist: Netlist, cluster_of: Ints, count: int) -> tuple[Ints, Ints, Floats]:
    """Nets that join at least two clusters: first member of each, members, and weights."""
    nets = np.repeat(np.arange(netlist.num_nets), np.diff(netlist.net_start))
    member = cluster_of[netlist.pin_node[netlist.net_pins]]
    degree = np.diff(netlist.net_start)
    keep = (member >= 0) & (degree[nets] <= MAX_RATED_PINS)
    pairs = np.unique(nets[keep] * count + member[keep])
    nets, members = pairs // count, pairs % count
    size = np.bincount(nets, minlength=netlist.num_nets)
    joins = size >= 2
    members = members[joins[nets]]
    starts = np.concatenate(([0], np.cumsum(size[joins])))
    return starts, members, netlist.net_weight[joins]


@njit
def _match(
    starts: Ints, members: Ints, weights: Floats, size: Floats, limit: float, order: Ints, merges: int
) -> Ints:
    """Cluster that each one joins, itself if none, shape ``(count,)``; at most ``merges`` join another."""
    count = len(size)
    by_cluster, net_of = _nets_by_cluster(starts, members, count)
    parent, total = np.arange(count), size.copy()
    joined = np.zeros(count, np.bool_)
    tie, touched = np.zeros(count), np.empty(count, np.int64)
    for cluster in order:
        if merges <= 0:
            break
        if joined[cluster]:
            continue
        num_touched = 0
        for net in net_of[by_cluster[cluster] : by_cluster[cluster + 1]]:
            amount = weights[net] / (starts[net + 1] - starts[net] - 1)
            for at in range(starts[net], starts[net + 1]):
                other = parent[members[at]]
                if tie[other] == 0.0:
                    touched[num_touched] = other
                    num_touched += 1
                tie[other] += amount
        best = _best_tied(cluster, touched[:num_touched], tie, total, size[cluster], limit)
        if best >= 0:
            parent[cluster] = best
            total[best] += size[cluster]
            joined[cluster] = joined[best] = True
            merges -= 1
    return parent


@njit
def _nets_by_cluster(starts: Ints, members: Ints, count: int) -> tuple[Ints, Ints]:
    """Nets of every cluster: first of each, and the nets."""
    by_cluster = np.zeros(count + 1, np.int64)
    for at in range(len(members)):
        by_cluster[members[at] + 1] += 1
    by_cluster = np.cumsum(by_cluster)
    net_of, end = np.empty(len(members), np.int64), by_cluster.copy()
    for net in range(len(starts) - 1):
        for at in range(starts[net], starts[net + 1]):
            net_of[end[members[at]]] = net
            end[members[at]] += 1
    return by_cluster, net_of


@njit
def _best_tied(cluster: int, touched: Ints, tie: Floats, total: Floats, size: float, limit: float) -> int:
    """The cluster of the highest rating that another may join, −1 if none; ``tie`` is cleared."""
    best, highest = -1, 0.0
    for other in touched:
        if other != cluster and total[other] + size <= limit:
            rating = tie[other] / (total[other] + size)
            if rating > highest:
                best, highest = other, rating
        tie[other] = 0.0
    return best


def _gathered(netlist: Netlist, cluster: Ints, bloat: float) -> Netlist:
    """The netlist with a soft macro in place of every cluster; macros and pads come first."""
    kept = np.flatnonzero(cluster < 0)
    count = int(cluster.max()) + 1
    cells = cluster >= 0
    area = np.bincount(cluster[cells], (netlist.width * netlist.height)[cells], count)
    weight = np.maximum((netlist.width * netlist.height)[cells], 1e-12)
    mass = np.bincount(cluster[cells], weight, count)
    x = np.bincount(cluster[cells], netlist.x[cells] * weight, count) / mass
    y = np.bincount(cluster[cells], netlist.y[cells] * weight, count) / mass
    side = np.sqrt(area * bloat)
    new_index = np.empty(len(cluster), np.int64)
    new_index[kept] = np.arange(len(kept))
    new_index[cells] = len(kept) + cluster[cells]
    pin_node, pin_x, pin_y, starts, pins, weights = _gathered_nets(netlist, new_index, len(kept))

    def joined(values: Floats, soft: Floats | float) -> Floats:
        return np.concatenate((values[kept], np.broadcast_to(soft, count)))

    return replace(
        netlist,
        nodes=[netlist.nodes[node] for node in kept.tolist()]
        + [f"{PREFIX}{index}" for index in range(count)],
        kind=np.concatenate((netlist.kind[kept], np.full(count, SOFT, np.int8))),
        fixed=np.concatenate((netlist.fixed[kept], np.zeros(count, bool))),
        width=joined(netlist.width, side),
        height=joined(netlist.height, side),
        x=joined(netlist.x, x),
        y=joined(netlist.y, y),
        orientation=np.concatenate((netlist.orientation[kept], np.zeros(count, np.int8))),
        pin_node=pin_node,
        pin_x=pin_x,
        pin_y=pin_y,
        net_start=starts,
        net_pins=pins,
        net_weight=weights,
        node_ids=np.arange(len(kept) + count),
        halo=None if netlist.halo is None else np.concatenate((netlist.halo[kept], np.zeros((count, 4)))),
    )


def _gathered_nets(
    netlist: Netlist, new_index: Ints, first_soft: int
) -> tuple[Ints, Floats, Floats, Ints, Ints, Floats]:
    """Pins and nets over soft macros: pins of nodes, offsets, starts, pins by net, and weights.

    A soft macro has its pins at its centre: one that it receives by, and one for each net that it drives.
    Nets between the same pins become one.
    """
    pin_node, pin_x, pin_y = [], [], []
    receiving: dict[int, int] = {}
    kept_pin: dict[int, int] = {}
    weights: dict[tuple[int, tuple[int, ...]], float] = {}

    def new_pin(node: int, dx: float, dy: float) -> int:
        pin_node.append(node)
        pin_x.append(dx)
        pin_y.append(dy)
        return len(pin_node) - 1

    nodes = new_index[netlist.pin_node].tolist()
    offsets_x, offsets_y = netlist.pin_x.tolist(), netlist.pin_y.tolist()
    starts = netlist.net_start.tolist()
    for net, weight in enumerate(netlist.net_weight.tolist()):
        ends: dict[int, None] = {}
        source = -1
        for pin in netlist.net_pins[starts[net] : starts[net + 1]].tolist():
            node = nodes[pin]
            # What a net is at: a soft macro as such (a negative number), or the pin of another node.
            end = -node - 1 if node >= first_soft else pin
            source = end if not ends else source
            ends[end] = None
        if len(ends) > 1:
            key = (source, tuple(sorted(end for end in ends if end != source)))
            weights[key] = weights.get(key, 0.0) + weight
    net_start, net_pins = [0], []
    for source, sinks in weights:
        for position, end in enumerate((source, *sinks)):
            if end < 0 and position == 0:
                pin = new_pin(-end - 1, 0.0, 0.0)
            elif end < 0:
                if end not in receiving:
                    receiving[end] = new_pin(-end - 1, 0.0, 0.0)
                pin = receiving[end]
            else:
                if end not in kept_pin:
                    kept_pin[end] = new_pin(nodes[end], offsets_x[end], offsets_y[end])
                pin = kept_pin[end]
            net_pins.append(pin)
        net_start.append(len(net_pins))
    return (
        np.array(pin_node, np.int64),
        np.array(pin_x, float),
        np.array(pin_y, float),
        np.array(net_start, np.int64),
        np.array(net_pins, np.int64),
        np.array(list(weights.values()), float),
    )
