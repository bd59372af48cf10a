"""Places standard cells around macros: quadratic placement and spreading in turn, until they agree.

In every round the cells first take the places that make the wires shortest, with springs to where spreading
has put them; then they are spread anew over what macros, blockages and the target density leave. The springs
grow from round to round (SimPL, Kim, Lee and Markov 2012). The result is the last spreading: cells lie in no
rows yet and may overlap their neighbours in a bin, which is what the density overflow says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg

from sandbox_chip.kernels.bound_to_bound import tie_nets
from sandbox_chip.kernels.density import cell_density
from sandbox_chip.kernels.spreading import spread_nodes
from sandbox_chip.netlist import CELL, MACRO, SOFT, Netlist
from sandbox_chip.orientation import turned_offsets, turned_sizes
from sandbox_chip.types import Bools, Floats, Ints, Orientations

ROUNDS = 24
"""Rounds of quadratic placement and spreading."""

PULL = 0.05
"""Springs to the last spreading in round r are r times this, over the distance."""

CELLS_IN_BIN = 3.0
"""Cells of a bin of the spreading, on average."""

MAX_BINS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Nodes for the spreading; those larger than a bin are cut, and lie at the mean of their pieces.

    Attributes:
        node: Which of the nodes each piece belongs to, shape ``(P,)``.
        dx: From the node's centre to the piece's, shape ``(P,)``.
        dy: As ``dx``.
        area: Of each piece, shape ``(P,)``.
    """

    node: Ints
    dx: Floats
    dy: Floats
    area: Floats

    def spread(self, x: Floats, y: Floats, room: Floats, bin_w: float, bin_h: float) -> tuple[Floats, Floats]:
        """Centres of the nodes after their pieces have been spread; see `spread_nodes`."""
        piece_x, piece_y = spread_nodes(
            x[self.node] + self.dx, y[self.node] + self.dy, self.area, room, bin_w, bin_h
        )
        count = np.bincount(self.node, minlength=len(x))
        mean_x = np.bincount(self.node, piece_x - self.dx, len(x)) / count
        mean_y = np.bincount(self.node, piece_y - self.dy, len(x)) / count
        return mean_x, mean_y


def cut(width: Floats, height: Floats, bin_w: float, bin_h: float) -> Pieces:
    """Nodes of some sizes in pieces that are no larger than a bin."""
    columns = np.maximum(np.ceil(width / bin_w), 1).astype(np.int64)
    rows = np.maximum(np.ceil(height / bin_h), 1).astype(np.int64)
    count = columns * rows
    node = np.repeat(np.arange(len(width)), count)
    number = np.arange(len(node)) - np.repeat(np.cumsum(count) - count, count)
    column, row = number % columns[node], number // columns[node]
    dx = ((column + 0.5) / columns[node] - 0.5) * width[node]
    dy = ((row + 0.5) / rows[node] - 0.5) * height[node]
    return Pieces(node, dx, dy, (width * height / count)[node])


