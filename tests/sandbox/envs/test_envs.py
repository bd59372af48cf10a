"""Environments from scenarios: seeds stay in their ranges, endings are kept, environments are independent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sandbox.api.errors import InvalidValueError, PluginError, RunFailedError
from sandbox.envs.make import (
    make,
    make_training,
    make_vec,
    register_envs,
)
from sandbox.envs.seeding import EpisodeSeeds
from sandbox.envs.vector import SameStep, native
from sandbox.scenarios.resolve import load_scenario


class Counter(gym.Env[Any, Any]):
    """Counts steps; episode k is k + 1 steps long; remembers the seeds it was given."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        self.seeds: list[int | None] = []
        self.episode = -1

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.episode += 1
        self.count = 0
        return self._observe(), {}

    def step(self, action: Any) -> Any:
        self.count += 1
        over = self.count > self.episode
        return self._observe(), 1.0, over, False, {}

    def _observe(self) -> Any:
        return np.array([10.0 * self.episode + self.count], np.float32)


def test_every_training_episode_has_a_seed_of_its_own_inside_the_range() -> None:
    env = EpisodeSeeds(Counter(), seed=3, env_index=1, low=500, high=600)
    for _ in range(50):
        env.reset()
    seeds = env.unwrapped.seeds  # type: ignore[attr-defined]
    assert all(500 <= seed < 600 for seed in seeds)
    assert len(set(seeds)) > 20


def test_environments_and_runs_draw_different_training_seeds_and_the_same_run_draws_them_again() -> None:
    def drawn(seed: int, env_index: int) -> list[int]:
        env = EpisodeSeeds(Counter(), seed, env_index, 0, 2**31)
        for _ in range(5):
            env.reset()
        return env.unwrapped.seeds  # type: ignore[attr-defined, no-any-return]

    assert drawn(0, 0) == drawn(0, 0)
    assert not set(drawn(0, 0)) & set(drawn(0, 1))
    assert not set(drawn(0, 0)) & set(drawn(1, 0))


def test_an_explicit_seed_restarts_the_stream_but_is_never_played_itself() -> None:
    env = EpisodeSeeds(Counter(), 0, 0, 1000, 2000)
    env.reset(seed=7)
    env.reset(seed=7)
    first, second = env.unwrapped.seeds  # type: ignore[attr-defined]
    assert first == second
    assert 1000 <= first < 2000


