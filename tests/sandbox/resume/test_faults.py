"""A disk that refuses: whatever was there stays readable, and one sentence says why."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from stopping import Heard

from sandbox.api.errors import StorageError
from sandbox.runs.directory import Run, runs
from sandbox.runs.verify import find_damages
from sandbox.workflow import resume, run

SETTINGS: dict[str, Any] = {
    "steps": 128,
    "num_envs": 4,
    "hp": {"n_steps": 16, "batch_size": 16, "n_epochs": 1},
    "changes": ["evaluation.validations=3", "evaluation.validation_episodes=1"],
    "episodes": 1,
    "checkpoint_every": 1e9,
}

CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EACCES: "permission denied",
    errno.EIO: "the disk reports an input/output error",
}


class Disk:
    """Counts what is done to the disk below a folder, and refuses one such thing.

    Opening for writing, making folders, renaming, linking, truncating and removing are seen by
    an audit hook; flushing to the disk is patched.
    """

    def __init__(self) -> None:
        self.root: str | None = None
        self.done = 0
        self.refuse_at: int | None = None
        self.code = 0
        self.sites: list[str] = []

    def touch(self, what: str, path: Any) -> None:
        if self.root is None or not str(path).startswith(self.root) or str(path).endswith(".lock"):
            return
        self.done += 1
        self.sites.append(what)
        if self.refuse_at is not None and self.done == self.refuse_at:
            raise OSError(self.code, os.strerror(self.code), str(path))

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.root is None:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and mode[:1] in "wax") or (flags & (os.O_WRONLY | os.O_RDWR))
            if writes and isinstance(path, str | os.PathLike):
                self.touch("open", path)
        elif event in ("os.mkdir", "os.rename", "os.link", "os.truncate"):
            self.touch(event, arguments[-2] if event == "os.truncate" else arguments[0])


DISK = Disk()
sys.addaudithook(DISK.hear)


@contextmanager
def disk(root: Path, code: int = 0, refuse_at: int | None = None) -> Iterator[Disk]:
    """Watch the disk below ``root``, and refuse its operation number ``refuse_at``."""
    real = os.fsync

    def flush(handle: int) -> None:
        DISK.touch("fsync", os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    DISK.root, DISK.done, DISK.code, DISK.refuse_at, DISK.sites = str(root), 0, code, refuse_at, []
    os.fsync = flush
    try:
        yield DISK
    finally:
        DISK.root, os.fsync = None, real


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, toys_for_all: None) -> tuple[bytes, list[str]]:
    """Weights of a run without faults, and what it does to the disk."""
    root = tmp_path_factory.mktemp("whole")
    with disk(root) as seen:
        done, _ = run("toy/regulator", "ppo", runs_dir=root / "runs", **SETTINGS)
    return weights(done), list(seen.sites)


@pytest.fixture(scope="module")
def toys_for_all() -> Iterator[None]:
    from sandbox.registry.discover import registry

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_PLUGINS", str(Path(__file__).parents[2] / "toys" / "plugin.py"))
        registry.cache_clear()
        yield
    registry.cache_clear()


def weights(done: Run) -> bytes:
    return (done.policy_folder() / "weights.safetensors").read_bytes()


def check(tmp_path: Path, site: int, code: int, wanted: bytes) -> None:
    """Refuse operation ``site``: one sentence, nothing lost, and going on gives the same."""
    root = tmp_path / f"{site}-{code}"
    root.mkdir()
    error: BaseException | None = None
    with disk(root, code, site):
        try:
            run("toy/regulator", "ppo", runs_dir=root / "runs", progress=Heard(), **SETTINGS)
        except StorageError as refused:
            error = refused
    kept = list(runs(root / "runs"))
    assert all(isinstance(one, Run) for one in kept), f"site {site}: {kept}"
    if error is not None:
        assert CAUSES[code] in error.message, f"site {site}: {error.message}"
        assert error.exit_code == 1
        assert "\n" not in error.message
    for one in kept:
        assert isinstance(one, Run)
        assert find_damages(one.path) == [], f"site {site}"
        done = resume(one.path)
        assert done.status == "done"
        assert weights(done) == wanted, f"site {site}: another result"
        assert find_damages(one.path) == [], f"site {site}"


def test_refusals_all_over_a_run_lose_nothing(whole: tuple[bytes, list[str]], tmp_path: Path) -> None:
    wanted, sites = whole
    assert len(sites) > 60
    for code, site in zip([errno.ENOSPC, errno.EACCES, errno.EIO], [7, 40, len(sites) - 12], strict=True):
        check(tmp_path, site, code, wanted)


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a run for each of some 140 operations
@pytest.mark.parametrize("code", CAUSES)
def test_a_refusal_at_any_write_loses_nothing(
    code: int, whole: tuple[bytes, list[str]], tmp_path: Path
) -> None:
    wanted, sites = whole
    for site in range(1, len(sites) + 1):
        check(tmp_path, site, code, wanted)
    print(f"{len(sites)} operations refused with {errno.errorcode[code]}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(small_disk: Path, toys: None) -> None:
    settings = {**SETTINGS, "steps": 4096, "changes": ["evaluation.validations=20"]}
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(480 * 1024))
    with pytest.raises(StorageError, match="the disk is full") as caught:
        run("toy/regulator", "ppo", runs_dir=small_disk / "runs", **{**settings, "checkpoint_every": 0})
    assert "sandbox resume" in caught.value.hint
    (kept,) = runs(small_disk / "runs")
    assert isinstance(kept, Run)
    assert find_damages(kept.path) == []
    assert list((kept.path / "checkpoints").glob("0*/manifest.json")), "a checkpoint is there"
    ballast.unlink()


def test_without_permission_nothing_is_begun(tmp_path: Path, toys: None, monkeypatch: Any) -> None:
    def refused(*arguments: Any, **more: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(StorageError, match="permission denied") as caught:
        run("toy/regulator", "ppo", runs_dir=tmp_path / "runs", **SETTINGS)
    assert "Nothing was written" in caught.value.hint
