"""What training uses of the machine is measured with all processes below it, and costs nothing."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from sandbox.training import resources
from sandbox.training.resources import CORES, MEMORY, SPEED, ResourceMeter

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="counts processes by /proc")
WORK = (
    "import time; x = bytearray(200_000_000); t = time.process_time()\n"
    "while time.process_time() < t + {}: pass\n"
)


def measured(meter: ResourceMeter, steps: int = 0) -> dict[str, float]:
    meter._at -= 1.0  # as if a second had passed
    return meter.figures(steps)


@LINUX
def test_work_and_memory_of_a_child_count() -> None:
    meter = ResourceMeter()
    before = measured(meter)[MEMORY]
    child = subprocess.Popen([sys.executable, "-c", WORK.format(0.6) + "time.sleep(60)"])
    try:
        deadline, used = time.monotonic() + 60, 0.0
        while used < 0.5 and time.monotonic() < deadline:
            time.sleep(0.2)
            meter._at -= 1.0
            at = meter._at
            figures = meter.figures(0)
            used += figures[CORES] * (time.perf_counter() - at)
        assert used >= 0.5
        assert figures[MEMORY] - before > 0.19
    finally:
        child.kill()
        child.wait()


@LINUX
def test_what_a_child_used_does_not_vanish_when_it_ends() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    first, _ = resources._usage()
    subprocess.run([sys.executable, "-c", WORK.format(0.3)], check=True)
    assert resources._usage()[0] - first >= 0.29


def test_speed_is_that_since_the_last_measurement() -> None:
    meter = ResourceMeter()
    assert SPEED not in measured(meter, 100)
    assert measured(meter, 400)[SPEED] == pytest.approx(300, rel=0.1)
    assert measured(meter, 400)[SPEED] == 0


def test_nothing_is_measured_more_than_once_a_second() -> None:
    meter = ResourceMeter()
    assert meter.figures(10) == {}


def test_elsewhere_it_is_this_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources.sys, "platform", "darwin")
    seconds, memory = resources._usage()
    assert seconds == pytest.approx(time.process_time(), abs=0.5)
    assert memory > 0
