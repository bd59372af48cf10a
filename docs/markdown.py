"""Python objects and values as Markdown: tables, signatures, docstrings and pydantic fields."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from sandbox.cli.show.fields import allowed, default


def table(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def slug(heading: str) -> str:
    """The anchor that Python-Markdown gives a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def described(name: str, what: Any) -> str:
    """A function or class with heading, signature, docstring, public properties and methods."""
    fields = getattr(what, "model_fields", None)
    parts = [f"### {name}"]
    if fields is None and not _is_bare(what):
        parts.append(f"```python\n{_signature(name, what)}\n```")
    if fields is None:
        parts.append(_docstring(what))
    else:
        summary = (inspect.getdoc(what) or "").splitlines()[0]
        parts.append(f"{summary} A pydantic model with the keys of a [scenario file](scenario-file.md#keys).")
    if inspect.isclass(what) and fields is None:
        parts.append(_properties(what))
        for own, member in vars(what).items():
            if inspect.isfunction(member) and not own.startswith("_") and member.__doc__:
                parts += [f"```python\n{_signature(own, member)}\n```", _docstring(member)]
    return "\n\n".join(part for part in parts if part)


def _properties(what: type) -> str:
    """The public properties of a class that have a docstring, as a Markdown list."""
    lines = []
    for name, member in vars(what).items():
        if isinstance(member, property) and not name.startswith("_") and member.__doc__:
            summary = (inspect.getdoc(member) or "").partition("\n\n")[0]
            lines.append(f"- `{name}`: {' '.join(summary.split())}")
    return "\n".join(["*Properties*", "", *lines]) if lines else ""


def _is_bare(what: Any) -> bool:
    """A protocol, an exception or a marker: how it is constructed is of no interest."""
    return inspect.isclass(what) and (
        getattr(what, "_is_protocol", False) or issubclass(what, Exception) or "__init__" not in vars(what)
    )


def _signature(name: str, what: Any) -> str:
    """The signature, one parameter a line where it is long."""
    signature = inspect.signature(what)
    returned = signature.return_annotation
    arrow = "" if inspect.isclass(what) or returned is signature.empty else f" -> {returned}"
    parameters = []
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        parameters.append(_parameter(one))
    text = f"{name}({', '.join(parameters)}){arrow}"
    if len(text) <= 90:
        return text
    inner = "".join(f"    {one},\n" for one in parameters)
    return f"{name}(\n{inner}){arrow}"


def _parameter(one: inspect.Parameter) -> str:
    text = one.name
    if one.annotation is not one.empty:
        text += f": {one.annotation}"
    if one.default is one.empty:
        return text
    default = one.default
    if isinstance(default, frozenset):  # whose own order changes from process to process
        shown = f"frozenset({{{', '.join(json.dumps(value) for value in sorted(default))}}})"
    else:
        shown = json.dumps(default) if isinstance(default, str) else repr(default)
    return f"{text} = {shown}"


def _docstring(what: Any) -> str:
    """A docstring with its sections (Args, Returns, …) as Markdown lists."""
    lines = (inspect.getdoc(what) or "").splitlines()
    shown: list[str] = []
    in_list = False
    for line in lines:
        section = re.fullmatch(r"(Args|Attributes|Returns|Raises):", line)
        entry = re.fullmatch(r"    ([\w, ]+): (.*)", line)
        if section:
            in_list = True
            shown += ["", f"*{'Arguments' if section[1] == 'Args' else section[1]}*", ""]
        elif in_list and entry and not line.startswith("     "):
            shown.append(f"- `{entry[1]}`: {entry[2]}")
        elif in_list and line.startswith("    "):
            shown.append(f"  {line.strip()}" if shown[-1].startswith(("-", "  ")) else line.strip())
        elif line.startswith(">>> "):
            shown.append(f"    {line}")
        else:
            in_list = in_list and not line
            shown.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(shown)).strip()


def fields_table(model: Any, meanings: Mapping[str, str] | None = None) -> str:
    """The fields of a pydantic model: what is allowed, the default, and what they mean.

    Args:
        model: The model.
        meanings: By name, for fields without a description of their own.
    """
    rows = [
        (
            f"`{name}`",
            allowed(field, "`"),
            _default(field),
            field.description or (meanings or {}).get(name, ""),
        )
        for name, field in model.model_fields.items()
    ]
    return table(("name", "allowed", "default", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    text = default(field)
    return text if text in ("required", "as below") or text.endswith(" entries") else f"`{text}`"
