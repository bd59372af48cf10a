"""Commands that a scheduler stops or kills: a checkpoint, exit code 130, and no process that stays behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SLOW = Path(__file__).parents[1] / "fixtures" / "slow" / "plugin.py"
WALK = ("slow/walk", "--algo", "plod", "--plugin", str(SLOW))
ENDLESS = ("--steps", "100000000", "--set", "config.seconds=0.02", "--set", "config.horizon=100")


class Command:
    """A command in a process group of its own, whose descendants are known by a variable they inherit."""

    def __init__(self, folder: Path, *argv: str, before: tuple[str, ...] = ()) -> None:
        self._mark = f"MARK={uuid4().hex}"
        name, _, value = self._mark.partition("=")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "sandbox.cli.main", *argv],
            cwd=folder,
            env={**kept, name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def others(self) -> list[int]:
        """Living processes that this command started, itself aside."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marked = self._mark.encode() in (folder / "environ").read_bytes().split(b"\0")
                zombie = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if marked and not zombie and int(folder.name) != self.process.pid:
                found.append(int(folder.name))
        return found

    def signal_group(self, number: int) -> None:
        """What a scheduler does to a job."""
        os.killpg(self.process.pid, number)

    def wait(self, seconds: float = 40.0) -> tuple[int, str, str]:
        """Exit code and output."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err

    def end(self) -> None:
        """Leave nothing behind."""
        for pid in [*self.others(), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts commands in an empty folder."""
    commands: list[Command] = []

    def begin(*argv: str, **options: Any) -> Command:
        commands.append(Command(tmp_path, *argv, **options))
        return commands[-1]

    yield begin
    for command in commands:
        command.end()


def until(condition: Callable[[], Any], command: Command, seconds: float = 60.0) -> None:
    """Wait for something that a running command brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        assert command.process.poll() is None, command.process.communicate()
        time.sleep(0.05)


def gone(command: Command, seconds: float) -> bool:
    """Whether all that the command started has ended in time."""
    deadline = time.monotonic() + seconds
    while command.others() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not command.others()


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in folder.rglob("run.json")]


def logged(folder: Path, runs: int = 1) -> Callable[[], bool]:
    """Whether so many runs have recorded progress of some steps."""

    def some() -> bool:
        logs = [file.read_text() for file in folder.rglob("progress.jsonl")]
        return sum('"steps_per_second"' in log for log in logs) >= runs

    return some


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_training_in_worker_processes_ends_with_a_checkpoint_when_its_group_is_signalled(
    number: int, start: Callable[..., Command], tmp_path: Path
) -> None:
    command = start("train", *WALK, "--num-envs", "2", *ENDLESS, "--json")
    until(logged(tmp_path), command)
    command.signal_group(number)
    code, out, err = command.wait()
    assert code == 130, err
    assert "sandbox resume" in json.loads(out)["error"]["message"]
    assert "Traceback" not in err
    (record,) = records(tmp_path)
    assert record["status"] == "interrupted"
    assert list(tmp_path.glob(f"runs/slow/walk/plod/*/checkpoints/{record['steps_done']:012d}/state"))
    assert gone(command, 2.0)


@pytest.mark.skipif(shutil.which("timeout") is None, reason="needs coreutils")
def test_what_the_command_timeout_does_ends_a_training_in_an_orderly_way(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    """It signals the command, and then the command's process group."""
    command = start("train", *WALK, "--num-envs", "2", *ENDLESS, before=("timeout", "600"))
    until(logged(tmp_path), command)
    command.process.terminate()
    code, _, err = command.wait()
    assert code == 130
    assert "Go on with: sandbox resume" in err
    (record,) = records(tmp_path)
    assert record["status"] == "interrupted"
    assert gone(command, 2.0)


