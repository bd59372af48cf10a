"""GSRC and MCNC blocks: three dialects worked out by hand, and files that are broken in one place each."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from sandbox.api import BrokenFileError
from sandbox_chip import costs
from sandbox_chip.formats.gsrc import read_blocks
from sandbox_chip.netlist import MACRO, PAD

GSRC = {
    "g.hardblocks": "NumHardRectilinearBlocks : 2\nNumTerminals : 2\n\n"
    "a hardrectilinear 4 (0, 0) (0, 16) (36, 16) (36, 0)\nb hardrectilinear 4 (0,0) (0,9) (8,9) (8,0)\n"
    "p1 terminal\np2 terminal\n",
    "g.nets": "NumNets : 2\nNumPins : 5\nNetDegree : 3\np1\na\nb\nNetDegree : 2\np2\nb : %50.0 %-50.0\n",
    "g.pl": "p1 0 0\np2 60 50\n",
}
MCNC = {
    "m.block": "Outline: 50 40\nNumBlocks: 1\nNumTerminals: 1\n\nx 10 20\n\nV terminal 50 0\n",
    "m.nets": "NumNets: 1\nNetDegree: 2\nx\nV\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder / next(iter(files))


def test_hard_blocks_are_read_as_written_down(tmp_path: Path) -> None:
    netlist = read_blocks(write(tmp_path, GSRC))
    assert netlist.name == "g"
    assert netlist.kind.tolist() == [MACRO, MACRO, PAD, PAD]
    assert netlist.width.tolist() == [36, 8, 0, 0]
    assert netlist.height.tolist() == [16, 9, 0, 0]
    assert netlist.canvas == (0, 0, 60, 50)  # the pads enclose twice the blocks' area and more
    # The corner of b of 8 × 9: half its width to the right, half its height down.
    assert (netlist.pin_x[-1], netlist.pin_y[-1]) == (4, -4.5)


def test_mcnc_blocks_name_their_outline_and_their_terminals_places(tmp_path: Path) -> None:
    netlist = read_blocks(write(tmp_path, MCNC))
    assert netlist.canvas == (0, 0, 50, 40)
    assert netlist.num_nets == 1
    assert (netlist.width[0], netlist.height[0]) == (10, 20)
    assert (netlist.x[1], netlist.y[1]) == (50, 0)


def test_a_placement_beside_places_blocks_by_their_corners(tmp_path: Path) -> None:
    files = {**GSRC, "g.pl": "a 10 20\nb 46 20\np1 0 0\np2 60 50\n"}
    netlist = read_blocks(write(tmp_path, files))
    assert (netlist.x[0], netlist.y[0]) == (10 + 18, 20 + 8)
    # Net 0: p1 (0, 0), a (28, 28), b (50, 24.5). Net 1: p2 (60, 50) and b's corner (54, 20).
    assert costs.hpwl(netlist, netlist.x, netlist.y) == (50 + 28) + (6 + 30)


@pytest.mark.parametrize(("least", "most", "ratio"), [(0.3, 3.0, 1.0), (2.0, 3.0, 2.0), (0.25, 0.5, 0.5)])
def test_a_soft_block_has_its_area_and_the_allowed_ratio_nearest_to_a_square(
    tmp_path: Path, least: float, most: float, ratio: float
) -> None:
    blocks = (
        f"NumSoftRectangularBlocks : 1\nNumTerminals : 1\ns softrectangular 800 {least} {most}\np terminal\n"
    )
    files = {"s.blocks": blocks, "s.nets": "NetDegree : 2\ns\np\n", "s.pl": "p 0 0\n"}
    netlist = read_blocks(write(tmp_path, files))
    assert netlist.width[0] * netlist.height[0] == pytest.approx(800)
    assert netlist.width[0] / netlist.height[0] == pytest.approx(ratio)


def test_without_outline_and_wide_pads_the_canvas_is_a_square_with_white_space(tmp_path: Path) -> None:
    netlist = read_blocks(write(tmp_path, {**GSRC, "g.pl": "p1 0 0\np2 20 20\n"}))
    # Blocks of 36 · 16 + 8 · 9 do not fit between pads 20 apart: 15 % more than their area.
    assert netlist.canvas[2] == netlist.canvas[3] == pytest.approx(math.sqrt((576 + 72) * 1.15))


def test_headings_and_packed_nets_are_understood(tmp_path: Path) -> None:
    import gzip

    files = {
        "g.hardblocks": "UCSC blocks 1.0\n# comment\n" + GSRC["g.hardblocks"],
        "g.pl": "UCLA pl 1.0\n" + GSRC["g.pl"],
    }
    path = write(tmp_path, files)
    (tmp_path / "g.nets.gz").write_bytes(gzip.compress(("UCLA nets 1.0\n" + GSRC["g.nets"]).encode()))
    assert read_blocks(path).num_nets == 2


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("g.hardblocks", "b hard", "a hard", "line 5: the name 'a' is used twice"),
        ("g.hardblocks", "(0,0) (0,9) (8,9) (8,0)", "(0,0)", "line 5: the block 'b' has no corners"),
        ("g.hardblocks", "(0,9) (8,9)", "(0,0) (8,0)", "line 5: the block 'b' has no area"),
        ("g.hardblocks", "(8,9)", "(x,9)", "line 5: a corner must be a number, not 'x'"),
        ("g.hardblocks", "b hardrectilinear", "b something", "line 5: 'b something 4"),
        ("g.hardblocks", "Blocks : 2", "Blocks : 3", "3 blocks are announced, but there are 2"),
        ("g.hardblocks", "Terminals : 2", "Terminals : 1", "1 terminals are announced, but there are 2"),
        ("g.nets", "p2\nb", "p2\nc", "line 9: the pin is of 'c'"),
        ("g.nets", "NetDegree : 2", "NetDegree : 1", "line 9: the net of line 7 has more pins"),
        ("g.nets", "%50.0", "%150.0", "line 9: x must lie within"),
        ("g.nets", "NumPins : 5", "NumPins : 4", "NumPins is 4, but there are 5"),
        ("g.pl", "p2 60 50\n", "", "terminal 'p2' has no position"),
        ("g.pl", "p2 60 50", "q2 60 50", "line 2: there is no block or terminal 'q2'"),
        ("g.pl", "p2 60 50", "p2 60", "line 2: a position needs x and y"),
    ],
)
def test_a_broken_file_is_named_with_line_and_reason(
    tmp_path: Path, name: str, old: str, new: str, reason: str
) -> None:
    path = write(tmp_path, GSRC)
    (tmp_path / name).write_text(GSRC[name].replace(old, new, 1))
    with pytest.raises(BrokenFileError) as caught:
        read_blocks(path)
    assert reason in caught.value.message
    assert name in caught.value.message


def test_nets_must_lie_beside(tmp_path: Path) -> None:
    path = write(tmp_path, GSRC)
    (tmp_path / "g.nets").unlink()
    with pytest.raises(BrokenFileError, match=r"g\.nets is missing in its folder"):
        read_blocks(path)
