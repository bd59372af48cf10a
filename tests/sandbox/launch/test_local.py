"""Worker processes of this machine: warm, one thread each, replaced when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.api.errors import InvalidValueError, UnknownNameError
from sandbox.launch import Ended, Event, Job, JobProgress, Launching, WorkerLost, open_launcher
from sandbox.launch.local import LocalLauncher

HERE = str(Path(__file__).parent)


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalLauncher]:
    monkeypatch.setenv("PYTHONPATH", HERE)
    made = LocalLauncher(2)
    yield made
    made.close()


def events_of(launcher: LocalLauncher, count: int, seconds: float = 60.0) -> list[Event]:
    """Events until ``count`` jobs have come to an end."""
    events: list[Event] = []
    deadline = time.monotonic() + seconds
    while sum(not isinstance(event, JobProgress) for event in events) < count and time.monotonic() < deadline:
        events += launcher.events(1.0)
    return events


def test_results_errors_and_deaths_are_reported_and_workers_stay_warm(launcher: LocalLauncher) -> None:
    for number in range(6):
        launcher.submit(Job(str(number), "jobs:square", {"number": number}))
    events = events_of(launcher, 6)
    results = {event.id: event.result or {} for event in events if isinstance(event, Ended)}
    assert {name: result["square"] for name, result in results.items()} == {str(n): n * n for n in range(6)}
    assert len({result["pid"] for result in results.values()}) <= 2
    assert {result["threads"] for result in results.values()} == {"1"}
    assert JobProgress("4", {"half": 2.0}) in events

    launcher.submit(Job("wrong", "jobs:fail", {}))
    launcher.submit(Job("killed", "jobs:die", {}))
    ends = {event.id: event for event in events_of(launcher, 2)}
    assert ends["wrong"] == Ended("wrong", None, "ArithmeticError: no")
    assert isinstance(ends["killed"], WorkerLost)
    assert "SIGKILL" in ends["killed"].reason

    launcher.submit(Job("after", "jobs:square", {"number": 3}))
    assert any(isinstance(event, Ended) and event.id == "after" for event in events_of(launcher, 1))


def test_stopping_interrupts_what_runs_and_drops_what_waits(launcher: LocalLauncher, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        payload = {"started": str(tmp_path / name), "interrupted": str(tmp_path / f"{name}-over")}
        launcher.submit(Job(name, "jobs:wait", payload))
    while len(list(tmp_path.iterdir())) < 2:
        launcher.events(0.1)
    launcher.stop()
    ends = {event.id: event for event in events_of(launcher, 3)}
    assert ends["a"] == Ended("a", {"status": "interrupted"})
    assert ends["c"] == WorkerLost("c", "it was not started")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a-over", "b", "b-over"}


def test_a_worker_whose_driver_is_killed_interrupts_its_job_and_ends(tmp_path: Path) -> None:
    code = f"""
from sandbox.launch import Job
from sandbox.launch.local import LocalLauncher
launcher = LocalLauncher(1)
files = {{"started": {str(tmp_path / "on")!r}, "interrupted": {str(tmp_path / "over")!r}}}
launcher.submit(Job("a", "jobs:wait", files))
while True:
    launcher.events(1.0)
"""
    driver = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": HERE})
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "on").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    deadline = time.monotonic() + 20
    while not (tmp_path / "over").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "over").exists()


def test_unknown_launchers_and_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="rai"):
        open_launcher(Launching("rai"), str(tmp_path))
    with pytest.raises(InvalidValueError, match="--ray-address"):
        open_launcher(Launching("local", address="head:6379"), str(tmp_path))
    with pytest.raises(InvalidValueError, match="at least 1"):
        open_launcher(Launching("local", workers=0), str(tmp_path))
