"""Finds scenario files on the search path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox.api.errors import BrokenFileError, SandboxError, UnknownNameError
from sandbox.registry.discover import registry
from sandbox.scenarios.overrides import (
    shorten,
)
from sandbox.scenarios.paths import absolute_path
from sandbox.scenarios.yaml_guard import load_head

SCENARIOS_VARIABLE = "SANDBOX_SCENARIOS"
_SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True)
class ScenarioEntry:
    """A scenario as listings show it; not validated. Without a path it is a task's own."""

    id: str
    path: Path | None
    title: str
    task: str
    metric: str
    agents: str
    error: str | None = None


def find(name: str, search: Sequence[Path] = ()) -> Path:
    """The file of a scenario.

    Raises:
        UnknownNameError: With the nearest names.
        PluginError: If the scenario's domain is broken.
    """
    if name.endswith((".yaml", ".yml")) or name.startswith((".", "/", "~")):
        path = absolute_path(Path.cwd(), name, "the scenario", resolve_links=False)
        if not path.is_file():
            reason = "is a folder, not a scenario file" if path.is_dir() else "there is no such file"
            raise BrokenFileError(shorten(str(path)), reason)
        return path
    if "/" not in name:
        name = registry().domain(name).default_scenario if name else name
    parts = name.split("/")
    if len(parts) == 2 and all(_is_plain(part) for part in parts):
        for folder in search_path(search):
            path = folder / parts[0] / f"{parts[1]}{_SUFFIX}"
            if path.is_file():
                return path
    known = [entry_id for entry_id, _ in _files(search)]
    domain = parts[0]
    if domain not in {entry.partition("/")[0] for entry in known}:
        registry().domain(domain)  # says so if the domain is unknown or broken
    raise UnknownNameError("scenario", shorten(name), known)


def search_path(search: Sequence[Path] = ()) -> list[Path]:
    """The folders that are searched, in order."""
    folders = [Path(folder) for folder in search]
    folders += [Path(folder) for folder in os.environ.get(SCENARIOS_VARIABLE, "").split(os.pathsep) if folder]
    folders += [Path("scenarios"), _packaged()]
    for domain in registry().domains.working():
        shipped = registry().scenario_folder(domain)
        if shipped is not None:
            folders.append(shipped)
    return folders


def entries_of_files(search: Sequence[Path] = ()) -> list[ScenarioEntry]:
    """All scenario files on the search path, with what listings show of them."""
    return [_entry(scenario_id, path) for scenario_id, path in sorted(_files(search))]


def id_of_file(path: Path, document: Any) -> str:
    """``<folder>/<stem>`` of a file, or what the file itself says."""
    stated = document.get("id") if isinstance(document, dict) else None
    if isinstance(stated, str):
        return stated
    task = document.get("task") if isinstance(document, dict) else None
    domain = task.partition("/")[0] if isinstance(task, str) else path.resolve().parent.name
    return f"{_plain_name(domain, 'scenario')}/{_plain_name(path.stem, 'scenario')}"


def _plain_name(text: str, otherwise: str) -> str:
    """``text`` as a part of a scenario id."""
    clean = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    return clean.strip("-") or otherwise


def _entry(scenario_id: str, path: Path) -> ScenarioEntry:
    try:
        try:
            state = path.stat()
        except OSError as error:
            raise BrokenFileError(path, f"cannot be read: {error.strerror}") from error
        title, task, metric = _head(path, state.st_mtime_ns, state.st_size)
        agents = registry().task(task).agents
    except SandboxError as error:
        return ScenarioEntry(scenario_id, path, "", "", "", "", error.message)
    return ScenarioEntry(scenario_id, path, title, task, metric, agents)


@lru_cache(maxsize=4096)
def _head(path: Path, mtime_ns: int, size: int) -> tuple[str, str, str]:
    """Title, task and metric of a scenario file; one command asks for all of them more than once."""
    head = load_head(path)
    if head is None:
        raise BrokenFileError(path, "is not a scenario")
    return head.get("title", ""), head.get("task", ""), head.get("metric", "")


def _files(search: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    seen = set()
    for folder in search_path(search):
        for path in sorted(folder.glob(f"*/*{_SUFFIX}")):
            scenario_id = f"{path.parent.name}/{path.stem}"
            if path.parent.name != "suites" and scenario_id not in seen:
                seen.add(scenario_id)
                yield scenario_id, path


def _packaged() -> Path:
    """The scenarios in the wheel, or in the source tree of an editable installation."""
    here = Path(__file__).resolve().parents[1]
    shipped = here / "_scenarios"
    return shipped if shipped.is_dir() else here.parent / "scenarios"


def _is_plain(part: str) -> bool:
    return bool(part) and all(char.isalnum() or char in "-_" for char in part)
