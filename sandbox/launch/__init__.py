"""Where work runs: local processes, a Ray cluster, or Slurm, behind one small interface."""

from sandbox.launch.base import Ended, Event, Job, Launcher, Lost, Told
from sandbox.launch.choose import LAUNCHERS, Launching, open_launcher

__all__ = ["LAUNCHERS", "Ended", "Event", "Job", "Launcher", "Launching", "Lost", "Told", "open_launcher"]
