"""What a field of a pydantic model allows, in words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

BOUNDS = (("ge", "≥ {}"), ("gt", "> {}"), ("le", "≤ {}"), ("lt", "< {}"))
SIZES = (("min_length", "length ≥ {}"), ("max_length", "length ≤ {}"))
SCALARS = {int: "whole number", float: "number", bool: "true or false", str: "text", type(None): "null"}


def allowed(field: FieldInfo, quote: str = "") -> str:
    """Type and bounds of a field, for example ``number, ≥ 0, ≤ 1``.

    Args:
        field: The field.
        quote: Stands around literal values, for example a backtick in Markdown.
    """
    return ", ".join([_type(field.annotation, quote), *_limits(field.metadata, quote)])


def default(field: FieldInfo) -> str:
    """The default as JSON, or ``required``; a default that is a model of its own is ``as below``."""
    from pydantic_core import PydanticUndefined

    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if hasattr(value, "model_dump"):
        return "as below"
    if isinstance(value, tuple) and any(hasattr(item, "model_dump") for item in value):
        return f"{len(value)} entries"
    return json.dumps(value, ensure_ascii=False)


def _type(annotation: Any, quote: str) -> str:  # noqa: PLR0911 - one for each form of annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return ", ".join([_type(arguments[0], quote), *_limits(arguments[1:], quote)])
    if origin is Literal:
        texts = (value if isinstance(value, str) else json.dumps(value) for value in arguments)
        return " or ".join(f"{quote}{text}{quote}" for text in texts)
    if origin in (Union, UnionType):
        return " or ".join(_type(argument, quote) for argument in arguments)
    if origin in (list, tuple):
        if origin is tuple and arguments[-1] is not Ellipsis:
            return f"list of {len(arguments)} ({_type(arguments[0], quote)})"
        return f"list ({_type(arguments[0], quote)})"
    if origin is dict:
        return "mapping"
    if annotation in SCALARS:
        return SCALARS[annotation]
    return "mapping" if hasattr(annotation, "model_fields") else getattr(annotation, "__name__", "any")


def _limits(metadata: Iterable[Any], quote: str) -> list[str]:
    limits = []
    for item in metadata:
        for extra in getattr(item, "metadata", None) or [item]:
            for name, text in (*BOUNDS, *SIZES):
                value = getattr(extra, name, None)
                if value is not None:
                    limits.append(text.format(f"{value:,}" if isinstance(value, int) else f"{value:g}"))
            if getattr(extra, "pattern", None):
                limits.append(f"{quote}{extra.pattern}{quote}")
    return limits
