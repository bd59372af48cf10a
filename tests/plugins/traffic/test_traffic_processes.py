"""The processes that run SUMO serve one parent: its signals are not theirs, and they end with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.api import RunFailedError
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.sumo.fork_server import ForkServer, current_server
from sandbox_traffic.sumo.remote import RemoteSimulation

SCRIPT = """
import sys, threading, time
from pathlib import Path
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import make_signal
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.sumo.fork_server import current_server

def play():
    env = make_signal(SignalConfig(), PRESETS["queue"])
    env.reset(seed=0)
    sumo = env.simulation._sumo
    if sys.argv[2] == "stepping":
        sumo.advance([], 1e7)  # for hours, without a return to Python
    Path(sys.argv[1]).write_text(f"{current_server()._process.pid} {sumo.pid}")
    time.sleep(120)

if sys.argv[3] == "main":
    play()
else:
    threading.Thread(target=play).start()
"""


def until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], list[int]]]]:
    """Starts a program with an environment; gives it and the processes of its fork server and its SUMO."""
    programs: list[subprocess.Popen[bytes]] = []

    def begin(doing: str, thread: str = "main") -> tuple[subprocess.Popen[bytes], list[int]]:
        file = tmp_path / f"{doing}-{thread}"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", SCRIPT, str(file), doing, thread]
        programs.append(subprocess.Popen(command, env=environment, start_new_session=True))
        assert until(lambda: file.exists() and len(file.read_text().split()) == 2)
        return programs[-1], [int(pid) for pid in file.read_text().split()]

    yield begin
    for program in programs:
        program.kill()
        program.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread watches the parent")
@pytest.mark.parametrize(("doing", "thread"), [("idle", "main"), ("stepping", "main"), ("stepping", "other")])
def test_a_killed_parent_leaves_no_sumo_behind(
    start: Callable[..., tuple[subprocess.Popen[bytes], list[int]]], doing: str, thread: str
) -> None:
    program, children = start(doing, thread)
    assert all(runs(pid) for pid in children)
    program.kill()
    program.wait()
    assert until(lambda: not any(runs(pid) for pid in children))


def test_signals_of_the_process_group_are_the_parents(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env()
    env.reset(seed=0)
    simulation = env.simulation._sumo
    assert isinstance(simulation, RemoteSimulation)
    assert simulation.pid is not None
    for pid in (current_server()._process.pid, simulation.pid):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    time.sleep(0.2)
    assert env.step(0)[4]["time"] == 5  # type: ignore[arg-type]


def test_a_dead_server_is_described_and_the_next_one_starts() -> None:
    server = ForkServer()
    server._process.kill()
    server._process.wait()
    here, there = socket.socketpair()
    with here, there, pytest.raises(RunFailedError, match="killed by SIGKILL; memory may have run out"):
        server.fork(there)
