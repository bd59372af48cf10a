"""Pictures, films and replays of a run, as a page can hold them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import SandboxError
from sandbox.api.replay import read_replay, to_json
from sandbox.runs.directory import Run

if TYPE_CHECKING:
    from sandbox.api.types import Json


REPLAYS = "replays"
"""Folder of a run's replays."""

PICTURES = {".png": "image/png", ".gif": "image/gif", ".jpg": "image/jpeg"}
FILMS = {".mp4": "video/mp4", ".webm": "video/webm"}
MAX_PICTURE = 2 * 2**20
MAX_FILM = 16 * 2**20
MAX_FILMS = 48 * 2**20
MAX_REPLAYS = int(2.5 * 2**20)
"""Bytes of all replays in a page: with all else it stays below 5 MB."""

NOT_EMBEDDED = ("result.png",)
"""Pictures of what a page draws itself."""


@dataclass(frozen=True)
class Media:
    """A picture or film as a data address, or a replay by the name of its data."""

    kind: str
    title: str
    address: str = ""
    replay: str = ""


def files(run: Run) -> dict[str, list[Path]]:
    """Pictures, films and replays in a run directory, by kind."""
    here = sorted(path for path in run.path.iterdir() if path.is_file() and path.name[0] != ".")
    folder = run.path / REPLAYS
    inner = sorted(folder.iterdir()) if folder.is_dir() else []
    return {
        "picture": [
            path for path in here if path.suffix.lower() in PICTURES and path.name not in NOT_EMBEDDED
        ],
        "film": [path for path in here if path.suffix.lower() in FILMS],
        "replay": [
            path for path in inner if path.suffix == ".json" and path.is_file() and path.name[0] != "."
        ],
    }


def embed(runs: Sequence[Run]) -> tuple[list[Media], Json, list[str]]:
    """What is shown of episodes: media, replays by name, and sentences about what did not fit."""
    media: list[Media] = []
    replays: Json = {}
    notes: list[str] = []
    films = taken = 0
    for run in runs:
        notes += [f"Its own moves: {page}" for page in sorted(run.path.glob("moves/*/moves.html"))]
        by_kind = files(run)
        label = f"{run.algorithm}, seed {run.record.seed}"
        for path in by_kind["replay"]:
            size = path.stat().st_size
            if taken + size > MAX_REPLAYS:
                notes.append(f"The replay {path} is too large for a page; sandbox ui shows it.")
                continue
            try:
                replay = read_replay(path)
            except SandboxError as error:
                notes.append(error.message)
                continue
            if any(episode.pictures and episode.pictures.video for episode in replay.episodes):
                continue  # its film is shown itself
            name = f"replay-{len(replays)}"
            replays[name] = to_json(replay)
            taken += size
            media.append(Media("replay", replay.title or f"{label}: {path.stem}", replay=name))
        for path in by_kind["film"]:
            size = path.stat().st_size
            if size > MAX_FILM or films + size > MAX_FILMS:
                notes.append(f"The film {path} is too large for a page.")
                continue
            films += size
            media.append(Media("film", f"{label}: {path.name}", _address(path, FILMS)))
        for path in by_kind["picture"]:
            if path.stat().st_size > MAX_PICTURE:
                notes.append(f"The picture {path} is too large for a page.")
                continue
            media.append(Media("picture", f"{label}: {path.name}", _address(path, PICTURES)))
    return media, replays, notes


def script_json(document: Any) -> str:
    """JSON that can stand in a script element: no text in it can end the element or start another."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _address(path: Path, kinds: dict[str, str]) -> str:
    kind = kinds[path.suffix.lower()]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