def test_same_step_wrapper_agrees_with_gymnasiums_own_same_step_mode() -> None:
    ours = SameStep(SyncVectorEnv([Counter, Counter], autoreset_mode=AutoresetMode.DISABLED))
    theirs = SyncVectorEnv([Counter, Counter], autoreset_mode=AutoresetMode.SAME_STEP)
    ours.reset()
    theirs.reset()
    for _ in range(30):
        mine, other = ours.step(np.zeros(2, int)), theirs.step(np.zeros(2, int))
        for a, b in zip(mine[:4], other[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert ("final_obs" in mine[4]) == ("final_obs" in other[4])
        if "final_obs" in mine[4]:
            np.testing.assert_array_equal(mine[4]["_final_obs"], other[4]["_final_obs"])
            for a, b in zip(mine[4]["final_obs"], other[4]["final_obs"], strict=True):
                np.testing.assert_array_equal(a, b)


class Masked(Counter):
    """Allows action 1 only in the first observation of an episode."""

    def reset(self, **options: Any) -> Any:
        return super().reset(**options)[0], {"action_mask": np.array([True, True])}

    def step(self, action: Any) -> Any:
        return (*super().step(action)[:4], {"action_mask": np.array([True, False])})


def test_after_a_reset_of_some_rows_every_row_has_its_own_current_mask() -> None:
    class Late(Masked):
        def __init__(self) -> None:
            super().__init__()
            self.episode = 5

    envs = SameStep(SyncVectorEnv([Masked, Late], autoreset_mode=AutoresetMode.DISABLED))
    envs.reset()
    _, _, terminated, _, info = envs.step(np.zeros(2, int))
    np.testing.assert_array_equal(terminated, [True, False])
    np.testing.assert_array_equal(info["action_mask"], [[True, True], [True, False]])


def test_a_native_environment_that_resets_a_step_late_is_refused(
    toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load_scenario("toy/regulator")
    late = SyncVectorEnv([Counter], autoreset_mode=AutoresetMode.NEXT_STEP)
    monkeypatch.setattr("sandbox.envs.vector.resolve", lambda reference: lambda *arguments: late)
    with pytest.raises(PluginError, match="SAME_STEP"):
        native(scenario, 1, evaluation=False)


def test_native_environments_agree_with_single_environments_step_by_step(toys: None) -> None:
    envs: Any = make_vec("toy/regulator", 3)
    singles = [make("toy/regulator") for _ in range(3)]
    observation, _ = envs.reset(seed=[11, 12, 13])
    for row, env in enumerate(singles):
        np.testing.assert_allclose(observation[row], env.reset(seed=11 + row)[0])
    rng = np.random.default_rng(0)
    for _ in range(10):
        actions = rng.uniform(-1, 1, (3, *envs.single_action_space.shape)).astype(np.float32)
        observation, reward, *_ = envs.step(actions)
        for row, env in enumerate(singles):
            alone, gained, *_ = env.step(actions[row])
            np.testing.assert_allclose(observation[row], alone)
            assert reward[row] == pytest.approx(gained)


def test_environments_in_worker_processes_and_in_this_one_play_the_same_training_episodes(toys: None) -> None:
    def trace(workers: bool) -> list[Any]:
        scenario = load_scenario("toy/forage")
        object.__setattr__(scenario, "task", _with(scenario.task, cheap=not workers))
        envs = make_training(scenario, 2, seed=5)
        try:
            seen = [envs.reset()[0].copy()]
            for step in range(60):
                observation, reward, terminated, truncated, _ = envs.step(
                    np.array([step % 4, (step + 1) % 4])
                )
                seen += [observation.copy(), reward.copy(), terminated.copy(), truncated.copy()]
        finally:
            envs.close()
        return seen

    for here, there in zip(trace(workers=False), trace(workers=True), strict=True):
        np.testing.assert_array_equal(here, there)


def test_make_vec_refuses_no_environments(toys: None) -> None:
    with pytest.raises(InvalidValueError, match="at least 1"):
        make_vec("toy/forage", 0)


def test_a_dead_worker_is_reported_and_not_waited_for(toys: None) -> None:
    envs: Any = make_vec("toy/forage", 2, workers=True)
    try:
        envs.reset(seed=0)
        envs.processes[1].kill()
        envs.processes[1].join()
        with pytest.raises(RunFailedError, match="worker 1 died"):
            _steps(envs, 3)
    finally:
        envs.close(terminate=True)


def test_scenarios_are_gymnasium_environments(toys: None) -> None:
    ids = register_envs()
    assert "sandbox/toy-corridor-v1" in ids
    assert "sandbox/toy-tag-v1" not in ids, "multi-agent scenarios are not Gymnasium environments"
    env = gym.make("sandbox/toy-regulator-v1")
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    env.close()


def test_gymnasium_make_takes_the_tasks_parameters(toys: None) -> None:
    register_envs()
    env = gym.make("sandbox/toy-regulator-v1", horizon=3)
    env.reset(seed=0)
    ends = [env.step(env.action_space.sample())[3] for _ in range(3)]
    assert ends == [False, False, True]


def test_a_learner_cannot_seed_native_training_environments_with_test_seeds(toys: None) -> None:
    scenario = load_scenario("toy/regulator")
    asked = []
    envs = make_training(scenario, 3, seed=0)
    inner: Any = envs.env  # type: ignore[attr-defined]
    reset = inner.reset
    inner.reset = lambda **options: asked.append(options["seed"]) or reset(**options)
    envs.reset(seed=0)
    envs.reset()
    low, high = scenario.spec.evaluation.seeds.train
    assert all(low <= seed < high for seed in asked[0])
    assert asked[1] is None, "the environments go on with their own generators"
    envs.close()


def test_a_script_without_a_main_guard_can_use_worker_processes(tmp_path: Path) -> None:
    toys = Path(__file__).parents[2] / "toys" / "plugin.py"
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import os\n"
        f"os.environ['SANDBOX_PLUGINS'] = {str(toys)!r}\n"
        "import sandbox\n"
        "envs = sandbox.make_vec('toy/forage', 2, workers=True)\n"
        "envs.reset(seed=0)\n"
        "print('rows', envs.num_envs)\n"
        "envs.close()\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rows 2\n"


def _steps(envs: Any, count: int) -> None:
    for _ in range(count):
        envs.step(np.zeros(envs.num_envs, int))


def _with(task: Any, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(task, **changes)
