"""The netlist: positions of pins, what is movable, and the netlist of macros and pads alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from chip_support import netlist

from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT
from sandbox_chip.orientation import ORIENTATIONS


def test_a_pin_lies_at_its_nodes_centre_plus_the_turned_offset() -> None:
    drawn = netlist([(MACRO, 20, 10), (PAD, 0, 0)], [[(0, 8, -3), (1, 0, 0)]], {0: (50, 40), 1: (0, 7)})
    assert [pins.tolist() for pins in drawn.pin_positions()] == [[58, 0], [37, 7]]
    turned = replace(drawn, orientation=np.array([ORIENTATIONS.index("W"), 0], np.int8))
    # A quarter turn takes (8, −3) to (3, 8).
    assert [pins.tolist() for pins in turned.pin_positions()] == [[53, 0], [48, 7]]
    # Other centres and orientations than the file's.
    x, y = drawn.pin_positions(np.array([10.0, 0.0]), np.array([20.0, 0.0]), np.array([1, 0], np.int8))
    assert (x.tolist(), y.tolist()) == ([2, 0], [23, 0])


def test_a_pin_of_a_node_without_position_has_none() -> None:
    drawn = netlist([(MACRO, 20, 10), (PAD, 0, 0)], [[(0, 8, -3), (1, 0, 0)]], {1: (0, 7)})
    x, y = drawn.pin_positions()
    assert np.isnan([x[0], y[0]]).all()
    assert (x[1], y[1]) == (0, 7)


def test_movable_are_the_macros_that_are_not_fixed() -> None:
    kinds = [(MACRO, 20, 10), (MACRO, 30, 10), (SOFT, 5, 5), (CELL, 1, 2), (PAD, 0, 0)]
    drawn = netlist(kinds, [[(0, 0, 0), (1, 0, 0)]], fixed=[1])
    assert drawn.movable.tolist() == [0]


def test_utilisation_counts_hard_macros_alone() -> None:
    drawn = netlist([(MACRO, 20, 10), (MACRO, 30, 10), (SOFT, 50, 50)], [], canvas=(-10, 0, 90, 50))
    assert drawn.size == (100, 50)
    assert drawn.utilisation == pytest.approx((200 + 300) / 5000)


def test_macros_only_keeps_the_nets_that_join_a_macro_to_a_macro_or_pad() -> None:
    macro_a, macro_b, pad, pad_b, soft, cell = range(6)
    kinds = [(MACRO, 9, 9), (MACRO, 8, 8), (PAD, 0, 0), (PAD, 0, 0), (SOFT, 7, 7), (CELL, 1, 2)]

    def centre(node: int) -> tuple[int, float, float]:
        return node, 0.0, 0.0

    nets = [
        [centre(cell), (macro_a, 1.0, 2.0), centre(pad)],  # kept without its cell
        [centre(macro_a), centre(cell)],  # one node is left: gone
        [centre(pad), centre(pad_b)],  # no macro: gone
        [(macro_b, -1.0, 0.0), (macro_b, 1.0, 0.0)],  # two pins of one macro: gone
        [centre(macro_b), centre(soft), centre(macro_a)],  # kept without the soft macro
        [centre(soft), centre(cell)],  # gone
    ]
    drawn = netlist(kinds, nets, {pad: (0, 5)}, weights=[1, 2, 3, 4, 5, 6])
    small = drawn.macros_only()
    assert small.nodes == ["n0", "n1", "n2", "n3"]
    assert small.kind.tolist() == [MACRO, MACRO, PAD, PAD]
    assert small.net_weight.tolist() == [1, 5]
    joined = [
        [small.nodes[small.pin_node[pin]] for pin in small.net_pins[start:end]]
        for start, end in zip(small.net_start[:-1], small.net_start[1:], strict=True)
    ]
    assert joined == [["n0", "n2"], ["n1", "n0"]]
    assert (small.pin_x[small.net_pins[0]], small.pin_y[small.net_pins[0]]) == (1, 2)
    # Pins that no kept net has are gone as well: two of each kept net.
    assert len(small.pin_node) == 4


def test_macros_only_of_macros_and_pads_changes_nothing() -> None:
    nets = [[(0, 1, 2), (1, 0, 0)], [(1, 0, 0), (2, 0, 0), (0, -1, -2)]]
    drawn = netlist([(MACRO, 9, 9), (MACRO, 8, 8), (PAD, 0, 0)], nets, {2: (0, 5)})
    small = drawn.macros_only()
    for name in ("pin_node", "pin_x", "pin_y", "net_start", "net_pins", "net_weight", "width", "x"):
        np.testing.assert_array_equal(getattr(small, name), getattr(drawn, name))


def test_a_node_keeps_its_number_in_the_file() -> None:
    kinds = [(CELL, 1, 2), (MACRO, 9, 9), (CELL, 1, 2), (PAD, 0, 0)]
    drawn = netlist(kinds, [[(1, 0, 0), (3, 0, 0)]], {3: (0, 5)})
    numbered = replace(drawn, node_ids=np.array([0, 4, 7, 9]))
    ids = numbered.macros_only().node_ids
    assert ids is not None
    assert ids.tolist() == [4, 9]
