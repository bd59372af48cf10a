"""The text form of circuit_training's graph: ``node { name: … input: … attr { key: … value { f: … } } }``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.text import read_text

_TOKEN = re.compile(r'\s*(?:(\{|\}|:)|"((?:[^"\\\n]|\\.)*)"|([^\s{}:"#]+))')
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)

Tokens = Iterator[tuple[int, str]]
"""Line and text of every token; a quoted one keeps its opening quote as a mark."""


@dataclass(slots=True)
class Node:
    """A ``node`` block.

    Attributes:
        line: Where it begins.
        name: Unique.
        inputs: Line and name of every node that it drives.
        attributes: Values by key, as text.
    """

    line: int
    name: str = ""
    inputs: list[tuple[int, str]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


def parse_nodes(path: Path) -> list[Node]:
    """The ``node`` blocks of a file.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    tokens = _tokens(path, _COMMENT.sub("", read_text(path)))
    nodes: list[Node] = []
    for line, token in tokens:
        if token != "node":
            raise BrokenFileError(path, f"expected 'node', found '{token[:40]}'.", line)
        _expect(path, tokens, "{")
        nodes.append(_node(path, tokens, line))
    if not nodes:
        raise BrokenFileError(path, "has no nodes.")
    return nodes


def _tokens(path: Path, text: str) -> Tokens:
    position, line, counted, size = 0, 1, 0, len(text)
    while position < size:
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].strip()
            if not rest:
                return
            line += text.count("\n", counted, text.index(rest[0], position))
            raise BrokenFileError(path, f"cannot be read from '{rest[:30]}' on.", line)
        start = match.start(match.lastindex or 0)
        line += text.count("\n", counted, start)
        counted, position = start, match.end()
        mark, quoted, word = match.groups()
        yield line, mark or (word if quoted is None else f'"{quoted}')


def _expect(path: Path, tokens: Tokens, expected: str) -> None:
    for line, token in tokens:
        if token == expected:
            return
        raise BrokenFileError(path, f"expected '{expected}', found '{token[:40]}'.", line)
    raise BrokenFileError(path, f"expected '{expected}', found 'the end of the file'.")


def _value(path: Path, tokens: Tokens) -> tuple[int, str]:
    """Line and text of the value after a colon."""
    _expect(path, tokens, ":")
    line, token = next(tokens, (1, ""))
    if token in ("", "{", "}", ":"):
        raise BrokenFileError(path, "a value is missing.", line)
    return line, token.removeprefix('"')


def _node(path: Path, tokens: Tokens, begun: int) -> Node:
    node = Node(begun)
    for line, token in tokens:
        if token == "}":
            if not node.name:
                raise BrokenFileError(path, "a node has no name.", begun)
            return node
        if token == "name":
            node.name = _value(path, tokens)[1]
        elif token == "input":
            node.inputs.append(_value(path, tokens))
        elif token == "attr":
            _expect(path, tokens, "{")
            key, value = _attribute(path, tokens, begun)
            node.attributes[key] = value
        else:
            raise BrokenFileError(path, f"expected 'name', 'input' or 'attr', found '{token[:40]}'.", line)
    raise BrokenFileError(path, f"the node '{node.name[:60]}' does not end: the file is truncated.", begun)


def _attribute(path: Path, tokens: Tokens, begun: int) -> tuple[str, str]:
    """Key and value of an ``attr`` block; ``begun`` is the line of its node."""
    key = value = None
    for line, token in tokens:
        if token == "}":
            if key is None or value is None:
                raise BrokenFileError(path, "an attribute needs a key and a value.", line)
            return key, value
        if token == "key":
            key = _value(path, tokens)[1]
        elif token == "value":
            _expect(path, tokens, "{")
            next(tokens, None)  # the type: f, placeholder …
            value = _value(path, tokens)[1]
            _expect(path, tokens, "}")
        else:
            raise BrokenFileError(path, f"expected 'key' or 'value', found '{token[:40]}'.", line)
    raise BrokenFileError(path, "an attribute does not end: the file is truncated.", begun)
