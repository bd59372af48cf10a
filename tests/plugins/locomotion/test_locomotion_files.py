"""Files of a user's model: found where MuJoCo finds them, kept inside its folder, and bounded in memory."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import mujoco
import pytest
from robot_files import dog, make, write

import sandbox
from sandbox.api import BrokenFileError, InvalidValueError, SandboxError
from sandbox_locomotion.models import compiling, limits
from sandbox_locomotion.models.files import files_of

_FACES = "134 142 568 587 126 165 378 384 157 173 248 286"
BOX = "".join(f"v {x} {y} {z}\n" for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)) + "".join(
    f"f {' '.join(face)}\n" for face in _FACES.split()
)
XML = dog()
ACTUATORS = XML[XML.index("<actuator>") : XML.index("</actuator>") + len("</actuator>")]


def with_mesh(compiler, file="box.obj"):
    """The dog with a trunk of a mesh."""
    return (
        XML.replace('<compiler angle="radian"/>', f'<compiler angle="radian" {compiler}/>')
        .replace(
            "<worldbody>", f'<asset><mesh name="box" file="{file}" scale=".2 .1 .05"/></asset><worldbody>'
        )
        .replace(
            '<geom type="box" size="0.22 0.1 0.05" mass="6"/>', '<geom type="mesh" mesh="box" mass="6"/>'
        )
    )


def outside(folder):
    """A file that the model must not reach, readable as anything."""
    return write(folder, f"<mujoco>{ACTUATORS}</mujoco>", "secret.xml")


@pytest.fixture
def folder(tmp_path):
    """The model's folder, with others beside it."""
    path = tmp_path / "robot"
    path.mkdir()
    return path


# ---- where files are looked for ---------------------------------------------------------------


@pytest.mark.parametrize(
    "inner", ["more.xml", "parts/more.xml"], ids=["beside the includer", "beside the main file"]
)
def test_an_include_inside_an_include_is_found_as_by_mujoco(inner, folder):
    write(folder, f"<mujoco>{ACTUATORS}</mujoco>", "parts/more.xml")
    write(folder, f'<mujoco><include file="{inner}"/></mujoco>', "parts/motors.xml")
    path = write(folder, XML.replace(ACTUATORS, '<include file="parts/motors.xml"/>'))
    assert mujoco.MjModel.from_xml_path(str(path)).nu == 8
    assert make(path).action_space.shape == (8,)


@pytest.mark.parametrize(
    ("compiler", "mesh", "file"),
    [
        ("", "box.obj", "box.obj"),
        ("", "meshes/box.obj", "meshes/box.obj"),
        ('meshdir="meshes"', "meshes/box.obj", "box.obj"),
        ('assetdir="assets"', "assets/box.obj", "box.obj"),
        ('meshdir="meshes" strippath="true"', "meshes/box.obj", "/home/author/box.obj"),
    ],
)
def test_a_mesh_is_found_where_the_compiler_element_says(compiler, mesh, file, folder):
    write(folder, BOX, mesh)
    path = write(folder, with_mesh(compiler, file))
    env = make(path)
    assert env.unwrapped.core.simulation.robot.mj_model.nmesh == 1
    assert env.unwrapped.core.simulation.robot.mj_model.nu == 8


def test_a_meshdir_above_the_model_needs_the_users_word(folder):
    write(folder, BOX, "assets/box.obj")
    path = write(folder, with_mesh('meshdir="../assets"'), "xml/robot.xml")
    with pytest.raises(
        BrokenFileError, match=r"'\.\./assets', which is outside the model's folder"
    ) as caught:
        make(path)
    assert f"--set config.model_folder={folder}" in caught.value.hint
    assert make(path, "ant", f"model_folder={folder}").action_space.shape == (8,)
    with pytest.raises(InvalidValueError, match="lies outside its folder"):
        make(path, "ant", f"model_folder={folder / 'assets'}")


def test_an_attached_model_with_files_of_its_own_is_read(folder):
    write(folder, BOX, "pack/mesh.obj")
    write(
        folder,
        '<mujoco><asset><mesh name="m" file="mesh.obj" scale=".05 .05 .05"/></asset><worldbody>'
        '<body name="pack"><geom type="mesh" mesh="m" mass="1"/></body></worldbody></mujoco>',
        "pack/pack.xml",
    )
    xml = XML.replace("<worldbody>", '<asset><model name="p" file="pack/pack.xml"/></asset><worldbody>')
    xml = xml.replace(
        '<body name="fl"',
        '<body pos="0 0 .1"><attach model="p" body="pack" prefix="p-"/></body><body name="fl"',
    )
    robot = make(write(folder, xml)).unwrapped.core.simulation.robot
    assert robot.anatomy.mass == pytest.approx(9.8)


