"""The default configuration is Gymnasium's v5 environment, step by step."""

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
def test_a_thousand_random_steps_equal_those_of_gymnasium(robot, in_empty_folder):
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
            observation, info = ours.reset(seed=seed)
            expected, _ = theirs.reset(seed=seed)
            assert np.array_equal(observation, expected), step
        action = theirs.action_space.sample()
        observation, reward, terminated, truncated, info = ours.step(action)
        expected, their_reward, their_terminated, their_truncated, _ = theirs.step(action)
        assert np.array_equal(observation, expected), step
        assert abs(reward - their_reward) <= 1e-12, step
        assert (terminated, truncated) == (their_terminated, their_truncated), step
        total = sum(ours.reward.weights[name] * x for name, x in info["reward_terms"].items())
        assert total == pytest.approx(reward, abs=1e-5)
        done = terminated or truncated
    ours.close()
    theirs.close()


@pytest.mark.parametrize("robot", ["ant", "hopper", "humanoid"])
def test_an_environment_of_the_batch_plays_the_episode_of_the_single_environment(robot):
    envs = sandbox.make_vec(f"locomotion/{robot}", 5)
    single = sandbox.make(f"locomotion/{robot}")
    observations, _ = envs.reset(seed=[10, 11, 12, 13, 14])
    observation, _ = single.reset(seed=13)
    assert np.array_equal(observations[3], observation)
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.uniform(-0.4, 0.4, envs.action_space.shape).astype(np.float32)
        observations, rewards, terminated, truncated, info = envs.step(actions)
        observation, reward, ends, is_truncated, single_info = single.step(actions[3])
        assert rewards[3] == reward
        assert (terminated[3], truncated[3]) == (ends, is_truncated)
        if ends or is_truncated:
            assert np.array_equal(info["final_obs"][3], observation)
            final = info["final_info"]["metrics"]
            assert {name: final[name][3] for name in single_info["metrics"]} == single_info["metrics"]
            observation, _ = single.reset()
        assert np.array_equal(observations[3], observation)
    envs.close()
    single.close()


def test_the_result_does_not_depend_on_the_number_of_threads():
    observations = []
    for threads in (1, 2, 3):
        envs = sandbox.make_vec("locomotion/ant", 7, changes=[f"threads={threads}"])
        envs.reset(seed=5)
        rng = np.random.default_rng(1)
        for _ in range(30):
            observation, *_ = envs.step(rng.uniform(-1, 1, (7, 8)).astype(np.float32))
        observations.append(observation)
        envs.close()
    assert np.array_equal(observations[0], observations[1])
    assert np.array_equal(observations[0], observations[2])


def test_actions_are_clipped_before_the_control_cost_is_computed():
    env = sandbox.make("locomotion/ant")
    for action in (1.0, 10.0):
        env.reset(seed=0)
        *_, info = env.step(np.full(8, action, np.float32))
        assert info["reward_terms"]["control"] == 8.0
    env.close()


def test_no_log_file_is_left_in_the_working_directory(in_empty_folder):
    env = sandbox.make("locomotion/half-cheetah")
    env.reset(seed=0)
    env.core.simulation.physics.qvel[:] = 1e9
    with pytest.warns(UserWarning, match="diverged"):
        env.step(np.zeros(6, np.float32))
    env.close()
    assert list(in_empty_folder.iterdir()) == []
