"""Quadratic placement of any nodes of a netlist: where they would lie if nets were springs.

A net of d pins is a star around their mean, which equals a clique with weights w/d; the star's middle is an
unknown of its own, so that the matrix stays sparse. The matrix depends on which nodes move, not on where the
others lie: it is factorised once and solved for as many placements of the others as are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from sandbox_chip.netlist import Netlist
from sandbox_chip.orientation import turned_offsets
from sandbox_chip.types import Bools, Floats, Ints, Orientations

CENTRE_PULL = 1e-4
"""Weak springs to the canvas' centre, as a share of a node's weight: they hold what no pad holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Springs:
    """A quadratic placement that is ready to be solved.

    Attributes:
        netlist: The netlist.
        moving: Nodes that move, shape ``(m,)``.
        factor: Of the matrix of the nodes that move and the middles of the nets.
        pins: From positions of pins that do not move, and offsets of those that do, to the right-hand side.
        centre: Springs to the canvas' centre, one an unknown.
    """

    netlist: Netlist
    moving: Ints
    factor: Any
    pins: Any
    centre: Floats

    def solve(self, x: Floats, y: Floats, orientation: Orientations) -> tuple[Floats, Floats]:
        """Centres of all nodes: those that move where the energy is least, inside the canvas.

        Args:
            x: Centres of the nodes that do not move, shape ``(nodes,)``; pins of those at NaN do not count.
            y: As ``x``.
            orientation: Of all nodes, index into `ORIENTATIONS`.
        """
        netlist = self.netlist
        still = np.ones(len(netlist.kind), bool)
        still[self.moving] = False
        dx, dy = turned_offsets(orientation[netlist.pin_node], netlist.pin_x, netlist.pin_y)
        solved = []
        left, bottom, right, top = netlist.canvas
        for offsets, centres, low, high in ((dx, x, left, right), (dy, y, bottom, top)):
            still_at = np.where(still, centres, 0.0)[netlist.pin_node]
            right_hand = self.pins @ np.nan_to_num(still_at + offsets) + self.centre * (low + high) / 2
            values = self.factor.solve(right_hand)[: len(self.moving)]
            result = centres.copy()
            result[self.moving] = np.clip(values, low, high)
            solved.append(result)
        return solved[0], solved[1]


def springs(netlist: Netlist, moves: Bools, x: Floats) -> Springs:
    """The springs of a netlist.

    Args:
        netlist: The netlist.
        moves: Whether each node moves, shape ``(nodes,)``.
        x: Centres; what does not move and lies at NaN has no springs.
    """
    moving = np.flatnonzero(moves)
    unknown = np.full(len(netlist.kind), -1, np.int64)
    unknown[moving] = np.arange(len(moving))
    nets = np.repeat(np.arange(netlist.num_nets), np.diff(netlist.net_start))
    pins = netlist.net_pins
    counts = moves[netlist.pin_node[pins]] | np.isfinite(x[netlist.pin_node[pins]])
    nets, pins = nets[counts], pins[counts]
    # A net whose pins all stay pulls at nothing.
    pulled = np.bincount(nets, moves[netlist.pin_node[pins]], netlist.num_nets) > 0
    nets, pins = nets[pulled[nets]], pins[pulled[nets]]
    star = np.cumsum(pulled) - 1 + len(moving)
    weight, middle, mover = netlist.net_weight[nets], star[nets], unknown[netlist.pin_node[pins]]
    size = len(moving) + int(pulled.sum())
    moves_too = mover >= 0
    rows = np.concatenate((middle, mover[moves_too], mover[moves_too], middle[moves_too]))
    columns = np.concatenate((middle, mover[moves_too], middle[moves_too], mover[moves_too]))
    values = np.concatenate((weight, weight[moves_too], -weight[moves_too], -weight[moves_too]))
    matrix = sparse.coo_matrix((values, (rows, columns)), (size, size)).tocsc()
    diagonal = matrix.diagonal()
    centre = np.zeros(size)
    centre[: len(moving)] = CENTRE_PULL * np.maximum(diagonal[: len(moving)], 1e-9) + 1e-9
    matrix = matrix + sparse.diags(centre + np.where(diagonal == 0, 1e-9, 0.0), format="csc")
    # The middle is pulled to each pin; a node that moves, to the middle minus the offset of its pin.
    to_rows = np.concatenate((middle, mover[moves_too]))
    to_pins = np.concatenate((pins, pins[moves_too]))
    couple = sparse.coo_matrix(
        (np.concatenate((weight, -weight[moves_too])), (to_rows, to_pins)), (size, len(netlist.pin_node))
    ).tocsr()
    return Springs(netlist, moving, splu(matrix.tocsc()), couple, centre)
