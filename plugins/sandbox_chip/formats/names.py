"""Names of nodes for formats in which a name is one word."""

from __future__ import annotations

from sandbox_chip.netlist import Netlist

DEF_PIN = "PIN "
"""First part of the name of a node that is a port of a DEF file."""


def plain_names(netlist: Netlist) -> list[str]:
    """Name of every node as one word, unique; a port of a DEF file is called as it is there, if it can be."""
    taken = {name for name in netlist.nodes if not name.startswith(DEF_PIN)}
    names = []
    for name in netlist.nodes:
        plain = name.removeprefix(DEF_PIN).replace(" ", "_").replace('"', "_")
        if plain != name:
            while plain in taken:
                plain = f"{plain}_port"
            taken.add(plain)
        names.append(plain)
    return names
