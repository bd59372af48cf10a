"""Speed traces of a leader: read from CSV files, or generated.

A file has a header with the columns ``time`` (s, ascending) and ``speed`` (m/s, 0 to 60); others are
ignored. It is interpolated linearly. A generated trace alternates between dense flow, congestion and
standstill.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox.api.files import read_regular
from sandbox_mixed.jit import njit
from sandbox_mixed.kernels import Floats

MAX_BYTES = 64 * 2**20
MAX_SPEED = 60.0

PHASES = ((12.0, 20.0, 30.0), (3.0, 9.0, 20.0), (0.0, 1.0, 8.0))
"""Dense flow, congestion, standstill: least and greatest target speed (m/s), mean duration (s)."""

NEXT_PHASE = ((0.0, 0.85, 0.15), (0.45, 0.15, 0.4), (0.15, 0.85, 0.0))
"""Probabilities of the phase that follows each."""

WANDERING, RETURNING = 0.15, 0.05
"""Of a generated target speed: noise over 1 s, m/s, and rate of return, 1/s; in the long run 0.47 m/s."""

ACCELERATION, BRAKING = 1.0, 1.8
"""Greatest of a generated leader, m/s²."""


@dataclass(frozen=True)
class Trace:
    """A recorded drive.

    Attributes:
        time: s, ascending, shape ``(samples,)``.
        speed: m/s, shape ``(samples,)``.
    """

    time: Floats
    speed: Floats

    @property
    def duration(self) -> float:
        """s."""
        return float(self.time[-1] - self.time[0])

    def sampled(self, start: float, steps: int, dt: float) -> Floats:
        """Speeds every ``dt`` seconds from ``start`` seconds after the beginning, m/s, shape ``(steps,)``."""
        moments = self.time[0] + start + dt * np.arange(steps)
        speeds: Floats = np.interp(moments, self.time, self.speed)
        return speeds


@cache
def read_trace(path: Path) -> Trace:
    """The trace in a CSV file.

    Raises:
        BrokenFileError: With the first line that is wrong, or if the file cannot be read.
    """
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise BrokenFileError(path, f"it cannot be read: {error}.") from None
    rows = csv.DictReader(StringIO(text))
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    rows.fieldnames = names
    if not {"time", "speed"} <= set(names):
        raise BrokenFileError(
            path, "the columns time and speed were expected.", 1, "Write a header: time,speed (s and m/s)."
        )
    times: list[float] = []
    speeds: list[float] = []
    for row in rows:
        time, speed = (_number(path, rows.line_num, name, row[name]) for name in ("time", "speed"))
        if times and time <= times[-1]:
            raise BrokenFileError(path, f"time {time:g} s does not follow {times[-1]:g} s.", rows.line_num)
        if not 0.0 <= speed <= MAX_SPEED:
            raise BrokenFileError(path, f"speed {speed:g} is outside 0 to {MAX_SPEED:g} m/s.", rows.line_num)
        times.append(time)
        speeds.append(speed)
    if len(times) < 2:
        raise BrokenFileError(path, "at least two samples were expected.")
    return Trace(np.array(times), np.array(speeds))


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BrokenFileError(path, f"{name} is '{(text or '')[:40]}', no number.", line)
    return value


def generate_speeds(rng: np.random.Generator, steps: int, dt: float) -> Floats:
    """Speeds of a generated leader every ``dt`` seconds, m/s, shape ``(steps,)``."""
    targets, phase = np.empty(steps), int(rng.integers(2))
    filled = 0
    while filled < steps:
        low, high, mean = PHASES[phase]
        count = max(1, round((0.4 + rng.exponential(0.6)) * mean / dt))
        targets[filled : filled + count] = rng.uniform(low, high)
        filled += count
        phase = int(rng.choice(3, p=NEXT_PHASE[phase]))
    return _drive(targets, rng.normal(0.0, WANDERING * math.sqrt(dt), steps), dt)


@njit
def _drive(targets: Floats, noise: Floats, dt: float) -> Floats:
    """Speeds that approach their targets, which wander, with bounded acceleration."""
    speeds = np.empty(len(targets))
    speed, wander = targets[0], 0.0
    for step in range(len(targets)):
        wander += noise[step] - RETURNING * wander * dt
        wanted = max(0.0, targets[step] + (wander if targets[step] > 1.0 else 0.0))
        change = min(max(0.4 * (wanted - speed), -BRAKING), ACCELERATION)
        speed = max(0.0, speed + change * dt)
        speeds[step] = speed
    return speeds


def write_trace(path: Path, seconds: float, seed: int, dt: float = 0.1) -> None:
    """Write a generated trace as CSV."""
    speeds = generate_speeds(np.random.default_rng(seed), round(seconds / dt) + 1, dt)
    lines = [f"{step * dt:.2f},{speed:.4f}" for step, speed in enumerate(speeds)]
    path.write_text("\n".join(["time,speed", *lines, ""]))
