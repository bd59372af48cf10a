"""Readers and writers: small designs written here, and files that are broken in one place each."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_chip import costs
from sandbox_chip.bookshelf import read_bookshelf, write_pl
from sandbox_chip.config import ChipConfig
from sandbox_chip.files import read_design
from sandbox_chip.generator import Recipe, generate
from sandbox_chip.gsrc import read_blocks
from sandbox_chip.lefdef import read_def
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT
from sandbox_chip.protobuf import read_plc, read_protobuf, write_plc, write_protobuf

BOOKSHELF = {
    "d.aux": "RowBasedPlacement : d.nodes d.nets d.wts d.pl d.scl\n",
    "d.nodes": "UCLA nodes 1.0\nNumNodes : 4\nNumTerminals : 1\n"
    " big 40 30\n cell 2 10\n cell2 4 10\n p 1 1 terminal\n",
    "d.nets": "UCLA nets 1.0\nNumNets : 2\nNumPins : 5\nNetDegree : 3 n0\n big I : 5 -5\n p O\n cell I\n"
    "NetDegree : 2\n cell2 B\n cell B : 0.5 0\n",
    "d.pl": "UCLA pl 1.0\nbig 10 20 : N\ncell 0 0 : FS\ncell2 0 0 : N\np 0 99 : N /FIXED\n",
    "d.scl": "UCLA scl 1.0\nNumRows : 2\n"
    + "".join(
        f"CoreRow Horizontal\n Coordinate : {y}\n Height : 10\n Sitewidth : 1\n Sitespacing : 1\n"
        " SubrowOrigin : 0 Numsites : 100\nEnd\n"
        for y in (0, 90)
    ),
    "d.wts": "UCLA wts 1.0\n",
}


def write(folder: Path, files: dict[str, str], **changes: str) -> Path:
    for name, text in {**files, **{key.replace("__", "."): text for key, text in changes.items()}}.items():
        (folder / name).write_text(text)
    return folder / next(iter(files))


def test_bookshelf_is_read_as_written_down(tmp_path: Path) -> None:
    netlist = read_bookshelf(write(tmp_path, BOOKSHELF))
    assert netlist.kind.tolist() == [MACRO, CELL, CELL, PAD]
    assert netlist.canvas == (0, 0, 100, 100)
    assert (netlist.x[0], netlist.y[0]) == (30, 35)  # corner (10, 20) plus half of 40 × 30
    # The output pin comes first; HPWL of net 0: big's pin (35, 30), p (0.5, 99.5), cell (1, 5).
    first = netlist.net_pins[netlist.net_start[0] : netlist.net_start[1]]
    assert [netlist.nodes[netlist.pin_node[pin]] for pin in first] == ["p", "big", "cell"]
    assert costs.hpwl(netlist, netlist.x, netlist.y) == pytest.approx((34.5 + 94.5) + (0.5 + 0))
    small = netlist.macros_only()
    assert small.nodes == ["big", "p"]
    assert small.num_nets == 1
    graph = netlist.to_networkx()
    assert graph.degree[("net", 0)] == 3
    assert graph.nodes["big"]["kind"] == "macro"


def test_a_written_pl_reads_back(tmp_path: Path) -> None:
    netlist = read_bookshelf(write(tmp_path, BOOKSHELF))
    write_pl(tmp_path / "d.pl", netlist, netlist.x + 3, netlist.y)
    again = read_bookshelf(tmp_path / "d.aux")
    assert again.x == pytest.approx(netlist.x + 3)
    assert again.orientation.tolist() == netlist.orientation.tolist()


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "reason"),
    [
        ("d.nodes", "cell2 4 10", "cell 4 10", 6, "used twice"),
        ("d.nodes", "big 40 30", "big 40 x", 4, "height must be a number, not 'x'"),
        ("d.nodes", "NumNodes : 4", "NumNodes : 5", None, "NumNodes is 5, but there are 4"),
        ("d.nets", "cell2 B", "ghost B", 9, "'ghost', which does not exist"),
        ("d.nets", "NetDegree : 3", "NetDegree : 4", 8, "net of line 4 has 1 pins fewer"),
        ("d.nets", " cell B : 0.5 0\n", "", 8, "truncated"),
        ("d.pl", "big 10", "bog 10", 2, "no node 'bog'"),
        ("d.pl", "p 0 99 : N /FIXED\n", "", None, "terminal 'p' has no position"),
        ("d.scl", " Height : 10\n", "", 8, "lacks height"),
        ("d.aux", "d.scl", "", None, "names no .scl"),
        ("d.aux", "d.scl", "e.scl", None, "e.scl is missing"),
        ("d.aux", "d.scl", "../../d.scl", 1, "outside the folder"),
    ],
)
def test_a_broken_bookshelf_file_is_named_with_line_and_reason(
    tmp_path: Path, name: str, old: str, new: str, line: int | None, reason: str
) -> None:
    aux = write(tmp_path, BOOKSHELF)
    (tmp_path / name).write_text(BOOKSHELF[name].replace(old, new, 1))
    with pytest.raises(BrokenFileError) as caught:
        read_bookshelf(aux)
    assert reason in caught.value.message
    assert name in caught.value.message
    if line is not None:
        assert f"line {line}:" in caught.value.message


def test_a_truncated_gzip_file_is_said_to_be_one(tmp_path: Path) -> None:
    aux = write(tmp_path, BOOKSHELF)
    (tmp_path / "d.nets").unlink()
    packed = gzip.compress(BOOKSHELF["d.nets"].encode())
    (tmp_path / "d.nets.gz").write_bytes(packed)
    assert read_bookshelf(aux).num_nets == 2
    (tmp_path / "d.nets.gz").write_bytes(packed[:-12])
    with pytest.raises(BrokenFileError, match="truncated"):
        read_bookshelf(aux)


def test_a_fixed_block_is_free_unless_it_is_not_to_be(tmp_path: Path) -> None:
    nodes = (
        BOOKSHELF["d.nodes"]
        .replace("big 40 30", "big 40 30 terminal")
        .replace("NumTerminals : 1", "NumTerminals : 2")
    )
    aux = write(tmp_path, BOOKSHELF, d__nodes=nodes)
    assert not read_bookshelf(aux).fixed[0]
    assert read_bookshelf(aux, free_blocks=False).fixed[0]


BLOCKS = {
    "g.hardblocks": "NumHardRectilinearBlocks : 2\nNumTerminals : 2\n\n"
    "a hardrectilinear 4 (0, 0) (0, 16) (36, 16) (36, 0)\nb hardrectilinear 4 (0,0) (0,9) (8,9) (8,0)\n"
    "p1 terminal\np2 terminal\n",
    "g.nets": "NumNets : 2\nNumPins : 5\nNetDegree : 3\np1\na\nb\nNetDegree : 2\np2\nb : %50.0 %-50.0\n",
    "g.pl": "p1 0 0\np2 60 50\n",
}


def test_gsrc_and_mcnc_blocks_are_read_as_written_down(tmp_path: Path) -> None:
    netlist = read_blocks(write(tmp_path, BLOCKS))
    assert netlist.width.tolist() == [36, 8, 0, 0]
    assert netlist.height.tolist() == [16, 9, 0, 0]
    assert netlist.canvas == (0, 0, 60, 50)  # the pads enclose twice the blocks' area and more
    assert (netlist.pin_x[-1], netlist.pin_y[-1]) == (4, -4.5)
    mcnc = {
        "m.block": "Outline: 50 40\nNumBlocks: 1\nNumTerminals: 1\n\nx 10 20\n\nV terminal 50 0\n",
        "m.nets": "NumNets: 1\nNetDegree: 2\nx\nV\n",
    }
    netlist = read_blocks(write(tmp_path, mcnc))
    assert netlist.canvas == (0, 0, 50, 40)
    assert netlist.num_nets == 1


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("g.hardblocks", "b hard", "a hard", "line 5: the name 'a' is used twice"),
        ("g.hardblocks", "(0,0) (0,9) (8,9) (8,0)", "(0,0)", "line 5: the block 'b' has no corners"),
        ("g.hardblocks", "Blocks : 2", "Blocks : 3", "3 blocks are announced, but there are 2"),
        ("g.nets", "p2\nb", "p2\nc", "line 9: the pin is of 'c'"),
        ("g.pl", "p2 60 50\n", "", "terminal 'p2' has no position"),
    ],
)
def test_broken_blocks_are_named(tmp_path: Path, name: str, old: str, new: str, reason: str) -> None:
    path = write(tmp_path, BLOCKS)
    (tmp_path / name).write_text(BLOCKS[name].replace(old, new, 1))
    with pytest.raises(BrokenFileError, match=reason.replace("(", r"\(")):
        read_blocks(path)


def test_circuit_training_netlists_survive_writing_and_reading(tmp_path: Path) -> None:
    netlist = generate(Recipe("heavy", (8, 8), (0.4, 0.4), grid=16), 1)
    netlist.x[:8], netlist.y[:8] = np.linspace(100, 900, 8), 500.0
    write_protobuf(tmp_path / "netlist.pb.txt", netlist)
    again, technology = read_protobuf(tmp_path / "netlist.pb.txt")
    write_plc(tmp_path / "x.plc", netlist, technology, netlist.x, netlist.y)
    # Another netlist numbers its nodes by its own file: write it from what was read.
    write_plc(tmp_path / "y.plc", again, technology, again.x + 5, again.y)
    placed, found = read_plc(tmp_path / "y.plc", again)
    assert found == technology
    assert placed.x == pytest.approx(netlist.x + 5)
    assert costs.hpwl(again, again.x, again.y) == pytest.approx(costs.hpwl(netlist, netlist.x, netlist.y))


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


def test_a_protobuf_netlist_is_read_as_written_down(tmp_path: Path) -> None:
    path = tmp_path / "netlist.pb.txt"
    path.write_text(PROTOBUF)
    netlist, _ = read_protobuf(path)
    assert netlist.nodes == ["P", "M", "Grp_1"]
    assert netlist.kind.tolist() == [PAD, MACRO, SOFT]
    assert netlist.net_start.tolist() == [0, 3]
    assert netlist.pin_x[netlist.net_pins].tolist() == [0, -5, 0]
    assert netlist.node_ids is not None
    assert netlist.node_ids.tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"Grp_1/b"\n', '"nobody"\n', "line 5: 'P' drives 'nobody', which does not exist"),
        ('placeholder: "M" }', 'placeholder: "N" }', "belongs to 'N', which is no macro"),
        ("f: 10 ", "f: ten ", "the width of 'M' must be a number"),
        ('name: "Grp_1" ', 'name: "M" ', "the name 'M' is used twice"),
        ("}\n", "", "end: the file is truncated|expected"),
    ],
)
def test_a_broken_protobuf_netlist_is_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = tmp_path / "netlist.pb.txt"
    path.write_text(PROTOBUF.replace(old, new, 1))
    with pytest.raises(BrokenFileError, match=reason):
        read_protobuf(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# Columns : 4  Rows : 4\n1 5 5 N\n", "line 2: a placed node needs"),
        ("7 5 5 N 0\n", "line 1: there is no macro or port with index 7"),
        ("1 5 5 N 0\n1 5 5 N 0\n", "line 2: node 1 is placed twice"),
        ("1 5 5 Q 0\n", "unknown orientation 'Q'"),
    ],
)
def test_a_broken_plc_is_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "netlist.pb.txt").write_text(PROTOBUF)
    (tmp_path / "a.plc").write_text(text)
    with pytest.raises(BrokenFileError, match=reason):
        read_protobuf(tmp_path / "netlist.pb.txt", tmp_path / "a.plc")


LEF = """VERSION 5.8 ;
UNITS
  DATABASE MICRONS 1000 ;
