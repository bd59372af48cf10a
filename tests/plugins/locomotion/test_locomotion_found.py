"""The robot is found in a user's scene: its root, its mass, its motors, and what does not belong to it."""

import mujoco
import numpy as np
import pytest
from robot_files import ANKLE, DOG_MASS, HIP, MOTOR, dog, leg, make, slider, write

from sandbox.api import BrokenFileError

BALL = '<body name="ball" pos="5 0 0.15"><freejoint/><geom size="0.15" mass="20"/></body>'
POST = '<body name="post" pos="5 3 0.5"><geom type="box" size="0.1 0.1 0.5" mass="100"/></body>'
TURNTABLE = (
    '<body name="disc" pos="5 0 1"><joint axis="0 0 1"/><geom type="box" size="1 1 .1" mass="50"/></body>'
)
SCENES = {
    "alone": {},
    "ball first": {"before": BALL},
    "ball last": {"scene": BALL},
    "post": {"scene": POST},
    "turntable": {"before": TURNTABLE},
}


def episode(env, steps=40):
    rng = np.random.default_rng(0)
    seen = [env.reset(seed=1)[0]]
    for _ in range(steps):
        observation, reward, terminated, *_ = env.step(rng.uniform(-1, 1, env.action_space.shape))
        seen.append(np.append(observation, reward))
        if terminated:
            break
    return np.concatenate(seen)


def body_name(robot, body):
    return robot.mj_model.body(body).name


@pytest.mark.parametrize("scene", SCENES)
def test_what_stands_or_lies_in_the_scene_is_not_the_robot(scene, tmp_path):
    env = make(write(tmp_path, dog(keyframe="", **SCENES[scene])))
    robot = env.unwrapped.core.simulation.robot
    assert body_name(robot, robot.anatomy.torso) == "trunk"
    assert robot.anatomy.mass == pytest.approx(DOG_MASS)
    assert robot.anatomy.weight == pytest.approx(DOG_MASS * 9.81)
    assert robot.rules.height == pytest.approx(0.34)
    assert {body_name(robot, foot) for foot in robot.anatomy.feet} == {
        "fl_foot",
        "fr_foot",
        "bl_foot",
        "br_foot",
    }


def test_a_robot_plays_the_same_episode_whatever_is_out_of_its_reach(tmp_path):
    alone = episode(make(write(tmp_path, dog())))
    for name, scene in SCENES.items():
        if name == "alone":
            continue
        # A keyframe holds the coordinates of the whole scene, so here the start is the file's pose.
        ours = episode(make(write(tmp_path, dog(keyframe="", **scene))))
        theirs = episode(make(write(tmp_path, dog(keyframe=""))))
        assert ours == pytest.approx(theirs, abs=1e-6), name
    assert len(alone) == len(episode(make(write(tmp_path, dog()))))


MANY = "".join(f'<fixed name="band{k}"><joint joint="knee" coef="0.1"/></fixed>' for k in range(8))
SITES = '<spatial name="cable"><site site="nozzle"/><site site="upper"/><site site="lower"/></spatial>'
TENDON = MOTOR.format("pull", 'tendon="pull"')


@pytest.mark.parametrize(
    ("motor", "tendons", "target", "joints", "driven"),
    [
        (TENDON, "", "tendon pull (hip, knee)", (3, 4), [3, 4, 5]),
        (TENDON, MANY, "tendon pull (hip, knee)", (3, 4), [3, 4, 5]),
        (MOTOR.format("jet", 'site="nozzle"'), "", "site nozzle", (), [3, 5]),
        (MOTOR.format("cable", 'tendon="cable"'), SITES, "tendon cable", (), [3, 5]),
        ('<adhesion name="grip" body="foot" ctrlrange="0 1" gain="9"/>', "", "body foot", (), [3, 5]),
    ],
    ids=["tendon", "more tendons than joints", "site", "cable", "body"],
)
def test_motors_are_told_by_what_they_act_on(motor, tendons, target, joints, driven, tmp_path):
    env = make(write(tmp_path, leg(HIP + motor + ANKLE, tendons)), "hopper")
    anatomy = env.unwrapped.core.simulation.robot.anatomy
    assert [m.target for m in anatomy.motors] == ["joint hip", target, "joint ankle"]
    assert [m.joints for m in anatomy.motors] == [(3,), joints, (5,)]
    assert anatomy.joint_qpos.tolist() == driven
    env.reset(seed=0)
    for _ in range(5):
        observation, reward, *_ = env.step(np.full(env.action_space.shape, 0.3))
        assert np.isfinite([*observation, reward]).all()


