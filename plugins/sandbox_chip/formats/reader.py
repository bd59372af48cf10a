"""Which reader a design's file needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_chip.config import ChipConfig
from sandbox_chip.netlist import Fence, Netlist
from sandbox_chip.technology import Technology

KNOWN = ".aux, netlist.pb.txt, .block, .blocks, .hardblocks and .def"


def read_design(config: ChipConfig) -> tuple[Netlist, Technology | None]:
    """The netlist that a configuration names, and the technology where its file describes one.

    Raises:
        InvalidValueError: For an unknown kind of file.
        BrokenFileError: With file, line and reason.
    """
    placement = Path(config.placement) if config.placement else None
    netlist, technology = read_files(
        Path(config.netlist), [Path(file) for file in config.lef], placement, free_blocks=config.free_blocks
    )
    return _with_options(netlist, config), technology


def design_files(config: ChipConfig) -> list[Path]:
    """The files that a configuration's design consists of, those that an ``.aux`` names or that lie beside
    blocks included.
    """
    path = Path(config.netlist)
    files = [path, *(Path(file) for file in config.lef)]
    files += [Path(config.placement)] if config.placement else []
    if path.name.endswith(".aux") and path.is_file():
        from sandbox_chip.formats.bookshelf import parts

        files += parts(path).values()
    elif path.name.endswith((".block", ".blocks", ".hardblocks")):
        stem = path.name.partition(".")[0]
        names = (f"{stem}{ending}" for ending in (".nets", ".nets.gz", ".pl", ".pl.gz"))
        files += [file for name in names if (file := path.with_name(name)).is_file()]
    return files


def read_files(
    path: Path, libraries: Sequence[Path] = (), placement: Path | None = None, *, free_blocks: bool = True
) -> tuple[Netlist, Technology | None]:
    """The netlist of a file, and the technology where its placement describes one.

    Args:
        path: The design.
        libraries: ``.lef`` files for a ``.def``.
        placement: A ``.plc`` file for a netlist of circuit_training.
        free_blocks: See `sandbox_chip.formats.bookshelf.read_bookshelf`.

    Raises:
        InvalidValueError: For an unknown kind of file, or a file that does not go with the design.
        BrokenFileError: With file, line and reason.
    """
    name = path.name.removesuffix(".gz")
    is_def, is_protobuf = name.endswith(".def"), name.endswith((".pb.txt", ".pbtxt"))
    if libraries and not is_def:
        raise InvalidValueError(f"The design {path.name} takes no library.", "A .lef goes with a .def.")
    if placement is not None and not is_protobuf:
        raise InvalidValueError(
            f"The design {path.name} takes no file of placements.", "A .plc goes with a netlist.pb.txt."
        )
    if is_def:
        from sandbox_chip.formats.def_ import read_def

        if not libraries:
            raise InvalidValueError(
                f"The design {path.name} needs a library.",
                "Add --set lef=LIBRARY.lef, or --lef LIBRARY.lef to convert it.",
            )
        return read_def(path, libraries), None
    if is_protobuf:
        from sandbox_chip.formats.plc import read_plc
        from sandbox_chip.formats.protobuf import read_protobuf

        netlist = read_protobuf(path)
        return read_plc(placement, netlist) if placement else (netlist, None)
    if name.endswith(".aux"):
        from sandbox_chip.formats.bookshelf import read_bookshelf

        return read_bookshelf(path, free_blocks=free_blocks), None
    if name.endswith((".block", ".blocks", ".hardblocks")):
        from sandbox_chip.formats.gsrc import read_blocks

        return read_blocks(path), None
    raise InvalidValueError(f"'{path.name}' is not a kind of design that can be read.", f"Known: {KNOWN}.")


def _with_options(netlist: Netlist, config: ChipConfig) -> Netlist:
    """The netlist with the halo and fences that the configuration adds to those of the file."""
    halo = netlist.halo
    if config.halo:
        of_file = np.zeros((len(netlist.nodes), 4)) if halo is None else halo
        halo = np.maximum(of_file, config.halo)
    fences = [
        Fence(f"fence {number}", np.array([fence.box]), fence.members(netlist.nodes), fence.exclusive)
        for number, fence in enumerate(config.fences)
    ]
    return replace(netlist, halo=halo, fences=(*netlist.fences, *fences))