END UNITS
MACRO RAM
  CLASS BLOCK ;
  SIZE 20 BY 10 ;
  PIN A
    DIRECTION INPUT ;
    PORT
      LAYER M4 ;
      RECT 0 4 2 6 ;
    END
  END A
END RAM
MACRO INV
  CLASS CORE ;
  SIZE 1 BY 2 ;
  PIN Y
    PORT
      RECT 0 0 1 1 ;
    END
  END Y
END INV
END LIBRARY
"""
DEF = """DESIGN top ;
UNITS DISTANCE MICRONS 1000 ;
DIEAREA ( 0 0 ) ( 100000 80000 ) ;
COMPONENTS 2 ;
 - ram0 RAM + PLACED ( 10000 20000 ) W ;
 - inv0 INV ;
END COMPONENTS
PINS 1 ;
 - clk + NET n + DIRECTION INPUT + PLACED ( 0 40000 ) N ;
END PINS
NETS 1 ;
 - n ( PIN clk ) ( ram0 A ) ( inv0 Y ) + USE SIGNAL ;
END NETS
END DESIGN
"""


def test_lef_and_def_are_read_as_written_down(tmp_path: Path) -> None:
    (tmp_path / "l.lef").write_text(LEF)
    (tmp_path / "t.def").write_text(DEF)
    netlist = read_def(tmp_path / "t.def", tmp_path / "l.lef")
    assert netlist.name == "top"
    assert netlist.canvas == (0, 0, 100, 80)
    assert netlist.kind.tolist() == [MACRO, CELL, PAD]
    # Turned by 90 degrees RAM is 10 × 20: its centre is (15, 30), and the pin at (−9, 0) goes to (0, −9).
    assert (netlist.x[0], netlist.y[0]) == (15, 30)
    x, y = netlist.pin_positions()
    assert (x[1], y[1]) == (15, 21)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("ram0 RAM", "ram0 ROM", "line 5: the library has no macro 'ROM'"),
        ("( ram0 A )", "( ram0 B )", "'ram0' has no pin 'B'"),
        ("( inv0 Y )", "( inv1 Y )", "ends at 'inv1 Y', which does not exist"),
        ("COMPONENTS 2", "COMPONENTS 3", "COMPONENTS announces 3, but there are 2"),
        ("END NETS\nEND DESIGN\n", "", "truncated"),
    ],
)
def test_a_broken_def_is_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    (tmp_path / "l.lef").write_text(LEF)
    (tmp_path / "t.def").write_text(DEF.replace(old, new, 1))
    with pytest.raises(BrokenFileError, match=reason):
        read_def(tmp_path / "t.def", tmp_path / "l.lef")


def test_what_is_no_design_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="no kind of design"):
        read_design(ChipConfig(netlist=str(tmp_path / "a.txt")))
    with pytest.raises(InvalidValueError, match="needs a library"):
        read_design(ChipConfig(netlist=str(tmp_path / "a.def")))
    with pytest.raises(BrokenFileError, match="no such file"):
        read_design(ChipConfig(netlist=str(tmp_path / "a.aux")))
    with pytest.raises(ValueError, match="no family 'square'"):
        ChipConfig(netlist="generated:square")
