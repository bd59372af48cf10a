"""LEF and DEF: a library and a design worked out by hand, and files that are broken in one place each."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.api import BrokenFileError
from sandbox_chip import costs
from sandbox_chip.formats.def_ import read_def
from sandbox_chip.formats.lef import read_lef
from sandbox_chip.netlist import CELL, MACRO, PAD, Netlist
from sandbox_chip.orientation import ORIENTATIONS

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
  PIN Q
    PORT
      LAYER M4 ;
      RECT 18 0 20 2 ;
      RECT 16 0 18 1 ;
    END
  END Q
  OBS
    LAYER M4 ;
    RECT 0 0 20 10 ;
  END
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


def read(folder: Path, design: str = DEF, library: str = LEF) -> Netlist:
    (folder / "l.lef").write_text(library)
    (folder / "t.def").write_text(design)
    return read_def(folder / "t.def", [folder / "l.lef"])


def test_a_library_gives_class_size_and_the_middle_of_every_pins_shapes(tmp_path: Path) -> None:
    (tmp_path / "l.lef").write_text(LEF)
    library = read_lef([tmp_path / "l.lef"]).macros
    ram = library["RAM"]
    assert ram.block
    assert (ram.width, ram.height) == (20, 10)
    # Q: the box around both rectangles is [16, 20] × [0, 2]. OBS is no pin.
    assert ram.pins == {"A": (1, 5), "Q": (18, 1)}
    assert not library["INV"].block


def test_a_design_is_read_as_written_down(tmp_path: Path) -> None:
    netlist = read(tmp_path)
    assert netlist.name == "top"
    assert netlist.canvas == (0, 0, 100, 80)
    assert netlist.nodes == ["ram0", "inv0", "PIN clk"]
    assert netlist.kind.tolist() == [MACRO, CELL, PAD]
    assert netlist.fixed.tolist() == [False, False, True]
    # Turned by 90 degrees RAM is 10 × 20: its centre is (15, 30), and the pin at (−9, 0) goes to (0, −9).
    assert (netlist.x[0], netlist.y[0]) == (15, 30)
    x, y = netlist.pin_positions()
    assert (x[0], y[0]) == (0, 40)
    assert (x[1], y[1]) == (15, 21)


@pytest.mark.parametrize(
    ("orientation", "pin"),
    [
        # RAM's corner is at (10, 20). In N its pin A is at (1, 5) from it, in the middle of the left side.
        ("N", (11, 25)),
        ("S", (29, 25)),
        ("FN", (29, 25)),
        ("FS", (11, 25)),
        # Turned, RAM is 10 wide and 20 high; A lies in the middle of the bottom (W, FW) or the top (E, FE).
        ("W", (15, 21)),
        ("E", (15, 39)),
        ("FW", (15, 21)),
        ("FE", (15, 39)),
    ],
)
def test_a_component_keeps_its_corner_in_every_orientation(
    tmp_path: Path, orientation: str, pin: tuple[float, float]
) -> None:
    netlist = read(tmp_path, DEF.replace(") W ;", f") {orientation} ;"))
    assert ORIENTATIONS[netlist.orientation[0]] == orientation
    x, y = netlist.pin_positions()
    assert (x[1], y[1]) == pin


def test_fixed_components_stay_and_the_unit_is_the_files(tmp_path: Path) -> None:
    design = DEF.replace("PLACED ( 10000 20000 ) W", "FIXED ( 1000 2000 ) N").replace(
        "MICRONS 1000", "MICRONS 100"
    )
    netlist = read(tmp_path, design)
    assert netlist.fixed.tolist() == [True, False, True]
    assert netlist.canvas == (0, 0, 1000, 800)
    assert (netlist.x[0], netlist.y[0]) == (10 + 10, 20 + 5)


def test_a_pin_on_several_nets_is_one_pin_and_weights_are_read(tmp_path: Path) -> None:
    nets = "NETS 2 ;\n - n ( PIN clk ) ( ram0 A ) + WEIGHT 3 ;\n - m ( ram0 A ) ( inv0 Y ) ;\nEND NETS"
    design = DEF[: DEF.index("NETS 1")] + nets + "\nEND DESIGN\n"
    netlist = read(tmp_path, design.replace("- inv0 INV ;", "- inv0 INV + PLACED ( 50000 20000 ) N ;"))
    assert netlist.net_weight.tolist() == [3, 1]
    assert len(netlist.pin_node) == 3
    # clk (0, 40) to A (15, 21), and A to Y (50.5, 20.5).
    assert costs.hpwl(netlist, netlist.x, netlist.y) == 3 * (15 + 19) + (35.5 + 0.5)


def test_comments_and_sections_that_are_not_needed_are_skipped(tmp_path: Path) -> None:
    sections = "VIAS 1 ;\n - v + RECT M1 ( 0 0 ) ( 1 1 ) ;\nEND VIAS\n# a comment\n"
    special = "SPECIALNETS 1 ;\n - vdd ( * VDD ) ;\nEND SPECIALNETS\n"
    design = DEF.replace("COMPONENTS 2", f"{sections}COMPONENTS 2").replace(
        "NETS 1 ;\n - n", f"{special}NETS 1 ;\n - n"
    )
    assert read(tmp_path, design).num_nets == 1
    library = "PROPERTYDEFINITIONS\n MACRO p STRING ;\nEND PROPERTYDEFINITIONS\n" + LEF
    assert len(read(tmp_path, library=library).nodes) == 3


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("ram0 RAM", "ram0", "line 5: a component needs a name and a macro"),
        ("- inv0 INV ;", "- inv0 ;", "line 6: a component needs a name and a macro"),
        ("- inv0 INV", "- ram0 INV", "line 6: the name 'ram0' is used twice"),
        (") W ;", ") Q ;", r"line 5: PLACED needs \( x y \) and an orientation"),
        ("( ram0 A )", "( ram0 B )", "'ram0' has no pin 'B'"),
        ("( inv0 Y )", "( inv1 Y )", "ends at 'inv1 Y', which does not exist"),
        ("( PIN clk )", "( PIN clock )", "ends at 'PIN clock', which does not exist"),
        ("COMPONENTS 2", "COMPONENTS 3", "COMPONENTS announces 3, but there are 2"),
        (" - inv0", " inv0", "line 6: expected '-', found 'inv0'"),
        ("DIEAREA ( 0 0 ) ( 100000 80000 ) ;\n", "", "has no DIEAREA"),
        ("( 0 0 ) ( 100000 80000 )", "( 0 0 )", "line 3: DIEAREA needs two corners"),
        ("( 0 0 ) ( 100000 80000 )", "( 0 0 ) ( 100000 0 )", "the canvas is empty: 100 wide and 0 high"),
        ("END NETS\nEND DESIGN\n", "", "truncated"),
    ],
)
def test_a_broken_design_is_named_with_line_and_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        read(tmp_path, DEF.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("  SIZE 20 BY 10 ;\n", "", "line 5: the macro 'RAM' has no SIZE"),
        ("SIZE 20 BY 10", "SIZE 20 BY ten", "line 7: a height must be a number, not 'ten'"),
        ("MACRO INV", "MACRO RAM", "the macro 'RAM' is defined twice"),
        ("RECT 0 4 2 6", "RECT 0 4 2", "line 12: a RECT needs four numbers"),
        (LEF[LEF.index("END INV") :], "", "truncated"),
        (LEF[LEF.index("MACRO RAM") :], "", "defines no macro"),
    ],
)
def test_a_broken_library_is_named_with_line_and_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        read(tmp_path, library=LEF.replace(old, new, 1))
