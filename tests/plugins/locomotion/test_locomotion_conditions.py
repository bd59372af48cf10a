"""Conditions beyond Gymnasium: what is drawn, its effect on the physics, and what is observed of it."""

import mujoco
import numpy as np
import pytest

import sandbox
from sandbox_locomotion import kinematics
from sandbox_locomotion.config import Ant
from sandbox_locomotion.models.terrain import draw_heights, height_at


def make(robot, *changes, reward=()):
    return sandbox.make(f"locomotion/{robot}", changes=[f"config.{c}" for c in changes], reward=reward)


def drop(env, steps):
    env.reset(seed=0)
    for _ in range(steps):
        env.step(np.zeros(env.action_space.shape, np.float32))
    return env.core.simulation


def momentum(simulation):
    data = simulation.physics.load(0)
    mujoco.mj_subtreeVel(simulation.robot.mj_model, data)
    return data.subtree_linvel[1] * simulation.robot.anatomy.mass


def test_gravity_is_the_acceleration_of_a_falling_robot():
    for factor in (0.5, 2.0):
        simulation = drop(make("ant", f"gravity={factor}", "reset_noise=0"), 1)
        # From rest at 0.75 m the ant falls freely for 0.05 s; its legs move, so momentum is compared.
        expected = -simulation.robot.anatomy.mass * 9.81 * factor * 0.05
        assert momentum(simulation)[2] == pytest.approx(expected, rel=1e-3)


def test_a_slope_turns_gravity():
    simulation = drop(make("ant", "terrain=slope", "terrain_slope=0.2"), 0)
    gravity = simulation.robot.mj_model.opt.gravity
    assert gravity == pytest.approx([-9.81 * np.sin(0.2), 0, -9.81 * np.cos(0.2)])


def test_drawn_physics_is_within_its_ranges_and_differs_between_environments_and_episodes():
    changes = ["friction=[0.4,1]", "mass=[0.9,1.1]", "torso_mass=[-0.1,0.1]", "motor=[0.9,1.1]"]
    envs = sandbox.make_vec("locomotion/ant", 4, changes=[f"config.{c}" for c in changes])
    envs.reset(seed=0)
    simulation = envs.unwrapped.core.simulation
    base = simulation.robot.mj_model
    seen = []
    for model in simulation.physics.models:
        friction = model.geom_friction[:, 0] / base.geom_friction[:, 0]
        assert np.ptp(friction) == 0
        assert 0.4 <= friction[0] <= 1
        strength = model.actuator_gainprm[:, 0] / base.actuator_gainprm[:, 0]
        assert ((strength >= 0.9) & (strength <= 1.1)).all()
        assert np.ptp(strength) > 0
        links = (model.body_mass / np.maximum(base.body_mass, 1e-9))[2:]
        assert ((links >= 0.9) & (links <= 1.1)).all()
        torso = model.body_mass[1] - base.body_mass[1]
        assert abs(torso) <= 0.1 + 0.1 * base.body_mass[1]
        # The inertia of a body of the same shape is proportional to its mass.
        ratio = model.body_inertia[1:] / base.body_inertia[1:]
        masses = model.body_mass[1:] / base.body_mass[1:]
        assert ratio == pytest.approx(np.repeat(masses[:, None], 3, 1))
        seen.append(friction[0])
    assert len(set(seen)) == 4
    envs.reset()
    assert simulation.physics.models[0].geom_friction[0, 0] != seen[0]
    envs.close()


def test_environments_with_fixed_physics_share_a_model():
    envs = sandbox.make_vec("locomotion/hopper", 3, changes=["config.friction=0.5", "config.gravity=2"])
    simulation = envs.unwrapped.core.simulation
    assert not simulation.robot.varies
    assert len({id(model) for model in simulation.physics.models}) == 1
    assert simulation.robot.mj_model.opt.gravity[2] == pytest.approx(-19.62)
    envs.close()


def test_an_action_takes_effect_after_the_latency():
    env = make("half-cheetah", "latency=[3,3]")
    env.reset(seed=0)
    seen = []
    for step in range(6):
        env.step(np.full(6, step + 1, np.float32) / 10)
        seen.append(env.core.simulation.physics.view("CTRL")[0, 0])
    assert seen == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])


def test_a_push_changes_the_momentum_by_its_impulse():
    env = make("ant", "push_speed=1", "push_interval=0.2", "gravity=0", "reset_noise=0", "terminate=false")
    env.reset(seed=3)
    simulation, still = env.core.simulation, np.zeros(8, np.float32)
    simulation.physics.qpos[0, 2] = 5.0  # in the air, so that no other force acts
    for _ in range(4):
        env.step(still)
    env.step(still)
    force = simulation.state.push[0].copy()
    assert 0 < np.linalg.norm(force) <= simulation.robot.anatomy.mass / 0.1
    env.step(still)
    assert momentum(simulation) == pytest.approx(force * 0.1, rel=2e-2, abs=1e-3)
    env.step(still)
    assert not simulation.state.push.any()


