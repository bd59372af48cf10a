"""Environments come back as they were: single ones, rows of several agents, worker processes, native."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stopping import differs

from sandbox.api import read_state, write_state
from sandbox.envs.make import make_training
from sandbox.envs.seeding import EnvSeeds, EpisodeSeeds
from sandbox.envs.training_state import capture, restore
from sandbox.envs.vector import SameStep
from sandbox.scenarios.resolve import load_scenario

Make = Callable[[], Any]


def play(envs: Any, steps: int, seed: int, masked: bool) -> list[Any]:
    """Everything that ``steps`` random steps give, and then a reset."""
    draw = np.random.default_rng(seed)
    space = envs.single_action_space
    info: dict[str, Any] = {}
    outcome = []
    for _ in range(steps):
        actions = np.array([_draw(space, draw) for _ in range(envs.num_envs)])
        if masked and "action_mask" in info:
            allowed = np.asarray(info["action_mask"])[np.arange(envs.num_envs), actions]
            actions = np.where(allowed, actions, 0)
        observation, reward, terminated, truncated, info = envs.step(actions)
        outcome += [_copied(observation), np.array(reward), np.array(terminated), np.array(truncated)]
    outcome.append(_copied(envs.reset()[0]))
    return outcome


def _draw(space: gym.Space[Any], draw: np.random.Generator) -> Any:
    if isinstance(space, gym.spaces.Discrete):
        return draw.integers(space.n)
    return draw.uniform(-1, 1, space.shape).astype(space.dtype)


def _copied(observation: Any) -> Any:
    if isinstance(observation, dict):
        return {key: np.array(part) for key, part in observation.items()}
    return np.array(observation)


def comes_back(make: Make, tmp_path: Path, before: int, after: int, masked: bool = False) -> list[str]:
    """Whether environments restored after ``before`` steps play on as the captured ones; gives complaints."""
    said: list[str] = []
    first = make()
    try:
        first.reset()
        play_only(first, before, masked)
        write_state(tmp_path, "envs", capture(first))
        second = make()
        try:
            restore(second, read_state(tmp_path, "envs"), said.append)
            expected, found = play(first, after, 5, masked), play(second, after, 5, masked)
            for one, other in zip(expected, found, strict=True):
                assert differs(one, other) is None
        finally:
            second.close()
    finally:
        first.close()
    return said


def play_only(envs: Any, steps: int, masked: bool) -> None:
    draw = np.random.default_rng(3)
    for _ in range(steps):
        envs.step(np.array([_draw(envs.single_action_space, draw) for _ in range(envs.num_envs)]))


@pytest.mark.parametrize(
    ("scenario", "num_envs"),
    [("toy/corridor", 3), ("toy/regulator", 3), ("toy/forage", 3), ("toy/tag", 2), ("toy/stall", 3)],
)
@pytest.mark.parametrize("before", [0, 7, 40])
def test_every_toy_comes_back(scenario: str, num_envs: int, before: int, toys: None, tmp_path: Path) -> None:
    resolved = load_scenario(scenario)
    assert not comes_back(lambda: make_training(resolved, num_envs, 3), tmp_path, before, 60)


def test_environments_in_worker_processes_come_back(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load_scenario("toy/forage")
    object.__setattr__(scenario.task, "cheap", False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "toys"))
    assert not comes_back(lambda: make_training(scenario, 2, 3), tmp_path, 9, 20)


class Drifting(gym.Env[Any, Any]):
    """Observes a random walk that its actions push; episodes of random length."""

    metadata: dict[str, Any] = {}  # noqa: RUF012
    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = gym.spaces.Discrete(3)
    hidden = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.left = self.np_random.normal(size=1), int(self.np_random.integers(3, 12))
        return self.place.copy(), {}

    def step(self, action: Any) -> Any:
        self.place = self.place + action - 1 + self.np_random.normal()
        self.left -= 1
        return self.place.copy(), 0.0, self.left == 0, False, {}


def test_native_environments_that_must_be_replayed_come_back_whenever_episodes_began(
    tmp_path: Path,
) -> None:
    def make() -> Any:
        native = SyncVectorEnv([Drifting] * 4, autoreset_mode=AutoresetMode.DISABLED)
        return SameStep(EnvSeeds(native, 11, 1000, 2000))

    for before in (0, 1, 5, 30):
        assert not comes_back(make, tmp_path, before, 40)


def test_a_native_copy_has_the_episode_seeds_of_a_single_one() -> None:
    native = EnvSeeds(SyncVectorEnv([Drifting] * 2, autoreset_mode=AutoresetMode.DISABLED), 7, 0, 10**6)
    single = EpisodeSeeds(Drifting(), seed=7, env_index=1, low=0, high=10**6)
    assert native.reset()[0][1] == single.reset()[0]
    observation, _ = native.reset(options={"reset_mask": np.array([False, True])})
    assert observation[1] == single.reset()[0]


def test_wrappers_that_count_steps_come_back(tmp_path: Path) -> None:
    class Kept(Drifting):
        def get_state(self) -> dict[str, Any]:
            return {"place": self.place.copy(), "left": self.left}

        def set_state(self, state: dict[str, Any]) -> None:
            self.place, self.left = state["place"].copy(), state["left"]

    def one_of(number: int) -> Make:
        limited = lambda: gym.wrappers.TimeLimit(Kept(), 7)  # noqa: E731
        return lambda: EpisodeSeeds(limited(), 1, number, 0, 100, resume="state")

    def make() -> Any:
        return SyncVectorEnv([one_of(0), one_of(1)], autoreset_mode=AutoresetMode.SAME_STEP)

    assert not comes_back(make, tmp_path, 5, 20)


def test_a_task_that_is_no_function_of_seed_and_actions_is_found_out(tmp_path: Path) -> None:
    class Lying(Drifting):
        def step(self, action: Any) -> Any:
            Drifting.hidden += 1
            return np.array([float(Drifting.hidden)]), 0.0, False, False, {}

    def make() -> Any:
        factory = lambda: EpisodeSeeds(Lying(), 1, 0, 0, 100, resume="replay")  # noqa: E731
        return SyncVectorEnv([factory], autoreset_mode=AutoresetMode.SAME_STEP)

    first, second, said = make(), make(), list[str]()
    first.reset()
    first.step(np.array([1]))
    restore(second, capture(first), said.append)
    assert "did not lead to the same observation" in said[0]


def test_states_survive_the_disk_bit_by_bit(tmp_path: Path) -> None:
    tree = {
        "generator": np.random.default_rng(3).bit_generator.state,
        "floats": [0.1 + 0.2, float("inf"), float("-inf"), float("nan"), -0.0],
        "array": np.array([np.nan, -0.0, 1e-320]),
        "nested": {"none": None, "flag": True, "text": "ü", "list": [[1], {"x": np.float32(0.1)}]},
    }
    write_state(tmp_path, "s", tree)
    back = read_state(tmp_path, "s")
    assert np.signbit(back["floats"][-1])
    back["nested"]["list"][1]["x"] = np.float32(back["nested"]["list"][1]["x"])
    assert differs(tree, back) is None
    with pytest.raises(TypeError, match=r"s\.a\.b is a set"):
        write_state(tmp_path, "s", {"a": {"b": {1}}})
    with pytest.raises(TypeError, match="Python objects"):
        write_state(tmp_path, "s", {"a": np.array([{}])})
