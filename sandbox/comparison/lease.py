"""Leases: who works on a cell now. Taken atomically, kept alive by a heartbeat, taken over when stale.

They work on a local disk and on storage that several machines share. A lease saves work; it is not what
keeps results whole: should two workers ever run the same cell, both write the same numbers and the
first complete result stays.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

STALE_AFTER = 60.0
"""Seconds without a heartbeat after which a worker on another machine is taken for dead."""

BEAT_EVERY = 5.0
NAME = "lease.json"


class Lease:
    """The right to work on one folder; made by `take`.

    Args:
        path: The lease file.
        token: What tells this lease from any other.
    """

    def __init__(self, path: Path, token: str) -> None:
        self._path, self._token = path, token
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def held(self) -> bool:
        """Whether it still is ours: a worker that slept too long may have lost it."""
        return (_read(self._path) or {}).get("token") == self._token

    def release(self) -> None:
        """Give it back."""
        self._over.set()
        self._thread.join()
        if self.held():
            self._path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_EVERY):
            try:
                if not self.held():
                    return
                os.utime(self._path)
            except OSError:
                continue  # the storage hiccups: the next beat may come through


def take(folder: Path) -> Lease | None:
    """The lease of a folder, or None while another worker lives that holds it."""
    path = folder / NAME
    token = secrets.token_hex(8)
    pid = os.getpid()
    content = {"token": token, "host": socket.gethostname(), "pid": pid, "started": start_time(pid)}
    for _ in range(3):
        if _create(path, json.dumps(content)):
            return Lease(path, token)
        holder = _read(path)
        if holder is not None and not _stale(path, holder):
            return None
        _remove(path, holder)
    return None


def holder(folder: Path) -> dict[str, Any] | None:
    """Who works on a folder now, if anybody alive does."""
    path = folder / NAME
    found = _read(path)
    return None if found is None or _stale(path, found) else found


def start_time(pid: int) -> str | None:
    """When a process began, in the kernel's ticks; tells a reused process number. None where unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _create(path: Path, text: str) -> bool:
    """Write the file unless it exists; it appears whole, by a link, which also NFS does atomically."""
    temporary = path.with_name(f".{NAME}.{secrets.token_hex(4)}.tmp")
    temporary.write_text(text)
    try:
        os.link(temporary, path)
        return True
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _stale(path: Path, holder: dict[str, Any]) -> bool:
    pid = holder.get("pid")
    if holder.get("host") == socket.gethostname() and isinstance(pid, int):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        started = start_time(pid)
        if started is not None and holder.get("started") is not None:
            return bool(started != holder["started"])
    try:
        # The storage's clock on both sides: those of the machines may differ.
        probe = path.with_name(f".probe.{secrets.token_hex(4)}.tmp")
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink(missing_ok=True)
        return now - path.stat().st_mtime > STALE_AFTER
    except OSError:
        return False


def _remove(path: Path, expected: dict[str, Any] | None) -> None:
    """Take a stale lease away; if it has just become another one, put that back."""
    aside = path.with_name(f".{NAME}.{secrets.token_hex(4)}.stale")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if _read(aside) != expected:
        with suppress(FileExistsError):
            os.link(aside, path)
    aside.unlink(missing_ok=True)
