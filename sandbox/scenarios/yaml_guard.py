"""YAML from strangers: no tags, no aliases, bounded in size, depth and number of nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sandbox.api.errors import BrokenFileError, InvalidValueError
from sandbox.api.files import open_regular

Result = TypeVar("Result")

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
    return _of_file(path, load_text)


def load_head(path: Path) -> dict[str, str] | None:
    """The plain values at the top of a file, as text; None if it is no mapping. Builds nothing: for listings.

    Raises:
        BrokenFileError: As `load_file`.
    """
    return _of_file(path, lambda text, _: _scan(text))


def _of_file(path: Path, read: Callable[[str, str], Result]) -> Result:
    try:
        with open_regular(path) as file:
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
        return read(text, str(path))
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
    _scan(text)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (ValueError, OverflowError, RecursionError) as error:
        raise InvalidValueError(f"{where}: {error}") from error


def _scan(text: str) -> dict[str, str] | None:
    """Plain values at the top of a document, None if it is no mapping.

    Refuses before anything is built, since an alias bomb costs memory only once it is composed; and
    repeated and non-text keys, which YAML would resolve silently.
    """
    loader, root, top = _Loader(text), None, {}
    open_: list[_Collection] = []
    nodes = documents = 0
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    mark: Any = event.start_mark
                    raise yaml.composer.ComposerError(None, None, "a second document begins here", mark)
            elif isinstance(event, yaml.CollectionEndEvent):
                open_.pop()
            elif isinstance(event, yaml.NodeEvent):
                nodes += 1
                _require_plain(event)
                if nodes > MAX_NODES:
                    raise _refused(f"has more than {MAX_NODES:,} values", event)
                root = root or event
                if open_ and open_[-1].keys is not None:
                    key = open_[-1].take(loader, event)
                    if key is not None and len(open_) == 1 and isinstance(event, yaml.ScalarEvent):
                        top[key] = event.value
                if isinstance(event, yaml.CollectionStartEvent):
                    open_.append(_Collection(set() if isinstance(event, yaml.MappingStartEvent) else None))
                    if len(open_) > MAX_DEPTH:
                        raise _refused(f"is nested deeper than {MAX_DEPTH} levels", event)
    finally:
        loader.dispose()
    return top if isinstance(root, yaml.MappingStartEvent) else None


def _require_plain(event: Any) -> None:
    if isinstance(event, yaml.AliasEvent):
        raise _refused("aliases (*name) are not allowed", event)
    if event.anchor:
        raise _refused("anchors (&name) are not allowed", event)
    if event.tag is not None:
        raise _refused(f"tags ({event.tag}) are not allowed", event)


class _Collection:
    """A mapping or sequence while its events come: keys seen, None for a sequence; the one without value."""

    __slots__ = ("key", "keys")

    def __init__(self, keys: set[str] | None) -> None:
        self.keys = keys
        self.key: str | None = None

    def take(self, loader: Any, event: Any) -> str | None:
        """Note a key, or the key whose value this is."""
        if self.key is not None:
            key, self.key = self.key, None
            return key
        text = isinstance(event, yaml.ScalarEvent) and loader.resolve(
            yaml.ScalarNode, event.value, event.implicit
        ).endswith(":str")
        if not text:
            raise _refused("keys must be text", event)
        assert self.keys is not None
        if event.value in self.keys:
            raise _refused(f"the key '{event.value}' stands twice", event)
        self.keys.add(event.value)
        self.key = event.value
        return None


def _refused(reason: str, at: Any) -> InvalidValueError:
    error = InvalidValueError(reason)
    error.line = at.start_mark.line + 1  # type: ignore[attr-defined]
    return error
