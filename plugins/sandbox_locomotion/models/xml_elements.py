"""The elements of an XML file with their lines, read without document types and entities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from sandbox.api import BrokenFileError

MAX_DEPTH = 200
MAX_ELEMENTS = 200_000


@dataclass(frozen=True, slots=True)
class Element:
    """The start of an element; ``depth`` is 1 for the root."""

    tag: str
    attributes: dict[str, str]
    line: int
    depth: int


def parse_elements(path: Path, content: bytes) -> list[Element]:
    """All elements in the order of the file, the root first.

    Raises:
        BrokenFileError: If the file is not well-formed XML, too deep or too long, or declares a document
            type, with its line.
    """
    elements: list[Element] = []
    depth = 0
    parser = expat.ParserCreate()

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH or len(elements) >= MAX_ELEMENTS:
            reason = f"has more than {MAX_DEPTH} levels or {MAX_ELEMENTS:,} elements"
            raise BrokenFileError(path, reason, parser.CurrentLineNumber)
        elements.append(Element(tag, attributes, parser.CurrentLineNumber, depth))

    def on_end(tag: str) -> None:
        nonlocal depth
        depth -= 1

    def on_doctype(*declaration: object) -> None:
        raise BrokenFileError(path, "document types and entities are refused", parser.CurrentLineNumber)

    parser.StartElementHandler, parser.EndElementHandler = on_start, on_end
    parser.StartDoctypeDeclHandler = on_doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        reason = f"is not well-formed XML: {expat.ErrorString(error.code)}"
        raise BrokenFileError(path, reason, error.lineno) from None
    except (UnicodeError, LookupError, ValueError):
        raise BrokenFileError(path, "is in an encoding that XML does not have") from None
    return elements
