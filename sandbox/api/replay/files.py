"""Writing, reading and checking of replay files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from sandbox.api.errors import BrokenFileError, InvalidValueError
from sandbox.api.replay.document import VERSION, Episode, Replay

MAX_FILE = 64 * 2**20
"""Bytes; a larger file is refused."""


def write_replay(
    path: Path,
    scenario: str,
    episodes: Sequence[Episode],
    title: str = "",
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write a replay as compact JSON.

    Args:
        path: The file; its folder exists.
        scenario: The scenario's (or task's) name.
        episodes: At least one.
        title: Shown above the replay.
        facts: What else is known of it, in words by name.

    Raises:
        InvalidValueError: If there is no episode, or the file would be too large.
    """
    try:
        replay = Replay(scenario=scenario, title=title, facts=dict(facts or {}), episodes=list(episodes))
    except ValidationError as error:
        raise InvalidValueError(_first(error)) from error
    text = json.dumps(to_json(replay), separators=(",", ":"), allow_nan=False)
    if len(text) > MAX_FILE:
        raise InvalidValueError(
            f"The replay would have {len(text) / 2**20:.0f} MB; at most {MAX_FILE // 2**20} are shown.",
            "Record fewer frames.",
        )
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def to_json(replay: Replay) -> dict[str, object]:
    """A replay as a JSON document; what was not given is left out."""
    return {"version": VERSION, **replay.model_dump(mode="json", exclude_unset=True)}


def read_replay(path: Path) -> Replay:
    """Read and check a replay file, also one of version 1.

    Raises:
        BrokenFileError: If it is none, or too large.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise BrokenFileError(path, f"a replay may have at most {MAX_FILE // 2**20} MB.")
        return check_replay(json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse))
    except InvalidValueError as error:
        raise BrokenFileError(path, error.message) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BrokenFileError(path, f"no readable replay: {error}.") from error


def check_replay(document: object) -> Replay:
    """A document as a replay; one of version 1 is converted.

    Raises:
        InvalidValueError: Says which entry does not fit.
    """
    version = document.get("version", 1) if isinstance(document, dict) else None
    try:
        if version == VERSION:
            return Replay.model_validate(document)
        if version == 1:
            from sandbox.api.replay.version1 import convert

            return convert(document)
    except ValidationError as error:
        raise InvalidValueError(_first(error)) from error
    raise InvalidValueError(
        f"This is no replay of a version that can be read: {str(version)[:40]!r}.",
        f"This version reads 1 and {VERSION}.",
    )


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"The replay does not fit its format: {place}: {first['msg']}."


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of a JSON file")
