"""Whole designs: standard cells placed around the macros, and the figures that follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chip_support import netlist
from scipy import sparse
from test_chip_convert import whole_design
from test_chip_flow_files import play

from sandbox.api import InvalidValueError
from sandbox_chip import costs
from sandbox_chip.config import ChipConfig
from sandbox_chip.convert import write_design
from sandbox_chip.designs import DesignSource
from sandbox_chip.env import make
from sandbox_chip.generator import CELL_SHARE, SIDE, Recipe, generate
from sandbox_chip.kernels.bound_to_bound import tie_nets
from sandbox_chip.kernels.spreading import spread_nodes
from sandbox_chip.netlist import CELL, MACRO, PAD
from sandbox_chip.placers.cells import cell_placer, cut
from sandbox_chip.placers.mixed_size import mixed_size
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget
from sandbox_chip.placers.whole import overflow
from sandbox_chip.reward import PRESETS

GENERATED = {
    "netlist": "generated:blocks",
    "grid": 24,
    "macros_min": 8,
    "macros_max": 8,
    "generated_cells": 300,
    "design_seed": 2,
    "cells": "analytic",
}


# Springs


def test_the_energy_of_bound_to_bound_springs_is_the_wirelength() -> None:
    rng = np.random.default_rng(0)
    starts = np.array([0, 2, 5, 9])
    at = rng.uniform(0, 100, 9)
    weights = np.array([1.0, 2.0, 0.5])
    unknown = np.array([0, 1, 2, -1, 3, 4, 5, 6, -1])
    offset = rng.uniform(-1, 1, 9)
    diagonal, right, rows, columns, values = tie_nets(
        starts, np.arange(9), weights, unknown, offset, at, 1e-6, 7
    )
    matrix = np.diag(diagonal) + sparse.coo_matrix((values, (rows, columns)), (7, 7)).toarray()
    np.testing.assert_allclose(matrix, matrix.T)
    # The gradient of Σ strength/2 · distance² at the present placement is that of Σ weight · span: ± weight
    # at the two ends of a net, nothing between, where a pin is drawn to both ends alike.
    centres = np.zeros(7)
    centres[unknown[unknown >= 0]] = (at - offset)[unknown >= 0]
    slope = matrix @ centres - right
    expected = np.zeros(7)
    for net in range(3):
        pins = np.arange(starts[net], starts[net + 1])
        for pin, sign in ((pins[at[pins].argmax()], 1), (pins[at[pins].argmin()], -1)):
            if unknown[pin] >= 0:
                expected[unknown[pin]] += sign * weights[net]
    np.testing.assert_allclose(slope, expected, atol=1e-9)


# Spreading


def test_spreading_leaves_nodes_alone_that_have_room() -> None:
    x, y = np.array([1.0, 5.0, 9.0]), np.array([9.0, 5.0, 1.0])
    moved = spread_nodes(x, y, np.ones(3), np.full((4, 4), 2.0), 2.5, 2.5)
    np.testing.assert_array_equal(moved, (x, y))


@pytest.mark.parametrize("seed", range(5))
def test_after_spreading_no_bin_holds_much_more_than_its_room(seed: int) -> None:
    rng = np.random.default_rng(seed)
    area = rng.uniform(0.2, 1.0, 200)
    room = np.full((8, 8), 2.5)
    room[2:5, 3:6] = 0.0  # a macro
    x, y = spread_nodes(rng.normal(4, 0.3, 200), rng.normal(4, 0.3, 200), area, room, 1.0, 1.0)
    column, row = np.minimum(x.astype(int), 7), np.minimum(y.astype(int), 7)
    # A node on an edge between two bins may belong to either.
    on_edge = (x == np.round(x)) | (y == np.round(y))
    held = np.zeros((8, 8))
    np.add.at(held, (row[~on_edge], column[~on_edge]), area[~on_edge])
    assert held[2:5, 3:6].sum() == 0
    assert (held <= room + area.max()).all()
    assert ((x >= 0) & (x <= 8) & (y >= 0) & (y <= 8)).all()


def test_a_large_node_is_cut_into_pieces_no_larger_than_a_bin() -> None:
    pieces = cut(np.array([1.0, 5.0]), np.array([1.0, 3.0]), 2.0, 2.0)
    assert pieces.node.tolist() == [0] + [1] * 6
    assert pieces.area.tolist() == [1.0] + [2.5] * 6
    np.testing.assert_allclose(sorted(set(pieces.dx[1:])), [-5 / 3, 0, 5 / 3], atol=1e-12)
    # Pieces that all stay where they are put the node where it was.
    room = np.full((10, 10), 100.0)
    assert [
        value.tolist() for value in pieces.spread(np.array([4.0, 8.0]), np.array([6.0, 9.0]), room, 2.0, 2.0)
    ] == [
        [4.0, 8.0],
        [6.0, 9.0],
    ]


# Placing cells


def test_a_cell_between_two_pads_lies_between_them_and_outside_the_macro() -> None:
    nodes = [(MACRO, 30, 30), (CELL, 2, 2), (PAD, 0, 0), (PAD, 0, 0)]
    nets = [[(2, 0, 0), (1, 0, 0)], [(3, 0, 0), (1, 0, 0)]]
    design = netlist(nodes, nets, {0: (80, 80), 2: (10, 20), 3: (40, 20)})
    placer = cell_placer(design, 0.8)
    assert placer is not None
    x, y = placer.place(design.x, design.y, design.orientation)
    assert 10 <= x[1] <= 40
    assert y[1] == pytest.approx(20, abs=0.5)
    assert costs.hpwl(design, x, y) == pytest.approx(30, abs=1)
    assert (x[0], y[0], x[2]) == (80, 80, 10)


def test_cells_are_spread_to_what_macros_leave_free_and_repeat() -> None:
    design = DesignSource(ChipConfig(**GENERATED)).design(0)
    whole = design.whole
    assert whole is not None
    places = rebuild(design.problem, SearchBudget(None, 200), 0).places
    x, y, orientation = whole.place(*design.problem.centres(places))
    again = whole.place(*design.problem.centres(places))
    np.testing.assert_array_equal((x, y), again[:2])
    assert np.isfinite(x).all()
    figures = whole.figures(x, y, orientation)
    assert figures.hpwl == pytest.approx(costs.hpwl(whole.netlist, x, y, orientation))
    assert figures.wirelength == pytest.approx(figures.hpwl / whole.scale)
    # In the middle the cells fill four bins many times over; spread ones hardly overflow.
    middle_x, middle_y = x.copy(), y.copy()
    moving = whole.netlist.kind == CELL
    middle_x[moving], middle_y[moving] = SIDE / 2, SIDE / 2
    assert overflow(whole.netlist, moving, 0.8, middle_x, middle_y, orientation) > 0.6
    assert figures.overflow < 0.2
    # Random places have longer wires by far.
    rng = np.random.default_rng(0)
    middle_x[moving], middle_y[moving] = rng.uniform(0, SIDE, (2, moving.sum()))
    assert figures.hpwl < 0.7 * costs.hpwl(whole.netlist, middle_x, middle_y, orientation)


def test_a_fixed_cell_stays(tmp_path: Path) -> None:
    design = whole_design()
    fixed = design.fixed | (np.arange(len(design.kind)) == 7)
    placer = cell_placer(replace(design, fixed=fixed), 0.8)
    assert placer is not None
    x, y = placer.place(design.x, design.y, design.orientation)
    assert (x[7], y[7]) == (design.x[7], design.y[7])
    assert 7 not in placer.moving


def test_macros_placed_with_the_cells_have_shorter_wires_in_total() -> None:
    design = DesignSource(ChipConfig(**GENERATED)).design(0)
    whole = design.whole
    assert whole is not None
    result = mixed_size(design.problem, whole, SearchBudget(None, 6), 0)
    assert result.evaluations == 6
    x, y, orientation = whole.place(*design.problem.centres(result.places))
    assert result.cost == pytest.approx(costs.hpwl(whole.netlist, x, y, orientation))
    assert costs.overlap(whole.netlist, x, y, orientation) == 0
    macros_alone = rebuild(design.problem, SearchBudget(None, 2000), 0).places
    x, y, orientation = whole.place(*design.problem.centres(macros_alone))
    assert result.cost < costs.hpwl(whole.netlist, x, y, orientation)


# The task


def test_metrics_and_reward_count_the_whole_design() -> None:
    env = make(ChipConfig(**GENERATED), PRESETS["total"])
    _, info = env.reset(seed=0)
    total = 0.0
    while "metrics" not in info:
        _, reward, _, _, info = env.step(int(np.flatnonzero(info["action_mask"])[0]))
        total += reward
    metrics = info["metrics"]
    assert metrics["total_hpwl"] > metrics["hpwl"]
    assert total == pytest.approx(-10 * metrics["total_wirelength"])
    without = play("greedy", **{**GENERATED, "cells": "none"})
    assert without["total_hpwl"] == pytest.approx(without["hpwl"])
    assert without["total_rudy"] == pytest.approx(without["rudy"])
    assert without["total_overflow"] == 0


def test_mixed_size_needs_cells_that_are_placed(tmp_path: Path) -> None:
    write_design(tmp_path / "n.aux", whole_design())
    config = {"netlist": str(tmp_path / "n.aux"), "free_blocks": False}
    assert play("mixed_size", **config, cells="analytic")["placed"] == 1
    with pytest.raises(InvalidValueError, match="no standard cells that are placed"):
        play("mixed_size", **config)


def test_a_generated_design_has_the_cells_it_is_asked_for() -> None:
    recipe = Recipe("heavy", (10, 10), (0.3, 0.3), grid=32, cells=500)
    first, same = generate(recipe, 3), generate(recipe, 3)
    assert np.bincount(first.kind).tolist()[:1] == [10]
    assert (first.kind == CELL).sum() == 500
    np.testing.assert_array_equal(first.net_pins, same.net_pins)
    cells = first.kind == CELL
    share = (first.width * first.height)[cells].sum() / SIDE**2
    assert share == pytest.approx(CELL_SHARE, rel=0.1)
    degrees = np.bincount(first.pin_node, minlength=len(first.nodes))
    assert degrees[first.kind == MACRO].mean() > 3 * degrees[cells].mean()
    # No net joins a node to itself.
    for net in range(first.num_nets):
        nodes = first.pin_node[first.net_pins[first.net_start[net] : first.net_start[net + 1]]]
        assert len(set(nodes.tolist())) == len(nodes) >= 2
