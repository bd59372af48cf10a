"""Environments can be copied and pickled; a copy plays on exactly like the original."""

import copy
import pickle

import numpy as np
import pytest
from robot_files import dog, make, write

import sandbox

HOWS = {"deepcopy": copy.deepcopy, "pickle": lambda env: pickle.loads(pickle.dumps(env))}  # noqa: S301
CONDITIONS = {
    "plain": (),
    "conditions": ("mass=[0.5,2]", "friction=[0.5,1]", "push_speed=1", "push_interval=0.5", "latency=[0,2]"),
    "rough": ("terrain=rough", "terrain_height=0.1"),
    "noise and frames": ("noise_position=0.1", "frame_stack=3"),
    "imitation": ("imitate=true",),
}


def play(env, steps, seed):
    """Steps of the running episode and of those after it."""
    rng = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(rng.uniform(-1, 1, env.action_space.shape))
        seen.append(np.append(observation, reward))
        if terminated or truncated:
            seen.append(np.append(env.reset()[0], 0.0))
    return np.array(seen)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("conditions", CONDITIONS)
def test_a_copy_plays_on_like_the_original(conditions, how):
    changes = [f"config.{change}" for change in ("horizon=30", *CONDITIONS[conditions])]
    env = sandbox.make("locomotion/half-cheetah", changes=changes)
    env.reset(seed=3)
    play(env, 10, 0)
    twin = HOWS[how](env)
    ours = play(env, 50, 1)
    assert np.array_equal(ours, play(twin, 50, 1))
    third = HOWS[how](twin)  # a copy of a copy that has moved on
    assert np.array_equal(play(twin, 20, 2), play(third, 20, 2))


def test_a_copy_of_a_users_robot_needs_its_file_no_more(tmp_path):
    path = write(tmp_path, dog())
    env = make(path)
    env.reset(seed=0)
    data = pickle.dumps(env)
    path.unlink()
    twin = pickle.loads(data)  # noqa: S301
    assert np.array_equal(play(env, 20, 0), play(twin, 20, 0))


def test_copies_do_not_disturb_each_other():
    env = sandbox.make("locomotion/ant")
    env.reset(seed=0)
    twin, reference = copy.deepcopy(env), copy.deepcopy(env)
    play(twin, 30, 5)
    assert np.array_equal(play(env, 20, 0), play(reference, 20, 0))


def test_a_batch_is_copied_with_its_episodes():
    envs = sandbox.make_vec("locomotion/hopper", 4, changes=["config.mass=[0.5,2]"])
    envs.reset(seed=0)
    actions = np.full((4, 3), 0.2, np.float32)
    envs.step(actions)
    twin = copy.deepcopy(envs)
    for _ in range(30):
        ours, theirs = envs.step(actions), twin.step(actions)
        assert np.array_equal(ours[0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])
    envs.close(), twin.close()


def test_an_environment_that_has_been_drawn_is_copied_without_its_window():
    env = sandbox.make("locomotion/hopper", render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    twin = copy.deepcopy(env)
    assert np.array_equal(twin.render(), before)
    env.close(), twin.close()
