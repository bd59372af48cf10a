"""Child processes leave the end of the work to their parent, and never outlive it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.api.processes import (
    ORPHAN_GRACE,
    Parent,
    describe_exit,
    start_module,
    stop_child,
    usable_cores,
)

CHILD = """
import re, signal, sys, time
from pathlib import Path
from sandbox.api.processes import Parent, follow_parent

def hold_interpreter():
    re.match(r"(a+)+$", "a" * 60 + "b")

folder, what, grace, parent = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
follow_parent(Parent.from_argument(parent), grace=grace)
(folder / "child").write_text(str(__import__("os").getpid()))
if grace:
    signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    hold_interpreter() if what == "stuck" else time.sleep(120)
except KeyboardInterrupt:
    (folder / "left").write_text(str(signal.alarm(0)))
"""

PARENT = """
import sys, threading, time
from sandbox.api.processes import start_module
def start():
    start_module("child", sys.argv[1:4])
if sys.argv[4] == "main":
    start()
else:
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
time.sleep(120)
"""


def until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Family:
    """A parent process and its child."""

    def __init__(self, folder: Path, what: str = "sleep", grace: int = 0, thread: str = "main") -> None:
        (folder / "child.py").write_text(CHILD)
        paths = os.pathsep.join([str(folder), *sys.path])
        self.parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(folder), what, str(grace), thread],
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        )
        written = folder / "child"
        assert until(lambda: written.exists() and written.read_text() != "")
        self.child = int(written.read_text())

    def end(self) -> None:
        """Leave nothing behind."""
        for pid in (self.parent.pid, self.child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.parent.wait()


@pytest.mark.parametrize("what", ["sleep", "stuck"])
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell of a parent's death")
def test_a_child_ends_when_its_parent_is_killed_whatever_it_is_doing(tmp_path: Path, what: str) -> None:
    family = Family(tmp_path, what)
    try:
        time.sleep(0.3)
        assert runs(family.child)
        family.parent.kill()
        family.parent.wait()
        assert until(lambda: not runs(family.child), 5.0)
    finally:
        family.end()


def test_a_child_that_a_thread_started_lives_as_long_as_the_process_not_the_thread(tmp_path: Path) -> None:
    family = Family(tmp_path, thread="other")
    try:
        time.sleep(1.5)
        assert runs(family.child), "the thread that started it has ended, its process has not"
        family.parent.kill()
        family.parent.wait()
        assert until(lambda: not runs(family.child), 5.0)
    finally:
        family.end()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread alone watches the parent")
def test_an_orphan_with_a_grace_is_interrupted_and_ends_by_the_clock_of_the_kernel(tmp_path: Path) -> None:
    family = Family(tmp_path, grace=ORPHAN_GRACE)
    try:
        family.parent.kill()
        family.parent.wait()
        assert until(lambda: (tmp_path / "left").exists() and (tmp_path / "left").read_text() != "", 10.0)
        left = int((tmp_path / "left").read_text())
        assert ORPHAN_GRACE - 10 < left <= ORPHAN_GRACE, "an alarm was set when the parent died"
        assert until(lambda: not runs(family.child), 5.0)
    finally:
        family.end()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread alone watches the parent")
def test_an_orphan_that_never_returns_to_python_ends_when_its_grace_is_over(tmp_path: Path) -> None:
    family = Family(tmp_path, "stuck", grace=34)
    try:
        family.parent.kill()
        family.parent.wait()
        time.sleep(5)
        assert runs(family.child)
        assert until(lambda: not runs(family.child), 40.0)
    finally:
        family.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_reach_a_whole_process_group_leave_children_alone(tmp_path: Path, number: int) -> None:
    family = Family(tmp_path)
    try:
        os.kill(family.child, number)
        time.sleep(0.5)
        assert runs(family.child)
    finally:
        family.end()


def test_signals_do_not_end_a_child_that_is_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late.py").write_text(
        "import time, sys\nfrom pathlib import Path\ntime.sleep(0.5)\n"
        "from sandbox.api.processes import Parent, follow_parent\n"
        "follow_parent(Parent.from_argument(sys.argv[-1]))\nPath(sys.argv[1]).touch()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    process = start_module("late", [str(tmp_path / "through")])
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert (tmp_path / "through").exists()


def test_a_child_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    monkeypatch.syspath_prepend(str(tmp_path))
    process = start_module("child", [str(tmp_path), "sleep", "0"])
    assert until((tmp_path / "child").exists)
    stop_child(process, 0.2)
    assert describe_exit(process.returncode) == "killed by SIGKILL; memory may have run out"


def test_exit_codes_in_words() -> None:
    assert describe_exit(3) == "exit code 3"
    assert describe_exit(-signal.SIGTERM) == "killed by SIGTERM"
    assert describe_exit(-100) == "killed by signal 100"
    assert describe_exit(None) == "still running"


def test_a_parent_as_an_argument_of_a_command_line() -> None:
    parent = Parent.current()
    assert Parent.from_argument(parent.argument) == parent == Parent(os.getpid(), True)
    assert Parent.from_argument("17:0") == Parent(17, False)


def test_usable_cores_follow_the_affinity_of_the_process() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, cores)
    assert usable_cores() == len(cores)


def test_importing_it_loads_no_numpy_and_no_multiprocessing() -> None:
    code = (
        "import sys, sandbox.api.processes;"
        "print([name for name in ('numpy', 'multiprocessing', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
