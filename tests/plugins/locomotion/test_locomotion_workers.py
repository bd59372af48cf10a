"""Batches that worker processes step: the same numbers, and an error message when a worker ends."""

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
from sandbox_locomotion.physics import chunks, executor, protocol, workers

pytestmark = pytest.mark.skipif(not workers.SUPPORTED, reason="needs processes that inherit open files")

NUM_ENVS = 24
TWO_THREADS = ("config.threads=2",)


@pytest.fixture
def at_once(monkeypatch):
    """Workers start with the first step."""
    monkeypatch.setattr(executor, "WORKERS_AFTER", 0.0)


def pool_of(envs):
    return envs.unwrapped.core.simulation.physics._executor._workers


def play(scenario, steps, changes=TWO_THREADS, with_workers=False):
    envs = sandbox.make_vec(scenario, NUM_ENVS, changes=changes)
    envs.reset(seed=3)
    if with_workers:
        wait_for_workers(envs)
    rng = np.random.default_rng(0)
    steps_seen = []
    for _ in range(steps):
        actions = rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32)
        observation, reward, terminated, _, info = envs.step(actions)
        steps_seen.append((observation, reward, terminated, *info["reward_terms"].values()))
    return envs, steps_seen


def step_often(envs):
    for _ in range(50):
        envs.step(np.zeros(envs.action_space.shape, np.float32))


def wait_for_workers(envs):
    until = time.monotonic() + 60
    while not envs.unwrapped.core.simulation.physics._executor.workers_ready():
        assert time.monotonic() < until, "the worker did not start"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "fast", [(), ("config.fast=true", "config.contact_forces=false")], ids=["exact", "fast"]
)
@pytest.mark.parametrize("scenario", ["locomotion/ant", "locomotion/half-cheetah", "locomotion/hopper"])
def test_workers_give_the_result_of_threads_bit_for_bit(scenario, fast, monkeypatch):
    monkeypatch.setattr(executor, "WORKERS_AFTER", float("inf"))
    in_threads, expected = play(scenario, 60, (*TWO_THREADS, *fast))
    monkeypatch.setattr(executor, "WORKERS_AFTER", 0.0)
    with_workers, steps = play(scenario, 60, (*TWO_THREADS, *fast), with_workers=True)
    assert pool_of(with_workers) is not None
    assert pool_of(in_threads) is None
    for step, (ours, theirs) in enumerate(zip(steps, expected, strict=True)):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)), step
    in_threads.close()
    with_workers.close()


def test_a_channel_polls_only_after_fast_answers_and_reports_a_closed_end():
    near_end, far_end = socket.socketpair()
    channel, far_channel = protocol.Channel(near_end), protocol.Channel(far_end)
    assert channel._polls
    assert not channel.ready()
    late = threading.Timer(0.05, far_channel.send, [b"a"])
    late.start()
    assert channel.receive() == b"a"
    late.join()
    assert not channel._polls
    far_channel.send(b"b")
    assert channel.ready()
    assert channel.receive() == b"b"
    assert channel._polls
    far_channel.send(b"c")
    far_end.close()
    assert channel.receive() == b"c"
    assert channel.receive() == b""
    near_end.close()


