"""Training goes on exactly on the simulators too: MuJoCo gives its state, SUMO plays its episode again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stopping import Heard, go_on, interrupted, require_same, uninterrupted
from test_restoring import comes_back

from sandbox.api.errors import BrokenFileError, RunFailedError
from sandbox.envs.make import make_training
from sandbox.envs.workers import WorkerVectorEnv
from sandbox.runs.directory import Run
from sandbox.runs.verify import find_damages
from sandbox.scenarios.resolve import load_scenario

SMALL = {"learning_starts": 16, "batch_size": 16, "net_arch": [16]}
ROLLOUT = {"n_steps": 16, "batch_size": 16, "n_epochs": 1}

ONE = ["evaluation.validations=3", "evaluation.validation_episodes=1"]
JUNCTION = ["config.duration=150", *ONE]

HOPPER: dict[str, dict[str, Any]] = {
    "ppo": {**ROLLOUT, "normalize_observation": True, "normalize_reward": True},
    "a2c": {},
    "sac": SMALL,
    "td3": {**SMALL, "action_noise_std": 0.1},
    "tqc": {**SMALL, "n_quantiles": 5},
    "recurrent-ppo": {**ROLLOUT, "lstm_hidden_size": 8},
    "reinforce": {"episodes_per_update": 2, "normalize_observation": True},
}

SIGNAL: dict[str, dict[str, Any]] = {
    "ppo": ROLLOUT,
    "a2c": {},
    "dqn": SMALL,
    "qr-dqn": {**SMALL, "n_quantiles": 5},
    "recurrent-ppo": {**ROLLOUT, "lstm_hidden_size": 8},
    "reinforce": {"episodes_per_update": 2},
}


def exact(tmp_path: Path, scenario: str, algo: str, hp: dict[str, Any], **settings: Any) -> Run:
    arguments = {"num_envs": 2, "hp": hp, **settings}
    whole = uninterrupted(tmp_path, scenario, algo, **arguments)
    path = interrupted(tmp_path, scenario, algo, at=2, **arguments)
    heard = Heard()
    resumed = go_on(path, heard)
    assert resumed.record.resumed[0].exact, heard.messages
    require_same(whole, resumed)
    return resumed


@pytest.mark.parametrize(
    "algo",
    [algo if algo in ("ppo", "sac") else pytest.param(algo, marks=pytest.mark.slow) for algo in HOPPER],
)
def test_on_mujoco(algo: str, tmp_path: Path) -> None:
    pytest.importorskip("mujoco")
    steps = 800 if algo == "reinforce" else 200  # it updates only when all its episodes have ended
    exact(tmp_path, "locomotion/hopper", algo, HOPPER[algo], steps=steps, changes=ONE)


@pytest.mark.parametrize(
    "algo",
    [algo if algo in ("ppo", "dqn") else pytest.param(algo, marks=pytest.mark.slow) for algo in SIGNAL],
)
def test_on_sumo(algo: str, tmp_path: Path) -> None:
    pytest.importorskip("libsumo")
    exact(tmp_path, "traffic/single-intersection", algo, SIGNAL[algo], steps=160, changes=JUNCTION)


def test_on_sumo_where_nobody_waits(tmp_path: Path) -> None:
    pytest.importorskip("libsumo")
    hp = {**ROLLOUT, "run_ahead": True}
    exact(tmp_path, "traffic/single-intersection", "ppo", hp, steps=160, changes=JUNCTION)


@pytest.mark.slow
def test_on_several_signals_of_sumo(tmp_path: Path) -> None:
    pytest.importorskip("libsumo")
    changes = ["config.duration=100", *ONE]
    exact(tmp_path, "traffic/grid4x4", "ppo", ROLLOUT, steps=16 * 2 * 60, changes=changes)


@pytest.mark.parametrize(
    ("scenario", "algo"),
    [
        ("inventory/lost-sales", "ppo"),
        ("chip/small", "ppo"),
        *(
            pytest.param(scenario, algo, marks=pytest.mark.slow)
            for scenario, algo in (
                ("inventory/lost-sales", "dqn"),
                ("inventory/dual-sourcing-l2-c105", "ppo"),
                ("inventory/beer-game", "ppo"),
                ("inventory/network-diamond", "ppo"),
                ("chip/small", "dqn"),
                ("locomotion/ant", "ppo"),
            )
        ),
    ],
)
def test_on_native_batches(scenario: str, algo: str, tmp_path: Path) -> None:
    """Whatever a domain steps in one batch: stock and demand, placements, robots on threads."""
    hp = ROLLOUT if algo == "ppo" else SMALL
    changes = [*ONE, "config.orders=discrete"] if (scenario, algo) == ("inventory/lost-sales", "dqn") else ONE
    exact(tmp_path, scenario, algo, hp, steps=320, changes=changes)


@pytest.mark.parametrize("workers", [False, True])
def test_single_environments_of_sumo_come_back(workers: bool, tmp_path: Path) -> None:
    """As a task without a native batch would be trained: in this process and in workers."""
    pytest.importorskip("libsumo")
    scenario = load_scenario("traffic/single-intersection", JUNCTION)
    object.__setattr__(scenario, "task", _as_plugin_would(scenario.task, workers))
    assert not comes_back(lambda: make_training(scenario, 2, 0), tmp_path, 20, 20)


def _as_plugin_would(task: Any, workers: bool) -> Any:
    from dataclasses import replace

    return replace(task, make_vec=None, cheap=not workers, resume="replay")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_resuming_from_five_moments(tmp_path: Path) -> None:
    """PPO, A2C, SAC and DQN on a robot, a junction and a toy, stopped at five random moments each."""
    cases = [
        ("locomotion/hopper", "ppo", ROLLOUT, ONE),
        ("locomotion/hopper", "a2c", {}, ONE),
        ("locomotion/hopper", "sac", SMALL, ONE),
        ("traffic/single-intersection", "ppo", ROLLOUT, JUNCTION),
        ("traffic/single-intersection", "a2c", {}, JUNCTION),
        ("traffic/single-intersection", "dqn", SMALL, JUNCTION),
    ]
    draw = np.random.default_rng(0)
    for number, (scenario, algo, hp, changes) in enumerate(cases):
        many = [one for one in changes if "validations" not in one] + ["evaluation.validations=12"]
        settings: dict[str, Any] = {"num_envs": 2, "hp": hp, "steps": 400, "changes": many}
        whole = uninterrupted(tmp_path / f"{number}", scenario, algo, **settings)
        for at in draw.choice(np.arange(1, 12), 5, replace=False).tolist():
            path = interrupted(tmp_path / f"{number}-{at}", scenario, algo, at=at, **settings)
            require_same(whole, go_on(path))


def test_a_simulator_that_crashes_is_told_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SUMO's process is killed in the middle of training."""
    pytest.importorskip("libsumo")
    from sandbox.training.train import train

    settings: dict[str, Any] = {"num_envs": 2, "steps": 160, "hp": ROLLOUT, "changes": JUNCTION}
    whole = uninterrupted(tmp_path, "traffic/single-intersection", "ppo", **settings)
    from sandbox.envs.recorder import EpisodeLog

    steps, real = 0, EpisodeLog.step

    def step(self: Any, actions: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 55:
            _kill_one_simulator()
        return real(self, actions)

    monkeypatch.setattr(EpisodeLog, "step", step)
    with pytest.raises(RunFailedError, match="SUMO") as caught:
        train(
            "traffic/single-intersection", "ppo", runs_dir=tmp_path / "cut", checkpoint_every=1e9, **settings
        )
    (path,) = (record.parent for record in (tmp_path / "cut").rglob("run.json"))
    assert f"sandbox resume {path}" in caught.value.hint
    assert Run.open(path).status == "failed"
    assert find_damages(path) == []
    require_same(whole, go_on(path))


def _kill_one_simulator() -> None:
    """Kill a process that runs an episode: a child of a child of this one."""
    import os
    import signal

    mine = _children(os.getpid())
    episodes = [episode for helper in mine for episode in _children(helper)]
    assert episodes, "SUMO runs in processes of its own"
    os.kill(episodes[0], signal.SIGKILL)


def _children(pid: int) -> list[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(word) for word in file.read_text().split()]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        if thread.name != str(pid):
            found += [int(word) for word in (thread / "children").read_text().split()]
    return [child for child in found if "sandbox_traffic" in Path(f"/proc/{child}/cmdline").read_text()]


class Broken(gym.Env[Any, Any]):
    """Fails in its first step as a simulator does, or as a programming error does."""

    observation_space = gym.spaces.Box(0, 1, (1,))
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> Any:
        if action == 0:
            raise BrokenFileError("net.xml", "SUMO says: no such lane", 3, hint="Look there.")
        if action == 1:
            raise KeyError("lane_7")
        return np.zeros(1, np.float32), 0.0, False, False, {}


def test_a_worker_that_fails_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    for action, kind, words in (
        (0, BrokenFileError, "net.xml, line 3: SUMO says: no such lane"),
        (1, RunFailedError, "Environment worker 0 failed: KeyError: 'lane_7'"),
    ):
        envs = WorkerVectorEnv([Broken, Broken])
        try:
            envs.reset()
            with pytest.raises(kind, match=words) as caught:
                # Only one fails: of two, either may be the first to say so.
                envs.step(np.array([action, 2]))
            assert caught.value.hint
        finally:
            envs.close(terminate=True)
