"""Gymnasium's robots exactly: compared with Gymnasium itself, step by step."""

import warnings

import gymnasium as gym
import numpy as np
import pytest

import sandbox

PAIRS = {
    "ant": "Ant-v5",
    "half-cheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
    "humanoid": "Humanoid-v5",
    "swimmer": "Swimmer-v5",
}


@pytest.mark.parametrize("robot", PAIRS)
def test_a_thousand_random_steps_are_those_of_gymnasium(robot, in_empty_folder):
    ours = sandbox.make(f"locomotion/{robot}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = gym.make(PAIRS[robot])
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    theirs.action_space.seed(3)
    seed, done = 100, True
    for step in range(1000):
        if done:
            seed += 1
            mine, info = ours.reset(seed=seed)
            other, _ = theirs.reset(seed=seed)
            assert np.array_equal(mine, other), step
        action = theirs.action_space.sample()
        mine, reward, terminated, truncated, info = ours.step(action)
        other, their_reward, their_terminated, their_truncated, _ = theirs.step(action)
        assert np.array_equal(mine, other), step
        assert abs(reward - their_reward) <= 1e-12, step
        assert (terminated, truncated) == (their_terminated, their_truncated), step
        total = sum(ours.simulation.reward.weights[name] * x for name, x in info["reward_terms"].items())
        assert total == pytest.approx(reward, abs=1e-5)
        done = terminated or truncated
    ours.close()
    theirs.close()


@pytest.mark.parametrize("robot", ["ant", "hopper", "humanoid"])
def test_a_copy_of_the_batch_plays_the_single_environments_episode(robot):
    envs = sandbox.make_vec(f"locomotion/{robot}", 5)
    single = sandbox.make(f"locomotion/{robot}")
    observations, _ = envs.reset(seed=[10, 11, 12, 13, 14])
    mine, _ = single.reset(seed=13)
    assert np.array_equal(observations[3], mine)
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.uniform(-0.4, 0.4, envs.action_space.shape).astype(np.float32)
        observations, rewards, terminated, truncated, info = envs.step(actions)
        mine, reward, my_terminated, my_truncated, my_info = single.step(actions[3])
        assert rewards[3] == reward
        assert (terminated[3], truncated[3]) == (my_terminated, my_truncated)
        if my_terminated or my_truncated:
            assert np.array_equal(info["final_obs"][3], mine)
            final = info["final_info"]["metrics"]
            assert {name: final[name][3] for name in my_info["metrics"]} == my_info["metrics"]
            mine, _ = single.reset()
        assert np.array_equal(observations[3], mine)
    envs.close()
    single.close()


def test_the_number_of_threads_changes_nothing():
    played = []
    for threads in (1, 2, 3):
        envs = sandbox.make_vec("locomotion/ant", 7, changes=[f"threads={threads}"])
        envs.reset(seed=5)
        rng = np.random.default_rng(1)
        for _ in range(30):
            observation, *_ = envs.step(rng.uniform(-1, 1, (7, 8)).astype(np.float32))
        played.append(observation)
        envs.close()
    assert np.array_equal(played[0], played[1])
    assert np.array_equal(played[0], played[2])


def test_actions_are_clipped_before_they_cost():
    env = sandbox.make("locomotion/ant")
    for action in (1.0, 10.0):
        env.reset(seed=0)
        *_, info = env.step(np.full(8, action, np.float32))
        assert info["reward_terms"]["control"] == 8.0
    env.close()


def test_no_log_file_is_left_in_the_users_folder(in_empty_folder):
    env = sandbox.make("locomotion/half-cheetah")
    env.reset(seed=0)
    env.simulation.physics.view("QVEL")[:] = 1e9
    with pytest.warns(UserWarning, match="diverged"):
        env.step(np.zeros(6, np.float32))
    env.close()
    assert list(in_empty_folder.iterdir()) == []
