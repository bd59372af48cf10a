"""Batches that helper processes step: the same numbers, and no harm when one of them ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import sandbox
from sandbox.api import RunFailedError
from sandbox_locomotion import helpers, physics

pytestmark = pytest.mark.skipif(not helpers.POSSIBLE, reason="needs processes that take over open files")

COPIES = 24
TWO = ("config.threads=2",)


@pytest.fixture
def at_once(monkeypatch):
    """Helpers start with the first step."""
    monkeypatch.setattr(physics, "HELP_AFTER", 0.0)


def played(scenario, steps, changes=TWO, helped=False):
    envs = sandbox.make_vec(scenario, COPIES, changes=changes)
    envs.reset(seed=3)
    if helped:
        wait_for_help(envs)
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(steps):
        actions = rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32)
        observation, reward, terminated, _, info = envs.step(actions)
        seen.append((observation, reward, terminated, *info["reward_terms"].values()))
    return envs, seen


def step_often(envs):
    for _ in range(50):
        envs.step(np.zeros(envs.action_space.shape, np.float32))


def wait_for_help(envs):
    mine = envs.unwrapped.simulation.physics
    until = time.monotonic() + 60
    while not mine._has_help():
        assert time.monotonic() < until, "the helper did not start"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "fast", [(), ("config.fast=true", "config.contact_forces=false")], ids=["exact", "fast"]
)
@pytest.mark.parametrize("scenario", ["locomotion/ant", "locomotion/half-cheetah", "locomotion/hopper"])
def test_helpers_play_what_threads_play_bit_for_bit(scenario, fast, monkeypatch):
    alone, expected = played(scenario, 60, (*TWO, *fast))
    monkeypatch.setattr(physics, "HELP_AFTER", 0.0)
    helped, seen = played(scenario, 60, (*TWO, *fast), helped=True)
    assert helped.unwrapped.simulation.physics._helpers is not None
    assert alone.unwrapped.simulation.physics._helpers is None
    for step, (ours, theirs) in enumerate(zip(seen, expected, strict=True)):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)), step
    alone.close()
    helped.close()


def test_a_line_is_heard_at_once_or_late_and_tells_when_the_other_end_hangs_up():
    ours, theirs = socket.socketpair()
    line, other = helpers._Line(ours), helpers._Line(theirs)
    assert line._soon
    assert not line.spoken()
    speaker = threading.Timer(0.05, other.say, [b"a"])
    speaker.start()
    assert line.hear() == b"a"
    speaker.join()
    assert not line._soon  # nobody looks for what comes late
    other.say(b"b")
    assert line.spoken()
    assert line.hear() == b"b"
    assert line._soon
    other.say(b"c")
    theirs.close()
    assert line.hear() == b"c"
    assert line.hear() == b""
    ours.close()


@pytest.mark.parametrize("players", [2, 8, 64])
@pytest.mark.parametrize("rows", [16, 64, 1000, 100_000])
def test_pieces_cover_all_rows_once_and_their_numbers_fit_into_a_byte(rows, players):
    pieces = helpers.shrinking(rows, players)
    assert [row for piece in pieces for row in piece] == list(range(rows))
    assert len(pieces) <= helpers.MOST_PIECES
    sizes = [len(piece) for piece in pieces]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= max(rows // players, 1 + rows // 128)


def test_a_state_from_a_helped_batch_goes_on_in_one_without_help(at_once, monkeypatch):
    envs, _ = played("locomotion/ant", 20, helped=True)
    state = envs.unwrapped.get_state()
    monkeypatch.setattr(physics, "HELP_AFTER", np.inf)
    other = sandbox.make_vec("locomotion/ant", COPIES, changes=("config.threads=1",))
    other.reset(seed=9)
    other.unwrapped.set_state(state)
    actions = np.full(envs.action_space.shape, 0.3, np.float32)
    for _ in range(10):
        ours, theirs = envs.step(actions), other.step(actions)
        assert np.array_equal(ours[0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])
    envs.close()
    other.close()


def test_a_batch_keeps_its_numbers_when_it_is_closed(at_once):
    envs, _ = played("locomotion/ant", 5, helped=True)
    mine = envs.unwrapped.simulation.physics
    before = mine.state.copy()
    processes = [one._process for one in mine._helpers._processes]
    envs.close()
    assert np.array_equal(mine.state, before)
    assert all(process.poll() is not None for process in processes)


@pytest.mark.parametrize(
    ("copies", "changes"),
    [
        (COPIES, ("config.threads=1",)),
        (8, TWO),
        (COPIES, (*TWO, "config.mass=[0.8,1.2]")),
    ],
    ids=["one thread", "few copies", "models of their own"],
)
def test_batches_that_helpers_cannot_or_need_not_step_do_without(copies, changes, at_once):
    envs = sandbox.make_vec("locomotion/ant", copies, changes=changes)
    envs.reset(seed=0)
    for _ in range(3):
        envs.step(np.zeros(envs.action_space.shape, np.float32))
    assert envs.unwrapped.simulation.physics._helpers is None
    envs.close()


@pytest.mark.parametrize("trouble", ["no memory", "no process", "a process that ends"])
def test_a_batch_that_gets_no_help_is_stepped_by_threads_and_says_so(trouble, at_once, monkeypatch):
    def refuse(size):
        raise OSError("no space left on device")

    if trouble == "no memory":
        monkeypatch.setattr(helpers, "memory", refuse)
    else:
        monkeypatch.setattr(sys, "executable", "/nowhere/python" if trouble == "no process" else "/bin/false")
    with pytest.warns(UserWarning, match="go on in threads"):
        envs, seen = played("locomotion/half-cheetah", 5)
    assert envs.unwrapped.simulation.physics._helpers is None
    monkeypatch.setattr(physics, "HELP_AFTER", np.inf)
    _, expected = played("locomotion/half-cheetah", 5)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(seen, expected, strict=True))


def test_a_helper_that_is_killed_is_told_in_a_sentence(at_once):
    envs, _ = played("locomotion/half-cheetah", 2, helped=True)
    envs.unwrapped.simulation.physics._helpers._processes[0]._process.send_signal(signal.SIGKILL)
    with pytest.raises(RunFailedError, match="killed by SIGKILL"):
        step_often(envs)
    envs.close()


def test_what_mujoco_gives_up_on_in_a_helper_is_a_counted_failure(at_once):
    envs, _ = played("locomotion/half-cheetah", 2, helped=True)
    envs.unwrapped.simulation.physics.view("QVEL")[:] = 1e9
    with pytest.warns(UserWarning, match="diverged"):
        *_, info = envs.step(np.zeros(envs.action_space.shape, np.float32))
    assert info["_failure"].all()
    envs.close()


def test_after_an_interrupt_the_next_episode_is_played_as_ever(at_once, monkeypatch):
    envs, _ = played("locomotion/half-cheetah", 2, helped=True)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(helpers.Helpers, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            envs.step(np.zeros(envs.action_space.shape, np.float32))
    other = sandbox.make_vec("locomotion/half-cheetah", COPIES, changes=TWO)
    assert np.array_equal(envs.reset(seed=5)[0], other.reset(seed=5)[0])
    wait_for_help(envs)
    for _ in range(20):
        actions = np.full(envs.action_space.shape, 0.7, np.float32)
        assert np.array_equal(envs.step(actions)[0], other.step(actions)[0])
    envs.close()
    other.close()


def test_a_forked_copy_refuses_to_step_what_its_parent_steps(at_once):
    envs, _ = played("locomotion/half-cheetah", 2, helped=True)
    child = os.fork()
    if child == 0:
        try:
            envs.unwrapped.simulation.physics.step(1)
        except RunFailedError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    envs.step(np.zeros(envs.action_space.shape, np.float32))
    envs.close()


def test_helpers_end_with_a_process_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, time, numpy as np, sandbox\n"
        "from sandbox_locomotion import physics\n"
        "physics.HELP_AFTER = 0.0\n"
        "envs = sandbox.make_vec('locomotion/half-cheetah', 24, changes=('config.threads=2',))\n"
        "envs.reset(seed=0)\n"
        "mine = envs.unwrapped.simulation.physics\n"
        "while not mine._has_help(): time.sleep(0.01)\n"
        "print(mine._helpers._processes[0]._process.pid, flush=True)\n"
        "while True: envs.step(np.zeros(envs.action_space.shape, np.float32))\n"
    )
    owner = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    helper = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    until = time.monotonic() + 20
    while alive(helper):
        assert time.monotonic() < until, "the helper outlived its owner"
        time.sleep(0.05)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