@pytest.mark.parametrize("processes", [2, 8, 64])
@pytest.mark.parametrize("rows", [16, 64, 1000, 100_000])
def test_chunks_cover_every_row_once_and_their_indices_fit_into_a_byte(rows, processes):
    ranges = chunks.guided_chunks(rows, processes)
    assert [row for chunk in ranges for row in chunk] == list(range(rows))
    assert len(ranges) <= chunks.MAX_CHUNKS
    sizes = [len(chunk) for chunk in ranges]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= max(rows // processes, 1 + rows // 128)


def test_the_first_chunks_of_a_batch_by_hand():
    # Half of a process's share of what is left: 64 / 4, 48 / 4, 36 / 4, …
    sizes = [len(chunk) for chunk in chunks.guided_chunks(64, 2)]
    assert sizes[:4] == [16, 12, 9, 6]


def test_a_state_saved_with_workers_continues_without_workers(at_once, monkeypatch):
    envs, _ = play("locomotion/ant", 20, with_workers=True)
    state = envs.unwrapped.get_state()
    monkeypatch.setattr(executor, "WORKERS_AFTER", np.inf)
    fresh = sandbox.make_vec("locomotion/ant", NUM_ENVS, changes=("config.threads=1",))
    fresh.reset(seed=9)
    fresh.unwrapped.set_state(state)
    actions = np.full(envs.action_space.shape, 0.3, np.float32)
    for _ in range(10):
        ours, theirs = envs.step(actions), fresh.step(actions)
        assert np.array_equal(ours[0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])
    envs.close()
    fresh.close()


def test_a_batch_keeps_its_state_when_it_is_closed(at_once):
    envs, _ = play("locomotion/ant", 5, with_workers=True)
    physics = envs.unwrapped.core.simulation.physics
    before = physics.state.copy()
    processes = [worker._process for worker in pool_of(envs)._workers]
    envs.close()
    assert np.array_equal(physics.state, before)
    assert all(process.poll() is not None for process in processes)


@pytest.mark.parametrize(
    ("num_envs", "changes"),
    [
        (NUM_ENVS, ("config.threads=1",)),
        (8, TWO_THREADS),
        (NUM_ENVS, (*TWO_THREADS, "config.mass=[0.8,1.2]")),
    ],
    ids=["one thread", "few environments", "a model per environment"],
)
def test_batches_that_workers_cannot_or_need_not_step_have_none(num_envs, changes, at_once):
    envs = sandbox.make_vec("locomotion/ant", num_envs, changes=changes)
    envs.reset(seed=0)
    for _ in range(3):
        envs.step(np.zeros(envs.action_space.shape, np.float32))
    assert pool_of(envs) is None
    envs.close()


@pytest.mark.parametrize("trouble", ["no memory", "no process", "a process that ends"])
def test_a_batch_whose_workers_cannot_start_is_stepped_in_threads_with_a_warning(
    trouble, at_once, monkeypatch
):
    def refuse(size):
        raise OSError("no space left on device")

    if trouble == "no memory":
        monkeypatch.setattr(workers, "anonymous_file", refuse)
    else:
        monkeypatch.setattr(sys, "executable", "/nowhere/python" if trouble == "no process" else "/bin/false")
    with pytest.warns(UserWarning, match="are stepped in threads, without worker processes"):
        envs, steps = play("locomotion/half-cheetah", 5)
    assert pool_of(envs) is None
    monkeypatch.setattr(executor, "WORKERS_AFTER", np.inf)
    _, expected = play("locomotion/half-cheetah", 5)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(steps, expected, strict=True))


def test_a_worker_that_is_killed_is_an_error_with_a_message(at_once):
    envs, _ = play("locomotion/half-cheetah", 2, with_workers=True)
    pool_of(envs)._workers[0]._process.send_signal(signal.SIGKILL)
    with pytest.raises(RunFailedError, match="killed by SIGKILL"):
        step_often(envs)
    envs.close()


def test_divergence_in_a_worker_is_counted_as_a_failure(at_once):
    envs, _ = play("locomotion/half-cheetah", 2, with_workers=True)
    envs.unwrapped.core.simulation.physics.qvel[:] = 1e9
    with pytest.warns(UserWarning, match="diverged"):
        *_, info = envs.step(np.zeros(envs.action_space.shape, np.float32))
    assert info["final_info"]["_failure"].all()
    envs.close()


def test_the_episode_after_an_interrupt_is_unaffected(at_once, monkeypatch):
    envs, _ = play("locomotion/half-cheetah", 2, with_workers=True)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(workers.WorkerPool, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            envs.step(np.zeros(envs.action_space.shape, np.float32))
    fresh = sandbox.make_vec("locomotion/half-cheetah", NUM_ENVS, changes=TWO_THREADS)
    assert np.array_equal(envs.reset(seed=5)[0], fresh.reset(seed=5)[0])
    wait_for_workers(envs)
    for _ in range(20):
        actions = np.full(envs.action_space.shape, 0.7, np.float32)
        assert np.array_equal(envs.step(actions)[0], fresh.step(actions)[0])
    envs.close()
    fresh.close()


def test_a_forked_process_cannot_step_the_batch_of_its_parent(at_once):
    envs, _ = play("locomotion/half-cheetah", 2, with_workers=True)
    child = os.fork()
    if child == 0:
        try:
            envs.unwrapped.core.simulation.physics.step(1)
        except RunFailedError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    envs.step(np.zeros(envs.action_space.shape, np.float32))
    envs.close()


def test_workers_end_when_their_owner_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, time, numpy as np, sandbox\n"
        "from sandbox_locomotion.physics import executor\n"
        "executor.WORKERS_AFTER = 0.0\n"
        "envs = sandbox.make_vec('locomotion/half-cheetah', 24, changes=('config.threads=2',))\n"
        "envs.reset(seed=0)\n"
        "rows = envs.unwrapped.core.simulation.physics._executor\n"
        "while not rows.workers_ready(): time.sleep(0.01)\n"
        "print(rows._workers._workers[0]._process.pid, flush=True)\n"
        "while True: envs.step(np.zeros(envs.action_space.shape, np.float32))\n"
    )
    owner = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    worker = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    until = time.monotonic() + 20
    while alive(worker):
        assert time.monotonic() < until, "the worker outlived its owner"
        time.sleep(0.05)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
