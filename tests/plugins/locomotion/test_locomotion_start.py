"""Episodes of a user's robot start where its author says, under rules measured from that pose."""

import mujoco
import numpy as np
import pytest
from robot_files import HIP, MOTOR, dog, leg, make, write

from sandbox.api import SandboxError, UnknownNameError
from sandbox_locomotion.baselines.zero import zero


def rest(env, steps):
    """Heights of the root while ``zero`` plays."""
    env.reset(seed=0)
    policy, heights = zero(env.unwrapped), []
    policy.reset(1, 0)
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(policy.act(None)[0])
        heights.append(env.unwrapped.core.simulation.physics.qpos[0, 2])
        if terminated or truncated:
            break
    return heights


def test_a_robot_stands_in_its_keyframe_as_in_plain_mujoco(tmp_path):
    path = write(tmp_path, dog())
    env = make(path, "ant", "reset_noise=0")
    model = mujoco.MjModel.from_xml_path(str(path))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    env.reset(seed=0)
    assert np.array_equal(env.unwrapped.core.simulation.physics.qpos[0], data.qpos)
    mujoco.mj_step(model, data, 1000)
    heights = rest(env, 200)  # of five steps of 4 ms: 4 s
    assert len(heights) == 200
    assert heights[-1] == pytest.approx(data.qpos[2], abs=1e-6)
    assert heights[-1] == pytest.approx(0.285, abs=1e-3)
    assert max(heights) < 0.301


def test_the_rules_are_measured_from_the_start_pose_and_can_be_replaced(tmp_path):
    path = write(tmp_path, dog())
    rules = make(path).unwrapped.core.simulation.robot.rules
    assert rules.height == rules.target_height == 0.3
    assert rules.healthy_height == pytest.approx((0.15, 0.6))
    assert rules.healthy_tilt == 1.0
    assert rules.terminates
    changes = ["healthy_height=[0.1,1]", "healthy_tilt=0.5", "target_height=0.25", "terminate=false"]
    rules = make(path, "ant", *changes).unwrapped.core.simulation.robot.rules
    assert (rules.healthy_height, rules.healthy_tilt) == ((0.1, 1.0), 0.5)
    assert (rules.target_height, rules.terminates) == (0.25, False)


def test_a_robot_that_tips_over_ends_its_episode_as_a_fall(tmp_path):
    env = make(write(tmp_path, dog()), "ant", "reset_noise=0")
    env.reset(seed=0)
    env.unwrapped.core.simulation.physics.qpos[0, 3:7] = [np.cos(0.6), np.sin(0.6), 0, 0]  # 1.2 rad
    _, _, terminated, _, info = env.step(np.zeros(8))
    assert terminated
    assert info["metrics"]["falls"] == 1


def keyframes(*names):
    keys = "".join(
        f'<key name="{name}" qpos="0 0 {0.3 + 0.01 * k} 1 0 0 0 {" ".join(["0.8 -1.6"] * 4)}"/>'
        for k, name in enumerate(names)
    )
    return f"<keyframe>{keys}</keyframe>"


@pytest.mark.parametrize(
    ("names", "asked", "height"),
    [
        (("low", "home"), None, 0.31),  # home, wherever it stands
        (("low", "high"), None, 0.30),  # else the first
        (("low", "high"), "high", 0.31),
        (("low", "high"), "qpos0", 0.34),
        ((), None, 0.34),
    ],
)
def test_which_pose_is_the_start(names, asked, height, tmp_path):
    path = write(tmp_path, dog(keyframe=keyframes(*names)))
    changes = ["reset_noise=0", *([f"keyframe={asked}"] if asked else [])]
    env = make(path, "ant", *changes)
    env.reset(seed=0)
    assert env.unwrapped.core.simulation.physics.qpos[0, 2] == pytest.approx(height)


def test_an_unknown_keyframe_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(UnknownNameError, match="hone") as caught:
        make(write(tmp_path, dog()), "ant", "keyframe=hone")
    assert "home" in f"{caught.value.message} {caught.value.hint}"


def test_servos_hold_a_keyframe_that_gives_no_controls(tmp_path):
    env = make(write(tmp_path, dog(keyframe=keyframes("home"))), "ant", "reset_noise=0")
    assert env.unwrapped.core.simulation.robot.start.ctrl == pytest.approx([0.8, -1.6] * 4)
    heights = rest(env, 100)
    assert len(heights) == 100
    assert heights[-1] == pytest.approx(0.285, abs=2e-3)


@pytest.mark.parametrize("servo", ['timeconst=".05"', ""], ids=["filtered", "plain"])
def test_servos_with_a_state_begin_in_the_pose(servo, tmp_path):
    knee = f'<position joint="knee" kp="500" kv="20" ctrlrange="-2 0" {servo}/>'
    pose = '<keyframe><key name="home" qpos="0 0.5 0 0 -1 0"/></keyframe>'
    env = make(write(tmp_path, leg(HIP + knee, keyframe=pose)), "hopper", "reset_noise=0", "terminate=false")
    env.reset(seed=0)
    simulation = env.unwrapped.core.simulation
    for _ in range(10):  # it falls for 0.08 s, its knee held at -1 rad
        env.step(simulation.robot.rest)
        assert simulation.physics.qpos[0, 4] == pytest.approx(-1, abs=0.05)


def test_an_integrated_velocity_servo_holds_the_pose(tmp_path):
    knee = '<intvelocity joint="knee" kp="500" kv="20" ctrlrange="-1 1" actrange="-2 0"/>'
    pose = '<keyframe><key name="home" qpos="0 0.5 0 0 -1 0"/></keyframe>'
    env = make(write(tmp_path, leg(HIP + knee, keyframe=pose)), "hopper", "reset_noise=0", "terminate=false")
    env.reset(seed=0)
    simulation = env.unwrapped.core.simulation
    for _ in range(10):
        env.step(simulation.robot.rest)
    assert simulation.physics.qpos[0, 4] == pytest.approx(-1, abs=0.05)


def test_the_initial_noise_is_that_of_a_robot_of_this_height(tmp_path):
    env = make(write(tmp_path, dog()))
    starts = []
    for seed in range(200):
        env.reset(seed=seed)
        starts.append(env.unwrapped.core.simulation.physics.qpos[0].copy())
    spread = np.ptp(starts, 0)
    assert 0.19 < spread[7:].max() <= 0.2  # joints: ±0.1 rad, as for the ant
    assert 0.07 < spread[2] <= 0.2 * 0.3 / 0.75 + 1e-9  # height: as much smaller as the robot


def test_a_height_that_is_asked_for_is_rewarded(tmp_path):
    env = make(write(tmp_path, dog()), "ant", "reset_noise=0", "target_height=0.2", reward=["height=-1"])
    env.reset(seed=0)
    *_, info = env.step(env.unwrapped.core.simulation.robot.rest)
    height = env.unwrapped.core.simulation.physics.qpos[0, 2]
    assert info["reward_terms"]["height"] == pytest.approx((height - 0.2) ** 2)


def test_health_is_told_for_motors_that_hold_nothing(tmp_path):
    env = make(write(tmp_path, leg(HIP + MOTOR.format("k", 'joint="knee"'))), "hopper")
    assert not env.unwrapped.core.simulation.robot.rest.any()
    with pytest.raises(SandboxError):
        make(write(tmp_path, dog()), "ant", "healthy_tilt=9")
