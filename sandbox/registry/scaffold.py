"""Writes a small, complete plugin to start from; the templates are shipped with the package."""

from __future__ import annotations

import errno
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sandbox.api.errors import InvalidValueError, StorageError
from sandbox.external.names import SCHEMES
from sandbox.registry.discover import registry

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Kind: TypeAlias = Literal["batched", "blank", "parallel", "gym", "algorithm"]

KINDS: dict[Kind, str] = {
    "batched": "a domain: many episodes at once as arrays, from which both environments are made",
    "blank": "a domain: a Gymnasium environment written by hand",
    "parallel": "a domain of several agents, batched; agents leave",
    "gym": "a domain around an environment of Gymnasium that exists already",
    "algorithm": "an algorithm: a learner, with checkpoints and exact resume",
}
"""What `new_plugin` can write."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_SUFFIX = ".tmpl"


def new_plugin(name: str, into: Path | None = None, kind: str = "batched") -> tuple[Path, list[Path]]:
    """Write the plugin ``name`` into ``into/sandbox-<name>``.

    Args:
        name: The name of the domain or algorithm: small letters and digits, words joined by hyphens.
        into: An existing folder; the working directory if absent.
        kind: What it is to be, see `KINDS`.

    Returns:
        The plugin's folder and the files in it.

    Raises:
        InvalidValueError: If the name or kind is not possible, the name is taken, or the folder is there.
        StorageError: If it cannot be written.
    """
    _check(name, kind)
    if into is not None and into.exists() and not into.is_dir():
        raise InvalidValueError(f"'{into}' is a file, not a folder.", "Name a folder with --into.")
    folder = (into or Path.cwd()) / f"sandbox-{name}"
    if folder.exists():
        raise InvalidValueError(f"{folder} is there already.", "Remove it, or choose another name.")
    package = f"sandbox_{name.replace('-', '_')}"
    words = {
        "name": name,
        "Name": name.replace("-", " ").capitalize(),
        "Class": "".join(word.capitalize() for word in name.split("-")),
        "package": package,
        "distribution": f"sandbox-{name}",
        "offered": "algorithm" if kind == "algorithm" else "domain",
    }
    renamed = {"package": package, "name": name}
    written = []
    try:
        for parts, template in _templates(kind).items():
            target = folder.joinpath(*(renamed.get(part, part) for part in parts))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_filled(template.read_text(encoding="utf-8"), words), encoding="utf-8")
            written.append(target)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise StorageError(f"{error.filename or folder} cannot be written: {reason}.") from error
    return folder, sorted(written)


def _check(name: str, kind: str) -> None:
    """Refuse a kind that there is not, and a name that is impossible or taken."""
    if kind not in KINDS:
        raise InvalidValueError(
            f"There is no kind of plugin '{kind[:80]}'.", f"Choose from {', '.join(KINDS)}."
        )
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InvalidValueError(
            f"A plugin cannot be called '{name[:80]}'.",
            f"Use small letters and digits, words joined by hyphens, at most {_LONGEST} characters.",
        )
    offered = "algorithm" if kind == "algorithm" else "domain"
    taken = registry().algorithms if kind == "algorithm" else registry().domains
    if name in taken.names() or name in SCHEMES:
        hint = f"Choose another name; see sandbox list {offered}s."
        raise InvalidValueError(f"There is {_a(offered)} called '{name}' already.", hint)


def _a(noun: str) -> str:
    return f"an {noun}" if noun.startswith("a") else f"a {noun}"


def _templates(kind: str) -> dict[tuple[str, ...], Traversable]:
    """The templates of a kind by the parts of their paths; its own come before those of all kinds."""
    folder = files("sandbox.registry") / "templates"
    shared = _within(folder / "common")
    if kind == "algorithm":  # the contract suite is for domains
        del shared["tests", "test_contract.py"]
    return shared | _within(folder / kind)


def _within(folder: Traversable, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Traversable]:
    templates: dict[tuple[str, ...], Traversable] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            templates |= _within(entry, (*above, entry.name))
        elif entry.name.endswith(_SUFFIX):
            templates[*above, entry.name.removesuffix(_SUFFIX)] = entry
    return templates


def _filled(text: str, words: dict[str, str]) -> str:
    for key, word in words.items():
        text = text.replace("{{" + key + "}}", word)
    return text
