"""circuit_training's ``netlist.pb.txt``, written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from sandbox_chip.formats.names import plain_names
from sandbox_chip.formats.text import number_text, write_text
from sandbox_chip.netlist import CELL, PAD, SOFT, Netlist
from sandbox_chip.orientation import ORIENTATIONS

_TYPES = ("MACRO", "PORT", "macro", "STDCELL")
"""Type by kind; soft macros have small letters, as in the files of circuit_training."""


def write_protobuf(path: Path, netlist: Netlist) -> None:
    """Write a netlist as ``netlist.pb.txt``: blocks, then the pins of macros; nets as sinks of their source.

    A pin of a pad or a standard cell is the node itself, and drives one net at most, as the format has it:
    where it is the first pin of several nets, the others are written as driven by another of their pins.
    Nodes are numbered anew in the file, blocks from 0 in the netlist's order.

    Args:
        path: Where to write.
        netlist: The netlist.
    """
    netlist = replace(netlist, nodes=plain_names(netlist))
    names, driven = _pin_names(netlist), _driven_nets(netlist)
    rows: list[str] = []
    own_pins: list[list[int]] = [[] for _ in netlist.nodes]
    for pin, node in enumerate(netlist.pin_node.tolist()):
        if names[pin] == netlist.nodes[node]:
            own_pins[node].append(pin)
    for node, name in enumerate(netlist.nodes):
        nets = [driven[pin] for pin in own_pins[node] if pin in driven]
        rows += _node_text(netlist, name, *_block_attributes(netlist, node), nets, names)
    for pin, node in enumerate(netlist.pin_node.tolist()):
        if names[pin] != netlist.nodes[node]:
            soft = netlist.kind[node] == SOFT
            texts = {"type": "macro_pin" if soft else "MACRO_PIN", "macro_name": netlist.nodes[node]}
            numbers = {"x_offset": netlist.pin_x[pin], "y_offset": netlist.pin_y[pin]}
            nets = [driven[pin]] if pin in driven else []
            rows += _node_text(netlist, names[pin], texts, numbers, nets, names)
    write_text(path, "\n".join(rows) + "\n")


def _pin_names(netlist: Netlist) -> list[str]:
    """Name of the node that stands for each pin in the file."""
    is_own_pin = ((netlist.kind == PAD) | (netlist.kind == CELL))[netlist.pin_node]
    return [
        netlist.nodes[node] if central else f"{netlist.nodes[node]}/P{pin}"
        for pin, (node, central) in enumerate(
            zip(netlist.pin_node.tolist(), is_own_pin.tolist(), strict=True)
        )
    ]


def _driven_nets(netlist: Netlist) -> dict[int, tuple[int, list[int]]]:
    """Net and its sinks by the pin that is written as its source: of a node that drives no other net."""
    names, taken = _pin_names(netlist), set[str]()
    driven: dict[int, tuple[int, list[int]]] = {}
    for net in range(netlist.num_nets):
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]].tolist()
        source = next((pin for pin in pins if names[pin] not in taken), pins[0])
        taken.add(names[source])
        # Where all its pins drive other nets, the format has but one net for both.
        first, sinks = driven.get(source, (net, []))
        driven[source] = (first, sinks + [pin for pin in pins if pin != source])
    return driven


def _block_attributes(netlist: Netlist, node: int) -> tuple[dict[str, str], dict[str, float]]:
    """Attributes of a macro, port or standard cell: texts and numbers."""
    texts = {"type": _TYPES[netlist.kind[node]]}
    numbers: dict[str, float] = {}
    if netlist.kind[node] != PAD:
        numbers |= {"width": netlist.width[node], "height": netlist.height[node]}
    if np.isfinite(netlist.x[node]):
        left, bottom = netlist.canvas[:2]
        numbers |= {"x": netlist.x[node] - left, "y": netlist.y[node] - bottom}
        if netlist.kind[node] == PAD:
            texts["side"] = _side(netlist, node)
        else:
            texts["orientation"] = ORIENTATIONS[netlist.orientation[node]]
    return texts, numbers


def _side(netlist: Netlist, node: int) -> str:
    """The side of the canvas that a port is nearest to."""
    left, bottom, right, top = netlist.canvas
    x, y = float(netlist.x[node]), float(netlist.y[node])
    distances = {"LEFT": x - left, "BOTTOM": y - bottom, "RIGHT": right - x, "TOP": top - y}
    return min(distances, key=lambda side: abs(distances[side]))


def _node_text(
    netlist: Netlist,
    name: str,
    texts: dict[str, str],
    numbers: dict[str, float],
    nets: list[tuple[int, list[int]]],
    pin_names: list[str],
) -> Iterator[str]:
    """Lines of a ``node`` block with the sinks of the nets that it drives."""
    yield "node {"
    yield f'  name: "{name}"'
    for net, sinks in nets:
        yield from (f'  input: "{pin_names[pin]}"' for pin in sinks)
        if netlist.net_weight[net] != 1:
            numbers = {**numbers, "weight": float(netlist.net_weight[net])}
    for key, text in texts.items():
        yield f'  attr {{ key: "{key}" value {{ placeholder: "{text}" }} }}'
    for key, value in numbers.items():
        yield f'  attr {{ key: "{key}" value {{ f: {number_text(value)} }} }}'
    yield "}"
