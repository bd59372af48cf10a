"""Where work runs: local processes, a Ray cluster, or Slurm, behind one small interface."""

from sandbox.launch.base import Ended, Event, Job, JobProgress, Launcher, WorkerLost
from sandbox.launch.choose import LAUNCHERS, Launching, open_launcher
from sandbox.launch.loop import JobHandler, JobLoop

__all__ = [
    "LAUNCHERS",
    "Ended",
    "Event",
    "Job",
    "JobHandler",
    "JobLoop",
    "JobProgress",
    "Launcher",
    "Launching",
    "WorkerLost",
    "open_launcher",
]
