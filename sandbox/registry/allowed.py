"""Modules that the user has named, so that names of environments and wrappers may refer to them.

A scenario file or a run from a stranger may name what is registered with Gymnasium, but no module: that
would be importing what a file says. Nor may it give an environment the path of a file as an argument.
What is allowed travels with the plugins that are given by path, so that worker processes know it too.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.api.errors import InvalidValueError

PLUGINS_VARIABLE = "SANDBOX_PLUGINS"
MARK = "allow="


def allow_modules(modules: Sequence[str]) -> None:
    """Let names of environments and wrappers refer to these modules and what is in them.

    A module that lies in the working directory is found there, here and in worker processes.

    Args:
        modules: Names of modules, or texts that an argument of an environment may be, such as a path.

    Raises:
        InvalidValueError: For something that is neither.
    """
    known = _entries()
    for module in modules:
        is_module = all(part.isidentifier() for part in module.split("."))
        if not is_module and (not names_something(module) or "," in module or "@" in module):
            raise InvalidValueError(f"'{module[:80]}' is neither the name of a module nor a path.")
        entry = f"{MARK}{module}"
        top = module.partition(".")[0]
        if is_module and not _importable(top) and (Path(f"{top}.py").is_file() or Path(top).is_dir()):
            entry += f"@{Path.cwd()}"
        if entry not in known:
            known.append(entry)
    os.environ[PLUGINS_VARIABLE] = ",".join(known)
    _extend_path()


def names_something(text: str) -> bool:
    """Whether a text may be the path of a file or the name of something in a module."""
    return any(mark in text for mark in ":/\\~")


def require_allowed(reference: str, what: str) -> None:
    """Refuse a ``module:attribute`` whose module, or a path, that the user has not named.

    Raises:
        InvalidValueError: Says how to allow it.
    """
    module = reference.partition(":")[0]
    allowed = [entry.removeprefix(MARK).partition("@")[0] for entry in _entries() if entry.startswith(MARK)]
    if reference in allowed or any(module == name or module.startswith(f"{name}.") for name in allowed):
        _extend_path()
        return
    if not all(part.isidentifier() for part in module.split(".")):
        raise InvalidValueError(
            f"{what} is '{reference[:80]}': no file may choose the files that an environment opens.",
            f"If you trust it, name it yourself: --allow {reference[:200]}.",
        )
    raise InvalidValueError(
        f"{what} is '{reference[:80]}': no file may have the module {module[:60]} imported.",
        f"If you trust it, name it yourself: --allow {module[:60]}.",
    )


def _entries() -> list[str]:
    return [entry for entry in os.environ.get(PLUGINS_VARIABLE, "").split(",") if entry]


def _extend_path() -> None:
    for entry in _entries():
        folder = entry.partition("@")[2] if entry.startswith(MARK) else ""
        if folder and folder not in sys.path:
            sys.path.append(folder)


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
