"""Files as real flows write them: every figure here is worked out by hand from the file's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_chip import baselines
from sandbox_chip.config import ChipConfig, FenceConfig
from sandbox_chip.designs import read_netlist
from sandbox_chip.env import make
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Netlist
from sandbox_chip.notes import Note
from sandbox_chip.reward import PRESETS


def play(agent: str, **config: Any) -> dict[str, float]:
    """Metrics of one episode of a baseline."""
    env = make(ChipConfig(**{"grid": 20, **config}), PRESETS["wirelength"])
    policy = getattr(baselines, f"{agent}_policy")(env)
    observation, info = env.reset(seed=0)
    policy.reset(1, 0)
    while True:
        action = policy.act(observation, info["action_mask"])
        observation, _, ended, _, info = env.step(action[0])
        if ended:
            return info["metrics"]


def read(**config: Any) -> Netlist:
    return read_netlist(ChipConfig(**{"grid": 20, **config}))[0]


def note(netlist: Netlist, item: str, file: str = "") -> Note:
    """The note on one kind of thing, in one file where several have it."""
    (row,) = [row for row in netlist.notes if row.item == item and row.file.endswith(file)]
    return row


# LEF and DEF

UNITS = "UNITS\n  DATABASE MICRONS 1000 ;\nEND UNITS\n"

BRICK = """MACRO BRICK
  CLASS BLOCK ;
  ORIGIN 0 0 ;
  SIZE 20 BY 20 ;
  PIN A
    DIRECTION INPUT ;
    PORT
      LAYER M4 ;
        RECT 0 9 2 11 ;
    END
  END A
END BRICK
"""

SLAB = """MACRO SLAB
  CLASS BLOCK ;
  SIZE 60 BY 10 ;
  PIN Q
    DIRECTION OUTPUT ;
    PORT
      LAYER M4 ;
        RECT 58 4 60 6 ;
    END
  END Q
END SLAB
"""

DEF = """VERSION 5.8 ;
DIVIDERCHAR "/" ;
BUSBITCHARS "[]" ;
DESIGN tower ;
UNITS DISTANCE MICRONS 1000 ;
DIEAREA ( 0 0 ) ( 100000 100000 ) ;
COMPONENTS 2 ;
- b1 BRICK ;
- b2 BRICK ;
END COMPONENTS
PINS 1 ;
- clk + NET n1 + DIRECTION INPUT + LAYER M4 ( -70 -70 ) ( 70 70 ) + PLACED ( 0 50000 ) N ;
END PINS
NETS 2 ;
- n1 ( PIN clk ) ( b1 A ) ;
- n2 ( b1 A ) ( b2 A ) ;
END NETS
END DESIGN
"""
"""A chain from a pad at (0, 50) over two bricks whose pins lie at the middle of their left sides, 1 inside.