@pytest.mark.parametrize(
    ("element", "kind", "low", "high"),
    [
        ('<motor joint="knee" ctrlrange="-2 3"/>', "motor", -2, 3),
        ('<motor joint="knee" gear="2" forcerange="-8 8"/>', "motor", -8, 8),
        ('<position joint="knee" kp="9" ctrlrange="-1.5 -.2"/>', "position", -1.5, -0.2),
        ('<position joint="knee" kp="9" dampratio="1"/>', "position", np.radians(-115), 0),
        (
            '<position joint="knee" kp="9" inheritrange="0.5"/>',
            "position",
            np.radians(-86.25),
            np.radians(-28.75),
        ),
        ('<position joint="knee" kp="9" timeconst=".1" ctrlrange="-1 0"/>', "position", -1, 0),
        ('<velocity joint="knee" kv="2" ctrlrange="-5 5"/>', "velocity", -5, 5),
        ('<intvelocity joint="knee" kp="9" actrange="-2 0" ctrlrange="-5 5"/>', "intvelocity", -5, 5),
        ('<damper joint="knee" kv="2" ctrlrange="0 1"/>', "damper", 0, 1),
        ('<muscle joint="knee" lengthrange=".5 1.5" force="100"/>', "muscle", 0, 1),
        ('<cylinder joint="knee" area="2" ctrlrange="-1 1"/>', "cylinder", -1, 1),
        (
            '<general joint="knee" gainprm="20" biastype="affine" biasprm="0 -20 -1" ctrlrange="-1 0"/>',
            "position",
            -1,
            0,
        ),
    ],
)
def test_the_kind_and_the_range_of_an_actuator(element, kind, low, high, tmp_path):
    env = make(write(tmp_path, leg(HIP + element + ANKLE)), "hopper")
    anatomy = env.unwrapped.core.simulation.robot.anatomy
    assert anatomy.motors[1].kind == kind
    assert (anatomy.low[1], anatomy.high[1]) == pytest.approx((low, high))


def test_an_actuator_without_a_range_is_named(tmp_path):
    path = write(tmp_path, leg(HIP + '<velocity name="wheel" joint="knee" kv="2"/>' + ANKLE))
    with pytest.raises(BrokenFileError, match="no control range: wheel") as caught:
        make(path, "hopper")
    assert 'ctrlrange="-1 1"' in caught.value.hint


def test_two_robots_are_refused_by_name(tmp_path):
    second = (
        '<body name="second" pos="3 0 1"><freejoint/><geom size=".1"/><body name="arm"><joint name="elbow"/>'
    )
    xml = dog(scene=second + '<geom size=".1" pos="0 0 .3"/></body></body>', keyframe="")
    path = write(tmp_path, xml.replace("</actuator>", '<motor joint="elbow" ctrlrange="-1 1"/></actuator>'))
    with pytest.raises(BrokenFileError, match="2 robots, whose actuated parts begin with trunk, second"):
        make(path)


SAGITTAL = {
    "as Gymnasium's": (
        '<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/><joint axis="0 1 0"/>',
        "",
    ),
    "with ref": (
        '<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1" ref="1"/><joint axis="0 1 0"/>',
        "",
    ),
    "z first, mirrored": (
        '<joint type="slide" axis="0 0 1"/><joint type="slide" axis="-1 0 0"/><joint axis="0 -1 0"/>',
        "",
    ),
    "slides in a keyframe": (
        '<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/><joint axis="0 1 0"/>',
        '<keyframe><key qpos="3 0.05 0.1 0 0 0"/></keyframe>',
    ),
}


