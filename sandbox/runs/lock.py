"""The right to write a run directory: one process at a time, given up by itself when the process ends."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.api.errors import RunBusyError

LOCK = ".lock"
FRESH = 600.0
"""Seconds for which a writer on another host, whose lock may not be seen from here, is believed alive."""


class Lease:
    """Held from `take` until `release` or the end of the process, however it ends.

    The kernel's lock on ``.lock`` tells processes of one host apart. A writer on another host, on
    a shared file system without such locks, is recognised by the file's time, which `renew` sets.
    """

    def __init__(self, handle: int, path: Path) -> None:
        self._handle, self._path = handle, path

    @staticmethod
    def take(folder: Path) -> Lease:
        """Get the right to write ``folder``.

        Raises:
            RunBusyError: If another process has it; names that process.
            OSError: If the folder cannot be written.
        """
        path = folder / LOCK
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            holder = _holder(handle)
            elsewhere = holder.get("host") not in (None, socket.gethostname())
            if elsewhere and time.time() - os.fstat(handle).st_mtime < FRESH:
                raise _busy(folder, holder)
            if not _locked(handle):
                raise _busy(folder, holder)
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        except BaseException:
            os.close(handle)
            raise
        return Lease(handle, path)

    def renew(self) -> None:
        """Show that the writer is alive; to be called every few minutes."""
        os.utime(self._handle)

    def release(self) -> None:
        """Let others write; doing so twice does no harm."""
        if self._handle >= 0:
            with contextlib.suppress(OSError):  # closing it is what counts
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1


def _locked(handle: int) -> bool:
    """Whether the kernel's lock could be had; on a file system without locks it can."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    return True


def _holder(handle: int) -> Mapping[str, Any]:
    try:
        found = json.loads(os.pread(handle, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _busy(folder: Path, holder: Mapping[str, Any]) -> RunBusyError:
    who = f"process {holder['pid']} on {holder['host']}" if {"pid", "host"} <= set(holder) else "a process"
    return RunBusyError(
        f"'{folder}' is being written by {who}.", "Wait until it has ended, or stop it first."
    )
