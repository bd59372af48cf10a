"""Server-sent events: new lines of the runs that are looked at, and that something else has changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

from sandbox.records.labels import LABELS
from sandbox.runs.directory import EVALUATION, PROGRESS, RECORD, new_progress
from sandbox.ui.library import Library

LOOK_EVERY = 0.1
"""Seconds between two looks at the runs that are watched: a stat each."""

INDEX_EVERY = 2.0
BEAT_EVERY = 15.0
MAX_STREAMS = 16
MAX_WATCHED = 32


async def stream(library: Library, watched: Mapping[str, int], gone: Event) -> AsyncIterator[bytes]:
    """Events until the reader leaves.

    Args:
        library: The runs directory.
        watched: Runs to watch, each with the byte of its progress file from which on it is news.
        gone: Set when the server stops.

    Yields:
        ``progress`` with a run's new records, ``state`` when its record or results have changed, and
        ``index`` when the list of runs has.
    """
    folders = {name: library.run_folder(name) for name in watched}
    offsets = dict(watched)
    states = {name: _state(folder) for name, folder in folders.items()}
    index = await asyncio.to_thread(library.stamps)
    since_index = since_beat = 0.0
    yield b"retry: 1000\n\n" + _event("hello", {})
    while not gone.is_set():
        for name, folder in folders.items():
            if _size(folder / PROGRESS) > offsets[name]:
                records, offsets[name] = new_progress(folder / PROGRESS, offsets[name])
                if records:
                    yield _event("progress", {"id": name, "records": records, "offset": offsets[name]})
            state = _state(folder)
            if state != states[name]:
                states[name] = state
                yield _event("state", {"id": name})
        if since_index >= INDEX_EVERY:
            since_index = 0.0
            now = await asyncio.to_thread(library.stamps)
            if now != index:
                index = now
                yield _event("index", {})
        if since_beat >= BEAT_EVERY:
            since_beat = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(LOOK_EVERY)
        since_index += LOOK_EVERY
        since_beat += LOOK_EVERY


def _event(kind: str, document: Any) -> bytes:
    # JSON holds no line break, so nothing in it can begin another event.
    return f"event: {kind}\ndata: {json.dumps(document, allow_nan=False)}\n\n".encode()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _state(folder: Path) -> tuple[int, ...]:
    stamps = []
    for name in (RECORD, EVALUATION, LABELS, "report.html", "replays"):
        try:
            stamps.append((folder / name).stat().st_mtime_ns)
        except OSError:
            stamps.append(0)
    return tuple(stamps)
