"""Processes: usable cores, numerical threads, starting child processes, and how they end.

A child process here leaves the end of the work to its parent. Ctrl-C and the SIGTERM of a scheduler
(``timeout``, systemd, Slurm, Kubernetes) often reach every process of a job at once; a child that died
of it would fail the work before the parent could write a checkpoint. A child therefore ignores both
signals and ends when its parent closes the connection, kills it, or dies:

- the parent starts it within `starting_children`, or by `start_module`;
- the child calls `follow_parent` first, with the `Parent` that it was given;
- the parent ends it by closing its connection, or by `stop_child`.

The parent itself notes requests to stop with `sandbox.api.stop_signals.StopSignals`. This module
imports the standard library alone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.api.stop_signals import STOP_SIGNALS

if TYPE_CHECKING:
    import subprocess
    from multiprocessing.process import BaseProcess

ORPHAN_GRACE = 60
"""Seconds that a child has for an orderly end after the death of its parent, where it asks for them."""

WATCH_EVERY = 0.5
"""Seconds between two looks at whether the parent lives, where the kernel does not tell."""

_PR_SET_PDEATHSIG = 1


def usable_cores() -> int:
    """Cores that this process may run on; containers and schedulers often allow fewer than there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity
        return os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one numerical thread.

    Small networks run faster on one thread than on several under load, and give the same bits
    everywhere: sums split over a different number of threads round differently.

    The environment variable also reaches a torch that is imported later and all child processes.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch: Any = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else None
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)


@dataclass(frozen=True)
class Parent:
    """The process that a child serves, as plain values that can be sent to it.

    Attributes:
        pid: Its number.
        main_thread: Whether its main thread starts the child. The kernel reports the death of the thread
            that started a child, so it can be relied on only where that thread lives as long as the process.
    """

    pid: int
    main_thread: bool

    @staticmethod
    def current() -> Parent:
        """This process and thread, to be given to a child that is started now."""
        return Parent(os.getpid(), threading.current_thread() is threading.main_thread())

    @staticmethod
    def from_argument(text: str) -> Parent:
        """What `argument` gave."""
        pid, _, main_thread = text.partition(":")
        return Parent(int(pid), main_thread == "1")

    @property
    def argument(self) -> str:
        """This parent as an argument of a command line."""
        return f"{self.pid}:{int(self.main_thread)}"

    @property
    def alive(self) -> bool:
        """Whether it still is the parent of this process."""
        return os.getppid() == self.pid


def follow_parent(parent: Parent, grace: int = 0) -> None:
    """Leave the end of this process to its parent, and end when the parent dies; the first call of a child.

    SIGINT and SIGTERM are ignored from here on. On Linux the kernel ends this process when the parent
    dies, also inside native code that never returns to Python; elsewhere a thread watches the parent.

    Args:
        parent: Who is served.
        grace: Seconds for an orderly end after the parent's death: this process is interrupted first
            (`KeyboardInterrupt` in its main thread, where SIGINT is handled at that time) and ended when
            they have passed. 0 ends it at once; otherwise at least 34 and at most 64.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _unblock()
    by_kernel = parent.main_thread and (
        _alarm_on_death(grace) if grace else _set_death_signal(signal.SIGKILL)
    )
    if grace or not by_kernel:
        threading.Thread(target=_watch, args=(parent, grace), daemon=True).start()
    elif not parent.alive:  # it died before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)


def start_module(
    module: str,
    arguments: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``python -m module ARGUMENTS... PARENT`` as a child of this process.

    The child imports from the same places, has no standard streams, and calls `follow_parent` with
    `Parent.from_argument` of its last argument. Unlike a ``multiprocessing.Process`` it can be started
    from daemonic processes and from scripts without a ``__main__`` guard.

    Args:
        module: Its full name.
        arguments: Of the command line, before the parent's.
        pass_fds: Open files that the child inherits under the same numbers.
        environment: Variables of its environment, in addition to those of this process.

    Raises:
        OSError: If it cannot be started.
    """
    import subprocess

    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    with _stop_signals_blocked():
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments, Parent.current().argument],
            pass_fds=tuple(pass_fds),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {}), "PYTHONPATH": path},
        )


@contextmanager
def starting_children() -> Iterator[None]:
    """Start processes of ``multiprocessing`` within this.

    - They do not import the user's script. The spawn method imports the main module in every child, so a
      script without an ``if __name__ == "__main__"`` guard would run again in each.
    - SIGINT and SIGTERM wait until the child calls `follow_parent`, instead of ending it while it imports.
    """
    from multiprocessing import resource_tracker

    # Started by the first child otherwise; that would unblock the signals.
    resource_tracker.ensure_running()
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    main.__spec__ = None
    if file is not None:
        del main.__file__
    try:
        with _stop_signals_blocked():
            yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


def kill_on_terminate(processes: Iterable[BaseProcess]) -> None:
    """Have ``terminate()`` of started processes kill them.

    Process pools and vector environments call it to clear up, and then wait for the end: for ever, if the
    children ignore SIGTERM.
    """
    for process in processes:
        process.terminate = process.kill  # type: ignore[method-assign]


def stop_child(process: subprocess.Popen[bytes], seconds: float = 5.0) -> None:
    """Wait for a child whose connection has been closed, and kill it if it does not end."""
    import subprocess

    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def describe_exit(code: int | None) -> str:
    """How a process ended, from its exit code as ``subprocess`` and ``multiprocessing`` give it."""
    if code is None:
        return "still running"
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"killed by {name}" + ("; memory may have run out" if -code == signal.SIGKILL else "")


@contextmanager
def _stop_signals_blocked() -> Iterator[None]:
    """Children inherit the mask; a signal that comes meanwhile is delivered here afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unblock() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _set_death_signal(number: int) -> bool:
    """Ask the kernel for a signal when the parent's thread dies; whether it will send it."""
    if sys.platform != "linux":
        return False
    import ctypes

    return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) == 0)


def _alarm_on_death(grace: int) -> bool:
    """Have this process ended by SIGALRM ``grace`` seconds after the parent's death.

    Python's own handlers run only when native code returns to the interpreter. So the C library's
    ``alarm`` itself handles the kernel's signal: it takes a number of seconds, and a handler is called
    with the number of its signal. Real-time signals have the numbers 34 to 64 and no other use here.
    """
    if sys.platform != "linux" or not signal.SIGRTMIN <= grace <= signal.SIGRTMAX:
        return False
    import ctypes

    library = ctypes.CDLL(None)
    library.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    library.signal.restype = ctypes.c_void_p
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    library.signal(grace, ctypes.cast(library.alarm, ctypes.c_void_p))
    return _set_death_signal(grace)


def _watch(parent: Parent, grace: int) -> None:
    """Wait for the parent's death; then interrupt this process, and end it after ``grace`` seconds."""
    while parent.alive:
        time.sleep(WATCH_EVERY)
    if grace:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(grace)
    os._exit(1)
