"""The lock: one process writes a folder, and nobody waits for the dead."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.errors import RunBusyError
from sandbox.runs import lock as locks
from sandbox.runs.lock import NAME, STALE_RUN, STALE_WORK, Lock, lock_holder

TAKE = "from pathlib import Path; from sandbox.runs.lock import Lock; lock = Lock.take(Path({!r})); "


def test_only_one_holds_a_lock_until_it_is_given_back(tmp_path: Path) -> None:
    first = Lock.take(tmp_path)
    assert first.held()
    with pytest.raises(RunBusyError, match=f"is being written by process {os.getpid()} on"):
        Lock.take(tmp_path)
    holder = lock_holder(tmp_path)
    assert holder is not None
    assert holder.pid == os.getpid()
    first.release()
    first.release()
    assert lock_holder(tmp_path) is None
    Lock.take(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_dead_process_is_taken_over_at_once(tmp_path: Path) -> None:
    code = TAKE.format(str(tmp_path)) + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (tmp_path / NAME).exists(), "the process ended without giving it back"
    assert lock_holder(tmp_path) is None
    Lock.take(tmp_path).release()


def test_a_living_process_keeps_its_lock_without_a_heartbeat(tmp_path: Path) -> None:
    code = TAKE.format(str(tmp_path)) + "print('taken', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    os.utime(tmp_path / NAME, (0, 0))
    with pytest.raises(RunBusyError, match=f"process {process.pid}"):
        Lock.take(tmp_path)
    process.kill()
    process.wait()
    process.stdout.close()
    Lock.take(tmp_path).release()


def _elsewhere(folder: Path, seconds_ago: float) -> None:
    """A lock that a process on another machine holds, whose heart last beat so long ago."""
    path = folder / NAME
    path.unlink(missing_ok=True)
    path.write_text(json.dumps({"token": "t", "host": "elsewhere", "pid": 1, "started": "1"}))
    now = path.stat().st_mtime
    os.utime(path, (now - seconds_ago, now - seconds_ago))


@pytest.mark.parametrize("stale_after", [STALE_WORK, STALE_RUN])
def test_a_process_on_another_machine_is_alive_as_long_as_its_heart_beats(
    stale_after: float, tmp_path: Path
) -> None:
    _elsewhere(tmp_path, stale_after - 20)
    with pytest.raises(RunBusyError, match="process 1 on elsewhere"):
        Lock.take(tmp_path, stale_after)
    assert lock_holder(tmp_path, stale_after) is not None
    _elsewhere(tmp_path, stale_after + 1)
    assert lock_holder(tmp_path, stale_after) is None
    lock = Lock.take(tmp_path, stale_after)
    assert json.loads((tmp_path / NAME).read_text())["host"] == socket.gethostname()
    lock.release()


def test_the_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT_EVERY", 0.01)
    lock = Lock.take(tmp_path)
    os.utime(tmp_path / NAME, (0, 0))
    deadline = threading.Event()
    for _ in range(500):
        if (tmp_path / NAME).stat().st_mtime > 0:
            break
        deadline.wait(0.01)
    assert (tmp_path / NAME).stat().st_mtime > 0
    lock.release()


@pytest.mark.parametrize("content", ['{"token": ', "", "[]", '{"pid": 1e400}', '{"pid": -1}', "\x00" * 5000])
def test_a_damaged_lock_binds_nobody(content: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(content)
    assert lock_holder(tmp_path) is None
    Lock.take(tmp_path).release()


def test_a_lock_of_version_0_1_is_respected_while_it_is_held(tmp_path: Path) -> None:
    """It held the kernel's lock on a file with ``pid`` and ``host``, and emptied it at the end."""
    with (tmp_path / NAME).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, file)
        file.flush()
        with pytest.raises(RunBusyError, match=f"process {os.getpid()}"):
            Lock.take(tmp_path)
        file.truncate(0)
    Lock.take(tmp_path).release()


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("content")
    (tmp_path / NAME).symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        Lock.take(tmp_path)
    assert target.read_text() == "content"
    assert lock_holder(tmp_path) is None


def _many_at_once(take: Callable[[], Any]) -> list[Lock]:
    """Locks that sixteen threads got which wanted them in the same moment."""
    got: list[Lock] = []
    start = threading.Barrier(16)

    def want() -> None:
        start.wait()
        with suppress(RunBusyError):
            got.append(take())

    threads = [threading.Thread(target=want) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_of_many_at_once_one_gets_a_dead_holders_lock(tmp_path: Path) -> None:
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        _elsewhere(folder, STALE_RUN + 1)
        (lock,) = _many_at_once(lambda folder=folder: Lock.take(folder))  # type: ignore[misc]
        assert lock.held()
        lock.release()
        assert list(folder.iterdir()) == []


def _without_kernel_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)


def test_without_kernel_locks_process_number_and_start_time_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_kernel_locks(monkeypatch)
    lock = Lock.take(tmp_path)
    with pytest.raises(RunBusyError):
        Lock.take(tmp_path)
    lock.release()
    for gone in ({"pid": 2**31 - 1}, {"pid": os.getpid(), "started": "never"}):
        (tmp_path / NAME).write_text(json.dumps({"token": "t", "host": socket.gethostname(), **gone}))
        Lock.take(tmp_path).release()


def test_without_kernel_locks_the_last_one_of_many_knows_that_it_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_kernel_locks(monkeypatch)
    _elsewhere(tmp_path, STALE_RUN + 1)
    got = _many_at_once(lambda: Lock.take(tmp_path))
    assert [lock.held() for lock in got].count(True) == 1
    for lock in got:
        lock.release()


def test_a_file_system_without_hard_links_has_locks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: Any, target: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    lock = Lock.take(tmp_path)
    with pytest.raises(RunBusyError):
        Lock.take(tmp_path)
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_who_lost_a_lock_knows_and_leaves_the_others_alone(tmp_path: Path) -> None:
    lock = Lock.take(tmp_path)
    _elsewhere(tmp_path, 0)
    assert not lock.held()
    lock.release()
    assert (tmp_path / NAME).exists(), "the other's lock stays"
