"""What the command line and the Python API change in a scenario: ``key=value`` pairs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import yaml

from sandbox.api.errors import InvalidValueError

_MAX_LENGTH = 10_000
_MAX_WEIGHT = 1e300

_COMMENT = re.compile(r"(^|\s)#")
"""Where YAML would leave out the rest of a value, as of the file ``week #3.csv``: values have no comments."""

_MARK = "\ue000"
"""Stands for such a # while a value is read; a character that has no meaning of its own."""


def parse_assignments(pairs: Sequence[str], option: str, several: Collection[str] = ()) -> dict[str, Any]:
    """Read ``key=value`` pairs; values are YAML scalars or flow lists without comments.

    Args:
        pairs: The pairs; of two with one key the later one counts.
        option: Where they were given, for messages.
        several: Keys that may be given more than once: their values are gathered in a list.

    Raises:
        InvalidValueError: For a pair without ``=``, an empty key, a value that is not valid, or bytes that
            are not UTF-8.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        _require_text(pair, option)
        key, equals, text = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise InvalidValueError(f"{option} takes name=value, not '{shorten(pair)}'.")
        value = _value(text, f"{option} {key}")
        if key in several and key in values:
            value = _listed(values[key]) + _listed(value)
        values[key] = value
    return values


def split_reward(pairs: Sequence[str]) -> tuple[str | None, dict[str, float]]:
    """Read ``--reward`` options: at most one preset, and any number of ``term=weight``.

    Raises:
        InvalidValueError: For two presets or a weight that is not a number.
    """
    presets = [pair for pair in pairs if "=" not in pair]
    if len(presets) > 1:
        raise InvalidValueError(f"--reward takes one preset, not {len(presets)}: {', '.join(presets)}.")
    weights = parse_assignments([pair for pair in pairs if "=" in pair], "--reward")
    for name, weight in weights.items():
        too_large = isinstance(weight, int) and abs(weight) > _MAX_WEIGHT
        if isinstance(weight, bool) or not isinstance(weight, int | float) or too_large:
            raise InvalidValueError(f"--reward {name} takes a number, not '{shorten(str(weight))}'.")
    return (presets[0] if presets else None), {name: float(weight) for name, weight in weights.items()}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` applied; a dotted key reaches into nested mappings.

    Raises:
        InvalidValueError: If a dotted key passes through something that is not a mapping.
    """
    result = dict(base)
    for key, value in changes.items():
        first, dot, rest = key.partition(".")
        if not dot:
            result[first] = value
            continue
        inner = result.get(first, {})
        if not isinstance(inner, Mapping):
            raise InvalidValueError(f"'{key}' cannot be set: '{first}' is not a group of settings.")
        result[first] = merged(inner, {rest: value})
    return result


def shorten(text: str, limit: int = 80) -> str:
    """``text``, printable and cut to ``limit`` characters, for use in a message."""
    clean = "".join(char if char.isprintable() else "�" for char in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _require_text(text: str, option: str) -> None:
    """Refuse what a shell passed on as bytes: Python keeps those as halves of characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidValueError(f"{option} takes UTF-8 text, not '{shorten(text)}'.") from None


def _value(text: str, where: str) -> Any:
    from sandbox.scenarios.yaml_guard import load_text

    if len(text) > _MAX_LENGTH:
        raise InvalidValueError(f"{where}: the value is longer than {_MAX_LENGTH} characters.")
    try:
        return _unmarked(load_text(_COMMENT.sub(rf"\1{_MARK}", text), where))
    except (yaml.YAMLError, InvalidValueError):
        # Text with YAML's special characters, such as a path with a colon and a space, is meant as it is.
        return text


def _unmarked(value: Any) -> Any:
    """A value with every mark put back to #."""
    if isinstance(value, list):
        return [_unmarked(entry) for entry in value]
    if isinstance(value, dict):
        return {_unmarked(key): _unmarked(entry) for key, entry in value.items()}
    return value.replace(_MARK, "#") if isinstance(value, str) else value