@dataclass(frozen=True, slots=True, eq=False)
class CellPlacer:
    """Places the cells of a netlist, as often as its macros are placed.

    Attributes:
        netlist: The whole netlist.
        moving: Nodes that move, shape ``(m,)``.
        target: Share of a bin's free area that cells may take.
        bins: Columns and rows of the spreading, a power of two.
        pieces: What is spread: nodes that move, large ones in pieces.
    """

    netlist: Netlist
    moving: Ints
    target: float
    bins: int
    pieces: Pieces

    def place(
        self, x: Floats, y: Floats, orientation: Orientations, rounds: int = ROUNDS
    ) -> tuple[Floats, Floats]:
        """Centres of all nodes, those that move placed anew.

        Args:
            x: Centres of the others, shape ``(nodes,)``.
            y: As ``x``.
            orientation: Of all nodes.
            rounds: See `ROUNDS`.
        """
        netlist, moving = self.netlist, self.moving
        left, bottom = netlist.canvas[:2]
        width, height = netlist.size
        x, y = x - left, y - bottom
        x[moving], y[moving] = width / 2, height / 2
        dx, dy = turned_offsets(orientation[netlist.pin_node], netlist.pin_x, netlist.pin_y)
        room = self._room(x, y, orientation)
        least = 0.1 * width / self.bins
        anchors: tuple[Floats, Floats] | None = None
        for number in range(rounds + 1):
            pull = PULL * number
            # With the first solution springs do not depend on distances, which are all the same yet.
            distance = least if number else width + height
            for _ in range(1 if number else 3):
                solved_x = self._solve(x, dx, None if anchors is None else anchors[0], pull, distance)
                solved_y = self._solve(y, dy, None if anchors is None else anchors[1], pull, distance)
                x[moving] = np.clip(solved_x, 0.0, width)
                y[moving] = np.clip(solved_y, 0.0, height)
                distance = least
            anchors = self.pieces.spread(x[moving], y[moving], room, width / self.bins, height / self.bins)
        assert anchors is not None
        half_w, half_h = netlist.width[moving] / 2, netlist.height[moving] / 2
        x[moving] = np.clip(anchors[0], half_w, np.maximum(width - half_w, half_w))
        y[moving] = np.clip(anchors[1], half_h, np.maximum(height - half_h, half_h))
        return x + left, y + bottom

    def _room(self, x: Floats, y: Floats, orientation: Orientations) -> Floats:
        """Area that cells may take in each bin, shape ``(bins, bins)``."""
        still = np.ones(len(x), bool)
        still[self.moving] = False
        free = free_shares(self.netlist, still, x, y, orientation, self.bins)
        width, height = self.netlist.size
        room: Floats = free * self.target * width * height / self.bins**2
        return room

    def _solve(self, at: Floats, offset: Floats, anchors: Floats | None, pull: float, least: float) -> Floats:
        """Where the nodes that move have the least energy along one axis, shape ``(m,)``."""
        netlist, moving = self.netlist, self.moving
        unknown = np.full(len(netlist.kind), -1, np.int64)
        unknown[moving] = np.arange(len(moving))
        diagonal, right, rows, columns, values = tie_nets(
            netlist.net_start,
            netlist.net_pins,
            netlist.net_weight,
            unknown[netlist.pin_node],
            offset,
            at[netlist.pin_node] + offset,
            least,
            len(moving),
        )
        begun = at[moving]
        if anchors is not None:
            springs = pull / np.maximum(np.abs(begun - anchors), least)
            diagonal += springs
            right += springs * anchors
        # What nothing holds stays where it is.
        held = 1e-6 * diagonal + 1e-12
        diagonal += held
        right += held * begun
        matrix = sparse.csr_matrix(
            (
                np.concatenate((values, diagonal)),
                (
                    np.concatenate((rows, np.arange(len(moving)))),
                    np.concatenate((columns, np.arange(len(moving)))),
                ),
            ),
            (len(moving), len(moving)),
        )
        solved, _ = cg(matrix, right, begun, rtol=1e-5, maxiter=200, M=sparse.diags(1.0 / diagonal))
        result: Floats = solved
        return result


def cell_placer(netlist: Netlist, target: float, soft: bool = True) -> CellPlacer | None:
    """The placer of a netlist's standard cells; None where it has none that may move.

    Args:
        netlist: The whole netlist.
        target: Share of a bin's free area that cells may take, where all have room so; else what they need.
        soft: Whether soft macros are placed like cells; else they stay.
    """
    moves = moving_cells(netlist, soft)
    if not moves[netlist.kind == CELL].any():
        return None
    return placer_of(netlist, moves, target)


def placer_of(netlist: Netlist, moves: Bools, target: float) -> CellPlacer:
    """The placer of some nodes of a netlist; see `cell_placer`."""
    moving = np.flatnonzero(moves)
    width, height = netlist.size
    area = netlist.width * netlist.height
    free = width * height - area[(netlist.kind == MACRO) & ~moves].sum()
    needed = 1.02 * float(area[moving].sum()) / max(float(free), 1e-9)
    bins = 2 ** int(np.ceil(np.log2(np.sqrt(len(moving) / CELLS_IN_BIN) + 1)))
    bins = min(max(bins, 4), MAX_BINS)
    pieces = cut(netlist.width[moving], netlist.height[moving], width / bins, height / bins)
    return CellPlacer(netlist, moving, min(max(target, needed), 1.0), bins, pieces)


def moving_cells(netlist: Netlist, soft: bool = True) -> Bools:
    """Whether each node is a cell, or a soft macro if they move, that is not fixed at a place."""
    kinds = (CELL, SOFT) if soft else (CELL,)
    moves: Bools = np.isin(netlist.kind, kinds) & ~(netlist.fixed & np.isfinite(netlist.x))
    return moves


def free_shares(
    netlist: Netlist, still: Bools, x: Floats, y: Floats, orientation: Orientations, bins: int
) -> Floats:
    """Share of each bin that neither macros nor blockages cover, shape ``(bins, bins)``.

    Args:
        netlist: The whole netlist.
        still: Nodes that count if they are macros, shape ``(nodes,)``.
        x: Centres, the canvas' lower-left corner at the origin.
        y: As ``x``.
        orientation: Of all nodes.
        bins: Columns and rows.
    """
    left, bottom = netlist.canvas[:2]
    macro = (netlist.kind == MACRO) & still & np.isfinite(x)
    width, height = turned_sizes(orientation, netlist.width, netlist.height)
    x0, y0, x1, y1 = netlist.blockages.T
    covered = cell_density(
        np.concatenate((x[macro], (x0 + x1) / 2 - left)),
        np.concatenate((y[macro], (y0 + y1) / 2 - bottom)),
        np.concatenate((width[macro], x1 - x0)),
        np.concatenate((height[macro], y1 - y0)),
        *netlist.size,
        bins,
        bins,
    )
    free: Floats = np.clip(1.0 - covered, 0.0, 1.0)
    return free
