"""The job loop: what is lost or busy runs again, what keeps dying is given up, stopping is orderly."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sandbox.api.errors import RunFailedError
from sandbox.launch import Ended, Event, Job, JobLoop, JobProgress, WorkerLost
from sandbox.launch.inline import InlineLauncher


class Script:
    """A launcher that answers each submission of a job with the next event of its script."""

    def __init__(self, events: Mapping[str, list[Event]], slots: int = 2) -> None:
        self.slots = slots
        self.submitted: list[str] = []
        self.most = 0
        self.stops = 0
        self._events = {name: deque(script) for name, script in events.items()}
        self._ready: deque[list[Event]] = deque()

    def submit(self, job: Job) -> None:
        self.submitted.append(job.id)
        script = self._events[job.id]
        if script:
            self._ready.append([script.popleft()])
        self.most = max(self.most, len(self._ready))

    def events(self, timeout: float) -> list[Event]:
        return self._ready.popleft() if self._ready else []

    def stop(self) -> None:
        self.stops += 1

    def close(self) -> None:
        return None


class Handler:
    """Gives named jobs and notes what it is told."""

    def __init__(self, names: list[str], on_tick: Callable[[], None] = lambda: None) -> None:
        self.notes: list[tuple[Any, ...]] = []
        self._names = deque(names)
        self._on_tick = on_tick

    @property
    def pending(self) -> bool:
        return bool(self._names)

    def next_job(self) -> Job | None:
        return Job(self._names.popleft(), "jobs:square", {"number": 3}) if self._names else None

    def on_start(self, job: Job) -> None:
        self.notes.append(("start", job.id))

    def on_progress(self, job: Job, values: Mapping[str, Any]) -> None:
        self.notes.append(("progress", job.id, dict(values)))

    def on_busy(self, job: Job) -> None:
        self.notes.append(("busy", job.id))

    def on_requeued(self, job: Job) -> None:
        self.notes.append(("requeued", job.id))

    def on_result(self, job: Job, result: Mapping[str, Any]) -> None:
        self.notes.append(("result", job.id, result.get("status")))

    def on_given_up(self, job: Job, losses: int, reason: str) -> None:
        self.notes.append(("given up", job.id, losses, reason))

    def on_tick(self, running: int, slots: int) -> None:
        self._on_tick()

    def on_stopping(self) -> None:
        self.notes.append(("stopping",))


DONE = {"status": "done"}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.launch.loop.BUSY_EVERY", 0.0)


def test_jobs_that_are_busy_interrupted_or_lost_run_again_until_they_are_done() -> None:
    script = {
        "a": [Ended("a", {"status": "busy"}), Ended("a", {"status": "interrupted"}), Ended("a", DONE)],
        "b": [WorkerLost("b", "gone"), Ended("b", DONE)],
    }
    launcher, handler = Script(script), Handler(["a", "b"])
    JobLoop(launcher, handler, "Jobs").run()
    notes = [note for note in handler.notes if note[0] != "start"]
    assert [note for note in notes if note[1] == "a"] == [
        ("busy", "a"),
        ("requeued", "a"),
        ("result", "a", "done"),
    ]
    assert [note for note in notes if note[1] == "b"] == [("requeued", "b"), ("result", "b", "done")]
    assert sorted(launcher.submitted) == ["a"] * 3 + ["b"] * 2


def test_a_job_that_keeps_killing_its_process_is_given_up_and_the_others_go_on() -> None:
    script = {"a": [WorkerLost("a", f"death {n}") for n in range(1, 9)], "b": [Ended("b", DONE)]}
    handler = Handler(["a", "b"])
    JobLoop(Script(script), handler, "Jobs").run()
    assert ("given up", "a", 4, "death 4") in handler.notes
    assert ("result", "b", "done") in handler.notes


@pytest.mark.parametrize(("ahead", "most"), [(0, 2), (1, 3)])
def test_no_more_jobs_are_given_out_than_can_run_and_as_many_more_as_asked_for(ahead: int, most: int) -> None:
    names = [str(number) for number in range(6)]
    launcher = Script({name: [Ended(name, DONE)] for name in names})
    JobLoop(launcher, Handler(names), "Jobs", ahead).run()
    assert launcher.most == most


def test_a_job_that_cannot_be_carried_out_ends_the_loop_with_its_sentence() -> None:
    launcher = Script({"a": [Ended("a", None, "The disk is full.")]})
    with pytest.raises(RunFailedError, match="The disk is full") as caught:
        JobLoop(launcher, Handler(["a"]), "Jobs that ran").run()
    assert caught.value.hint == "Jobs that ran are kept; start again to go on."


def test_on_a_request_to_stop_nothing_new_starts_and_results_that_come_meanwhile_count() -> None:
    class Stopped(Script):
        def stop(self) -> None:
            super().stop()
            late = [[Ended("a", DONE)], [Ended("b", {"status": "interrupted"})]]
            self._ready.extend(late if self.stops == 1 else [])

    launcher = Stopped({"a": [JobProgress("a", {"done": 1})], "b": [], "c": []})
    handler = Handler(["a", "b", "c"], on_tick=lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt):
        JobLoop(launcher, handler, "Jobs").run()
    assert launcher.submitted == ["a", "b"]
    assert handler.notes[-3:] == [("progress", "a", {"done": 1}), ("stopping",), ("result", "a", "done")]


def test_jobs_that_do_not_end_after_a_request_to_stop_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.launch.loop.STOP_WAIT", 0.2)
    launcher = Script({"a": []})
    handler = Handler(["a"], on_tick=lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt):
        JobLoop(launcher, handler, "Jobs").run()
    assert launcher.stops > 1, "asked again: a worker may have been about to begin"


def test_an_interrupt_of_a_job_in_this_process_ends_the_loop_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is not started, and nobody waits for what was interrupted."""

    def interrupted(payload: Any, on_progress: Any) -> dict[str, Any]:
        signal.raise_signal(signal.SIGINT)
        return {}

    monkeypatch.setattr("sandbox.launch.worker.resolve", lambda function: interrupted)
    handler = Handler(["a", "b"])
    with pytest.raises(KeyboardInterrupt):
        JobLoop(InlineLauncher(), handler, "Jobs", ahead=1).run()
    assert [note for note in handler.notes if note[0] == "result"] == []
    assert handler.notes[-1] == ("stopping",)
