"""UCLA Bookshelf: a small design worked out by hand, and files that are broken in one place each."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from sandbox.api import BrokenFileError
from sandbox_chip import costs
from sandbox_chip.formats.bookshelf import parts, read_bookshelf
from sandbox_chip.formats.bookshelf_writer import write_pl
from sandbox_chip.netlist import CELL, MACRO, PAD
from sandbox_chip.orientation import ORIENTATIONS

DESIGN = {
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


def write(folder: Path, **changes: str) -> Path:
    """The design with some files replaced (``d__nodes`` for ``d.nodes``); its .aux file."""
    for name, text in {**DESIGN, **{key.replace("__", "."): text for key, text in changes.items()}}.items():
        (folder / name).write_text(text)
    return folder / "d.aux"


def test_a_design_is_read_as_written_down(tmp_path: Path) -> None:
    netlist = read_bookshelf(write(tmp_path))
    assert netlist.name == "d"
    assert netlist.nodes == ["big", "cell", "cell2", "p"]
    # Rows are 10 high: what is taller is a macro, what is not a cell, and terminals are pads.
    assert netlist.kind.tolist() == [MACRO, CELL, CELL, PAD]
    assert netlist.fixed.tolist() == [False, False, False, True]
    assert netlist.canvas == (0, 0, 100, 100)
    assert (netlist.x[0], netlist.y[0]) == (30, 35)  # corner (10, 20) plus half of 40 × 30
    assert ORIENTATIONS[netlist.orientation[1]] == "FS"
    # The output pin comes first; HPWL of net 0: big's pin (35, 30), p (0.5, 99.5), cell (1, 5).
    first = netlist.net_pins[netlist.net_start[0] : netlist.net_start[1]]
    assert [netlist.nodes[netlist.pin_node[pin]] for pin in first] == ["p", "big", "cell"]
    assert costs.hpwl(netlist, netlist.x, netlist.y) == pytest.approx((34.5 + 94.5) + (0.5 + 0))
    small = netlist.macros_only()
    assert small.nodes == ["big", "p"]
    assert small.num_nets == 1


def test_a_turned_node_lies_with_its_turned_corner_where_the_file_says(tmp_path: Path) -> None:
    netlist = read_bookshelf(write(tmp_path, d__pl=DESIGN["d.pl"].replace("big 10 20 : N", "big 10 20 : E")))
    # 40 × 30 turned by a quarter is 30 × 40.
    assert (netlist.x[0], netlist.y[0]) == (10 + 15, 20 + 20)
    x, y = netlist.pin_positions()
    # The pin at (5, −5) goes to (−5, −5).
    big = netlist.pin_node.tolist().index(0)
    assert (x[big], y[big]) == (20, 35)


def test_the_canvas_is_the_box_around_all_rows(tmp_path: Path) -> None:
    rows = "".join(
        f"CoreRow Horizontal\n Coordinate : {y}\n Height : {height}\n Sitespacing : {spacing}\n"
        f" SubrowOrigin : {origin} NumSites : {sites}\nEnd\n"
        for y, height, spacing, origin, sites in ((-20, 10, 1, 5, 50), (0, 10, 2, 0, 40), (10, 12, 1, 0, 60))
    )
    # Rows: [5, 55] × [−20, −10], [0, 80] × [0, 10], [0, 60] × [10, 22]; the middle height is 10.
    netlist = read_bookshelf(write(tmp_path, d__scl=f"UCLA scl 1.0\n{rows}"))
    assert netlist.canvas == (0, -20, 80, 22)
    # A height of 11 would make cells of what is 30 high no macro; 10 does not.
    assert netlist.kind[0] == MACRO


def test_a_fixed_block_is_free_unless_it_is_not_to_be(tmp_path: Path) -> None:
    nodes = DESIGN["d.nodes"].replace("big 40 30", "big 40 30 terminal")
    aux = write(tmp_path, d__nodes=nodes.replace("NumTerminals : 1", "NumTerminals : 2"))
    assert read_bookshelf(aux).kind[0] == MACRO
    assert not read_bookshelf(aux).fixed[0]
    assert read_bookshelf(aux, free_blocks=False).fixed[0]


def test_counts_may_be_left_out_and_comments_are_skipped(tmp_path: Path) -> None:
    nodes = (
        "UCLA nodes 1.0\n# a comment\n big 40 30 # taller than a row\n\n"
        " cell 2 10\n cell2 4 10\n p 1 1 terminal\n"
    )
    nets = "NetDegree : 2\n big B\n p B\n"
    netlist = read_bookshelf(write(tmp_path, d__nodes=nodes, d__nets=nets))
    assert len(netlist.nodes) == 4
    assert netlist.num_nets == 1


def test_parts_are_found_beside_the_aux_file_packed_or_not(tmp_path: Path) -> None:
    aux = write(tmp_path)
    (tmp_path / "d.nets").unlink()
    packed = gzip.compress(DESIGN["d.nets"].encode())
    (tmp_path / "d.nets.gz").write_bytes(packed)
    files = parts(aux)
    assert {ending: file.name for ending, file in files.items()} == {
        ".nodes": "d.nodes",
        ".nets": "d.nets.gz",
        ".wts": "d.wts",
        ".pl": "d.pl",
        ".scl": "d.scl",
    }
    assert read_bookshelf(aux).num_nets == 2
    (tmp_path / "d.nets.gz").write_bytes(packed[:-12])
    with pytest.raises(BrokenFileError, match="truncated"):
        read_bookshelf(aux)


def test_a_written_pl_reads_back(tmp_path: Path) -> None:
    netlist = read_bookshelf(write(tmp_path))
    write_pl(tmp_path / "d.pl", netlist, netlist.x + 3, netlist.y)
    again = read_bookshelf(tmp_path / "d.aux")
    assert again.x == pytest.approx(netlist.x + 3)
    assert again.orientation.tolist() == netlist.orientation.tolist()


def test_a_written_pl_holds_corners_of_turned_nodes_and_marks_fixed_ones(tmp_path: Path) -> None:
    netlist = read_bookshelf(write(tmp_path))
    x, y = netlist.x.copy(), netlist.y.copy()
    x[1] = np.nan
    orientation = netlist.orientation.copy()
    orientation[0] = ORIENTATIONS.index("W")
    write_pl(tmp_path / "new.pl", netlist, x, y, orientation)
    lines = (tmp_path / "new.pl").read_text().splitlines()
    assert lines[0] == "UCLA pl 1.0"
    # big's centre is (30, 35); turned by a quarter it is 30 × 40.
    assert "big 15.000000 15.000000 : W" in lines
    assert "p 0.000000 99.000000 : N /FIXED" in lines
    assert not any(line.startswith("cell ") for line in lines)
    assert [file.name for file in tmp_path.glob(".*part")] == []


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "reason"),
    [
        ("d.nodes", "cell2 4 10", "cell 4 10", 6, "used twice"),
        ("d.nodes", "big 40 30", "big 40 x", 4, "height must be a number, not 'x'"),
        ("d.nodes", "big 40 30", "big 40 -30", 4, "height must lie within"),
        ("d.nodes", "big 40 30", "big 40", 4, "a node needs a name, a width and a height"),
        ("d.nodes", "NumNodes : 4", "NumNodes : 5", None, "NumNodes is 5, but there are 4"),
        ("d.nodes", "NumTerminals : 1", "NumTerminals : 0", None, "NumTerminals is 0, but there are 1"),
        ("d.nodes", "NumNodes : 4", "NumNodes : 4.5", 2, "NumNodes must be a whole number"),
        ("d.nets", "cell2 B", "ghost B", 9, "'ghost', which does not exist"),
        ("d.nets", "NetDegree : 3", "NetDegree : 4", 8, "net of line 4 has 1 pins fewer"),
        ("d.nets", "NetDegree : 3", "NetDegree : 2", 7, "net of line 4 has more pins than its degree"),
        ("d.nets", "NetDegree : 3 n0\n", "", 4, "a pin comes before the first NetDegree"),
        ("d.nets", " cell B : 0.5 0\n", "", 8, "truncated"),
        ("d.nets", "NumNets : 2", "NumNets : 3", None, "NumNets is 3, but there are 2"),
        ("d.nets", "NumPins : 5", "NumPins : 6", None, "NumPins is 6, but there are 5"),
        ("d.nets", ": 5 -5", ": 5", 5, "offset needs x and y"),
        ("d.pl", "big 10", "bog 10", 2, "no node 'bog'"),
        ("d.pl", "big 10 20 : N", "big 10", 2, "needs x and y"),
        ("d.pl", "big 10 20 : N", "big 10 20 : Q", 2, "unknown orientation 'Q'"),
        ("d.pl", "big 10", "big inf", 2, "x must lie within"),
        ("d.pl", "p 0 99 : N /FIXED\n", "", None, "terminal 'p' has no position"),
        ("d.scl", " Height : 10\n", "", 8, "lacks height"),
        ("d.scl", "Numsites : 100\nEnd\n", "Numsites : 100\n", 9, "begins before the one above has ended"),
        ("d.aux", "d.scl", "", None, "does not name a .scl"),
        ("d.aux", "d.scl", "e.scl", None, "e.scl is missing"),
        ("d.aux", "d.scl", "../../d.scl", 1, "outside the folder"),
    ],
)
def test_a_broken_file_is_named_with_line_and_reason(
    tmp_path: Path, name: str, old: str, new: str, line: int | None, reason: str
) -> None:
    aux = write(tmp_path)
    (tmp_path / name).write_text(DESIGN[name].replace(old, new, 1))
    with pytest.raises(BrokenFileError) as caught:
        read_bookshelf(aux)
    assert reason in caught.value.message
    assert name in caught.value.message
    if line is not None:
        assert f"line {line}:" in caught.value.message


@pytest.mark.parametrize(
    ("scl", "reason"),
    [("UCLA scl 1.0\n", "has no rows"), ("CoreRow Horizontal\n Height : 10\n", "begins here has no End")],
)
def test_rows_must_be_there_and_end(tmp_path: Path, scl: str, reason: str) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        read_bookshelf(write(tmp_path, d__scl=scl))
