"""Leases: one worker a cell, and nobody waits for the dead."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from sandbox.comparison.lease import NAME, STALE_AFTER, Lease, holder, take


def test_only_one_holds_a_lease_until_it_is_given_back(tmp_path: Path) -> None:
    first = take(tmp_path)
    assert first is not None
    assert first.held()
    assert take(tmp_path) is None
    assert (holder(tmp_path) or {})["pid"] == os.getpid()
    first.release()
    assert holder(tmp_path) is None
    second = take(tmp_path)
    assert second is not None
    second.release()
    assert list(tmp_path.iterdir()) == []


def test_the_lease_of_a_dead_process_is_taken_over_at_once(tmp_path: Path) -> None:
    code = (
        f"from pathlib import Path; from sandbox.comparison.lease import take; take(Path({str(tmp_path)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / NAME).exists(), "the process ended without giving it back"
    lease = take(tmp_path)
    assert lease is not None
    lease.release()


def _elsewhere(folder: Path, seconds_ago: float) -> None:
    (folder / NAME).write_text(json.dumps({"token": "t", "host": "elsewhere", "pid": 1, "started": "1"}))
    now = (folder / NAME).stat().st_mtime
    os.utime(folder / NAME, (now - seconds_ago, now - seconds_ago))


def test_a_worker_elsewhere_is_alive_as_long_as_its_heart_beats(tmp_path: Path) -> None:
    _elsewhere(tmp_path, STALE_AFTER - 20)
    assert take(tmp_path) is None
    _elsewhere(tmp_path, STALE_AFTER + 1)
    lease = take(tmp_path)
    assert lease is not None
    assert json.loads((tmp_path / NAME).read_text())["host"] == socket.gethostname()
    lease.release()


def test_a_reused_process_number_is_no_sign_of_life(tmp_path: Path) -> None:
    content = {"token": "t", "host": socket.gethostname(), "pid": os.getpid(), "started": "never"}
    (tmp_path / NAME).write_text(json.dumps(content))
    lease = take(tmp_path)
    assert lease is not None
    lease.release()


def test_a_damaged_lease_binds_nobody(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"token": ')
    lease = take(tmp_path)
    assert lease is not None
    lease.release()


def test_many_at_once_one_gets_it(tmp_path: Path) -> None:
    _elsewhere(tmp_path, STALE_AFTER + 1)
    got: list[Lease] = []
    start = threading.Barrier(16)

    def want() -> None:
        start.wait()
        lease = take(tmp_path)
        if lease is not None:
            got.append(lease)

    threads = [threading.Thread(target=want) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lease.held() for lease in got].count(True) == 1
    for lease in got:
        lease.release()


def test_who_lost_a_lease_knows(tmp_path: Path) -> None:
    lease = take(tmp_path)
    assert lease is not None
    _elsewhere(tmp_path, 0)
    assert not lease.held()
    lease.release()
    assert (tmp_path / NAME).exists(), "the other's lease stays"
