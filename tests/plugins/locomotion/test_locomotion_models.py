"""A user's own MJCF works, or fails with file and line; files outside its folder are out of reach."""

import shutil
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest

import sandbox
from sandbox.api import BrokenFileError, SandboxError
from sandbox_locomotion.models.randomization import clone_model

ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"


@pytest.fixture
def ant(tmp_path):
    return Path(shutil.copy(ASSETS / "ant.xml", tmp_path / "mine.xml"))


def make(path, robot="ant", **changes):
    return sandbox.make(
        f"locomotion/{robot}", changes=[f"config.model={path}", *(f"{k}={v}" for k, v in changes.items())]
    )


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_copy_of_the_robots_model_behaves_identically(ant):
    custom, standard = make(ant), sandbox.make("locomotion/ant")
    assert np.array_equal(custom.reset(seed=1)[0], standard.reset(seed=1)[0])
    for _ in range(20):
        assert np.array_equal(custom.step(np.full(8, 0.3))[0], standard.step(np.full(8, 0.3))[0])


def test_robots_of_a_single_tree_are_solved_without_a_search_for_islands_to_the_same_bit():
    model = sandbox.make("locomotion/half-cheetah").unwrapped.core.simulation.robot.mj_model
    island = int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    assert model.opt.disableflags & island
    searched = clone_model(model)
    searched.opt.disableflags &= ~island
    data, searched_data = mujoco.MjData(model), mujoco.MjData(searched)
    rng, max_islands = np.random.default_rng(0), 0
    for _ in range(500):
        data.ctrl[:] = searched_data.ctrl[:] = rng.uniform(-1, 1, model.nu)
        mujoco.mj_step(model, data, nstep=5)
        mujoco.mj_step(searched, searched_data, nstep=5)
        max_islands = max(max_islands, searched_data.nisland)
        assert np.array_equal(data.qpos, searched_data.qpos)
    assert max_islands == 1


def test_models_of_several_trees_keep_the_search_for_islands(ant):
    change(ant, "</worldbody>", '<body pos="9 9 9"><freejoint/><geom size=".1"/></body></worldbody>')
    model = make(ant).unwrapped.core.simulation.robot.mj_model
    assert not model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_ISLAND)


def test_a_heavier_model_moves_differently(ant):
    change(ant, 'density="5.0"', 'density="20.0"')
    heavy, standard = make(ant), sandbox.make("locomotion/ant")
    heavy.reset(seed=1), standard.reset(seed=1)
    mass = standard.core.simulation.robot.anatomy.mass
    assert heavy.core.simulation.robot.anatomy.mass == pytest.approx(4 * mass)  # mass is density times volume
    assert not np.array_equal(heavy.step(np.ones(8))[0], standard.step(np.ones(8))[0])


def test_a_syntax_error_names_file_and_line(ant):
    lines = ant.read_text().splitlines()
    lines[9] = lines[9] + "<oops"
    ant.write_text("\n".join(lines))
    with pytest.raises(BrokenFileError, match=r"mine\.xml, line 1[0-9]: is not well-formed XML"):
        make(ant)


def test_an_unknown_element_names_file_and_line(ant):
    change(ant, '<option integrator="RK4" timestep="0.01"/>', "<opinion/>")
    with pytest.raises(BrokenFileError, match=r"mine\.xml, line 3: .*opinion"):
        make(ant)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('<mujoco model="ant">', "<robot>", "not well-formed"),
        ('integrator="RK4" timestep="0.01"', 'timestep="fast"', "line 3"),
        ('joint="hip_4"', 'joint="hip_9"', "hip_9"),
        ('ctrllimited="true" ctrlrange="-1.0 1.0" joint="hip_4"', 'joint="hip_4"', "no control range"),
        ('type="free"/>', 'type="ball"/>', "first joints are a free joint"),
        ("<worldbody>", '<worldbody><replicate count="90000"><geom size="1"/></replicate>', "90,000"),
    ],
)
def test_unusable_models_are_refused_with_a_message(ant, old, new, message):
    change(ant, old, new)
    with pytest.raises(BrokenFileError, match=r"mine\.xml") as caught:
        make(ant)
    assert message in caught.value.message


def test_entities_are_refused_before_they_are_expanded(ant):
    bomb = '<!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>\n'
    ant.write_text("<!-- harmless -->\n" + bomb + ant.read_text())
    with pytest.raises(BrokenFileError, match="line 2: document types and entities are refused"):
        make(ant)


@pytest.mark.parametrize(
    "tag",
    [
        '<include file="../secret.xml"/>',
        '<include file="/etc/passwd"/>',
        '<asset><mesh name="m" file="../../secret.stl"/></asset>',
        '<compiler meshdir="/etc"/>',
    ],
)
def test_files_outside_the_folder_are_refused(ant, tag):
    (ant.parent.parent / "secret.xml").write_text("<mujoco/>")
    change(ant, "<worldbody>", f"{tag}<worldbody>")
    with pytest.raises(BrokenFileError, match="outside the model's folder"):
        make(ant)


def test_included_files_are_checked_too(ant):
    (ant.parent / "part.xml").write_text('<mujoco><include file="/etc/hostname"/></mujoco>')
    change(ant, "<worldbody>", '<include file="part.xml"/><worldbody>')
    with pytest.raises(BrokenFileError, match=r"part\.xml.*outside"):
        make(ant)


def test_an_include_within_the_folder_works(ant):
    (ant.parent / "part.xml").write_text('<mujoco><asset><material name="included"/></asset></mujoco>')
    change(ant, "<worldbody>", '<include file="part.xml"/><worldbody>')
    make(ant).reset(seed=0)


def test_a_model_with_another_root_is_refused_with_the_scenarios_that_fit(tmp_path):
    path = Path(shutil.copy(ASSETS / "hopper.xml", tmp_path / "mine.xml"))
    with pytest.raises(BrokenFileError) as caught:
        make(path)
    assert "half-cheetah for a vertical plane" in caught.value.hint
    make(path, "half-cheetah").reset(seed=0)


@pytest.mark.parametrize(
    "change",
    ["friction=[2,1]", "gravity=-1", "latency=[0,40]", "terrain=lava", "fast=true", "model=missing.xml"],
)
def test_impossible_conditions_are_refused(change):
    with pytest.raises(SandboxError) as caught:
        sandbox.make("locomotion/ant", changes=[f"config.{change}"])
    assert caught.value.exit_code == 2