@pytest.mark.parametrize("root", SAGITTAL)
def test_heights_and_speeds_are_those_of_the_world_however_the_slides_are_written(root, tmp_path):
    joints, keyframe = SAGITTAL[root]
    xml = leg(HIP + TENDON + ANKLE, root=joints, keyframe=keyframe)
    env = make(write(tmp_path, xml), "hopper", "reset_noise=0")
    env.reset(seed=0)
    simulation = env.unwrapped.core.simulation
    robot = simulation.robot
    data = simulation.physics.load(0)
    trunk = mujoco.mj_name2id(robot.mj_model, mujoco.mjtObj.mjOBJ_BODY, "trunk")
    assert robot.anatomy.root.height(simulation.physics.qpos)[0] == pytest.approx(data.xpos[trunk, 2])
    low, high = robot.rules.healthy_height
    assert (low, high) == pytest.approx((0.5 * data.xpos[trunk, 2], 2 * data.xpos[trunk, 2]))
    before = data.xpos[trunk].copy()
    _, _, terminated, _, info = env.step(np.full(3, 0.2))
    after = simulation.physics.load(0).xpos[trunk]
    assert not terminated
    assert info["reward_terms"]["survive"] == 1
    assert info["reward_terms"]["forward"] == pytest.approx((after[0] - before[0]) / simulation.dt, abs=1e-6)
    position = robot.anatomy.root.position(simulation.physics.qpos)[0]
    rotation = simulation.physics.load(0).xmat[trunk].reshape(3, 3)
    assert np.cos(position[2]) == pytest.approx(rotation[2, 2])
    assert np.sin(position[2]) == pytest.approx(rotation[0, 2])


def test_a_model_whose_root_lies_on_its_side_in_the_file_is_upright_as_it_stands(tmp_path):
    # The root's own x axis points up, as in models exported from drawings.
    xml = dog(keyframe="").replace(
        '<body name="trunk" pos="0 0 0.34">', '<body name="trunk" pos="0 0 0.34" euler="0 -1.5707963 0">'
    )
    env = make(write(tmp_path, xml), "ant", "reset_noise=0", "terminate=false")
    env.reset(seed=0)
    simulation = env.unwrapped.core.simulation
    assert simulation.robot.anatomy.root.up == "+x"
    _, _, _, _, info = env.step(np.zeros(8))
    assert info["reward_terms"]["orientation"] < 0.01


def test_a_robot_bolted_to_the_ground_is_refused_with_what_it_lacks(tmp_path):
    with pytest.raises(BrokenFileError, match="whose base, trunk, is fixed to the world") as caught:
        make(write(tmp_path, dog(root="", keyframe="")))
    assert "Begin the body trunk with <freejoint/>" in caught.value.hint


def test_a_robot_on_wheels_that_only_turns_is_refused_with_its_joints(tmp_path):
    path = write(tmp_path, dog(root='<joint axis="0 0 1"/>', keyframe=""))
    with pytest.raises(
        BrokenFileError, match="this one's, at trunk, are a hinge, a hinge, a hinge"
    ) as caught:
        make(path)
    assert "half-cheetah for a vertical plane" in caught.value.hint


def test_friction_pairs_count_as_ground(tmp_path):
    env = make(write(tmp_path, slider(pairs=True)))
    assert not env.unwrapped.core.simulation.robot.facts["ground_added"]
    bare = slider(pairs=False).replace(
        '<geom name="ground" type="plane" size="40 40 1" friction="1 0.02 0.0001"/>', ""
    )
    assert make(write(tmp_path, bare)).unwrapped.core.simulation.robot.facts["ground_added"]
