"""Plugins given by path or module name, as ``--plugin`` takes them."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

from sandbox.api.algorithm import Algorithm
from sandbox.api.claim import Claims
from sandbox.api.domain import Domain
from sandbox.api.errors import PluginError
from sandbox.api.extension import Extension

PREFIX = "sandbox_path_plugin_"
"""Begins the names of modules and packages that are made here."""


def _absolute(target: str) -> str:
    path, attribute = _split_target(target)
    if path is None:
        return target
    return f"{path.resolve()}:{attribute}" if attribute else str(path.resolve())


def _split_target(target: str) -> tuple[Path | None, str]:
    """The file and the attribute of a plugin given by path; no file for a module name."""
    head, colon, attribute = target.rpartition(":")
    if colon and (head.endswith(".py") or not target.endswith(".py")):
        candidate, name = head, attribute
    else:
        candidate, name = target, ""
    if candidate.endswith(".py") or os.sep in candidate or Path(candidate, "plugin.py").is_file():
        return Path(candidate), name
    return None, name


def _load_target(target: str) -> tuple[ModuleType, list[str]]:
    path, attribute = _split_target(target)
    if path is None:
        module_name = target.partition(":")[0]
        return importlib.import_module(module_name), [attribute] if attribute else []
    if path.is_dir():
        path = path / "plugin.py"
    if not path.is_file():
        raise PluginError(f"there is no file {path}")
    for folder in _homes(path):  # where its "module:attribute" strings are found
        if folder not in sys.path:
            sys.path.append(folder)
    # The same in every process, and another one for each file, whatever the folders are called. In the
    # file's package, where its relative imports and references start from.
    name = f"{PREFIX}{crc32(os.fsencode(path.resolve())):08x}_{path.stem}".replace("-", "_")
    name = f"{_package(path.resolve().parent)}.{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module, [attribute] if attribute else []


def _package(folder: Path) -> str:
    """The package that a plugin's file belongs to; a folder without ``__init__.py`` is made one of its own.

    So two plugins may both have a module ``env``, if they refer to it as ``".env:make"``.
    """
    if (folder / "__init__.py").is_file():
        return ".".join(folder.relative_to(_homes(folder / "plugin.py")[-1]).parts)
    name = f"{PREFIX}{crc32(os.fsencode(folder)):08x}"
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name


def _homes(path: Path) -> list[str]:
    """The folder of a plugin's file and, where that is a package, the one that holds the package."""
    folder = path.resolve().parent
    above = folder
    while (above / "__init__.py").is_file():
        above = above.parent
    return [str(folder)] if above == folder else [str(folder), str(above)]


def _plugins_of(module: ModuleType) -> list[Any]:
    return [
        value for value in vars(module).values() if isinstance(value, Domain | Algorithm | Extension | Claims)
    ]
