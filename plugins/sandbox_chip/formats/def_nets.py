"""The section NETS of a DEF file."""

from __future__ import annotations

from sandbox_chip.formats.def_design import DefDesign, items
from sandbox_chip.formats.lef import POWER


def read_nets(design: DefDesign) -> None:
    """Add all nets that carry signals, with the pins that they join."""
    builder = design.builder
    for text in items(design, "NETS"):
        if not text:
            raise design.fail("a net needs a name.")
        if "USE" in text and text[text.index("USE") + 1 :][:1] in ([use] for use in POWER):
            builder.note("NETS, power and ground", 1, 0, "joins nothing that wires are counted for")
            continue
        source = _read_pins(design, text)
        if len(builder.net_pins) == builder.net_start[-1]:
            builder.note("NETS without a pin", 1, 0, "nothing to join")
            continue
        weight = 1.0
        if "WEIGHT" in text:
            after = text[text.index("WEIGHT") + 1 :] or [""]
            weight = design.words.number(after[0], "WEIGHT", 0)
        builder.end_net(weight, max(source, 0))
        builder.note("NETS")


def _read_pins(design: DefDesign, text: list[str]) -> int:
    """Append the pins ``( component pin )`` of a net; which of them drives it, −1 if none is known to."""
    net_pins, known, index = design.builder.net_pins, design.pins, design.builder.index
    begin, at, source, length = len(net_pins), 1, -1, len(text)
    while at < length and text[at] == "(":
        is_plain = at + 3 < length and text[at + 3] == ")"
        close = at + 3 if is_plain else _closing(design, text, at)
        owner, name = text[at + 1], text[at + 2]
        at = close + 1
        if owner == "*":
            _add_wildcard(design, name)
            continue
        node = index.get(f"PIN {name}" if owner == "PIN" else owner)
        pin = known.get((node, name)) if node is not None else None
        if pin is None:
            pin = _new_pin(design, text[0], owner, name, node)
            if pin is None:
                continue
        if source < 0 and pin in design.sources:
            source = len(net_pins) - begin
        net_pins.append(pin)
    return source


def _closing(design: DefDesign, text: list[str], at: int) -> int:
    """Index of the ``)`` of a pin such as ``( a Q + SYNTHESIZED )``."""
    try:
        close = text.index(")", at)
    except ValueError:
        close = -1
    if close < at + 3 or "(" in text[at + 1 : close]:
        raise design.fail(f"the net '{text[0][:60]}' has a pin that is not ( component pin ).")
    return close


def _new_pin(design: DefDesign, net: str, owner: str, name: str, node: int | None) -> int | None:
    """Index of a pin that a net names first; None for one that joins no signal."""
    if node is None:
        if owner == "PIN" and name in design.left_out:
            return None
        raise design.fail(f"the net '{net[:60]}' ends at '{owner[:40]} {name[:40]}', which does not exist.")
    macro, dx, dy = design.macros[node], 0.0, 0.0
    if macro is not None:
        if name in macro.power:
            return None
        place = macro.pins.get(name)
        if place is None:
            raise design.fail(f"'{owner[:60]}' has no pin '{name[:40]}'.")
        dx, dy = place[0] - macro.width / 2, place[1] - macro.height / 2
    pin = design.pins[node, name] = design.builder.add_pin(node, dx, dy)
    if macro is not None and name in macro.outputs:
        design.sources.add(pin)
    return pin


def _add_wildcard(design: DefDesign, name: str) -> None:
    """``( * name )``: that pin of every component that has it."""
    nodes = [node for node, macro in enumerate(design.macros) if macro is not None and name in macro.pins]
    for node in nodes:
        pin = design.pins.get((node, name))
        if pin is None:
            pin = _new_pin(design, "", design.builder.nodes[node], name, node)
        if pin is not None:
            design.builder.net_pins.append(pin)
    design.builder.note("( * PIN ) in NETS", 1, int(bool(nodes)), "stands for all components with that pin")
