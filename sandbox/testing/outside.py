"""The contract suite in a process of its own, with limits: a plugin that hangs or crashes harms nobody.

This catches bugs, not malice: the plugin's code runs with the rights of the user.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sandbox.api.errors import PluginError, SandboxError, UnknownNameError
from sandbox.api.processes import Parent
from sandbox.testing.names import ALGORITHM_CHECK_NAMES, CHECK_NAMES
from sandbox.testing.verdicts import Level, Result

SECONDS = 600
MEMORY = 6 * 2**30


def check_outside(
    plugin: str,
    level: Level = "full",
    seconds: float = SECONDS,
    memory: int = MEMORY,
    only: Sequence[str] = (),
    lock: bool = False,
) -> Iterator[Result]:
    """Run every check of the contract on a plugin.

    Args:
        plugin: Name of an installed domain or algorithm, or the path of a plugin.
        level: How thorough to be.
        seconds: Wall time after which the process and all that it started is killed.
        memory: Address space of each process, bytes.
        only: Names of the checks to run; all if absent.
        lock: Whether the plugin's lock file is written first.

    Yields:
        The result of each check as it ends. Where the process dies or runs out of time, the check that
        was running has failed and none follows.

    Raises:
        SandboxError: If the plugin is unknown or cannot be loaded, or a check is unknown.
    """
    for name in only:
        if name not in (*CHECK_NAMES, *ALGORITHM_CHECK_NAMES):
            raise UnknownNameError("check", name, (*CHECK_NAMES, *ALGORITHM_CHECK_NAMES))
    reader, writer = os.pipe()
    asked: dict[str, Any] = {"plugin": plugin, "level": level, "memory": memory, "cpu": int(seconds) + 10}
    asked |= {"only": list(only), "lock": lock}
    arguments = [str(writer), json.dumps(asked), Parent.current().argument]
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.testing.worker", *arguments],
        pass_fds=(writer,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": _path()},
    )
    os.close(writer)
    running: list[str] = []
    try:
        with os.fdopen(reader, "r", encoding="utf-8") as stream, _collected(process) as said:
            for message in _messages(stream, seconds):
                if message is None:
                    yield _lost(running, f"it was not done after {seconds:g} s, the limit of the whole check")
                    return
                if "error" in message:
                    raise _rebuilt(message["error"])
                if "begin" in message:
                    running = message["begin"]
                else:
                    running = []
                    yield Result(**message["result"])
        process.wait()
        if process.returncode != 0:
            yield _lost(running, _death(process.returncode, said.decode(errors="replace"), memory))
    finally:
        _kill(process)


def _messages(stream: IO[str], seconds: float) -> Iterator[Any]:
    """JSON lines until the other end closes; None when time is up."""
    end = time.monotonic() + seconds
    buffer = b""
    while True:
        left = end - time.monotonic()
        ready, _, _ = select.select([stream], [], [], max(left, 0))
        if not ready:
            yield None
            return
        block = os.read(stream.fileno(), 65_536)
        if not block:
            return
        *lines, buffer = (buffer + block).split(b"\n")
        yield from map(json.loads, lines)


@contextlib.contextmanager
def _collected(process: subprocess.Popen[bytes]) -> Iterator[bytearray]:
    """The last of what a process writes to its standard error, gathered so that it never blocks."""
    import threading

    said = bytearray()

    def gather() -> None:
        assert process.stderr is not None
        while block := process.stderr.read1(4096):  # type: ignore[attr-defined]
            said.extend(block)
            del said[:-8192]

    thread = threading.Thread(target=gather, daemon=True)
    thread.start()
    yield said
    thread.join(timeout=1)


def _lost(running: list[str], message: str) -> Result:
    task, check = running or ["?", "start"]
    return Result(task, check, "failed", message, 0.0)


def _death(code: int, said: str, memory: int) -> str:
    if "MemoryError" in said:
        return f"it needs more than {memory / 2**30:g} GB of memory"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        more = ": the limit of processor time" if name == "SIGXCPU" else ""
        return f"the process was killed by {name}{more}"
    last = next(iter(said.strip().splitlines()[::-1]), "")
    return f"the process ended with exit code {code}" + (f": {last[:200]}" if last else "")


def _rebuilt(error: dict[str, str]) -> SandboxError:
    known = {cls.kind: cls for cls in _kinds(SandboxError)}
    cls = known.get(error["kind"], PluginError)
    made = cls.__new__(cls)
    SandboxError.__init__(made, error["message"], error["hint"])
    return made


def _kinds(cls: type[SandboxError]) -> list[type[SandboxError]]:
    return [cls, *(kind for child in cls.__subclasses__() for kind in _kinds(child))]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stderr is not None:
        process.stderr.close()


def _path() -> str:
    """The folders where this process finds modules, for one that starts elsewhere."""
    return os.pathsep.join(str(Path(entry)) for entry in sys.path if entry)
