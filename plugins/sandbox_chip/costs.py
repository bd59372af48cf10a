"""Costs of a placement of a whole netlist, from scratch: HPWL, circuit_training's proxy cost, overlap.

Formulas as the published descriptions and the asserted figures of circuit_training give them:

- wirelength cost: Σ w·HPWL / (Σ w · (W + H)) over all nets;
- density cost: half the mean of the densest tenth of the cells, soft macros included;
- congestion cost: routes over capacity in each cell and direction, spread over neighbours, plus what macros
  block; the mean of the most congested twentieth of both directions together;
- proxy cost: wirelength + ½ · density + ½ · congestion.

Sources: Mirhoseini et al. 2021; google-research/circuit_training; TILOS MacroPlacement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_chip.kernels.congestion import blocked_routes, routes, spread
from sandbox_chip.kernels.density import cell_density, overlap_area
from sandbox_chip.kernels.wirelength import pin_boxes, pin_wirelength
from sandbox_chip.netlist import MACRO, SOFT, Netlist
from sandbox_chip.orientation import turned_sizes
from sandbox_chip.technology import Technology
from sandbox_chip.types import Bools, Floats, Orientations


@dataclass(frozen=True, slots=True)
class Costs:
    """circuit_training's costs; all but ``hpwl`` are pure numbers.

    Attributes:
        hpwl: Σ weight · half perimeter, µm.
        wirelength: ``hpwl`` over Σ weight · (width + height of the canvas).
        density: Half the mean of the densest tenth of the cells.
        congestion: Mean of the most congested twentieth of the cells.
    """

    hpwl: float
    wirelength: float
    density: float
    congestion: float

    @property
    def proxy(self) -> float:
        """wirelength + ½·density + ½·congestion."""
        return self.wirelength + 0.5 * self.density + 0.5 * self.congestion


def evaluate(
    netlist: Netlist,
    technology: Technology,
    x: Floats | None = None,
    y: Floats | None = None,
    orientation: Orientations | None = None,
) -> Costs:
    """All costs of a placement; nodes without a position (NaN) and their pins do not count.

    Args:
        netlist: Nodes and nets; each net's source is its first pin.
        technology: Cost grid and routing resources.
        x: Centres, shape ``(nodes,)``; the file's placement if absent.
        y: As ``x``.
        orientation: Index into `ORIENTATIONS`, shape ``(nodes,)``; the file's if absent.
    """
    x, y = (netlist.x if x is None else x), (netlist.y if y is None else y)
    orientation = netlist.orientation if orientation is None else orientation
    pins = _pins(netlist, x, y, orientation)
    total = pin_wirelength(netlist.net_start, netlist.net_pins, netlist.net_weight, *pins)
    width, height = netlist.size
    scale = float(netlist.net_weight.sum()) * (width + height)
    density = density_map(netlist, technology, x, y, orientation)
    blocks = _blocks(netlist, netlist.kind == MACRO, x, y, orientation)
    horizontal, vertical = _congestion(netlist, technology, pins, blocks)
    return Costs(
        total,
        total / scale if scale else 0.0,
        0.5 * top_mean(density, 0.1),
        top_mean(np.concatenate((horizontal.ravel(), vertical.ravel())), 0.05),
    )


def hpwl(netlist: Netlist, x: Floats, y: Floats, orientation: Orientations | None = None) -> float:
    """Σ weight · [(max x − min x) + (max y − min y)] over the pins of each net, µm."""
    pins = netlist.pin_positions(x, y, orientation)
    return pin_wirelength(netlist.net_start, netlist.net_pins, netlist.net_weight, *pins)


def net_boxes(netlist: Netlist, x: Floats, y: Floats, orientation: Orientations | None = None) -> Floats:
    """Box of each net's placed pins, the canvas' lower-left corner at the origin, shape ``(N, 4)``.

    See `sandbox_chip.types.Box`; least x > greatest x for a net without a placed pin.
    """
    pin_x, pin_y = netlist.pin_positions(x, y, orientation)
    left, bottom = netlist.canvas[:2]
    return pin_boxes(netlist.net_start, netlist.net_pins, pin_x - left, pin_y - bottom)


def density_map(
    netlist: Netlist, technology: Technology, x: Floats, y: Floats, orientation: Orientations
) -> Floats:
    """Share of each cell of the cost grid that hard and soft macros cover, shape ``(rows, columns)``."""
    block = (netlist.kind == MACRO) | (netlist.kind == SOFT)
    blocks = _blocks(netlist, block, x, y, orientation)
    return cell_density(*blocks, *netlist.size, technology.columns, technology.rows)


def congestion_maps(
    netlist: Netlist, technology: Technology, x: Floats, y: Floats, orientation: Orientations
) -> tuple[Floats, Floats]:
    """Horizontal and vertical congestion of a placement, shape ``(rows, columns)`` each.

    Congestion is routes over capacity: 1 where all routes of a cell are used.
    """
    pins = _pins(netlist, x, y, orientation)
    blocks = _blocks(netlist, netlist.kind == MACRO, x, y, orientation)
    return _congestion(netlist, technology, pins, blocks)


def overlap(netlist: Netlist, x: Floats, y: Floats, orientation: Orientations) -> float:
    """Area that hard macros share in pairs, µm²; 0 for a legal placement."""
    placed = (netlist.kind == MACRO) & np.isfinite(x)
    width, height = turned_sizes(orientation, netlist.width, netlist.height)
    return overlap_area(x[placed], y[placed], width[placed], height[placed])


def top_mean(values: Floats, share: float) -> float:
    """Mean of the greatest ``share`` of the values, at least one; of all that are not 0 if under ten."""
    values = np.asarray(values, float).ravel()
    if len(values) < 10:
        occupied = values[values != 0]
        return float(occupied.mean()) if len(occupied) else 0.0
    count = max(int(len(values) * share), 1)
    return float(np.partition(values, len(values) - count)[-count:].mean())


def _pins(netlist: Netlist, x: Floats, y: Floats, orientation: Orientations) -> tuple[Floats, Floats]:
    """Positions of all pins, the canvas' lower-left corner at the origin."""
    pin_x, pin_y = netlist.pin_positions(x, y, orientation)
    left, bottom = netlist.canvas[:2]
    return pin_x - left, pin_y - bottom