def test_the_command_is_observed_and_rewarded():
    env = make("ant", "command_speed=[0.2,0.8]", "command_turn=[-1,1]", reward=["command"])
    observation, info = env.reset(seed=0)
    assert observation.shape == (105 + 3,)
    assert observation[-3:] == pytest.approx(info["command"])
    assert 0.2 <= info["command"][0] <= 0.8
    *_, info = env.step(np.zeros(8, np.float32))
    physics = env.core.simulation.physics
    velocity = kinematics.body_velocity("free", physics.qpos, physics.qvel)
    error = ((velocity[0, :2] - info["command"][:2]) ** 2).sum()
    assert info["reward_terms"]["track_velocity"] == pytest.approx(np.exp(-error / 0.25))


def test_commands_are_renewed_at_their_interval():
    env = make("half-cheetah", "command_speed=[0,5]", "command_interval=0.5")
    env.reset(seed=0)
    commands = []
    for _ in range(25):
        *_, info = env.step(np.zeros(6, np.float32))
        commands.append(info["command"][0])
    assert len(set(commands)) == 3  # renewed after steps 10 and 20 of 0.05 s each


def test_noise_is_added_to_the_observation_and_not_to_the_state():
    quiet = make("hopper", "terminate=false")
    noisy = make("hopper", "terminate=false", "noise_position=0.1", "noise_velocity=0.5")
    quiet.reset(seed=2), noisy.reset(seed=2)
    differences = []
    for _ in range(200):
        action = np.full(3, 0.05, np.float32)
        exact, measured = quiet.step(action), noisy.step(action)
        assert np.array_equal(quiet.core.simulation.physics.state, noisy.core.simulation.physics.state)
        differences.append(measured[0] - exact[0])
    spread = np.std(differences, axis=0)
    assert spread[:5] == pytest.approx(0.1, rel=0.2)
    assert spread[5:] == pytest.approx(0.5, rel=0.2)


def test_stacked_frames_are_the_latest_with_the_newest_last():
    plain, stacked = make("swimmer"), make("swimmer", "frame_stack=3")
    first, _ = plain.reset(seed=0)
    observation, _ = stacked.reset(seed=0)
    assert np.array_equal(observation, np.tile(first, 3))
    seen = [first]
    for _ in range(4):
        seen.append(plain.step(np.ones(2, np.float32))[0])
        observation = stacked.step(np.ones(2, np.float32))[0]
    assert np.array_equal(observation, np.concatenate(seen[-3:]))


@pytest.mark.parametrize("kind", ["steps", "rough"])
def test_uneven_ground_is_level_around_the_start(kind):
    env = make("ant", f"terrain={kind}", "terrain_height=0.2")
    env.reset(seed=0)
    simulation = env.core.simulation
    heights = simulation.state.heights[0].copy()
    assert heights.min() >= 0
    near = height_at(heights, np.array([-1.0, 0.0, 1.0]), np.zeros(3))
    assert np.ptp(near) == 0
    assert np.ptp(heights) >= 0.15
    # MuJoCo collides with the same heights, in units of the height field's size.
    model = simulation.physics.models[0]
    field = model.hfield_data.reshape(heights.shape) * model.hfield_size[0, 2]
    assert field == pytest.approx(heights, abs=1e-6)
    start = simulation.physics.qpos[0, 2]
    assert start == pytest.approx(0.75 + near[1], abs=0.1)
    again = draw_heights(simulation.config, np.random.default_rng(simulation.state.terrain_seeds[0]))
    assert np.array_equal(again, heights)
    env.reset(seed=1)
    assert not np.array_equal(simulation.state.heights[0], heights)


def test_the_ground_carries_the_ant():
    env = make("ant", "terrain=rough", "terrain_height=0.1", "reset_noise=0")
    simulation = drop(env, 100)
    height = simulation.physics.qpos[0, 2] - simulation.ground()[0]
    assert 0.3 < height < 0.8


def test_every_step_of_the_stairs_has_the_height_of_the_config():
    heights = draw_heights(Ant(terrain="steps", terrain_height=0.07), np.random.default_rng(0))
    rises = np.abs(np.diff(heights[0]))
    assert np.unique(np.round(rises, 9)).tolist() == pytest.approx([0.0, 0.07])