The best placement has b1's pin 1 from the pad, and b2's right above or below: 1 + 20.
"""


def lef_def(
    folder: Path, *changes: tuple[str, str], library: str = UNITS + BRICK, **config: Any
) -> dict[str, Any]:
    """Parameters that name the design with some of its text replaced."""
    text = DEF
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "t.def").write_text(text)
    (folder / "l.lef").write_text(library)
    return {"netlist": str(folder / "t.def"), "lef": (str(folder / "l.lef"),), **config}


def test_the_plain_chain_is_placed_as_worked_out(tmp_path: Path) -> None:
    metrics = play("greedy", **lef_def(tmp_path))
    assert (metrics["hpwl"], metrics["overlap"]) == (21, 0)


def test_a_fixed_block_that_is_turned_takes_the_room_of_its_turned_sides(tmp_path: Path) -> None:
    changes = [
        ("COMPONENTS 2 ;", "COMPONENTS 3 ;\n- slab SLAB + FIXED ( 45000 20000 ) W ;"),
        ("( PIN clk )", "( slab Q )"),
        ("( b1 A ) ( b2 A )", "( slab Q ) ( b2 A )"),
    ]
    config = lef_def(tmp_path, *changes, library=UNITS + SLAB + BRICK)
    # Turned by a quarter the slab is [45, 55] × [20, 80]; version 1 laid macros over it (overlap 100).
    assert play("greedy", **config)["overlap"] == 0
    problem = (
        make(ChipConfig(**config, grid=20), PRESETS["wirelength"]).core.episodes[0].source.design(0).problem
    )
    taken = [
        cell
        for cell in range(20 * 20)
        if not problem.arrays.free[cell // 20, 0] >> np.uint64(cell % 20) & np.uint64(1)
    ]
    assert {cell % 20 for cell in taken} == {9, 10}
    assert {cell // 20 for cell in taken} == set(range(4, 16))


def test_cover_fixes_a_component_as_fixed_does(tmp_path: Path) -> None:
    config = lef_def(tmp_path, ("- b2 BRICK ;", "- b2 BRICK + COVER ( 70000 10000 ) N ;"))
    assert read(**config).fixed.tolist() == [False, True, True]
    # b2's pin is at (71, 20): b1's is best on a row between 50, the pad's, and 20, and a column from 0 to 71.
    assert play("greedy", **config)["hpwl"] == 71 + 30


def test_the_origin_of_a_macro_is_added_to_its_shapes(tmp_path: Path) -> None:
    library = UNITS + BRICK.replace("ORIGIN 0 0", "ORIGIN 10 10").replace("RECT 0 9 2 11", "RECT -10 -1 -8 1")
    netlist = read(**lef_def(tmp_path, library=library))
    # The same pin as in BRICK, 9 to the left of the centre; version 1 had (−19, −10).
    assert netlist.pin_x[1:].tolist() == [-9, -9]
    assert netlist.pin_y[1:].tolist() == [0, 0]


@pytest.mark.parametrize(
    "shape",
    [
        "POLYGON 0 9 0 11 2 11 2 9 ;",
        "RECT MASK 1 0 9 2 11 ;",
        "RECT ITERATE 0 9 1 9.5 DO 2 BY 2 STEP 1 1.5 ;",
        "PATH 0 9 2 11 ;",
        "RECT ( 0 9 ) ( 2 11 ) ;",
    ],
)
def test_a_pin_of_any_shape_lies_in_the_middle_of_its_box(tmp_path: Path, shape: str) -> None:
    netlist = read(**lef_def(tmp_path, library=UNITS + BRICK.replace("RECT 0 9 2 11 ;", shape)))
    assert (netlist.pin_x[1], netlist.pin_y[1]) == (-9, 0)


def test_a_power_pin_needs_no_shape_and_a_signal_pin_without_lies_at_the_centre(tmp_path: Path) -> None:
    power = "  PIN VDD\n    USE POWER ;\n  END VDD\n  PIN B\n    DIRECTION INPUT ;\n  END B\nEND BRICK"
    library = UNITS + BRICK.replace("END BRICK", power)
    config = lef_def(tmp_path, ("( b1 A ) ( b2 A ) ;", "( b1 A ) ( b2 B ) ( b2 VDD ) ;"), library=library)
    netlist = read(**config)
    assert note(netlist, "power and ground PIN").used == 0
    assert note(netlist, "PIN without a shape").reason == "at the macro's centre"
    pins = netlist.net_pins[netlist.net_start[1] :]
    assert netlist.pin_x[pins].tolist() == [-9, 0]  # VDD is no pin of a signal net


def test_power_pins_of_the_design_need_no_place(tmp_path: Path) -> None:
    pins = "PINS 4 ;\n- VDD + NET VDD + USE POWER ;\n- VSS + NET VSS + USE GROUND ;\n- late + NET n2 ;"
    netlist = read(
        **lef_def(tmp_path, ("PINS 1 ;", pins), ("( b1 A ) ( b2 A )", "( b1 A ) ( b2 A ) ( PIN late )"))
    )
    assert netlist.nodes == ["b1", "b2", "PIN clk"]
    assert (note(netlist, "PINS, power and ground").count, note(netlist, "PINS, power and ground").used) == (
        2,
        0,
    )
    assert note(netlist, "PINS without a place").count == 1
    assert netlist.net_start.tolist() == [0, 2, 4]


def test_a_port_lies_in_the_middle_of_its_turned_shapes(tmp_path: Path) -> None:
    old = "LAYER M4 ( -70 -70 ) ( 70 70 ) + PLACED ( 0 50000 ) N"
    turned = "PORT + LAYER M4 ( 0 0 ) ( 1000 4000 ) + FIXED ( 0 50000 ) E"
    netlist = read(**lef_def(tmp_path, (old, turned)))
    # The box's middle (0.5, 2) turned clockwise by a quarter is (2, −0.5).
    assert (netlist.x[2], netlist.y[2]) == pytest.approx((2, 49.5))
    first = "PORT + POLYGON M4 ( 0 0 ) ( 0 2000 ) ( 2000 0 ) + FIXED ( 0 50000 ) N"
    several = f"{first} + PORT + FIXED ( 9000 50000 ) N"
    netlist = read(**lef_def(tmp_path, (old, several)))
    # The ports' middles are (1, 51) and (9, 50).
    assert (netlist.x[2], netlist.y[2]) == pytest.approx((5, 50.5))


def test_a_wildcard_names_that_pin_of_every_component_and_power_nets_join_nothing(tmp_path: Path) -> None:
    nets = "NETS 4 ;\n- VDD ( * VDD ) + USE POWER ;\n- all ( * A ) ;"
    netlist = read(**lef_def(tmp_path, ("NETS 2 ;", nets)))
    assert netlist.num_nets == 3
    first = netlist.net_pins[: netlist.net_start[1]]
    assert [netlist.nodes[node] for node in netlist.pin_node[first]] == ["b1", "b2"]
    assert note(netlist, "NETS, power and ground").count == 1
    assert play("greedy", **lef_def(tmp_path, ("NETS 2 ;", nets)))["hpwl"] == 21 + 20


@pytest.mark.parametrize(
    "net", ["- n2 ( b1 A ( b2 A ) ;", "- n2 ( b1 A ) ( b2 A ;", "- n2 ( b1 ) ;", "- n2 ( ;"]
)
def test_a_net_without_its_parenthesis_is_named(tmp_path: Path, net: str) -> None:
    with pytest.raises(BrokenFileError, match="line 16: the net 'n2' has a pin that is not"):
        read(**lef_def(tmp_path, ("- n2 ( b1 A ) ( b2 A ) ;", net)))


def test_a_pin_of_a_net_may_have_options(tmp_path: Path) -> None:
    netlist = read(**lef_def(tmp_path, ("( b2 A )", "( b2 A + SYNTHESIZED )")))
    assert netlist.net_start.tolist() == [0, 2, 4]


def test_several_libraries_define_the_macros_together(tmp_path: Path) -> None:
    technology = (
        UNITS + "LAYER M4\n TYPE ROUTING ;\n PITCH 0.2 ;\nEND M4\n"
        "SITE core\n CLASS CORE ;\n SIZE 0.2 BY 1.4 ;\nEND core\nVIARULE v GENERATE\n LAYER M1 ;\nEND v\n"
        "PROPERTYDEFINITIONS\n MACRO p STRING ;\nEND PROPERTYDEFINITIONS\n"
        "SPACING\n SAMENET M4 M4 0.1 ;\nEND SPACING\nEND LIBRARY\n"
    )
    cells = (
        "MACRO INV\n CLASS CORE ;\n SIZE 0.4 BY 1.4 ;\n"
        " PIN A\n  PORT\n   RECT 0.1 0.5 0.2 0.7 ;\n  END\n END A\nEND INV\nEND LIBRARY\n"
    )
    config = lef_def(
        tmp_path, ("COMPONENTS 2 ;", "COMPONENTS 3 ;\n- g1 INV ;"), ("( b2 A ) ;", "( b2 A ) ( g1 A ) ;")
    )
    (tmp_path / "tech.lef").write_text(technology)
    (tmp_path / "cells.lef").write_text(cells)
    libraries = tuple(str(tmp_path / name) for name in ("tech.lef", "cells.lef", "l.lef"))
    together = read(**{**config, "lef": libraries})
    assert together.kind.tolist() == [CELL, MACRO, MACRO, PAD]
    assert together.width[0] == 0.4
    # Without the cells' library g1 is a point; it does not stop the reading.
    alone = read(**config)
    assert alone.kind.tolist() == [CELL, MACRO, MACRO, PAD]
    assert note(alone, "COMPONENTS of a macro that no library defines").count == 1
    # All in one file, with END LIBRARY after each part.
    (tmp_path / "all.lef").write_text(technology + cells + UNITS + BRICK + "END LIBRARY\n")
    assert read(**{**config, "lef": (str(tmp_path / "all.lef"),)}).width[0] == 0.4
    assert play("greedy", **{**config, "lef": libraries})["hpwl"] == 21


def test_a_macro_that_two_libraries_define_is_the_first_ones(tmp_path: Path) -> None:
    config = lef_def(tmp_path)
    (tmp_path / "again.lef").write_text(BRICK.replace("SIZE 20", "SIZE 30"))
    netlist = read(**{**config, "lef": (*config["lef"], str(tmp_path / "again.lef"))})
    assert netlist.width[0] == 20
    assert [row.used for row in netlist.notes if row.file == "again.lef"] == [0]


def test_without_units_a_hundred_are_a_micrometre_and_info_says_so(tmp_path: Path) -> None:
    netlist = read(**lef_def(tmp_path, ("UNITS DISTANCE MICRONS 1000 ;\n", "")))
    assert netlist.size == (1000, 1000)
    assert "100 to a µm" in note(netlist, "UNITS", ".def").reason


def test_macros_lie_inside_the_box_around_the_rows(tmp_path: Path) -> None:
    rows = "".join(
        f"ROW r{y} core 30000 {y} {turn} DO 40 BY 1 STEP 1000 0 ;\n"
        for y, turn in ((30000, "N"), (68000, "FS"))
    )
    library = UNITS + "SITE core\n CLASS CORE ;\n SIZE 1 BY 2 ;\nEND core\n" + BRICK
    config = lef_def(tmp_path, ("COMPONENTS 2", rows + "COMPONENTS 2"), library=library)
    netlist = read(**config)
    assert netlist.row_height == 2
    # [30, 70] × [30, 70]: b1's pin is at least 31 from the pad at 0.
    assert play("greedy", **config)["hpwl"] == 31 + 20
    # Without the site the last row's height is not known: [30, 69] leaves rows of cells up to 65.
    assert (
        play("greedy", **{**config, **lef_def(tmp_path, ("COMPONENTS 2", rows + "COMPONENTS 2"))})["hpwl"]
        == 51
    )


def test_outside_a_polygon_that_is_the_die_no_macro_lies(tmp_path: Path) -> None:
    # An L: the upper right quarter is missing.
    corners = "( 0 0 ) ( 0 100000 ) ( 50000 100000 ) ( 50000 50000 ) ( 100000 50000 ) ( 100000 0 )"
    config = lef_def(tmp_path, ("( 0 0 ) ( 100000 100000 )", corners))
    netlist = read(**config)
    assert netlist.canvas == (0, 0, 100, 100)
    assert netlist.blockages.tolist() == [[50, 50, 100, 100]]
    # The pad moved into the missing quarter: b1's pin at best on its border.
    config = lef_def(
        tmp_path, ("( 0 0 ) ( 100000 100000 )", corners), ("PLACED ( 0 50000 )", "PLACED ( 100000 100000 )")
    )
    # b1 at (30, 80): its pin (31, 90) is 69 + 10 away; at (80, 30) its pin (81, 40) is 19 + 60 away.
    assert play("greedy", **config)["hpwl"] == 79 + 20


def test_placement_blockages_of_any_shape_are_kept_free(tmp_path: Path) -> None:
    section = """BLOCKAGES 4 ;
