"""Which code makes a result: the plugins that take part, what they require, and digests of their sources.

Results of one setting are compared and pooled only where they were made by the same code. Versions alone do
not say that: a plugin that is being written keeps its version while its dynamics change.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

from sandbox.api.algorithm import Algorithm
from sandbox.records.code import Code, CodeRecord
from sandbox.registry.discover import Plugins, PluginSource, registry
from sandbox.runs.provenance import canonical, distribution_of, installed_version, required
from sandbox.scenarios.hash import code_names
from sandbox.scenarios.resolve import ResolvedScenario

SUFFIXES = frozenset({".py", ".pyx", ".pyd", ".so", ".xml", ".c", ".cpp", ".h"})
"""Files that decide what a plugin does: sources, compiled modules, models of simulators."""

DATA = frozenset({".json", ".yaml", ".yml", ".toml", ".csv", ".npy", ".npz", ".parquet", ".safetensors"})
"""Files in a package that do as well: tuned parameters of baselines, weights, tables. Beside a package they
may be anything, results of runs too.
"""

LOCK = "contract-lock.json"
"""What `sandbox plugin check --lock` writes: it records what a plugin does and decides nothing."""

_OTHER = frozenset({"tests", "docs", "runs", "node_modules", "site-packages", "build", "dist"})
"""Folders that hold no sources of a plugin that lies beside them."""


def code_of(scenario: ResolvedScenario, algorithm: Algorithm | None = None, baseline: str = "") -> Code:
    """All code that decides the numbers of a result, by name in order.

    These are the domain, the extensions that take part, modules that the scenario names, the algorithm, and
    the distributions that they require. What the core itself does is known by its version.

    Args:
        scenario: What is played.
        algorithm: What trains, if anything does.
        baseline: What plays, if it is a baseline.
    """
    plugins = registry()
    parts = [_of_plugin(plugins.domains, scenario.domain.name)]
    names = set(required(scenario.domain))
    for extension in scenario.task.extensions:
        if extension in scenario.extensions or baseline in {known.name for known in extension.baselines}:
            parts.append(_of_plugin(plugins.extensions, extension.name))
    if algorithm is not None:
        parts.append(_of_plugin(plugins.algorithms, algorithm.name))
        names |= required(algorithm)
    for module in sorted(_named_modules(scenario)):
        parts.append(_of_module(module))
    known = {canonical(part.distribution) for part in parts if part.distribution is not None}
    parts += [_of_distribution(name) for name in names if name not in known and installed_version(name)]
    return tuple(sorted(parts, key=lambda part: part.name))


def digest_of_code(code: Code) -> str:
    """SHA-256 that stands for all sources of a result's code.

    Versions of what is installed do not take part: an upgrade of a library should be a decision to run again.
    """
    content = [(part.name, part.digest) for part in code if part.digest is not None]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def core_digest() -> str:
    """SHA-256 over the sources of the core, whose version stays the same while it is being written."""
    return _digest(_core())


def used_plugins(packages: Collection[str] = ()) -> dict[str, str]:
    """Digests of the plugins that this process has asked for by name, by kind and name.

    For what is measured by code that names no single scenario. The core's own do not take part.

    Args:
        packages: Top-level packages whose plugins count as well, since they are imported and not asked for.
    """
    digests = {}
    for group, name in _plugins():
        source = group.source(name)
        asked = name in group.asked or source.target.partition(":")[0].partition(".")[0] in packages
        if asked and (digest := _plugin_digest(source)) is not None:
            digests[f"{group.kind} {name}"] = digest
    return digests


def changed_plugins(digests: Mapping[str, str]) -> tuple[str, ...]:
    """Which plugins are no longer as they were, or not there any more.

    Args:
        digests: From `used_plugins`.
    """
    present = {f"{group.kind} {name}": group.source(name) for group, name in _plugins()}
    return tuple(
        label
        for label, digest in digests.items()
        if label not in present or _plugin_digest(present[label]) != digest
    )


def _plugins() -> Iterator[tuple[Plugins, str]]:
    """All that decide about figures; none is loaded for it."""
    known = registry()
    for group in (known.domains, known.extensions, known.algorithms):
        yield from ((group, name) for name in group.names(listed=False))


def _plugin_digest(source: PluginSource) -> str | None:
    """None for what belongs to the core, and for what cannot be found."""
    file = source.module_file() or source.file()
    if file is None or _core() in file.resolve().parents:
        return None
    return _digest(_home(file.resolve(), by_path=installed_version(source.distribution) is None))


def _of_plugin(plugins: Plugins, name: str) -> CodeRecord:
    plugins.get(name)  # its module must be there to say where it lies
    source = plugins.source(name)
    version = installed_version(source.distribution)
    by_path = version is None
    file = source.module_file()
    return CodeRecord(
        name=f"{plugins.kind} {name}",
        distribution=None if by_path else source.distribution,
        version=version,
        digest=None if file is None else _digest(_home(file.resolve(), by_path)),
    )


def _of_module(module: str) -> CodeRecord:
    """A module that a scenario names, by its whole package."""
    top = module.partition(".")[0]
    holder = distribution_of(top)
    if holder is not None and _edited_in(holder) is None:
        return CodeRecord(name=f"module {top}", distribution=holder, version=installed_version(holder))
    spec = getattr(sys.modules.get(top), "__spec__", None) or PathFinder.find_spec(top)
    origin = spec.origin if spec is not None else None
    digest = _digest(_home(Path(origin).resolve(), by_path=False)) if origin else None
    return CodeRecord(name=f"module {top}", digest=digest)


@cache
def _of_distribution(name: str) -> CodeRecord:
    """A distribution that is required; its sources count where it is installed to be edited."""
    folder = _edited_in(name)
    digest = _digest(folder) if folder is not None else None
    return CodeRecord(name=name, distribution=name, version=installed_version(name), digest=digest)


def _edited_in(name: str) -> Path | None:
    """The folder of a distribution that is installed as editable; None for all others."""
    try:
        text = distribution(name).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    facts = json.loads(text) if text else {}
    if not facts.get("dir_info", {}).get("editable"):
        return None
    folder = Path(unquote(urlparse(facts["url"]).path))
    return folder if folder.is_dir() else None


def _home(file: Path, by_path: bool) -> Path:
    """The folder or the file that holds a plugin's sources.

    The topmost package that a file belongs to; of the core's own algorithms only their folder. Without a
    package it is the folder of a plugin given by path, and otherwise the file.
    """
    folder = file.parent
    if not (folder / "__init__.py").is_file():
        return folder if by_path else file
    if _core() in folder.parents:
        return folder
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _core() -> Path:
    return Path(__file__).resolve().parents[1]


def _named_modules(scenario: ResolvedScenario) -> set[str]:
    named: set[str] = set()
    for config in (scenario.config, scenario.evaluation_config):
        for _, reference in code_names(type(config), dict(config)):
            module = reference.partition(":")[0]
            if all(part.isidentifier() for part in module.split(".")):
                named.add(module)
    return named


@cache  # a process keeps the code that it loaded, whatever is edited meanwhile
def _digest(place: Path) -> str:
    """SHA-256 over names and contents of all sources."""
    total = hashlib.sha256()
    base = place if place.is_dir() else place.parent
    for file in _sources(place):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(base).as_posix()}\0{content}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _sources(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    whole = (place / "__init__.py").is_file() or (place / "pyproject.toml").is_file()
    packages: set[str] = set()  # folders of a package and all that lies in it
    for folder, below, files in os.walk(place):
        if "__init__.py" in files or os.path.dirname(folder) in packages:
            packages.add(folder)
        suffixes = SUFFIXES | DATA if folder in packages else SUFFIXES
        # Beside a plugin that is no package anything may lie; its own are the packages there.
        below[:] = sorted(
            name
            for name in below
            if _may_hold_sources(Path(folder, name))
            and (whole or Path(folder, name, "__init__.py").is_file())
        )
        for name in sorted(files):
            if Path(name).suffix in suffixes and name != LOCK and not name.startswith(("test_", "conftest.")):
                file = Path(folder, name)
                if file.is_file():
                    yield file


def _may_hold_sources(folder: Path) -> bool:
    name = folder.name
    hidden = name.startswith((".", "__pycache__")) or name.endswith(".egg-info")
    return not (hidden or name in _OTHER or (folder / "pyvenv.cfg").exists())


def forget_code() -> None:
    """Look at sources again, as a new process does."""
    _digest.cache_clear()
    _of_distribution.cache_clear()
