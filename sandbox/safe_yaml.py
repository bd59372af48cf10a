"""YAML from strangers: no tags, no aliases, bounded in size, depth and number of nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sandbox.api.errors import BrokenFileError, InvalidValueError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 20_000

_Base: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """A safe loader in which numbers are what people expect: ``3e-4`` is one, and dates are text."""


def _numbers_as_people_write_them() -> None:
    import re

    _Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _DROPPED]
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }
    # YAML 1.1 reads 3e-4 as text and 1:30 as the number 90.
    number = re.compile(
        r"[-+]?(?:\d[\d_]*\.?[\d_]*(?:[eE][-+]?\d+)|\d[\d_]*\.[\d_]*"
        r"|\.\d[\d_]*(?:[eE][-+]?\d+)?|\.(?:inf|Inf|INF))$|\.(?:nan|NaN|NAN)$"
    )
    whole = re.compile(r"[-+]?(?:0|[1-9][\d_]*)$")
    truth = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
    _Loader.add_implicit_resolver("tag:yaml.org,2002:bool", truth, list("tTfF"))
    _Loader.add_implicit_resolver("tag:yaml.org,2002:int", whole, list("-+0123456789"))
    _Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789."))


_DROPPED = {f"tag:yaml.org,2002:{name}" for name in ("float", "int", "bool", "timestamp", "merge", "value")}
_numbers_as_people_write_them()


def load_file(path: Path) -> Any:
    """The document in the file.

    Raises:
        BrokenFileError: With the line, if the file cannot be read, is too large, or is not plain YAML.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise BrokenFileError(path, f"is larger than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenFileError(path, "is not UTF-8 text", raw[: error.start].count(b"\n") + 1) from error
    try:
        return load_text(text, str(path))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BrokenFileError(
            path, f"is not valid YAML: {error.problem or error}", mark.line + 1 if mark else None
        ) from error
    except yaml.YAMLError as error:
        raise BrokenFileError(path, f"is not valid YAML: {' '.join(str(error).split())}") from error
    except InvalidValueError as error:
        raise BrokenFileError(path, error.message, getattr(error, "line", None)) from error


def load_text(text: str, where: str) -> Any:
    """The document in ``text``.

    Raises:
        yaml.YAMLError: If it is not YAML.
        InvalidValueError: If it uses aliases, tags or repeated keys, or is too deep or too large.
    """
    _check_events(text)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _check_keys(node)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (ValueError, OverflowError, RecursionError) as error:
        raise InvalidValueError(f"{where}: {error}") from error


def _check_events(text: str) -> None:
    """Refuse before anything is built: an alias bomb costs memory only once it is composed."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _refused("aliases (*name) are not allowed", event)
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            if event.anchor:
                raise _refused("anchors (&name) are not allowed", event)
            tag = getattr(event, "tag", None)
            if tag is not None:
                raise _refused(f"tags ({tag}) are not allowed", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _refused(f"is nested deeper than {MAX_DEPTH} levels", event)
        if nodes > MAX_NODES:
            raise _refused(f"has more than {MAX_NODES:,} values", event)


def _check_keys(node: Any) -> None:
    """Refuse repeated and non-text keys, which YAML would resolve silently."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
                raise _refused("keys must be text", key)
            if key.value in seen:
                raise _refused(f"the key '{key.value}' stands twice", key)
            seen.add(key.value)
            _check_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check_keys(value)


def _refused(reason: str, at: Any) -> InvalidValueError:
    error = InvalidValueError(reason)
    error.line = at.start_mark.line + 1  # type: ignore[attr-defined]
    return error
