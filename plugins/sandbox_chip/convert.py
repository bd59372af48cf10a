"""``sandbox chip convert``: a design from any format that can be read to any that can be written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from sandbox.api import InvalidValueError
from sandbox_chip import costs
from sandbox_chip.clustering import cluster_cells
from sandbox_chip.formats.reader import read_files
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Netlist
from sandbox_chip.technology import Technology

WRITTEN = ".pb.txt (with .plc), .def (with .lef) and .aux"

_KIND_NAMES = {MACRO: "hard macros", SOFT: "soft macros", CELL: "standard cells", PAD: "pads"}


def convert(
    design: Annotated[Path, typer.Argument(help="A design: .def, netlist.pb.txt, .aux, .blocks, ...")],
    out: Annotated[Path, typer.Argument(help=f"Where to write, by its ending: {WRITTEN}.")],
    lef: Annotated[
        list[Path] | None, typer.Option(help="Library for a .def. Repeatable, or several with commas.")
    ] = None,
    placement: Annotated[Path | None, typer.Option(help="Placement for a netlist.pb.txt: .plc.")] = None,
    clusters: Annotated[
        int | None, typer.Option(min=1, help="Gather standard cells into about so many soft macros.")
    ] = None,
    bloat: Annotated[float, typer.Option(min=1.0, help="Area of a soft macro over that of its cells.")] = 1.0,
    columns: Annotated[int | None, typer.Option(min=1, max=512, help="Columns of the cost grid.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, max=512, help="Rows of the cost grid.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the clustering.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> dict[str, Any] | None:
    """Write a design in another format, standard cells clustered to soft macros on request.

    Nodes, pins, nets, weights, orientations, fixed nodes, blockages, halos and fences go along as far as the
    format has them.
    """
    libraries = [Path(part) for option in lef or () for part in str(option).split(",")]
    netlist, technology = read_files(design, libraries, placement, free_blocks=False)
    before = _summary(netlist)
    if clusters is not None:
        netlist = cluster_cells(netlist, clusters, seed, bloat)
    technology = _technology(technology, columns, rows)
    files = write_design(out, netlist, technology)
    document = {
        "design": str(design),
        "files": [str(file) for file in files],
        "before": before,
        "after": _summary(netlist),
    }
    if as_json:
        return document
    _show(document)
    return None


def write_design(out: Path, netlist: Netlist, technology: Technology | None = None) -> list[Path]:
    """Write a design in the format of the file's ending; all files that were written.

    Raises:
        InvalidValueError: For an ending that is not written.
        BrokenFileError: If a file cannot be written.
    """
    if out.name.endswith(".pb.txt"):
        from sandbox_chip.formats.plc import write_plc
        from sandbox_chip.formats.protobuf_writer import write_protobuf

        plc = out.with_name(out.name.removesuffix(".pb.txt") + ".plc")
        numbered = replace(netlist, node_ids=np.arange(len(netlist.nodes)))
        measured = None if _unplaced(netlist) else costs.evaluate(netlist, technology or Technology())
        write_protobuf(out, numbered)
        write_plc(plc, numbered, technology or Technology(), netlist.x, netlist.y, costs=measured)
        return [out, plc]
    if out.name.endswith(".def"):
        from sandbox_chip.formats.def_writer import write_def

        return [out, write_def(out, netlist)]
    if out.name.endswith(".aux"):
        from sandbox_chip.formats.bookshelf_writer import write_bookshelf

        write_bookshelf(out, netlist)
        return [out]
    raise InvalidValueError(
        f"'{out.name}' is not a kind of design that can be written.", f"Known: {WRITTEN}."
    )


def _technology(of_file: Technology | None, columns: int | None, rows: int | None) -> Technology:
    base = of_file or Technology()
    return replace(base, columns=columns or base.columns, rows=rows or base.rows)


def _unplaced(netlist: Netlist) -> int:
    """Nodes without a place."""
    return int((~np.isfinite(netlist.x)).sum())


def _summary(netlist: Netlist) -> dict[str, Any]:
    """Numbers of nodes, nets and pins, and the wirelength where everything is placed."""
    unplaced = _unplaced(netlist)
    return {
        **{name: int((netlist.kind == kind).sum()) for kind, name in _KIND_NAMES.items()},
        "nets": netlist.num_nets,
        "pins": len(netlist.net_pins),
        "unplaced": unplaced,
        "hpwl": None if unplaced else float(costs.hpwl(netlist, netlist.x, netlist.y)),
    }


def _show(document: dict[str, Any]) -> None:
    before, after = document["before"], document["after"]
    for name in before:
        old, new = (
            "-" if part[name] is None else f"{part[name]:,.10g}" if name == "hpwl" else f"{part[name]:,}"
            for part in (before, after)
        )
        print(f"{name:15} {old}" + ("" if old == new else f" -> {new}"))
    print(f"Wrote {', '.join(document['files'])}.")
