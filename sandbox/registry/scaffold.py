"""Writes a small, complete plugin to start from; the templates are shipped with the package."""

from __future__ import annotations

import errno
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import InvalidValueError, StorageError
from sandbox.registry.discover import registry

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_SUFFIX = ".tmpl"


def new_plugin(name: str, into: Path | None = None) -> tuple[Path, list[Path]]:
    """Write the plugin ``name`` into ``into/sandbox-<name>``.

    Args:
        name: The domain's name: small letters and digits, words joined by hyphens.
        into: An existing folder; the working directory if absent.

    Returns:
        The plugin's folder and the files in it.

    Raises:
        InvalidValueError: If the name is not possible or taken, or the folder is there already.
        StorageError: If it cannot be written.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InvalidValueError(
            f"A plugin cannot be called '{name[:80]}'.",
            f"Use small letters and digits, words joined by hyphens, at most {_LONGEST} characters.",
        )
    if name in registry().domains.names():
        raise InvalidValueError(f"There is a domain called '{name}' already.", "See sandbox list domains.")
    package = f"sandbox_{name.replace('-', '_')}"
    words = {
        "name": name,
        "Name": name.replace("-", " ").capitalize(),
        "package": package,
        "distribution": f"sandbox-{name}",
    }
    folder = (into or Path.cwd()) / f"sandbox-{name}"
    if folder.exists():
        raise InvalidValueError(f"{folder} is there already.", "Remove it, or choose another name.")
    written = []
    try:
        for template, parts in _templates(files("sandbox.registry") / "templates" / "plugin"):
            names = [package if part == "package" else part for part in parts]
            names = [name if part == "name" else part for part in names]
            target = folder.joinpath(*(_filled(part, words) for part in names))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_filled(template.read_text(encoding="utf-8"), words), encoding="utf-8")
            written.append(target)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise StorageError(f"{error.filename or folder} cannot be written: {reason}.") from error
    return folder, sorted(written)


def _templates(folder: Traversable, above: tuple[str, ...] = ()) -> list[tuple[Any, list[str]]]:
    templates: list[tuple[Any, list[str]]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            templates += _templates(entry, (*above, entry.name))
        elif entry.name.endswith(_SUFFIX):
            templates.append((entry, [*above, entry.name.removesuffix(_SUFFIX)]))
    return templates


def _filled(text: str, words: dict[str, str]) -> str:
    for key, word in words.items():
        text = text.replace("{{" + key + "}}", word)
    return text
