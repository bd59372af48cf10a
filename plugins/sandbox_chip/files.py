"""Which reader a design's file needs."""

from __future__ import annotations

from pathlib import Path

from sandbox.api import InvalidValueError
from sandbox_chip.config import ChipConfig
from sandbox_chip.costs import Technology
from sandbox_chip.netlist import Netlist

KNOWN = ".aux, netlist.pb.txt, .block, .blocks, .hardblocks and .def"


def read_design(config: ChipConfig) -> tuple[Netlist, Technology | None]:
    """The netlist that a configuration names, and what its file says of the technology.

    Raises:
        InvalidValueError: For a kind of file that is not known.
        BrokenFileError: With file, line and reason.
    """
    path = Path(config.netlist)
    name = path.name.removesuffix(".gz")
    if name.endswith(".aux"):
        from sandbox_chip.bookshelf import read_bookshelf

        return read_bookshelf(path, free_blocks=config.free_blocks), None
    if name.endswith((".pb.txt", ".pbtxt")):
        from sandbox_chip.protobuf import read_protobuf

        netlist, technology = read_protobuf(path, Path(config.placement) if config.placement else None)
        return netlist, technology if config.placement else None
    if name.endswith((".block", ".blocks", ".hardblocks")):
        from sandbox_chip.gsrc import read_blocks

        return read_blocks(path), None
    if name.endswith(".def"):
        from sandbox_chip.lefdef import read_def

        if config.lef is None:
            raise InvalidValueError(f"The design {path.name} needs a library.", "Add --set lef=LIBRARY.lef.")
        return read_def(path, Path(config.lef)), None
    raise InvalidValueError(f"'{path.name}' is no kind of design that can be read.", f"Known: {KNOWN}.")
