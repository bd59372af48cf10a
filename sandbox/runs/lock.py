"""The right to write a folder: one process at a time, on one machine or on storage that several share.

The lock is the file ``.lock`` in the folder, which names its holder. It is created whole by a hard link,
an operation that is atomic on network file systems too. Whether the holder is alive is determined by

* the kernel's lock on the file, if the holder is on this machine: the kernel releases it when the process
  ends, including by SIGKILL, so a dead holder blocks nobody;
* the file's modification time, if the holder is on another machine: a heartbeat sets it every few
  seconds. It is compared with the clock of the storage, since the clocks of machines differ.

Where the file system has no kernel locks, the holder's process number and start time stand in for them.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import threading
from contextlib import suppress
from pathlib import Path

from sandbox.api.errors import DamagedRunError, RunBusyError
from sandbox.records.base import Text
from sandbox.records.run import ProcessRecord

NAME = ".lock"
BEAT_EVERY = 5.0
"""Seconds between two heartbeats."""

STALE_WORK = 60.0
"""Seconds without a heartbeat after which a worker on another machine counts as dead, where work that is
done twice gives the same result."""

STALE_RUN = 600.0
"""The same where two writers would damage what is there: a run directory."""

MAX_BYTES = 4096
"""A lock file is not longer."""

_TRIES = 5
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class LockRecord(ProcessRecord):
    """Content of ``.lock``: its holder, and a token that is unique to this lock."""

    token: Text = ""


class Lock:
    """The right to write a folder, held from `take` until `release` or the end of the process."""

    def __init__(self, path: Path, handle: int, token: str) -> None:
        self._path, self._handle, self._token = path, handle, token
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="sandbox-lock", daemon=True)
        self._heart.start()

    @staticmethod
    def take(folder: Path, stale_after: float = STALE_RUN) -> Lock:
        """Get the right to write ``folder``.

        Args:
            folder: An existing folder.
            stale_after: Seconds without a heartbeat after which a holder on another machine is dead.

        Raises:
            RunBusyError: If another process has it; names that process.
            OSError: If the folder cannot be written.
        """
        path = folder / NAME
        token = secrets.token_hex(8)
        content = LockRecord(**this_process().model_dump(), token=token).encode()
        for _ in range(_TRIES):
            handle = _create(path, content)
            if handle is not None:
                return Lock(path, handle, token)
            if not _remove_dead(path, stale_after):
                break
        raise _busy(folder, _read(path))

    def held(self) -> bool:
        """Whether it is still held: a process that was suspended for long may have lost it."""
        holder = _read(self._path)
        return holder is not None and holder.token == self._token

    def release(self) -> None:
        """Let others write; doing so twice does no harm."""
        if self._handle < 0:
            return
        self._over.set()
        self._heart.join()
        with suppress(OSError):  # closing it is what counts
            if self.held():
                self._path.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = -1

    def _beat(self) -> None:
        while not self._over.wait(BEAT_EVERY):
            with suppress(OSError):  # the next one may come through
                os.utime(self._handle)


def lock_holder(folder: Path, stale_after: float = STALE_WORK) -> ProcessRecord | None:
    """The living process that writes a folder, as far as can be determined without taking the lock."""
    path = folder / NAME
    holder = _read(path)
    if holder is None or holder.pid is None:
        return None
    here = holder.host == socket.gethostname()
    alive = is_alive(holder) if here else _age(path) <= stale_after
    return holder if alive else None


def this_process() -> ProcessRecord:
    """This process, as records name it."""
    pid = os.getpid()
    return ProcessRecord(pid=pid, host=socket.gethostname(), started=_start_time(pid))


def is_alive(process: ProcessRecord) -> bool:
    """Whether a process still runs; a process on another machine is assumed to."""
    if process.host != socket.gethostname() or process.pid is None:
        return True
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    started = _start_time(process.pid)
    return started is None or process.started is None or started == process.started


def _start_time(pid: int) -> str | None:
    """Start time of a process in kernel ticks, which distinguishes a reused number; None if unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _create(path: Path, content: bytes) -> int | None:
    """Make the lock file, already locked; its handle, or None if it exists."""
    temporary = path.with_name(f"{NAME}.{secrets.token_hex(4)}.tmp")
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        _lock(handle)
        os.write(handle, content)
        if _link(temporary, path):
            return handle
    except BaseException:
        os.close(handle)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    os.close(handle)
    return None


def _link(temporary: Path, path: Path) -> bool:
    """Give the file its name unless that is taken; a move where there are no hard links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            return False
        temporary.rename(path)
    return True


def _remove_dead(path: Path, stale_after: float) -> bool:
    """Take a dead process's lock file away; False if its holder lives."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        holder = _parse(os.pread(handle, MAX_BYTES, 0), path)
        locked = _lock(handle)
        if locked is False:
            return False
        elsewhere = holder is not None and holder.host not in (None, socket.gethostname())
        if elsewhere and _age(path) <= stale_after:
            return False
        if not elsewhere and locked is None and holder is not None and is_alive(holder):
            return False
        # A process of this machine replaces the file only while it has its kernel lock, as this one does.
        if _is_at(handle, path):
            _remove(path, holder)
        return True
    finally:
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one at ``path``."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _remove(path: Path, expected: LockRecord | None) -> None:
    """Remove a lock file; if another process has just replaced it, the new file is put back."""
    aside = path.with_name(f"{NAME}.{secrets.token_hex(4)}.old")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if _read(aside) != expected:
        with suppress(FileExistsError):
            os.link(aside, path)
    aside.unlink(missing_ok=True)


def _lock(handle: int) -> bool | None:
    """Whether the kernel's lock could be had; None on a file system without locks."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return None
    return True


def _age(path: Path) -> float:
    """Seconds since the last heartbeat, by the storage's clock; 0 where that cannot be asked."""
    probe = path.with_name(f"{NAME}.{secrets.token_hex(4)}.tmp")
    try:
        probe.touch()
        now = probe.stat().st_mtime
        return now - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _read(path: Path) -> LockRecord | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return _parse(os.read(handle, MAX_BYTES), path)
    except OSError:
        return None
    finally:
        os.close(handle)


def _parse(content: bytes, path: Path) -> LockRecord | None:
    """The holder; None for a damaged or empty file, which locks nothing."""
    try:
        return LockRecord.parse(content, path)
    except DamagedRunError:
        return None


def _busy(folder: Path, holder: LockRecord | None) -> RunBusyError:
    known = holder is not None and holder.pid is not None
    who = f"process {holder.pid} on {holder.host}" if known and holder else "a process"
    return RunBusyError(
        f"'{folder}' is being written by {who}.", "Wait until it has ended, or stop it first."
    )
