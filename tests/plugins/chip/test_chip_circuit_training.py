"""circuit_training's netlist.pb.txt and .plc: by hand, written and read back, broken in one place each."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chip_support import netlist

from sandbox.api import BrokenFileError
from sandbox_chip import costs
from sandbox_chip.formats.plc import DEFAULT_TECHNOLOGY, read_plc, write_plc
from sandbox_chip.formats.protobuf import read_protobuf
from sandbox_chip.formats.protobuf_writer import write_protobuf
from sandbox_chip.generator import Recipe, generate
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.technology import Technology

PROTOBUF = """# a comment
node {
  name: "P"
  input: "M/a"
  input: "Grp_1/b"
  attr { key: "type" value { placeholder: "PORT" } }
  attr { key: "x" value { f: 1.5 } }
  attr { key: "y" value { f: 2 } }
}
node { name: "M" attr { key: "type" value { placeholder: "MACRO" } }
  attr { key: "width" value { f: 10 } } attr { key: "height" value { f: 6 } } }
node { name: "M/a" attr { key: "type" value { placeholder: "MACRO_PIN" } }
  attr { key: "macro_name" value { placeholder: "M" } } attr { key: "x_offset" value { f: -5 } } }
node { name: "Grp_1" attr { key: "type" value { placeholder: "macro" } }
  attr { key: "width" value { f: 2 } } attr { key: "height" value { f: 2 } } }
node { name: "Grp_1/b" attr { key: "type" value { placeholder: "macro_pin" } }
  attr { key: "macro_name" value { placeholder: "Grp_1" } } }