def _blocks(
    netlist: Netlist, chosen: Bools, x: Floats, y: Floats, orientation: Orientations
) -> tuple[Floats, Floats, Floats, Floats]:
    """Centres and sizes of the chosen nodes that are placed, the canvas' lower-left corner at the origin."""
    placed = chosen & np.isfinite(x)
    width, height = turned_sizes(orientation, netlist.width, netlist.height)
    left, bottom = netlist.canvas[:2]
    return x[placed] - left, y[placed] - bottom, width[placed], height[placed]


def _congestion(
    netlist: Netlist,
    technology: Technology,
    pins: tuple[Floats, Floats],
    blocks: tuple[Floats, Floats, Floats, Floats],
) -> tuple[Floats, Floats]:
    columns, rows = technology.columns, technology.rows
    width, height = netlist.size
    cell_w, cell_h = width / columns, height / rows
    routes_h, routes_v = routes(
        netlist.net_start, netlist.net_pins, netlist.net_weight, *pins, cell_w, cell_h, columns, rows
    )
    blocked_h, blocked_v = blocked_routes(
        *blocks, cell_w, cell_h, columns, rows, technology.blocked_h, technology.blocked_v
    )
    capacity_h, capacity_v = cell_h * technology.routes_h, cell_w * technology.routes_v
    # Horizontal routes are spread over rows above and below, vertical ones over columns at the sides.
    horizontal = spread(routes_h.T / capacity_h, technology.smoothing).T + blocked_h / capacity_h
    vertical = spread(routes_v / capacity_v, technology.smoothing) + blocked_v / capacity_v
    return horizontal, vertical