def test_every_file_of_a_model_takes_part_in_the_scenarios_hash(folder):
    from sandbox.scenarios.resolve import load_scenario

    mesh = write(folder, BOX, "meshes/box.obj")
    path = write(folder, with_mesh('meshdir="meshes"'))
    changes = [f"config.model={path}"]
    resolved = load_scenario("locomotion/ant", changes)
    before = resolved.hash
    assert sorted(files_of(resolved.config)) == sorted([path.resolve(), mesh.resolve()])
    mesh.write_text(BOX.replace("v 1 1 1", "v 1 1 2"))
    assert load_scenario("locomotion/ant", changes).hash != before


# ---- what must not be reached -----------------------------------------------------------------


@pytest.mark.parametrize("secret", ["../secret.xml", "{}/secret.xml"], ids=["relative", "absolute"])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_includes_of_any_level_stay_inside(level, secret, folder):
    outside(folder.parent)
    name = secret.format(folder.parent)
    for depth in range(level, 1, -1):
        write(folder, f'<mujoco><include file="{name}"/></mujoco>', f"part{depth}.xml")
        name = f"part{depth}.xml"
    with pytest.raises(BrokenFileError, match="outside the model's folder"):
        make(write(folder, XML.replace(ACTUATORS, f'<include file="{name}"/>')))


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_linked_mesh_inside_meshdir_stays_inside(what, folder):
    secret = write(folder.parent, BOX, "secret/box.obj")
    if what == "file":
        (folder / "meshes").mkdir()
        (folder / "meshes/box.obj").symlink_to(secret)
    else:
        (folder / "meshes").symlink_to(secret.parent)
    with pytest.raises(BrokenFileError, match="outside the model's folder"):
        make(write(folder, with_mesh('meshdir="meshes"')))


def test_an_include_that_is_a_link_stays_inside(folder):
    (folder / "part.xml").symlink_to(outside(folder.parent))
    with pytest.raises(BrokenFileError, match="outside the model's folder"):
        make(write(folder, XML.replace(ACTUATORS, '<include file="part.xml"/>')))


@pytest.mark.parametrize(
    "element",
    [
        '<asset><texture name="t" type="cube" fileright="{0}"/></asset>',
        '<asset><hfield name="h" file="{0}" size="1 1 1 1"/></asset>',
        '<asset><skin name="s" file="{0}"/></asset>',
        '<asset><model name="m" file="{0}"/></asset>',
        '<asset><mesh name="m" file="{0}"/></asset>',
    ],
)
def test_files_of_every_kind_stay_inside(element, folder):
    secret = outside(folder.parent)
    with pytest.raises(BrokenFileError, match="outside the model's folder"):
        make(write(folder, XML.replace("<worldbody>", element.format(secret) + "<worldbody>")))


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("place", ["main", "include", "mesh"])
def test_only_regular_files_are_read(place, kind, folder):
    name = {"main": "robot.xml", "include": "part.xml", "mesh": "box.obj"}[place]
    if kind == "pipe":
        os.mkfifo(folder / name)
    elif kind == "folder":
        (folder / name).mkdir()
    elif place == "main":
        name = "/dev/zero"
    else:
        (folder / name).symlink_to("/dev/zero")
    path = folder / name
    if place == "include":
        path = write(folder, XML.replace(ACTUATORS, f'<include file="{name}"/>'))
    elif place == "mesh":
        path = write(folder, with_mesh("", name))
    start = time.monotonic()
    with pytest.raises(SandboxError) as caught:
        make(path)
    assert caught.value.exit_code == 2
    assert time.monotonic() - start < 10


def test_a_circle_of_includes_is_refused(folder):
    write(folder, '<mujoco><include file="b.xml"/></mujoco>', "a.xml")
    write(folder, '<mujoco><include file="a.xml"/></mujoco>', "b.xml")
    with pytest.raises(BrokenFileError):
        make(write(folder, XML.replace(ACTUATORS, '<include file="a.xml"/>')))


# ---- what it may cost -------------------------------------------------------------------------

