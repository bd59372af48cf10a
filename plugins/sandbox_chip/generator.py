"""Seeded designs: macros in clusters by Rent's rule, heavy-tailed sizes, pads on the rim.

A family determines the sizes and the nets of a design. The macros are leaves of a random binary tree; between
the two halves of a part with a and b macros run about k · (aᵖ + bᵖ − (a + b)ᵖ)/2 nets, so that every part of
m macros has about k · mᵖ connections to the outside (Landman and Russo 1971, Rent's rule). The connections of
the whole go to pads; pads of one part of the tree lie near each other on the rim.

With standard cells these are leaves too, and a macro stands for a part of the tree: `CELLS_OF_MACRO` leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sandbox_chip.config import FAMILIES
from sandbox_chip.fit import packs
from sandbox_chip.kernels.jit import njit
from sandbox_chip.netlist import CELL, MACRO, PAD, Netlist
from sandbox_chip.problem import Problem, build_problem
from sandbox_chip.types import Floats, Ints

SIDE = 1000.0
"""Side of the square canvas, µm."""

RENT_TERMINALS = 4.0
"""Connections of a single macro (Rent's k)."""

CELLS_OF_MACRO = 16
"""Leaves of the tree that a macro takes in a design with standard cells: as many connections."""

CELL_SHARE = 0.3
"""Share of the canvas that standard cells take."""

SHRINKING = 0.94
"""Factor of all macros' sides, as often as it takes until they can be packed on the grid."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to draw designs from.

    Attributes:
        family: One of `sandbox_chip.config.FAMILIES`; ``mixed`` draws one of the others for each design.
        macros: Least and greatest number of macros.
        utilisation: Least and greatest share of the canvas that macros take.
        rent: Rent's exponent p.
        grid: Columns and rows of a grid on which every design can be packed.
        cells: Number of standard cells.
    """

    family: str = "mixed"
    macros: tuple[int, int] = (16, 24)
    utilisation: tuple[float, float] = (0.4, 0.6)
    rent: float = 0.65
    grid: int = 32
    cells: int = 0


@dataclass(frozen=True, slots=True)
class _Nets:
    """Nets between leaves and pads.

    Attributes:
        starts: First member of each net, shape ``(nets + 1,)``.
        members: Leaves by net; −1 for the net's pad.
        pad_leaf: A leaf that each pad is connected to.
    """

    starts: Ints
    members: Ints
    pad_leaf: Ints


def generate(recipe: Recipe, seed: int) -> Netlist:
    """The design of a seed: the same recipe and seed give the same design."""
    return generate_problem(recipe, seed)[0]


def generate_problem(recipe: Recipe, seed: int, orientation: str = "fixed") -> tuple[Netlist, Problem]:
    """The design of a seed, and the problem of placing its macros on the recipe's grid.

    Args:
        recipe: What to draw from.
        seed: Of the design.
        orientation: A key of `sandbox_chip.problem.CHOICES`.
    """
    rng = np.random.default_rng(seed)
    low, high = recipe.macros
    count = int(rng.integers(low, high + 1))
    family = recipe.family if recipe.family != "mixed" else FAMILIES[int(rng.integers(1, len(FAMILIES)))]
    width, height = _sizes(rng, family, count)
    cells = recipe.cells
    if family == "tiles" and not cells:
        nets, leaf_node = _mesh(count), np.arange(count)
    else:
        leaves = cells + CELLS_OF_MACRO * count if cells else count
        nets = _Nets(*_tree_nets(rng, leaves, recipe.rent, RENT_TERMINALS))
        items = rng.permutation(count + cells)
        leaf_node = np.repeat(items, np.where(items < count, CELLS_OF_MACRO, 1)) if cells else items
    utilisation = float(rng.uniform(*recipe.utilisation))
    netlist = _assemble(rng, f"{family}-{seed}", width, height, nets, leaf_node, utilisation, cells)
    return _fitted(netlist, recipe.grid, orientation)


def _sizes(rng: np.random.Generator, family: str, count: int) -> tuple[Floats, Floats]:
    """Widths and heights, up to a common factor."""
    if family == "heavy":
        area = np.exp(rng.normal(0.0, 1.1, count))
        aspect = np.exp(rng.uniform(-0.7, 0.7, count))
    elif family == "banks":
        groups = rng.integers(0, max(2, count // 4), count)
        area = np.exp(rng.normal(0.0, 0.8, count))[groups]
        aspect = np.exp(rng.uniform(-1.0, 1.0, count))[groups]
    elif family == "tiles":
        area, aspect = np.ones(count), np.ones(count)
    else:
        sides = rng.uniform(0.3, 1.0, (2, count))
        area, aspect = sides[0] * sides[1], sides[0] / sides[1]
    area = np.minimum(area, 0.2 * area.sum())
    return np.sqrt(area * aspect), np.sqrt(area / aspect)


@njit
def _tree_nets(
    rng: np.random.Generator, count: int, exponent: float, terminals: float
) -> tuple[Ints, Ints, Ints]:
    """Nets of a random binary tree over leaves 0 … count − 1; the fields of `_Nets`."""
    starts, members, pad_leaf = [0], [0], [0]
    members.pop()
    pad_leaf.pop()
    stack = [(0, count)]
    while len(stack) > 0:
        low, high = stack.pop()
        if high - low < 2:
            continue
        middle = low + int((high - low) * rng.uniform(0.35, 0.65) + 0.5)
        middle = min(max(middle, low + 1), high - 1)
        a, b = middle - low, high - middle
        expected = terminals * (a**exponent + b**exponent - (a + b) ** exponent) / 2
        nets = max(1, int(expected + rng.random()))
        for _ in range(nets):
            _add_net_between_halves(rng, low, middle, high, members)
            starts.append(len(members))
        stack.append((low, middle))
        stack.append((middle, high))
    pads = max(4, int(terminals * count**exponent))
    for _ in range(pads):
        leaf = int(rng.random() * count)
        members.append(-1)
        members.append(leaf)
        if rng.random() < 0.2:
            other = int(rng.random() * count)
            if other != leaf:
                members.append(other)
        starts.append(len(members))
        pad_leaf.append(leaf)
    return np.array(starts), np.array(members), np.array(pad_leaf)


@njit
def _add_net_between_halves(
    rng: np.random.Generator, low: int, middle: int, high: int, members: list[int]
) -> None:
    """Add a leaf of each half in a random order, and now and then more leaves of the whole."""
    first = low + int(rng.random() * (middle - low))
    second = middle + int(rng.random() * (high - middle))
    if rng.random() < 0.5:
        first, second = second, first
    begin = len(members)
    members.append(first)
    members.append(second)
    while rng.random() < 0.3:
        more = low + int(rng.random() * (high - low))
        is_new = True
        for at in range(begin, len(members)):
            if members[at] == more:
                is_new = False
        if is_new:
            members.append(more)


def _mesh(count: int) -> _Nets:
    """Nets between neighbours of a square mesh, and pads at its first and last column."""
    columns = int(np.ceil(np.sqrt(count)))
    nets: list[tuple[int, ...]] = []
    for tile in range(count):
        column = tile % columns
        if column + 1 < columns and tile + 1 < count:
            nets += [(tile, tile + 1)] * 2
        if tile + columns < count:
            nets += [(tile, tile + columns)] * 2
    pad_leaf = [tile for tile in range(count) if tile % columns in (0, columns - 1)]
    nets += [(-1, tile) for tile in pad_leaf]
    starts = np.concatenate(([0], np.cumsum([len(net) for net in nets])))
    return _Nets(starts, np.array([leaf for net in nets for leaf in net]), np.array(pad_leaf))


def _assemble(
    rng: np.random.Generator,
    name: str,
    width: Floats,
    height: Floats,
    nets: _Nets,
    leaf_node: Ints,
    utilisation: float,
    cells: int = 0,
) -> Netlist:
    """The netlist, its macros scaled to a utilisation; leaf i belongs to node ``leaf_node[i]``.

    Macros come first, then cells, then pads.
    """
    count, pads = len(width), len(nets.pad_leaf)
    factor = SIDE * np.sqrt(utilisation / (width * height).sum())
    width, height = width * factor, height * factor
    # Pads follow the order of the leaves around the rim, from a corner drawn at random.
    along = (nets.pad_leaf + 0.5) / len(leaf_node) + rng.normal(0.0, 0.03, pads) + rng.random()
    pad_x, pad_y = _on_rim(along % 1.0)
    node = np.where(nets.members < 0, 0, leaf_node[np.maximum(nets.members, 0)])
    node[nets.members < 0] = count + cells + np.arange(pads)
    starts, node = _without_repeats(nets.starts, node) if cells else (nets.starts, node)
    pin_x, pin_y = _pins(rng, node, width, height, count)
    zeros, nowhere = np.zeros(pads), np.full(count + cells, np.nan)
    row = SIDE * np.sqrt(CELL_SHARE / max(2 * cells, 1))
    cell_w = row * rng.integers(1, 4, cells)
    numbers = (count, cells, pads)
    return Netlist(
        name=name,
        nodes=[f"{letter}{index}" for letter, n in zip("MCP", numbers, strict=True) for index in range(n)],
        kind=np.repeat(np.array([MACRO, CELL, PAD], np.int8), numbers),
        fixed=np.repeat([False, True], (count + cells, pads)),
        width=np.concatenate((width, cell_w, zeros)),
        height=np.concatenate((height, np.full(cells, row), zeros)),
        x=np.concatenate((nowhere, pad_x)),
        y=np.concatenate((nowhere, pad_y)),
        orientation=np.zeros(sum(numbers), np.int8),
        pin_node=node.astype(np.int64),
        pin_x=pin_x,
        pin_y=pin_y,
        net_start=starts.astype(np.int64),
        net_pins=np.arange(len(node)),
        net_weight=np.ones(len(starts) - 1),
        canvas=(0.0, 0.0, SIDE, SIDE),
        row_height=float(row) if cells else 0.0,
    )


@njit
def _without_repeats(starts: Ints, members: Ints) -> tuple[Ints, Ints]:
    """Nets without members that they have already, and without those that are left with one."""
    new_starts, new_members = [0], [0]
    new_members.pop()
    for net in range(len(starts) - 1):
        begin = len(new_members)
        for at in range(starts[net], starts[net + 1]):
            is_new = True
            for before in range(begin, len(new_members)):
                if new_members[before] == members[at]:
                    is_new = False
            if is_new:
                new_members.append(members[at])
        if len(new_members) - begin < 2:
            while len(new_members) > begin:
                new_members.pop()
        else:
            new_starts.append(len(new_members))
    return np.array(new_starts), np.array(new_members)


def _on_rim(along: Floats) -> tuple[Floats, Floats]:
    """Points at a share of the way around the canvas, counter-clockwise from its lower-left corner."""
    at = along * 4.0  # sides: bottom, right, top, left
    x = np.clip(1.5 - np.abs(at - 1.5), 0.0, 1.0) * SIDE
    y = np.clip(1.5 - np.abs(at - 2.5), 0.0, 1.0) * SIDE
    return x, y


def _pins(
    rng: np.random.Generator, node: Ints, width: Floats, height: Floats, count: int
) -> tuple[Floats, Floats]:
    """Offsets of the pins, on the macros' sides: most pins of a macro lie on one side, as with memories."""
    main_side = rng.integers(0, 4, count)
    macro = np.minimum(node, count - 1)
    side = np.where(rng.random(len(node)) < 0.7, main_side[macro], rng.integers(0, 4, len(node)))
    along = rng.uniform(-0.45, 0.45, len(node))
    across = np.where(side % 2 == 0, -0.5, 0.5)
    pin_x = np.where(side < 2, along, across) * width[macro]
    pin_y = np.where(side < 2, across, along) * height[macro]
    is_pad = node >= count
    return np.where(is_pad, 0.0, pin_x), np.where(is_pad, 0.0, pin_y)


def _fitted(netlist: Netlist, grid: int, orientation: str) -> tuple[Netlist, Problem]:
    """The design, and its problem on a grid, with its macros shrunk until they can be packed."""
    problem = build_problem(netlist, grid, orientation)
    while not packs(problem):
        factor = np.where(netlist.kind == MACRO, SHRINKING, 1.0)
        pin_factor = factor[netlist.pin_node]
        netlist = replace(
            netlist,
            width=netlist.width * factor,
            height=netlist.height * factor,
            pin_x=netlist.pin_x * pin_factor,
            pin_y=netlist.pin_y * pin_factor,
        )
        problem = build_problem(netlist, grid, orientation)
    return netlist, problem
