"""What a result depends on besides its inputs: package versions, the machine, the source tree."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from sandbox.api.algorithm import Algorithm
from sandbox.api.domain import Domain
from sandbox.registry.discover import registry

CORE = "sandbox-rl"
NUMERICS = ("numpy", "scipy")
"""Distributions that compute for every domain and every algorithm."""

ALWAYS = (CORE, "gymnasium", *NUMERICS)
"""Distributions that every result depends on."""

_REQUIREMENT = re.compile(r"\s*(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^\]]*)\])?[^;]*(?:;(?P<marker>.*))?$")
_EXTRA = re.compile(r"extra\s*==\s*[\"']([\w.-]+)[\"']")


def packages(*plugins: Domain | Algorithm) -> dict[str, str]:
    """Versions of the installed distributions that results depend on, by name in order.

    These are `ALWAYS`, and for every plugin what `required` names. Nothing is
    imported, and a version is read once: a process keeps the code that it loaded.

    Args:
        plugins: The domain that was played, and the algorithm that was trained.
    """
    names = sorted({*ALWAYS, *(name for plugin in plugins for name in required(plugin))})
    versions = {name: installed_version(name) for name in names}
    return {name: present for name, present in versions.items() if present is not None}


def required(plugin: Domain | Algorithm) -> frozenset[str]:
    """Names of the distributions that a plugin's results depend on, installed or not.

    These are the distribution that offers the plugin with its requirements, the distributions of the
    modules in ``requires``, and for a domain of the core those of its extra. The core's other requirements
    do not compute, and are left out.
    """
    names = {distribution_of(module) or module for module in plugin.requires}
    known = registry().domains if isinstance(plugin, Domain) else registry().algorithms
    offered_by = known.source(plugin.name).distribution if plugin.name in known.names() else CORE
    if canonical(offered_by) != CORE:
        if installed_version(offered_by) is not None:  # a plugin given by path has no distribution
            names |= {offered_by, *_requirements(offered_by)}
    elif isinstance(plugin, Domain) and plugin.extra is not None:
        names |= set(_requirements(CORE, plugin.extra))
    return frozenset(canonical(name) for name in names) - {CORE}


def differences(
    before: Mapping[str, str], now: Mapping[str, str]
) -> list[tuple[str, str | None, str | None]]:
    """What differs between recorded packages and present ones: name, version then, version now.

    Args:
        before: From a record.
        now: What `packages` gives for the same plugins.
    """
    names = before.keys() | now.keys()
    if not before.keys() >= set(NUMERICS):
        # Version 0.1 recorded a fixed dozen, needed or not, and nothing else.
        names = before.keys() & now.keys()
    pairs = ((name, before.get(name), now.get(name) or installed_version(name)) for name in sorted(names))
    return [(name, then, present) for name, then, present in pairs if then != present]


@cache  # each lookup parses a distribution's whole metadata
def installed_version(name: str) -> str | None:
    """Version of an installed distribution, None if there is none of that name."""
    try:
        return version(name)
    except (PackageNotFoundError, ValueError):
        return None


@cache
def _requirements(name: str, extra: str | None = None) -> tuple[str, ...]:
    """Distributions that one requires: always, or for one of its extras."""
    try:
        stated = distribution(name).requires or []
    except PackageNotFoundError:
        return ()
    return tuple(dict.fromkeys(_selected(name, stated, extra)))


def _selected(name: str, stated: Iterable[str], extra: str | None) -> Iterator[str]:
    for text in stated:
        requirement = _REQUIREMENT.match(text)
        if requirement is None:
            continue
        marked = _EXTRA.search(requirement["marker"] or "")
        if (marked[1] if marked else None) != extra:
            continue
        if canonical(requirement["name"]) != canonical(name):
            yield requirement["name"]
            continue
        for inner in (requirement["extras"] or "").split(","):  # an extra that consists of others
            yield from _requirements(name, inner.strip())


@cache
def distribution_of(module: str) -> str | None:
    """The distribution that holds an importable module; None if that cannot be told.

    Most have the module's name. For others the lists of files beside the module are searched as bytes:
    ``importlib.metadata.packages_distributions`` parses all of them, which takes a second.
    """
    if installed_version(module) is not None:
        return module
    spec = PathFinder.find_spec(module)
    origin = spec.origin if spec is not None else None
    if origin is None:
        return None
    place = Path(origin)
    folder = place.parent.parent if place.name.startswith("__init__.") else place.parent
    listed = re.compile(rb"^" + re.escape(module.encode()) + rb"[/.]", re.MULTILINE)
    for record in sorted(folder.glob("*.dist-info/RECORD")):
        if listed.search(record.read_bytes()):
            return record.parent.name.partition("-")[0]
    return None


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def local_time() -> str:
    """Now, as records state it: local time with its offset."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def platform_facts() -> dict[str, Any]:
    """Interpreter, operating system, processor and cores."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def source_state() -> dict[str, Any] | None:
    """Commit and cleanliness of the source tree; None for an installed package or without git."""
    state = _source_state()
    return None if state is None else dict(state)


@cache  # the code that runs is the one that was loaded, whatever is edited meanwhile
def _source_state() -> dict[str, Any] | None:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "modified": bool(changed)}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=5, check=True
    )
    return done.stdout.strip()