GRID = '<replicate count="1000" offset="1 0 0"><replicate count="1000" offset="0 1 0"><geom size=".1"/>'
AT_ONCE = {
    "nuser_geom": ({"head": '<size nuser_geom="100000000"/>'}, "nuser_geom=100,000,000; at most 1,000"),
    "nuser_body": ({"head": '<size nuser_body="30000000"/>'}, "nuser_body=30,000,000; at most 1,000"),
    "keyframes": ({"head": '<size nkey="100000000"/>'}, "nkey=100,000,000; at most 10,000"),
    "texture": (
        {"head": '<asset><texture name="t" type="2d" builtin="flat" width="60000" height="9"/></asset>'},
        "width=60,000; at most 16,000",
    ),
    "sensor": ({"head": '<sensor><user dim="900000000"/></sensor>'}, "dim=900,000,000; at most 1,000"),
    "nested replicate": ({"scene": GRID + "</replicate></replicate>"}, "more than 200,000 elements"),
    "flexcomp": (
        {"scene": '<flexcomp name="f" type="grid" count="90 90 90" spacing="1 1 1" radius=".1"/>'},
        "more than 200,000 elements",
    ),
}
IN_THE_CHILD = {
    "user data": {"head": '<size nuserdata="1000000000"/>'},
    "arena": {"head": '<size memory="200G"/>'},
    "textures": {
        "head": "<asset>"
        + "".join(
            f'<texture name="t{k}" type="2d" builtin="flat" width="16000" height="16000"/>' for k in range(5)
        )
        + "</asset>"
    },
    "bodies": {
        "scene": '<replicate count="100" offset="1 0 0"><replicate count="40" offset="0 1 0">'
        '<body><freejoint/><geom size=".1"/></body></replicate></replicate>'
    },
}


@pytest.mark.parametrize("bomb", AT_ONCE)
def test_what_a_few_characters_multiply_is_refused_at_once_with_its_limit(bomb, folder):
    parts, message = AT_ONCE[bomb]
    start = time.monotonic()
    with pytest.raises(BrokenFileError, match=message):
        make(write(folder, dog(keyframe="", **parts)))
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("bomb", IN_THE_CHILD)
def test_what_only_compiling_shows_ends_in_the_child_within_its_memory(bomb, folder):
    path = write(folder, dog(keyframe="", **IN_THE_CHILD[bomb]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BrokenFileError, match=r"2 GB|1,024 MB|512 MB|2,000 are allowed") as caught:
        make(path)
    assert caught.value.exit_code == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 3_000_000


def slow_to_compile(folder):
    """A model of 40,000 joined points, which takes minutes."""
    cloth = '<flexcomp name="f" type="grid" count="200 200 1" dim="2" spacing=".1 .1 .1" radius=".01"/>'
    return write(folder, dog(keyframe="", scene=cloth))


def test_a_model_that_takes_too_long_is_given_up(folder, monkeypatch):
    path = slow_to_compile(folder)
    monkeypatch.setattr(compiling, "MAX_COMPILE_WAIT", 1.0)
    with pytest.raises(BrokenFileError, match="of processor time to compile, the limit"):
        make(path)


def test_the_processor_time_of_a_child_is_bounded():
    code = (
        "from sandbox_locomotion.models import limits\n"
        "limits.MAX_COMPILE_SECONDS = 1\n"
        "limits.confine_this_process()\n"
        "while True: pass\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=100, check=False).returncode in (
        -signal.SIGXCPU,
        -signal.SIGKILL,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_compiling_child_outlives_its_parent(folder):
    path = slow_to_compile(folder)
    code = f"import sandbox; sandbox.make('locomotion/ant', changes=['config.model={path}'])"
    parent = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 100
    while (child := compiling_child(parent.pid)) is None:
        assert time.monotonic() < until, "no child was started"
        time.sleep(0.02)
    while processor_time(child) < 2:  # by then it is within MuJoCo
        assert time.monotonic() < until, "the child does not compile"
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    until = time.monotonic() + 20
    while child.exists():
        assert time.monotonic() < until, "the child outlived its parent"
        time.sleep(0.05)


def compiling_child(parent):
    """The process in /proc that compiles for another, if it has been started."""
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with contextlib.suppress(OSError):
            if b"models.compiler" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return Path(f"/proc/{pid}")
    return None


def processor_time(process):
    """Of a process in /proc, s."""
    ticks = (process / "stat").read_text().rpartition(")")[2].split()[11]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def test_a_batch_whose_models_take_too_much_memory_is_refused(monkeypatch):
    from sandbox_locomotion import simulation

    monkeypatch.setattr(simulation, "MAX_BATCH_BYTES", 1 << 20)
    with pytest.raises(InvalidValueError, match="The models of 64 environments would take"):
        sandbox.make_vec("locomotion/ant", 64, changes=["config.mass=[0.9,1.1]"])
    sandbox.make_vec("locomotion/ant", 64).close()  # one model for all


def test_kept_models_are_bounded(folder, monkeypatch):
    compiling._compiled.clear()
    monkeypatch.setattr(compiling, "MAX_MODEL_BYTES", 1)
    for mass in (1, 2, 3):
        make(write(folder, XML.replace('mass="6"', f'mass="{mass}"')))
    assert len(compiling._compiled) == 1
    assert limits.MAX_MODEL_BYTES > 1
