"""Writes a preset into a scenario file, and leaves the rest of the file as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.api.errors import InvalidValueError
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.scenarios.yaml_guard import load_file, load_text


def write_preset(source: Path | None, target: Path, algorithm: str, preset: Mapping[str, Any]) -> None:
    """Put ``preset`` under ``presets: <algorithm>:`` of a scenario file.

    Args:
        source: The scenario's file; None where it has none (it was changed by ``--set``).
        target: The file to write. If it does not exist, it becomes a copy of ``source``; relative paths
            in it then start at its own folder.
        algorithm: Whose preset.
        preset: ``steps``, ``num_envs`` and ``hyperparameters``.

    Raises:
        InvalidValueError: If the file cannot be changed without changing something else.
        BrokenFileError: If it is no YAML mapping.
        StorageError: If it cannot be written.
    """
    changed = _changed(source, target, algorithm, preset)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, changed.encode())


def check_target(source: Path | None, target: Path, algorithm: str) -> None:
    """Raise now what `write_preset` would raise after hours of searching."""
    _changed(source, target, algorithm, {"steps": 1, "hyperparameters": {}})
    folder = next(parent for parent in target.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        what = "cannot be written" if folder.is_dir() else "is a file, not a folder"
        raise InvalidValueError(f"No preset can be written to '{target}': '{folder}' {what}.")


def _changed(source: Path | None, target: Path, algorithm: str, preset: Mapping[str, Any]) -> str:
    """The text of the file with the preset in it, and nothing else changed."""
    file = target if target.exists() else source
    if file is None:
        raise InvalidValueError(
            "A scenario that was changed on the command line has no file that a preset could be written to.",
            "Write the changes into a scenario file first, and tune that.",
        )
    before = load_file(file)
    if not isinstance(before, dict) or "task" not in before:
        raise InvalidValueError(f"'{file}' is no scenario file, so no preset is written to it.")
    text = file.read_text(encoding="utf-8")
    changed = _with_preset(text, algorithm, preset)
    wanted = {**before, "presets": {**(before.get("presets") or {}), algorithm: dict(preset)}}
    try:
        result = load_text(changed, str(target))
    except (yaml.YAMLError, InvalidValueError):
        result = None
    if result != wanted:
        raise InvalidValueError(
            f"The preset cannot be put into '{target}' without changing more of it.",
            "Write its presets as a block: presets:, and each algorithm on a line of its own.",
        )
    return changed


def _with_preset(text: str, algorithm: str, preset: Mapping[str, Any]) -> str:
    """The text with the algorithm's preset replaced or added; comments elsewhere stay."""
    block = yaml.safe_dump({algorithm: dict(preset)}, sort_keys=False, default_flow_style=None, width=100)
    lines = text.rstrip("\n").split("\n")
    top = next((place for place, line in enumerate(lines) if line.split("#")[0].rstrip() == "presets:"), None)
    if top is None:
        return "\n".join([*lines, "presets:", *_indented(block, 2), ""])
    end = _end(lines, top, 0)
    for place in range(top + 1, end):
        line = lines[place]
        if line.split("#")[0].strip() == f"{algorithm}:":
            depth = len(line) - len(line.lstrip())
            rest = lines[_end(lines, place, depth) :]
            return "\n".join([*lines[:place], *_indented(block, depth), *rest, ""])
    depth = next((len(line) - len(line.lstrip()) for line in lines[top + 1 : end] if line.strip()), 2)
    return "\n".join([*lines[:end], *_indented(block, depth), *lines[end:], ""])


def _indented(block: str, depth: int) -> list[str]:
    return [" " * depth + line for line in block.splitlines()]


def _end(lines: list[str], start: int, depth: int) -> int:
    """The line after the block that begins at ``start``: the next one that is not indented deeper."""
    for place in range(start + 1, len(lines)):
        line = lines[place]
        if line.strip() and len(line) - len(line.lstrip()) <= depth:
            return place
    return len(lines)
