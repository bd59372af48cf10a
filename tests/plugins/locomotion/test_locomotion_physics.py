"""Drawn physics reaches all that depends on it: twice a parameter changes what physics says it changes."""

import mujoco
import numpy as np
import pytest
from robot_files import ANKLE, DOG_MASS, HIP, dog, leg, make, slider, write

import sandbox
from sandbox.api import InvalidValueError
from sandbox_locomotion.baselines.oscillators import open_loop

FIXED, DRAWN = "{0}=[{1},{1}]", "{0}=[{1},{1}.0000001]"
"""The same value for all episodes, and one drawn for each from a range too narrow to matter."""
FORMS = pytest.mark.parametrize("form", [FIXED, DRAWN], ids=["fixed", "drawn"])


def model_of(env):
    """The model of the environment's episode."""
    return env.unwrapped.core.simulation.physics.models[0]


def pair(form, name, path, robot="ant"):
    """The models of two environments that differ in a factor of 1 and 2."""
    envs = [make(path, robot, form.format(name, factor)) for factor in (1, 2)]
    for env in envs:
        env.reset(seed=0)
    return [model_of(env) for env in envs]


def actuator_force(model, ctrl, qpos=None):
    data = mujoco.MjData(model)
    data.ctrl[:] = ctrl
    data.act[:] = 0.9  # of muscles
    if qpos is not None:
        data.qpos[:] = qpos
    mujoco.mj_forward(model, data)
    return data.actuator_force.copy()


@FORMS
def test_twice_the_mass_of_the_robot_is_its_own_and_not_the_scenes(form, tmp_path):
    ball = '<body name="ball" pos="5 0 0.15"><freejoint/><geom size="0.15" mass="20"/></body>'
    path = write(tmp_path, dog(scene=ball, keyframe=""))
    env = make(path, "ant", form.format("mass", 2))
    env.reset(seed=0)
    model, simulation = model_of(env), env.unwrapped.core.simulation
    assert model.body("ball").mass[0] == pytest.approx(20)
    assert simulation.state.mass[0] == pytest.approx(2 * DOG_MASS, rel=1e-6)
    assert simulation.state.weight[0] == pytest.approx(2 * DOG_MASS * 9.81, rel=1e-6)


@FORMS
def test_twice_the_mass_halves_what_the_same_force_accelerates(form, tmp_path):
    models = pair(form, "mass", write(tmp_path, dog()))
    accelerations = []
    for model in models:
        data = mujoco.MjData(model)
        model.opt.gravity[:] = 0
        data.qpos[2] = 5
        mujoco.mj_forward(model, data)
        force = np.zeros(model.nv)
        mujoco.mj_applyFT(model, data, np.array([100.0, 0, 0]), np.zeros(3), data.subtree_com[1], 1, force)
        data.qfrc_applied[:] = force
        mujoco.mj_forward(model, data)
        mujoco.mj_subtreeVel(model, data)
        before = data.subtree_linvel[1].copy()
        mujoco.mj_step(model, data)
        mujoco.mj_forward(model, data)
        mujoco.mj_subtreeVel(model, data)
        accelerations.append((data.subtree_linvel[1] - before)[0] / model.opt.timestep)
    assert accelerations == pytest.approx(
        [100 / DOG_MASS, 50 / DOG_MASS], rel=1e-3
    )  # of a step of finite length


@FORMS
def test_twice_the_strength_doubles_the_force_of_every_kind_of_actuator(form, tmp_path):
    kinds = [
        '<motor joint="knee" ctrlrange="-2 3"/>',
        '<position joint="knee" kp="9" kv="1" ctrlrange="-1.5 -.2"/>',
        '<velocity joint="knee" kv="2" ctrlrange="-5 5"/>',
        '<muscle joint="knee" lengthrange="-2 0" force="100"/>',
        '<muscle joint="knee" lengthrange="-2 0"/>',
        '<motor tendon="pull" ctrlrange="-1 1" gear="7"/>',
        '<motor site="nozzle" ctrlrange="-1 1" gear="0 0 1 0 0 0"/>',
        '<motor joint="knee" ctrlrange="-9 9" forcerange="-4 4" gear="2"/>',
    ]
    for kind in kinds:
        path = write(tmp_path, leg(HIP + kind + ANKLE))
        once, twice = pair(form, "motor", path, "hopper")
        pose = [0, 0.2, 0, 0.1, -0.4, 0]
        ours, theirs = (actuator_force(model, [0.3, 0.9, 0.3], pose) for model in (once, twice))
        assert theirs == pytest.approx(2 * ours, rel=1e-6), kind
        assert abs(ours[1]) > 0, kind


def test_a_heavier_robot_has_no_stronger_muscles(tmp_path):
    muscle = '<muscle joint="knee" lengthrange="-2 0"/>'  # its force follows from the model's masses
    once, twice = pair(FIXED, "mass", write(tmp_path, leg(HIP + muscle + ANKLE)), "hopper")
    forces = [actuator_force(model, [0, 1, 0])[1] for model in (once, twice)]
    assert forces[1] == pytest.approx(forces[0])


