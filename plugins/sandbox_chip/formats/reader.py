"""Which reader a design's file needs."""

from __future__ import annotations

from pathlib import Path

from sandbox.api import InvalidValueError
from sandbox_chip.config import ChipConfig
from sandbox_chip.netlist import Netlist
from sandbox_chip.technology import Technology

KNOWN = ".aux, netlist.pb.txt, .block, .blocks, .hardblocks and .def"


def read_design(config: ChipConfig) -> tuple[Netlist, Technology | None]:
    """The netlist that a configuration names, and the technology where its file describes one.

    Raises:
        InvalidValueError: For an unknown kind of file.
        BrokenFileError: With file, line and reason.
    """
    path = Path(config.netlist)
    name = path.name.removesuffix(".gz")
    if name.endswith(".aux"):
        from sandbox_chip.formats.bookshelf import read_bookshelf

        return read_bookshelf(path, free_blocks=config.free_blocks), None
    if name.endswith((".pb.txt", ".pbtxt")):
        from sandbox_chip.formats.plc import read_plc
        from sandbox_chip.formats.protobuf import read_protobuf

        netlist = read_protobuf(path)
        return read_plc(Path(config.placement), netlist) if config.placement else (netlist, None)
    if name.endswith((".block", ".blocks", ".hardblocks")):
        from sandbox_chip.formats.gsrc import read_blocks

        return read_blocks(path), None
    if name.endswith(".def"):
        from sandbox_chip.formats.def_ import read_def

        if config.lef is None:
            raise InvalidValueError(f"The design {path.name} needs a library.", "Add --set lef=LIBRARY.lef.")
        return read_def(path, Path(config.lef)), None
    raise InvalidValueError(f"'{path.name}' is not a kind of design that can be read.", f"Known: {KNOWN}.")
