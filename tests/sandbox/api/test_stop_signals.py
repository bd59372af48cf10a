"""Requests to stop: noted, repeated, urgent, nested."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from sandbox.api.stop_signals import StopSignals, stop_signals_interrupt


def send(number: int) -> None:
    """Send a signal to this process; its handler has run when this returns."""
    signal.raise_signal(number)


def test_the_first_signal_is_noted_and_a_second_ctrl_c_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.api.stop_signals.REPEATED_WITHIN", 0.05)
    with StopSignals() as stop:
        assert not stop.requested
        send(signal.SIGINT)
        assert stop.requested
        send(signal.SIGINT)  # passed on by a program in between
        time.sleep(0.1)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_sigterm_however_often_means_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.api.stop_signals.REPEATED_WITHIN", 0.0)
    with StopSignals() as stop:
        for _ in range(3):
            send(signal.SIGTERM)
            time.sleep(0.01)
        assert stop.requested


def test_handlers_from_before_are_back_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_work_without_safe_points_is_interrupted_where_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), stop_signals_interrupt():
        send(signal.SIGTERM)
    with StopSignals() as stop:
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt), stop.immediately():
            raise AssertionError("a request from before counts")


def test_a_request_reaches_what_is_around_and_is_not_a_new_one_there() -> None:
    with StopSignals() as outer, outer.immediately():
        with StopSignals() as inner:
            send(signal.SIGTERM)
        assert inner.requested
        assert outer.requested
        send(signal.SIGTERM)  # no KeyboardInterrupt while the inner work writes its record


def test_what_is_shielded_is_brought_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.api.stop_signals.REPEATED_WITHIN", 0.0)
    with StopSignals() as stop, stop.shielded():
        send(signal.SIGINT)
        time.sleep(0.01)
        send(signal.SIGINT)
        assert stop.requested


def test_after_the_limit_a_sigterm_interrupts_a_thread_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sandbox.api.stop_signals.CHECK_EVERY", 0.05)

    def work() -> None:
        with StopSignals(limit=0.4):
            send(signal.SIGTERM)
            time.sleep(30)

    with pytest.raises(KeyboardInterrupt):
        work()


def test_outside_the_main_thread_nothing_is_noted() -> None:
    notes: list[bool] = []

    def work() -> None:
        with StopSignals() as stop:
            notes.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert notes == [False]