- PLACEMENT RECT ( 0 0 ) ( 40000 100000 ) ;
- PLACEMENT + SOFT POLYGON ( 60000 0 ) ( 100000 0 ) ( 100000 40000 ) ;
- PLACEMENT + PARTIAL 50 RECT ( 0 0 ) ( 100000 100000 ) ;
- LAYER M4 RECT ( 0 0 ) ( 100000 100000 ) ;
END BLOCKAGES
"""
    config = lef_def(tmp_path, ("NETS 2 ;", section + "NETS 2 ;"))
    netlist = read(**config)
    # A polygon with a slope is covered by the box of each part.
    assert netlist.blockages.tolist() == [[0, 0, 40, 100], [60, 0, 100, 40]]
    assert note(netlist, "BLOCKAGES, partial").used == note(netlist, "BLOCKAGES of a layer").used == 0
    assert play("greedy", **config)["hpwl"] == 41 + 20


def test_unknown_sections_are_skipped_as_wholes(tmp_path: Path) -> None:
    before = (
        'PROPERTYDEFINITIONS\n    DESIGN stage STRING "place ; opt" ;\n    DESIGN LL_X REAL 5.13 ;\n'
        "END PROPERTYDEFINITIONS\n"
        "HISTORY END of ( it ) ;\nSTYLES 1 ;\n- STYLE 0 ( 0 0 ) ;\nEND STYLES\n"
    )
    between = (
        "PINPROPERTIES 1 ;\n- PIN clk + PROPERTY p 1 ;\nEND PINPROPERTIES\n"
        'BEGINEXT "tag"\n NETS 9 ; END NETS\nENDEXT\nNEWTHING 1 ;\n- x ;\nEND NEWTHING\nNEWWORD 1 2 ;\n'
    )
    changes = [("DIEAREA", before + "DIEAREA"), ("NETS 2 ;", between + "NETS 2 ;")]
    netlist = read(**lef_def(tmp_path, *changes))
    # Version 1: the first END ended the file ("has no DIEAREA"), the second left out all nets without a word.
    assert netlist.num_nets == 2
    for item in (
        "PROPERTYDEFINITIONS",
        "STYLES",
        "PINPROPERTIES",
        "BEGINEXT",
        "NEWTHING",
        "NEWWORD",
        "HISTORY",
    ):
        assert note(netlist, item).used == 0, item


def test_pad_cells_are_pads_with_a_size(tmp_path: Path) -> None:
    library = (
        UNITS + BRICK + "MACRO IO\n CLASS PAD INPUT ;\n SIZE 10 BY 6 ;\n"
        " PIN P\n  PORT\n   RECT 0 0 10 6 ;\n  END\n END P\nEND IO\n"
    )
    changes = [
        ("COMPONENTS 2 ;", "COMPONENTS 3 ;\n- io IO + PLACED ( 90000 0 ) N ;"),
        ("( PIN clk )", "( io P )"),
    ]
    netlist = read(**lef_def(tmp_path, *changes, library=library))
    assert netlist.kind.tolist() == [PAD, MACRO, MACRO, PAD]
    assert netlist.fixed.tolist() == [True, False, False, True]
    assert (netlist.x[0], netlist.y[0]) == (95, 3)


def test_the_output_of_a_macro_or_an_input_of_the_design_drives_the_net(tmp_path: Path) -> None:
    library = UNITS + SLAB + BRICK
    changes = [
        ("COMPONENTS 2 ;", "COMPONENTS 3 ;\n- slab SLAB ;"),
        ("( b1 A ) ( b2 A )", "( b1 A ) ( slab Q ) ( b2 A )"),
        ("( PIN clk ) ( b1 A )", "( b1 A ) ( PIN clk )"),
    ]
    netlist = read(**lef_def(tmp_path, *changes, library=library))
    sources = netlist.pin_node[netlist.net_pins[netlist.net_start[:-1]]]
    assert [netlist.nodes[node] for node in sources] == ["PIN clk", "slab"]


# Halos, channels, fences


def test_a_halo_of_the_file_keeps_other_macros_away_and_turns_with_its_macro(tmp_path: Path) -> None:
    # Margins 10 to the left, 0, 5 and 0; turned by a half they lie to the right.
    config = lef_def(
        tmp_path, ("- b1 BRICK ;", "- b1 BRICK + FIXED ( 40000 40000 ) S + HALO 10000 0 5000 0 ;")
    )
    netlist = read(**config)
    assert netlist.halo is not None
    assert netlist.halo[0].tolist() == [10, 0, 5, 0]
    problem = (
        make(ChipConfig(**config, grid=20), PRESETS["wirelength"]).core.episodes[0].source.design(0).problem
    )
    row = problem.arrays.free[10, 0]
    taken = [column for column in range(20) if not row >> np.uint64(column) & np.uint64(1)]
    assert taken == list(range(7, 14))  # 35 to 70


@pytest.mark.parametrize("option", [{"halo": 2.5}, {"channel": 5.0}])
def test_halos_and_channels_keep_macros_apart(tmp_path: Path, option: dict[str, float]) -> None:
    # Margins of 2.5 on both sides put 5 between neighbours, and 2.5 between a macro and the edge. Corners lie
    # on multiples of 5, so that b1's pin is 2.5 above or below the pad.
    metrics = play("greedy", **lef_def(tmp_path), **option)
    assert metrics["hpwl"] == (2.5 + 1) + 2.5 + 25
    assert metrics["overlap"] == 0


def test_a_fence_holds_its_macros_and_keeps_others_out(tmp_path: Path) -> None:
    fence = FenceConfig(box=(60, 0, 100, 40), macros=("b1",))
    # b1's pin is at least 61 from the pad at (0, 50), with its row at most 30: 61 + 20. b2 must stay outside:
    # above b1 at the same column, with its bottom at 40 or more.
    metrics = play("greedy", **lef_def(tmp_path), fences=(fence,))
    assert metrics["hpwl"] == 61 + 20 + 20
    with pytest.raises(InvalidValueError, match="fence 0 of tower names no macro"):
        play("greedy", **lef_def(tmp_path), fences=(FenceConfig(box=(0, 0, 50, 50), macros=("b9*",)),))
    with pytest.raises(ValueError, match="is empty"):
        FenceConfig(box=(50, 0, 40, 50), macros=("b1",))


def test_regions_and_groups_of_the_file_are_fences(tmp_path: Path) -> None:
    regions = (
        "REGIONS 2 ;\n- right ( 60000 0 ) ( 100000 40000 ) + TYPE FENCE ;\n"
        "- wish ( 0 0 ) ( 9000 9000 ) + TYPE GUIDE ;\nEND REGIONS\n"
    )
    groups = "GROUPS 2 ;\n- g b1 + REGION right ;\n- h b* ;\nEND GROUPS\n"
    changes = [("COMPONENTS 2", regions + "COMPONENTS 2"), ("END DESIGN", groups + "END DESIGN")]
    config = lef_def(tmp_path, *changes)
    netlist = read(**config)
    assert [(fence.name, fence.nodes, fence.exclusive) for fence in netlist.fences] == [
        ("right", {"b1"}, True)
    ]
    assert note(netlist, "REGIONS, guides").used == 0
    assert play("greedy", **config)["hpwl"] == 101
    # A pattern names both bricks, and a region without a type does not keep others out.
    changes = [(old, new.replace("g b1", "g b*").replace(" + TYPE FENCE", "")) for old, new in changes]
    netlist = read(**lef_def(tmp_path, *changes))
    assert [(fence.nodes, fence.exclusive) for fence in netlist.fences] == [({"b1", "b2"}, False)]


# Bookshelf

BOOKSHELF = {
    "t.aux": "RowBasedPlacement : t.nodes t.nets t.wts t.pl t.scl\n",
    "t.nodes": "UCLA nodes 1.0\nNumNodes : 6\nNumTerminals : 2\n big 30 30\n mid 20 20\n low 20 20\n"
    " std 2 1\n padl 1 1 terminal\n padr 1 1 terminal\n",
    "t.nets": "UCLA nets 1.0\nNumNets : 4\nNumPins : 9\nNetDegree : 2 a\n big O : 0 0\n padl I : 0 0\n"
    "NetDegree : 2 b\n mid O : 5 0\n padr I : 0 0\n"
    "NetDegree : 3 c\n big O : 0 5\n low I : 0 0\n std I : 0 0\n"
    "NetDegree : 2 d\n mid O : 0 0\n low I : 0 0\n",
    "t.pl": "UCLA pl 1.0\nbig 5 5 : N\nmid 40 40 : N\nlow 70 10 : N\nstd 1 1 : N\npadl 0 50 : N /FIXED\n"
    "padr 99 50 : N /FIXED\n",
    "t.scl": "UCLA scl 1.0\nNumRows : 100\n"
    + "".join(
        f"CoreRow Horizontal\n Coordinate : {y}\n Height : 1\n Sitewidth : 1\n Sitespacing : 1\n"
        " SubrowOrigin : 0  NumSites : 100\nEnd\n"
        for y in range(100)
    ),
    "t.wts": "UCLA wts 1.0\n",
}


def bookshelf(folder: Path, *changes: tuple[str, str, str], **config: Any) -> dict[str, Any]:
    """Parameters that name the design with some text of its files replaced: ending, old, new."""
    for name, text in BOOKSHELF.items():
        changed = text
        for ending, old, new in changes:
            if name.endswith(ending):
                assert old in changed
                changed = changed.replace(old, new)
        (folder / name).write_text(changed)
    return {"netlist": str(folder / "t.aux"), **config}


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    assert play("greedy", **bookshelf(tmp_path, ("nodes", "UCLA", "\ufeffUCLA")))["hpwl"] == 100


def test_a_colon_needs_no_blanks_around_it(tmp_path: Path) -> None:
    for line in ("mid O:5 0", "mid O :5 0", "mid O: 5 0"):
        netlist = read(**bookshelf(tmp_path, ("nets", "mid O : 5 0", line)))
        assert netlist.pin_x.tolist()[2] == 5, line
    changes = [("nets", "NumNets : 4", "NumNets:4"), ("nets", "NetDegree : 2 a", "NetDegree:2 a")]
    changes += [("nodes", "NumNodes : 6", "NumNodes:6"), ("pl", "big 5 5 : N", "big 5 5 :N")]
    assert play("greedy", **bookshelf(tmp_path, *changes))["hpwl"] == 100


def test_a_net_without_pins_is_counted_and_left_out(tmp_path: Path) -> None:
    changes = [
        ("nets", "NumNets : 4", "NumNets : 5"),
        ("nets", "NetDegree : 2 d", "NetDegree : 0 e\nNetDegree : 2 d"),
    ]
    config = bookshelf(tmp_path, *changes)
    assert note(read(**config), "nets without a pin").count == 1
    assert play("greedy", **config)["hpwl"] == 100


def test_weights_of_nets_count_and_weights_of_nodes_are_left_out(tmp_path: Path) -> None:
    config = bookshelf(tmp_path, ("wts", "1.0\n", "1.0\na 10\nb 1\nstd 3\nnobody 4\n"))
    netlist = read(**config)
    assert netlist.net_weight.tolist() == [10, 1, 1, 1]
    assert note(netlist, "weights of nodes").used == note(netlist, "weights of unknown names").used == 0
    # Unweighted it is 100, of which a has 15: big's centre lies at (15, 50) at best.
    assert play("greedy", **config)["hpwl"] == 100 + 9 * 15


@pytest.mark.parametrize("free", [True, False])
def test_a_turned_fixed_block_takes_its_turned_sides(tmp_path: Path, free: bool) -> None:
    changes = [("nodes", "padl 1 1", "padl 60 10"), ("pl", "padl 0 50 : N", "padl 45 20 : W")]
    config = bookshelf(tmp_path, *changes, free_blocks=free)
    netlist = read(**config)
    assert netlist.fixed[4] == (not free)
    assert (netlist.x[4], netlist.y[4]) == (50, 50)
    assert play("greedy", **config)["overlap"] == 0


def test_a_fixed_block_without_a_position_is_refused(tmp_path: Path) -> None:
    changes = [("nodes", "padl 1 1", "padl 30 30"), ("pl", "padl 0 50 : N /FIXED\n", "")]
    with pytest.raises(BrokenFileError, match="the fixed block 'padl' has no position"):
        read(**bookshelf(tmp_path, *changes, free_blocks=False))
    assert read(**bookshelf(tmp_path, *changes)).fixed[4] == 0


def test_a_terminal_that_may_be_overlapped_is_a_pad_whatever_its_size(tmp_path: Path) -> None:
    changes = [("nodes", "padl 1 1 terminal", "padl 10 40 terminal_NI"), ("pl", "padl 0 50", "padl 0 30")]
    config = bookshelf(tmp_path, *changes, free_blocks=False)
    assert read(**config).kind[4] == PAD
    # Its pin lies at (5, 50), under big, which comes as near as it can: 100 − 15 + 10.
    assert play("greedy", **config)["hpwl"] == 95


def test_a_block_marked_as_fixed_stays_and_a_macro_turned_by_the_file_keeps_its_orientation(
    tmp_path: Path,
) -> None:
    fixed = read(**bookshelf(tmp_path, ("pl", "low 70 10 : N", "low 70 10 : N /FIXED")))
    assert fixed.fixed.tolist() == [False, False, True, False, True, True]
    turned = [("nodes", "big 30 30", "big 60 10"), ("pl", "big 5 5 : N", "big 5 5 : E")]
    # Version 1 turned it back to N and had 220.
    for orientation in ("fixed", "mirror"):
        config = bookshelf(tmp_path, *turned, orientation=orientation)
        metrics = play("initial", **config)
        assert metrics["hpwl"] == 210


def test_the_first_output_drives_a_net_also_from_the_first_place(tmp_path: Path) -> None:
    netlist = read(**bookshelf(tmp_path, ("nets", " low I : 0 0\n std I", " low O : 0 0\n std I")))
    # Version 1 let the second output, low, displace big.
    nets = [netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]] for net in range(4)]
    assert [netlist.nodes[node] for node in netlist.pin_node[nets[2]]] == ["big", "low", "std"]


def test_macros_that_no_net_joins_cost_nothing(tmp_path: Path) -> None:
    nets = "UCLA nets 1.0\nNetDegree : 2 a\n big O : 0 0\n std I : 0 0\n"
    metrics = play("greedy", **bookshelf(tmp_path, ("nets", BOOKSHELF["t.nets"], nets)))
    assert (metrics["hpwl"], metrics["wirelength"], metrics["placed"]) == (0, 0, 1)


# GSRC

GSRC = {
    "g.blocks": "a hardrectilinear 4 (0,0) (0,10) (30,10) (30,0)\n"
    "b hardrectilinear 6 (0,0) (0,20) (10,20) (10,10) (20,10) (20,0)\n"
    "c softrectangular 400 0.5 2\np terminal\n",
    "g.nets": "NumNets : 1\nNumPins : 4\nNetDegree : 4\na : %50 %0\nb\nc\np\n",
    "g.pl": "a 0 0 : E\nb 50 0 : N /FIXED\nc 60 60 DIMS = (10, 40) : N\np 100 100\n",
}


def test_a_placement_of_blocks_may_turn_size_and_fix_them(tmp_path: Path) -> None:
    for name, text in GSRC.items():
        (tmp_path / name).write_text(text)
    netlist = read(netlist=str(tmp_path / "g.blocks"))
    assert netlist.fixed.tolist() == [False, True, False, True]
    # a is 30 × 10 turned to 10 × 30; its pin half a width to the right goes to the bottom.
    assert (netlist.x[0], netlist.y[0]) == (5, 15)
    assert (netlist.width[2], netlist.height[2], netlist.x[2], netlist.y[2]) == (10, 40, 65, 80)
    x, y = netlist.pin_positions()
    assert (x[0], y[0]) == pytest.approx((5, 0))
    assert note(netlist, "blocks of more than four corners").used == 0
    (tmp_path / "g.pl").write_text("b 50 0 /FIXED\np 1 1\na 0 0\n")
    assert read(netlist=str(tmp_path / "g.blocks")).fixed[1]


# circuit_training


def node(name: str, inputs: tuple[str, ...] = (), **attributes: object) -> str:
    fields = [f'input: "{sink}"' for sink in inputs]
    for key, value in attributes.items():
        kind = "placeholder" if isinstance(value, str) else "f"
        text = f'"{value}"' if isinstance(value, str) else str(value)
        fields.append(f'attr {{ key: "{key}" value {{ {kind}: {text} }} }}')
    return f'node {{ name: "{name}" {" ".join(fields)} }}\n'


TURNED = (
    node("gate", ("A/i",), type="PORT", side="LEFT", x=0, y=50)
    + node("A", type="MACRO", width=60, height=10, orientation="E")
    + node("B", type="MACRO", width=20, height=20, orientation="N")
    + node("A/i", type="MACRO_PIN", macro_name="A", x_offset=-30, y_offset=0)
    + node("A/o", ("B/i",), type="MACRO_PIN", macro_name="A", x_offset=30, y_offset=0)
    + node("B/i", type="MACRO_PIN", macro_name="B", x_offset=0, y_offset=0)
    + node("cluster_1", type="macro", width=10, height=10, x=70, y=70)
)
PLC = """# Columns : 10  Rows : 10
# Width : 100.0  Height : 100.0
# Routes per micron, hor : 20.0  ver : 20.0
# Routes used by macros, hor : 10.0  ver : 10.0
# Smoothing factor : 0
0 0 50 - 1
1 30 40 E 0
2 80 40 N 0
6 70 70 N 0
"""


def circuit_training(folder: Path, netlist: str = TURNED, plc: str = PLC, **config: Any) -> dict[str, Any]:
    (folder / "netlist.pb.txt").write_text(netlist)
    (folder / "a.plc").write_text(plc)
    return {"netlist": str(folder / "netlist.pb.txt"), "placement": str(folder / "a.plc"), **config}


@pytest.mark.parametrize("orientation", ["fixed", "mirror"])
def test_a_turned_placement_of_the_file_is_kept(tmp_path: Path, orientation: str) -> None:
    # A's pins go from (∓30, 0) to (0, ±30): i to (30, 70), o to (30, 10). To the gate 30 + 20, to B 50 + 30.
    # Version 1 turned A back to N: 30.
    assert play("initial", **circuit_training(tmp_path, orientation=orientation))["hpwl"] == 130


def test_metadata_is_no_node_and_takes_no_number(tmp_path: Path) -> None:
    plain = play("initial", **circuit_training(tmp_path))
    metadata = node("__metadata__", soft_macro_area_bloating_ratio=2.0)
    config = circuit_training(tmp_path, metadata + TURNED)
    assert play("initial", **config) == plain
    assert note(read(**config), "__metadata__").used == 0


def test_a_soft_macro_is_named_a_group_or_written_in_small_letters(tmp_path: Path) -> None:
    def kinds(text: str) -> list[int]:
        return read(**circuit_training(tmp_path, text)).kind.tolist()

    assert kinds(TURNED) == [PAD, MACRO, MACRO, SOFT]
    assert kinds(TURNED.replace("cluster_1", "Grp1")) == [PAD, MACRO, MACRO, SOFT]
    # Where all types are written in small letters only the name tells.
    small = TURNED.replace('"MACRO"', '"macro"')
    assert kinds(small) == [PAD, MACRO, MACRO, MACRO]
    assert kinds(small.replace("cluster_1", "Grp1")) == [PAD, MACRO, MACRO, SOFT]


def test_a_blockage_of_a_placement_keeps_macros_away(tmp_path: Path) -> None:
    plc = PLC.replace(
        "0 0 50 - 1\n", "# Blockage : 0 0 50 100 1.0\n# Blockage : 0 0 100 100 0.5\n0 0 50 - 1\n"
    )
    config = circuit_training(tmp_path, plc=plc)
    netlist = read(**config)
    assert netlist.blockages.tolist() == [[0, 0, 50, 100]]
    assert note(netlist, "Blockage with a rate below 1").used == 0
    env = make(ChipConfig(**{"grid": 20, **config}), PRESETS["wirelength"])
    _, info = env.reset(seed=0)
    allowed = np.flatnonzero(info["action_mask"]) % 20
    assert allowed.min() == 10
    # The file's own placement is played as it is, blockages or not.
    assert play("initial", **config)["hpwl"] == 130


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    config = circuit_training(tmp_path)
    assert play("initial", **config)["hpwl"] == 130
    circuit_training(tmp_path, plc=PLC.replace("2 80 40 N 0", "2 90 400e-1 N 0"))
    assert play("initial", **config)["hpwl"] == 140
