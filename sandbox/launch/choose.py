"""Launchers by name, as ``--launcher`` takes them."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api.errors import InvalidValueError, UnknownNameError
from sandbox.launch.base import Launcher

LAUNCHERS = ("local", "inline", "ray", "slurm")


@dataclass(frozen=True)
class Launching:
    """Where and how widely work runs.

    Attributes:
        launcher: ``local``, ``inline`` (in this process, for debugging), ``ray`` or ``slurm``.
        workers: Jobs at the same time; what the machine, cluster or queue offers if absent.
        address: Address of a Ray cluster; a cluster of this machine alone if absent.
        cores: Cores that one job declares; more where training uses several processes.
        partition: Slurm partition.
        minutes: Slurm time limit of one job.
    """

    launcher: str = "local"
    workers: int | None = None
    address: str | None = None
    cores: float = 1.0
    partition: str | None = None
    minutes: int = 24 * 60


def open_launcher(how: Launching, folder: str) -> Launcher:
    """The launcher that is asked for.

    Args:
        how: Which and how wide.
        folder: Where a launcher may keep files; on storage that all machines share.

    Raises:
        UnknownNameError: For another name.
        InvalidValueError: For options that do not go together.
        MissingExtraError: If its package is not installed.
    """
    if how.launcher not in LAUNCHERS:
        raise UnknownNameError("launcher", how.launcher, LAUNCHERS)
    if how.address is not None and how.launcher != "ray":
        raise InvalidValueError("--ray-address goes with --launcher ray.")
    if how.workers is not None and how.workers < 1:
        raise InvalidValueError(f"--workers must be at least 1, not {how.workers}.")
    if how.launcher == "ray":
        from sandbox.launch.on_ray import RayLauncher

        return RayLauncher(how.address, how.workers, how.cores)
    if how.launcher == "slurm":
        from sandbox.launch.on_slurm import SlurmLauncher

        return SlurmLauncher(folder, how.workers, how.cores, how.partition, how.minutes)
    if how.launcher == "inline":
        from sandbox.launch.inline import InlineLauncher

        return InlineLauncher()
    from sandbox.launch.local import LocalLauncher

    return LocalLauncher(how.workers)
