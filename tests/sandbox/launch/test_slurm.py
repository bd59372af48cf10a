"""Slurm through submitit's own stand-in: jobs as processes of this machine, with scripts and result files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.api.errors import InvalidValueError
from sandbox.launch import Ended, Event, Job, WorkerLost
from sandbox.launch.on_slurm import SlurmLauncher

pytest.importorskip("submitit")
pytestmark = [pytest.mark.external]


def test_jobs_are_submitted_and_their_ends_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    launcher = SlurmLauncher(str(tmp_path), 4, 1.0, cluster="local")
    assert launcher.slots == 4
    launcher.submit(Job("good", "jobs:square", {"number": 5}))
    launcher.submit(Job("bad", "jobs:fail", {}))
    launcher.submit(Job("killed", "jobs:die", {}))
    ends: dict[str, Event] = {}
    for _ in range(120):
        ends |= {event.id: event for event in launcher.events(1.0)}
        if len(ends) == 3:
            break
    launcher.close()
    good = ends["good"]
    assert isinstance(good, Ended)
    assert (good.result or {})["square"] == 25
    assert ends["bad"] == Ended("bad", None, "ArithmeticError: no")
    assert isinstance(ends["killed"], WorkerLost)


def test_without_slurm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidValueError, match="sbatch"):
        SlurmLauncher(str(tmp_path), None, 1.0)