"""

PLC = """# Columns : 4  Rows : 5
# Width : 40.0  Height : 50.0
# Area : 2000.0
# Routes per micron, hor : 70.5  ver : 74.25
# Routes used by macros, hor : 51.5  ver : 52.5
# Smoothing factor : 3
0 0 20 - 1
1 15 23 FS 0
3 30 10 N 0
"""


def write(folder: Path, text: str = PROTOBUF) -> Path:
    (folder / "netlist.pb.txt").write_text(text)
    return folder / "netlist.pb.txt"


def test_a_netlist_is_read_as_written_down(tmp_path: Path) -> None:
    design = read_protobuf(write(tmp_path))
    assert design.nodes == ["P", "M", "Grp_1"]
    assert design.kind.tolist() == [PAD, MACRO, SOFT]
    assert design.fixed.tolist() == [True, False, False]
    assert (design.width.tolist(), design.height.tolist()) == ([0, 10, 2], [0, 6, 2])
    assert (design.x[0], design.y[0]) == (1.5, 2)
    # The port drives both pins: one net, its source first.
    assert design.net_start.tolist() == [0, 3]
    assert design.pin_node[design.net_pins].tolist() == [0, 1, 2]
    assert design.pin_x[design.net_pins].tolist() == [0, -5, 0]
    # Pins are nodes of the file and take numbers of their own.
    assert design.node_ids is not None
    assert design.node_ids.tolist() == [0, 1, 3]


def test_without_a_plc_macros_take_six_tenths_of_a_square(tmp_path: Path) -> None:
    design = read_protobuf(write(tmp_path))
    width, height = design.size
    assert width == height
    assert (60 + 4) / (width * height) == pytest.approx(0.6)


def test_a_nets_weight_is_that_of_the_node_that_drives_it(tmp_path: Path) -> None:
    weighted = PROTOBUF.replace(
        'attr { key: "x" value { f: 1.5 } }',
        'attr { key: "x" value { f: 1.5 } } attr { key: "weight" value { f: 4 } }',
    )
    assert read_protobuf(write(tmp_path, weighted)).net_weight.tolist() == [4]


def test_a_packed_netlist_with_standard_cells_is_read(tmp_path: Path) -> None:
    cell = (
        'node { name: "C" input: "M/a" attr { key: "type" value { placeholder: "STDCELL" } }\n'
        '  attr { key: "width" value { f: 1 } } attr { key: "height" value { f: 2 } } }\n'
    )
    path = tmp_path / "netlist.pb.txt.gz"
    path.write_bytes(gzip.compress((PROTOBUF + cell).encode()))
    design = read_protobuf(path)
    assert design.kind.tolist() == [PAD, MACRO, SOFT, CELL]
    assert design.num_nets == 2
    # A cell's pin is the cell itself.
    assert design.pin_node[design.net_pins[3:]].tolist() == [3, 1]


def test_a_plc_gives_placement_canvas_and_technology(tmp_path: Path) -> None:
    (tmp_path / "a.plc").write_text(PLC)
    placed, technology = read_plc(tmp_path / "a.plc", read_protobuf(write(tmp_path)))
    assert placed.canvas == (0, 0, 40, 50)
    assert technology == Technology(4, 5, 70.5, 74.25, 51.5, 52.5, 3)
    assert list(zip(placed.x.tolist(), placed.y.tolist(), strict=True)) == [(0, 20), (15, 23), (30, 10)]
    assert [ORIENTATIONS[index] for index in placed.orientation] == ["N", "FS", "N"]
    # Net of P (0, 20), M/a at (15 − 5, 23) as FS mirrors y alone, and Grp_1 (30, 10).
    assert costs.hpwl(placed, placed.x, placed.y) == 30 + 13


def test_a_plc_fixes_what_it_says_is_fixed(tmp_path: Path) -> None:
    (tmp_path / "a.plc").write_text(PLC.replace("1 15 23 FS 0", "1 15 23 N 1"))
    placed, _ = read_plc(tmp_path / "a.plc", read_protobuf(write(tmp_path)))
    assert placed.fixed.tolist() == [True, True, False]


def test_what_a_plc_does_not_say_is_circuit_trainings_default(tmp_path: Path) -> None:
    (tmp_path / "a.plc").write_text("# Columns : 7  Rows : 8\n1 15 23 N 0\n")
    design = read_protobuf(write(tmp_path))
    placed, technology = read_plc(tmp_path / "a.plc", design)
    assert technology == replace(DEFAULT_TECHNOLOGY, columns=7, rows=8)
    assert placed.canvas == design.canvas
    assert np.isnan(placed.x[2])


def test_a_generated_netlist_survives_writing_and_reading(tmp_path: Path) -> None:
    design = generate(Recipe("heavy", (8, 8), (0.4, 0.4), grid=16), 1)
    design.x[:8], design.y[:8] = np.linspace(100, 900, 8), 500.0
    write_protobuf(tmp_path / "netlist.pb.txt", design)
    again = read_protobuf(tmp_path / "netlist.pb.txt")
    assert costs.hpwl(again, again.x, again.y) == pytest.approx(costs.hpwl(design, design.x, design.y))
    # Another netlist numbers its nodes by its own file: write it from what was read.
    write_plc(tmp_path / "y.plc", again, DEFAULT_TECHNOLOGY, again.x + 5, again.y)
    placed, technology = read_plc(tmp_path / "y.plc", again)
    assert technology == DEFAULT_TECHNOLOGY
    assert placed.x == pytest.approx(design.x + 5)


def test_all_kinds_of_nodes_survive_writing_and_reading(tmp_path: Path) -> None:
    kinds = [(MACRO, 20, 10), (SOFT, 7, 7), (CELL, 1, 2), (PAD, 0, 0)]
    nets = [[(3, 0, 0), (0, 8, -3)], [(2, 0, 0), (1, 1, 1), (0, -8, 3)]]
    at = {0: (30.0, 40.0), 1: (10.0, 10.0), 2: (5.5, 6.25), 3: (0.0, 50.0)}
    design = replace(
        netlist(kinds, nets, at, weights=[1.0, 2.5]),
        nodes=["ram", "Grp_7", "inv", "clk"],
        orientation=np.array([1, 0, 0, 0], np.int8),
    )
    write_protobuf(tmp_path / "netlist.pb.txt", design)
    again = read_protobuf(tmp_path / "netlist.pb.txt")
    assert again.nodes == design.nodes
    for name in ("kind", "width", "height", "x", "y", "orientation"):
        np.testing.assert_array_equal(getattr(again, name), getattr(design, name))
    # Nets come in the order of the nodes that drive them.
    assert again.net_weight.tolist() == [2.5, 1.0]
    assert costs.hpwl(again, again.x, again.y) == costs.hpwl(design, design.x, design.y)


def test_a_written_plc_names_the_counts_and_keeps_every_digit(tmp_path: Path) -> None:
    design = read_protobuf(write(tmp_path))
    x, y = np.array([0.0, 1 / 3, np.nan]), np.array([20.0, 7.0, 1.0])
    write_plc(tmp_path / "a.plc", design, Technology(4, 5, 1.5, 2.5, 0.5, 0.25, 3), x, y)
    lines = (tmp_path / "a.plc").read_text().splitlines()
    assert "# Columns : 4  Rows : 5" in lines
    assert "# Routes per micron, hor : 1.500  ver : 2.500" in lines
    assert "# Smoothing factor : 3" in lines
    assert "# HARD_MACROs     :         1" in lines
    assert "# MACROs          :         2" in lines
    assert "# PORTs           :         1" in lines
    assert lines[-2:] == ["0 0 20 - 1", "1 0.3333333333333333 7 N 0"]  # Grp_1 has no position
    placed, _ = read_plc(tmp_path / "a.plc", design)
    assert placed.x[1] == 1 / 3


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"Grp_1/b"\n', '"nobody"\n', "line 5: 'P' drives 'nobody', which does not exist"),
        ('placeholder: "M" }', 'placeholder: "N" }', "belongs to 'N', which is not a macro"),
        ("f: 10 ", "f: ten ", "the width of 'M' must be a number"),
        ('name: "Grp_1" ', 'name: "M" ', "the name 'M' is used twice"),
        ('"MACRO" }', '"BRICK" }', "line 10: 'M' has the unknown type 'brick'"),
        ('attr { key: "width" value { f: 10 } }', "", "line 10: 'M' has no width"),
        ('  attr { key: "y" value { f: 2 } }\n', "", "line 2: the port 'P' has no position"),
        ('name: "P"', "", "line 2: a node has no name"),
        ('key: "x" value', "value", "line 7: an attribute needs a key and a value"),
        ('input: "M/a"', 'output: "M/a"', "line 4: expected 'name', 'input' or 'attr', found 'output'"),
        ("node {\n", "edge {\n", "line 2: expected 'node', found 'edge'"),
        ("f: 1.5", "f 1.5", "line 7: expected ':', found '1.5'"),
        ("f: 1.5", "f: }", "line 7: a value is missing"),
    ],
)
def test_a_broken_netlist_is_named_with_line_and_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    with pytest.raises(BrokenFileError) as caught:
        read_protobuf(write(tmp_path, PROTOBUF.replace(old, new, 1)))
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROTOBUF.replace("}\n", "", 1), "end: the file is truncated|expected"),
        (PROTOBUF[: PROTOBUF.index("value { f: 6")], "truncated"),
        (PROTOBUF[: PROTOBUF.index('node { name: "M"')] + "node", "found 'the end of the file'"),
        ("# nothing\n", "has no nodes"),
    ],
)
def test_a_truncated_netlist_is_said_to_be_one(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        read_protobuf(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# Columns : 4  Rows : 4\n1 5 5 N\n", "line 2: a placed node needs"),
        ("7 5 5 N 0\n", "line 1: there is no macro or port with index 7"),
        ("1 5 5 N 0\n1 5 5 N 0\n", "line 2: node 1 is placed twice"),
        ("1 5 5 Q 0\n", "unknown orientation 'Q'"),
        ("1 5 x N 0\n", "line 1: y must be a number"),
        ("# Columns : four  Rows : 4\n", "line 1: columns must be a number"),
        ("# Columns : 4  Rows : -4\n", "line 1: rows must lie within"),
        ("\n# Width : 0  Height : 5\n", "line 2: the canvas is empty"),
    ],
)
def test_a_broken_plc_is_named_with_line_and_reason(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.plc").write_text(text)
    with pytest.raises(BrokenFileError, match=reason):
        read_plc(tmp_path / "a.plc", read_protobuf(write(tmp_path)))
