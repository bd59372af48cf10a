"""The text form of circuit_training's graph: ``node { name: … input: … attr { key: … value { f: … } } }``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.text import read_text

_QUOTED = r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_TOKEN = re.compile(rf'\s*(?:([{{}}:])|({_QUOTED})|([^\s{{}}:"#]+))')
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)

_NODE = re.compile(r"\s*node\s*\{")
_BODY = re.compile(
    rf"\s*(?:(?:name|input)\s*:\s*{_QUOTED}\s*"
    rf"|attr\s*\{{\s*key\s*:\s*{_QUOTED}\s*value\s*\{{\s*\w+\s*:\s*(?:{_QUOTED}|[^\s{{}}:\"#]+)\s*\}}\s*\}}\s*)*\}}"
)
_NAME = re.compile(r'\bname\s*:\s*"([^"\n]+)"')
_INPUT = re.compile(r'\binput\s*:\s*"([^"\n]*)"')
_ATTRIBUTE = re.compile(r'key\s*:\s*"([^"\n]*)"\s*value\s*\{\s*\w+\s*:\s*"?((?<=")[^"\n]*|[^\s{}:"#]+)')
_ESCAPED_QUOTE = '\\"'

_SKIPPED_FIELDS = ("op", "device")
"""Fields of a node that TensorFlow's graphs have and netlists do not need."""

_SKIPPED_BLOCKS = ("versions", "library")
"""Blocks beside nodes, likewise."""

Tokens = Iterator[tuple[int, str]]
"""Offset and text of every token; a quoted one keeps its opening quote as a mark."""


@dataclass(slots=True)
class Node:
    """A ``node`` block.

    Attributes:
        at: Offset of its first character in the text.
        name: Unique.
        inputs: Name of every node that it drives.
        attributes: Values by key, as text.
    """

    at: int
    name: str = ""
    inputs: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Graph:
    """The ``node`` blocks of a file.

    Attributes:
        path: The file.
        text: What it holds, comments blanked out.
        nodes: In the file's order.
    """

    path: Path
    text: str
    nodes: list[Node] = field(default_factory=list)

    def fail(self, message: str, node: Node, word: str = "") -> BrokenFileError:
        """An error that names the line where a node begins, or where a quoted word first stands in it."""
        at = self.text.find(f'"{word}"', node.at) if word else node.at
        return BrokenFileError(self.path, message, _line(self.text, max(at, node.at)))


def parse_nodes(path: Path) -> Graph:
    """The ``node`` blocks of a file.

    Blocks in the usual form are matched as wholes, which is many times faster than token by token; a file
    with any other is read by tokens, which also finds out what is wrong with it and where.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    text = read_text(path)
    if "#" in text:
        text = _COMMENT.sub("", text)
    graph = Graph(path, text)
    if not _match_nodes(graph):
        graph.nodes = []
        _read_tokens(graph)
    if not graph.nodes:
        raise BrokenFileError(path, "has no nodes.")
    return graph


def _match_nodes(graph: Graph) -> bool:
    """Add all nodes; whether the whole text consists of nodes in the usual form."""
    text, at = graph.text, 0
    if _ESCAPED_QUOTE in text:
        return False
    while (start := _NODE.match(text, at)) is not None:
        begin = start.end()
        body = _BODY.match(text, begin)
        if body is None:
            return False
        at = body.end()
        name = _NAME.search(text, begin, at)
        if name is None:
            return False
        attributes = dict(_ATTRIBUTE.findall(text, begin, at))
        graph.nodes.append(Node(begin - 1, name.group(1), _INPUT.findall(text, begin, at), attributes))
    return not text[at:].strip()


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _read_tokens(graph: Graph) -> None:
    """Add all nodes, token by token."""
    tokens = _tokens(graph)
    for at, token in tokens:
        if token in _SKIPPED_BLOCKS:
            _skip_block(graph, tokens)
            continue
        if token != "node":
            raise _error(graph, f"expected 'node', found '{token[:40]}'.", at)
        _expect(graph, tokens, "{")
        graph.nodes.append(_node(graph, tokens, at))


def _error(graph: Graph, message: str, at: int) -> BrokenFileError:
    return BrokenFileError(graph.path, message, _line(graph.text, at))


def _tokens(graph: Graph) -> Tokens:
    text, position = graph.text, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].strip()
            if not rest:
                return
            at = text.index(rest[0], position)
            raise _error(graph, f"cannot be read from '{rest[:30]}' on.", at)
        position = match.end()
        token = match.group(match.lastindex or 0)
        yield match.start(match.lastindex or 0), token[:-1] if token.startswith('"') else token


def _expect(graph: Graph, tokens: Tokens, expected: str) -> None:
    for at, token in tokens:
        if token == expected:
            return
        raise _error(graph, f"expected '{expected}', found '{token[:40]}'.", at)
    raise BrokenFileError(graph.path, f"expected '{expected}', found 'the end of the file'.")


def _skip_block(graph: Graph, tokens: Tokens) -> None:
    _expect(graph, tokens, "{")
    depth = 1
    for _, token in tokens:
        depth += (token == "{") - (token == "}")
        if not depth:
            return
    raise BrokenFileError(graph.path, "a block does not end: the file is truncated.")


def _value(graph: Graph, tokens: Tokens) -> str:
    """Text of the value after a colon."""
    _expect(graph, tokens, ":")
    at, token = next(tokens, (0, ""))
    if token in ("", "{", "}", ":"):
        raise _error(graph, "a value is missing.", at)
    return token.removeprefix('"')


def _node(graph: Graph, tokens: Tokens, begun: int) -> Node:
    node = Node(begun)
    for at, token in tokens:
        if token == "}":
            if not node.name:
                raise _error(graph, "a node has no name.", begun)
            return node
        if token == "name":
            node.name = _value(graph, tokens)
        elif token == "input":
            node.inputs.append(_value(graph, tokens))
        elif token == "attr":
            _expect(graph, tokens, "{")
            key, value = _attribute(graph, tokens, begun)
            node.attributes[key] = value
        elif token in _SKIPPED_FIELDS:
            _value(graph, tokens)
        else:
            raise _error(graph, f"expected 'name', 'input' or 'attr', found '{token[:40]}'.", at)
    raise _error(graph, f"the node '{node.name[:60]}' does not end: the file is truncated.", begun)


def _attribute(graph: Graph, tokens: Tokens, begun: int) -> tuple[str, str]:
    """Key and value of an ``attr`` block; ``begun`` is the offset of its node."""
    key = value = None
    for at, token in tokens:
        if token == "}":
            if key is None or value is None:
                raise _error(graph, "an attribute needs a key and a value.", at)
            return key, value
        if token == "key":
            key = _value(graph, tokens)
        elif token == "value":
            _expect(graph, tokens, "{")
            next(tokens, None)  # the type: f, placeholder …
            value = _value(graph, tokens)
            _expect(graph, tokens, "}")
        else:
            raise _error(graph, f"expected 'key' or 'value', found '{token[:40]}'.", at)
    raise _error(graph, "an attribute does not end: the file is truncated.", begun)
