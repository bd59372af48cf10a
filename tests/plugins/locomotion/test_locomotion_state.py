"""Saving and restoring: every later step is bit-identical, also in a new environment."""

import json

import numpy as np
import pytest

import sandbox

HARD = [
    "push_speed=1",
    "push_interval=0.5",
    "friction=[0.5,1.5]",
    "mass=[0.9,1.1]",
    "latency=[0,3]",
    "noise_position=0.02",
    "noise_velocity=0.1",
    "command_speed=[0,1]",
    "command_interval=0.4",
    "frame_stack=2",
]
CASES = {
    "ant": [],
    "ant under hard conditions": HARD,
    "ant on rough ground": ["terrain=rough", "mass=[0.9,1.1]"],
    "humanoid": [],
}


def plain(value):
    """Whether a state holds only what can be written without pickle."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(part) for key, part in value.items())
    if isinstance(value, list):
        return all(plain(part) for part in value)
    if isinstance(value, np.ndarray):
        return value.dtype != object
    return value is None or isinstance(value, (bool, int, float, str))


@pytest.mark.parametrize("case", CASES)
def test_a_restored_batch_continues_bit_for_bit(case):
    def batch():
        return sandbox.make_vec(f"locomotion/{case.split()[0]}", 3, changes=CASES[case])

    envs, fresh = batch(), batch()
    envs.reset(seed=1)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-0.4, 0.4, (60, *envs.action_space.shape)).astype(np.float32)
    for action in actions[:25]:
        envs.step(action)
    state = envs.unwrapped.get_state()
    assert plain(state)
    fresh.unwrapped.set_state(state)
    for action in actions[25:]:
        expected, restored = envs.step(action), fresh.step(action)
        for ours, theirs in zip(restored[:4], expected[:4], strict=True):
            assert np.array_equal(ours, theirs)
    envs.close()
    fresh.close()


def test_a_restored_environment_continues_bit_for_bit_into_its_next_episode():
    changes = ["horizon=20", "friction=[0.5,1.5]"]
    env = sandbox.make("locomotion/hopper", changes=changes)
    fresh = sandbox.make("locomotion/hopper", changes=changes)
    env.reset(seed=4)
    for _ in range(7):
        env.step(np.zeros(3, np.float32))
    state = env.unwrapped.get_state()
    json.dumps(state["generator"])  # whole numbers of any size, no arrays
    fresh.unwrapped.set_state(state)
    for _ in range(40):
        action = np.full(3, 0.1, np.float32)
        expected, restored = env.step(action), fresh.step(action)
        assert np.array_equal(restored[0], expected[0])
        assert restored[1:4] == expected[1:4]
        if expected[2] or expected[3]:
            assert np.array_equal(env.reset()[0], fresh.reset()[0])
    env.close()
    fresh.close()


@pytest.mark.parametrize("num_envs", [None, 3])
def test_a_state_saved_before_robots_were_cores_goes_on_bit_for_bit(num_envs):
    def made():
        if num_envs is None:
            return sandbox.make("locomotion/hopper", changes=HARD).unwrapped
        return sandbox.make_vec("locomotion/hopper", num_envs, changes=HARD).unwrapped

    env, fresh = made(), made()
    env.reset(seed=4)
    action = np.zeros(env.action_space.shape, np.float32)
    for _ in range(7):
        env.step(action)
    state = env.get_state()
    generators = [state["generator"]] if num_envs is None else state["generators"]
    earlier = {"simulation": {**state["core"], "generators": generators}}
    fresh.set_state(earlier if num_envs else {**earlier, "running": True})
    for _ in range(20):
        expected, restored = env.step(action), fresh.step(action)
        assert np.array_equal(restored[0], expected[0])
        assert np.array_equal(restored[1], expected[1])
    env.close()
    fresh.close()
