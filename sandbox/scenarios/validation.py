"""Pydantic's complaints as sentences with the key, the line, what was given and what is allowed."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import BrokenFileError, InvalidValueError, SandboxError
from sandbox.scenarios.overrides import shorten

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_BOUNDS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))


_SHAPES = {
    "tuple_type": "write a list, as in [1, 2]",
    "list_type": "write a list, as in [1, 2]",
    "dict_type": "write keys with values, as in {key: value}",
    "model_type": "write keys with values, as in {key: value}",
    "bool_parsing": "write true or false",
    "int_from_float": "write a whole number",
}
"""What to write instead, where pydantic names a type of Python."""


def validate(model: type[Any], values: Any, what: str, path: Path | None = None) -> Any:
    """``values`` as an instance of a pydantic model.

    Raises:
        InvalidValueError: Names the key, what was given and what is allowed; the nearest key for an
            unknown one; the file and line where ``path`` is given.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise explain(error, model, what, path) from None
    except RecursionError:
        raise InvalidValueError(f"{what} is nested too deeply.") from None


def explain(error: ValidationError, model: type[BaseModel], what: str, path: Path | None) -> SandboxError:
    """The first complaint of a validation as an error for the person who wrote the values."""
    problem = error.errors(include_url=False)[0]
    keys = [str(part) for part in problem["loc"]]
    key = ".".join(keys)
    hint = ""
    if problem["type"] == "extra_forbidden":
        known = _fields(model, keys[:-1])
        near = get_close_matches(keys[-1], known, n=3, cutoff=0.5)
        sentence = f"unknown key '{shorten(key)}'"
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(sorted(known))}."
    elif problem["type"] == "missing":
        sentence = f"the key '{shorten(key)}' is missing"
    elif not keys:
        shape = _SHAPES.get(problem["type"])
        sentence = f"is {shorten(repr(problem['input']))}: {shape}" if shape else _reason(problem)
    else:
        reason = _SHAPES.get(problem["type"], _reason(problem))
        sentence = f"'{shorten(key)}' is {shorten(repr(problem['input']))}: {reason[0].lower()}{reason[1:]}"
        hint = _allowed(model, keys)
    if path is not None:
        return BrokenFileError(path, sentence, line_of(path, keys), hint)
    return InvalidValueError(f"In {what}: {sentence}.", hint)


def _reason(problem: Any) -> str:
    """Pydantic's own words of a complaint."""
    return str(problem["msg"]).removeprefix("Value error, ")


def line_of(path: Path, keys: list[str]) -> int | None:
    """The 1-based line at which a key of a YAML file stands; the nearest enclosing one that exists."""
    import yaml

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return None
    line = None
    # The keys of a task's config are relative to the document's `config`.
    for start in (keys, ["config", *keys], ["evaluation", "config", *keys]):
        place, depth = _walk(node, start)
        if place is not None and depth == len(start):
            return place
        if line is None:
            line = place
    return line


def _walk(node: Any, keys: list[str]) -> tuple[int | None, int]:
    import yaml

    line = None
    for depth, key in enumerate(keys):
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                if name.value == key:
                    line, node = name.start_mark.line + 1, value
                    break
            else:
                return line, depth
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
        else:
            return line, depth
    return line, len(keys)


def _fields(model: Any, keys: list[str]) -> list[str]:
    for key in keys:
        info = getattr(model, "model_fields", {}).get(key)
        model = getattr(info, "annotation", None)
    return list(getattr(model, "model_fields", {}))


def _allowed(model: Any, keys: list[str]) -> str:
    """The range and the meaning of a field, from its declaration."""
    info = None
    for key in keys:
        fields = getattr(model, "model_fields", {})
        if key not in fields:
            break
        info = fields[key]
        model = info.annotation
    if info is None:
        return ""
    bounds = [
        f"{word} {getattr(extra, name)}"
        for extra in info.metadata
        for name, word in _BOUNDS
        if getattr(extra, name, None) is not None
    ]
    parts = [f"Allowed: {' and '.join(bounds)}."] if bounds else []
    if info.description:
        parts.append(f"Meaning: {info.description}." if info.description[0].islower() else info.description)
    return " ".join(parts)