def test_a_strength_that_cannot_be_scaled_is_refused_by_name(tmp_path):
    motor = '<dcmotor name="drive" joint="knee" motorconst="0.05" resistance="2" ctrlrange="-12 12"/>'
    path = write(tmp_path, leg(HIP + motor + ANKLE))
    make(path, "hopper").close()
    with pytest.raises(InvalidValueError, match="drive"):
        make(path, "hopper", "motor=2")


def slide(path, factor, form):
    """Distance over which a robot slides from 2 m/s."""
    changes = ("reset_noise=0", "terminate=false", "horizon=400", form.format("friction", factor))
    env = make(path, "ant", *changes)
    env.reset(seed=0)
    rest, physics = np.zeros(4), env.unwrapped.core.simulation.physics
    for _ in range(20):
        env.step(rest)
    physics.qvel[0, 0] = 2.0
    start = physics.qpos[0, 0]
    for _ in range(300):
        env.step(rest)
    return physics.qpos[0, 0] - start


@pytest.mark.parametrize("factor", [0.05, 0.03])
@pytest.mark.parametrize("pairs", [False, True], ids=["geoms", "pairs"])
def test_a_robot_slides_as_far_as_its_friction_says_however_contacts_are_written(pairs, factor, tmp_path):
    path = write(tmp_path, slider(pairs))
    expected = 2.0**2 / (2 * factor * 9.81)
    assert slide(path, factor, "{0}=[{1},{1}]") == pytest.approx(expected, rel=0.02)


def test_friction_reaches_pairs_overrides_and_torsion(tmp_path):
    once, twice = pair(FIXED, "friction", write(tmp_path, slider(pairs=True)))
    assert twice.pair_friction == pytest.approx(2 * once.pair_friction)
    assert twice.geom_friction == pytest.approx(2 * once.geom_friction)
    assert twice.opt.o_friction == pytest.approx(2 * once.opt.o_friction)


def run_with_gait(*changes):
    """The cost of transport that is reported, and by hand from the episode's own model."""
    env = sandbox.make("locomotion/half-cheetah", changes=[f"config.{c}" for c in ("horizon=400", *changes)])
    simulation, policy = env.unwrapped.core.simulation, open_loop(env.unwrapped)
    policy.reset(1)
    env.reset(seed=3)
    model = model_of(env)
    start, work, over = simulation.state.tracked[0, 0], 0.0, False
    while not over:
        *_, terminated, truncated, info = env.step(policy.act(None)[0])
        over = terminated or truncated
        torque = simulation.physics.fields["qfrc_actuator"][0]
        work += np.abs(torque * simulation.physics.qvel[0]).sum() * simulation.dt
    weight = model.body_mass[1:].sum() * np.linalg.norm(model.opt.gravity)
    return info["metrics"]["cost_of_transport"], work / (weight * abs(simulation.state.tracked[0, 0] - start))


@pytest.mark.parametrize(
    ("changes", "value"),
    [((), 1.50), (("mass=2",), 18.6), (("gravity=0.5", "mass=0.5"), 22.1), (("mass=[2,2.0001]",), 18.6)],
)
def test_the_cost_of_transport_is_of_the_episodes_own_weight(changes, value):
    reported, by_hand = run_with_gait(*changes)
    assert reported == pytest.approx(by_hand)
    assert reported == pytest.approx(value, rel=5e-3)


@pytest.mark.parametrize("mass", ["1", "0.5", "3", "[0.5,0.50001]", "[3,3.0001]"])
def test_a_push_changes_the_velocity_by_at_most_what_is_asked_at_any_mass(mass):
    changes = ["push_speed=2", "push_interval=1", "horizon=2000", f"mass={mass}"]
    env = sandbox.make("locomotion/half-cheetah", changes=[f"config.{c}" for c in changes])
    env.reset(seed=5)
    total, pushes = model_of(env).body_mass[1:].sum(), []
    for _ in range(400):
        env.step(np.zeros(6, np.float32))
        pushes.append(abs(env.unwrapped.core.simulation.state.push[0, 0]) * 0.1 / total)  # a push lasts 0.1 s
    assert 1.0 < max(pushes) <= 2.0


def test_the_mass_of_the_torso_is_added_to_the_root(tmp_path):
    env = make(write(tmp_path, dog()), "ant", "torso_mass=[2,2]")
    model = model_of(env)
    assert model.body("trunk").mass[0] == pytest.approx(8)
    assert model.body_mass.sum() == pytest.approx(DOG_MASS + 2)


def test_twice_the_latency_delays_twice_as_long(tmp_path):
    path = write(tmp_path, dog())
    for steps in (2, 4):
        env = make(path, "ant", f"latency=[{steps},{steps}]")
        env.reset(seed=0)
        seen = []
        for _ in range(6):
            env.step(np.ones(8))
            seen.append(env.unwrapped.core.simulation.physics.view("CTRL")[0, 0] > 2.5)
        assert seen.index(True) == steps
