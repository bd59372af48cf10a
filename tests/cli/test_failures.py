"""What is not the user's mistake: full disks, bugs, Ctrl-C, readers that leave, simulators that print."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calls import Outcome

TOYS = Path(__file__).parents[1] / "toys" / "plugin.py"
SHORT = ("--steps", "400", "--set", "evaluation.validations=1", "--quiet")
TRAIN = ("train", "toy/corridor", "--algo", "reinforce", *SHORT)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
    return kept | {"SANDBOX_PLUGINS": str(TOYS)}


def _process(*argv: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox.cli.main", *argv]
    return subprocess.run(
        command,
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_disk_that_is_full_at_the_start_is_said_in_a_sentence(
    sandbox: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.runs.writer.write_atomically", _full)
    outcome = sandbox(*TRAIN, "--json")
    assert outcome.code == 1
    assert outcome.document["error"]["kind"] == "storage"
    assert "the disk is full" in outcome.document["error"]["message"]
    assert "--runs-dir" in outcome.document["error"]["hint"]


def test_disk_that_fills_up_while_training_keeps_what_was_written(
    sandbox: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sandbox.runs.writer.replace_folder", _full)
    outcome = sandbox(*TRAIN)
    assert outcome.code == 1
    assert "the disk is full. Everything written before is kept." in outcome.words
    records = [json.loads(file.read_text()) for file in tmp_path.glob("runs/*/*/*/*/run.json")]
    assert [record["status"] for record in records] == ["failed"]


@pytest.mark.parametrize(("code", "words"), [(errno.EACCES, "permission"), (errno.EIO, "input/output")])
def test_refusals_of_the_operating_system_are_sentences(
    code: int, words: str, sandbox: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code), "somewhere")

    monkeypatch.setattr("sandbox.scenarios.listing.entries", refuse)
    outcome = sandbox("list")
    assert outcome.code == 1
    assert outcome.err.startswith("Error: somewhere: ")
    assert words in outcome.err


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("sandbox.scenarios.listing.entries", fail)


@pytest.mark.usefixtures("bug")
def test_bug_is_one_sentence_and_the_way_to_its_traceback(sandbox: Callable[..., Outcome]) -> None:
    outcome = sandbox("list")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert "Unexpected ZeroDivisionError (cli/test_failures.py, line" in outcome.words
    assert "): a bug" in outcome.words
    assert "SANDBOX_DEBUG=1" in outcome.words
    assert sandbox("list", "--json").document["error"]["kind"] == "internal"


@pytest.mark.usefixtures("bug")
def test_debug_variable_shows_the_traceback_and_keeps_the_document_whole(
    sandbox: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_DEBUG", "1")
    outcome = sandbox("list", "--json")
    assert "Traceback" in outcome.err
    assert set(outcome.document) == {"error"}


def test_what_a_plugin_prints_stays_out_of_the_document(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "import os\nfrom sandbox.api import Domain\n"
        "print('from Python')\nos.write(1, b'from C\\n')\nos.system('echo from a child')\n"
        "domain = Domain('loud', 'L', (), 'loud/x')\n"
    )
    done = _process("list", "domains", "--json", "--plugin", "loud.py", folder=tmp_path)
    assert done.returncode == 0
    assert "loud" in [domain["name"] for domain in json.loads(done.stdout)["domains"]]
    for words in ("from Python", "from C", "from a child"):
        assert words in done.stderr


def test_mistake_exits_with_2_and_prints_to_standard_error_only(tmp_path: Path) -> None:
    done = _process("run", "toy/coridor", "--algo", "ppo", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: Unknown scenario 'toy/coridor'.\nDid you mean toy/corridor?\n"
    assert list(tmp_path.iterdir()) == []


def test_reader_that_leaves_ends_the_command_quietly(tmp_path: Path) -> None:
    command = f"{sys.executable} -m sandbox.cli.main list --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "{0\n"
    assert done.stderr == ""


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_output_that_cannot_be_written_is_not_taken_for_success(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "sandbox.cli.main", "list", *options]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: Cannot write: the disk is full.\nSee sandbox doctor.\n"


@pytest.fixture
def training(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A training process that is well under way."""
    command = [sys.executable, "-m", "sandbox.cli.main", "train", "toy/corridor", "--algo", "reinforce"]
    process = subprocess.Popen(
        [*command, "--steps", "100000000", "--json"],
        cwd=tmp_path,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while not any(tmp_path.glob("runs/*/*/*/*/progress.jsonl")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_exits_with_130_once_a_checkpoint_is_written(
    number: int, training: subprocess.Popen[str], tmp_path: Path
) -> None:
    training.send_signal(number)
    out, err = training.communicate(timeout=60)
    assert training.returncode == 130, err
    error = json.loads(out)["error"]
    assert error["kind"] == "interrupted"
    (file,) = tmp_path.glob("runs/*/*/*/*/run.json")
    assert str(file.parent.relative_to(tmp_path)) in error["message"]
    assert json.loads(file.read_text())["status"] == "interrupted"
    assert any(file.parent.glob("checkpoints/*/policy.json"))
    assert "Traceback" not in err


def test_killed_run_is_listed_as_dead(
    training: subprocess.Popen[str], tmp_path: Path, sandbox: Callable[..., Outcome]
) -> None:
    listed = sandbox("runs", "--json").document["runs"]
    assert [run["status"] for run in listed] == ["running"]
    assert sandbox("runs", "rm", listed[0]["run_dir"], "--yes").code == 2
    training.kill()
    training.wait(timeout=30)
    assert [run["status"] for run in sandbox("runs", "--json").document["runs"]] == ["dead"]
    assert "dead" in sandbox("runs").out


@pytest.mark.parametrize("command", ["--help", "list"])
def test_start_imports_no_simulator_and_no_learner(command: str) -> None:
    root = Path(__file__).parents[2]
    program = f"from benchmarks.startup import heavy_imports; print(heavy_imports({command!r}))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"


def test_worker_processes_leave_the_interrupt_of_their_parent_alone(sandbox: Callable[..., Outcome]) -> None:
    from sandbox.envs.make import make_training
    from sandbox.scenarios.resolve import load_scenario

    before = signal.getsignal(signal.SIGINT)
    scenario = load_scenario("traffic", ["duration=60"])
    assert not scenario.task.cheap, "environments of this task must run in worker processes"
    envs = make_training(scenario, 2, 0)
    try:
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, before)
        envs.close()