@pytest.mark.parametrize("killed", [False, True])
def test_an_evaluation_in_worker_processes_ends_with_its_command(
    killed: bool, start: Callable[..., Command], tmp_path: Path
) -> None:
    quick = ("--steps", "40", "--num-envs", "1", "--set", "evaluation.episodes=50")
    slow = ("--set", "evaluation.config.seconds=0.1", "--set", "config.horizon=20")
    command = start("run", *WALK, *quick, *slow)
    until(lambda: any(record["status"] == "done" for record in records(tmp_path)), command)
    until(lambda: len(command.others()) >= 2, command)  # the resource tracker and a worker
    if killed:
        command.process.kill()
        command.wait()
    else:
        command.signal_group(signal.SIGTERM)
        code, _, err = command.wait()
        assert code == 130, err
        assert "Interrupted when training was done. To evaluate: sandbox resume" in " ".join(err.split())
    assert gone(command, 5.0)


def suite(folder: Path) -> str:
    file = folder / "grid.yaml"
    file.write_text(
        "title: t\nagents: [plod]\nbaselines: none\nsteps: 100000000\nseeds: 3\nscenarios:\n"
        "  - {id: slow/walk, set: {seconds: 0.02, horizon: 100}}\n"
    )
    return str(file)


def test_a_comparison_ends_its_workers_at_their_safe_points(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    command = start("compare", suite(tmp_path), "--workers", "2", "--plugin", str(SLOW))
    until(logged(tmp_path, runs=2), command)
    command.signal_group(signal.SIGTERM)
    command.signal_group(signal.SIGTERM)
    begun = time.monotonic()
    code, _, err = command.wait()
    assert time.monotonic() - begun < 20
    assert code == 130, err
    assert "Stopping: running cells write their checkpoints." in err
    assert "Interrupted with 0 of 3 cells done." in err
    assert [record["status"] for record in records(tmp_path)] == ["interrupted"] * 2
    assert len(list(tmp_path.glob("runs/slow/walk/plod/*/checkpoints/*/state"))) >= 2
    assert gone(command, 2.0)
    assert not list(tmp_path.glob("runs/cells/*/lease.json"))


def test_a_search_ends_its_workers_at_their_safe_points(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    command = start(
        *("tune", *WALK, *ENDLESS, "--workers", "2", "--trials", "4", "--seeds", "1"),
        *("--param", "rollout=5:20", "--retrain", "0"),
    )
    until(logged(tmp_path, runs=2), command)
    command.signal_group(signal.SIGTERM)
    code, _, err = command.wait()
    assert code == 130, err
    assert "Stopping: running trials write their checkpoints." in err
    assert "Interrupted with 0 of 4 trials done." in err
    assert [record["status"] for record in records(tmp_path)] == ["interrupted"] * 2
    assert gone(command, 2.0)


@pytest.mark.parametrize("stuck", [False, True])
def test_environments_end_with_a_training_that_is_killed_whatever_they_are_doing(
    stuck: bool, start: Callable[..., Command], tmp_path: Path
) -> None:
    where = ("--set", "config.stuck_at=5") if stuck else ()
    command = start("train", *WALK, "--num-envs", "2", *ENDLESS, *where)
    reached = logged(tmp_path) if not stuck else lambda: len(list(tmp_path.glob("stuck-*"))) == 2
    until(reached, command)
    assert len(command.others()) >= 2
    command.process.kill()
    command.wait()
    assert gone(command, 5.0)


def test_workers_of_a_comparison_that_is_killed_write_their_checkpoints_and_end(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    command = start("compare", suite(tmp_path), "--workers", "2", "--plugin", str(SLOW))
    until(logged(tmp_path, runs=2), command)
    command.process.kill()
    command.wait()
    assert gone(command, 20.0)
    assert [record["status"] for record in records(tmp_path)] == ["interrupted"] * 2
    assert len(list(tmp_path.glob("runs/slow/walk/plod/*/checkpoints/*/state"))) >= 2


def test_environments_that_nobody_closes_do_not_keep_a_script_from_ending(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sandbox\n"
        "envs = sandbox.make_vec('slow/walk', 2, changes=['horizon=5'])\n"
        "envs.reset(seed=0)\nkept = [envs, envs.step]\n"
    )
    environment = {**os.environ, "SANDBOX_PLUGINS": str(SLOW)}
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
