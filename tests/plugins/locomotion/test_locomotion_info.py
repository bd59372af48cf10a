"""``sandbox info`` on a user's robot: tables of what was found, remarks on what is wrong, and a picture."""

import json

import numpy as np
import pytest
from robot_files import ANKLE, HIP, MOTOR, dog, leg, slider, write

from sandbox.cli.main import main
from sandbox_locomotion.config import Ant, Hopper, Swimmer
from sandbox_locomotion.inspection.tables import describe_robot

BALL = '<body name="ball" pos="5 0 0.15"><freejoint/><geom size="0.15" mass="20"/></body>'


def tables(config):
    return {table.title.partition(":")[0]: table for table in describe_robot(config)}


def facts(config):
    return dict(tables(config)["Robot"].rows)


def remarks(config):
    found = tables(config).get("To be looked at")
    return [f"{about}: {text}" for about, text in found.rows] if found else []


def test_the_table_says_what_was_found(tmp_path):
    shown = facts(Ant(model=str(write(tmp_path, dog()))))
    assert shown["root"] == "trunk, moves freely"
    assert shown["mass"] == "8.800 kg"
    assert shown["feet"] == "fl_foot, fr_foot, bl_foot, br_foot"
    assert shown["start"] == "keyframe home"
    assert shown["height of the root at the start"] == "0.300 m"
    assert shown["healthy height"] == "0.150 to 0.600 m"
    assert shown["control step"] == "0.02 s, 5 simulation steps"
    assert shown["after 2 s of zero"] == "it is still healthy after 2.00 s at 0.286 m"


def test_actuators_joints_and_contacts_are_listed_with_their_ranges(tmp_path):
    found = tables(Ant(model=str(write(tmp_path, dog()))))
    actuators = found["Actuators"].rows
    assert actuators[1] == ("fl_knee", "position", "joint fl_knee", "-2.6", "-0.6", "-1.6", "30")
    joints = found["Joints below the root, rad and m"].rows
    assert joints[0] == ("fl_hip", "hinge", "fl", "-1.2", "2.6", "0.8", "fl_hip")
    assert "Contacts at the start" not in found  # it starts 2 cm above the ground
    for table in found.values():
        assert all(len(row) == len(table.header) for row in table.rows)


def test_what_is_not_part_of_the_robot_is_said(tmp_path):
    shown = facts(Ant(model=str(write(tmp_path, dog(scene=BALL, keyframe="")))))
    assert shown["not part of the robot"] == "ball, 20 kg, moves"


def test_a_robot_that_is_as_it_should_be_has_no_remarks(tmp_path):
    assert remarks(Ant(model=str(write(tmp_path, dog())))) == []


@pytest.mark.parametrize(
    ("xml", "config", "remark"),
    [
        (
            dog(keyframe=""),
            Ant,
            "start: Joints begin outside their range and are thrown back: fl_knee at 0.00",
        ),
        (dog(keyframe=""), Ant, "contacts: Bodies begin inside each other"),
        (dog(keyframe=""), Ant, "start: With the action of the baseline zero the episode ends after 0."),
        (
            dog(keyframe="").replace('pos="0 0 0.34"', 'pos="0 0 2"'),
            Ant,
            "start: The robot begins 1.58 m above",
        ),
        (dog().replace('mass="6"', 'mass="6000"'), Ant, "mass: The robot has a mass of 6e+03 kg"),
        (leg(HIP + ANKLE), Hopper, "joints: No actuator moves knee."),
        (leg(HIP + ANKLE).replace("-57 57", "-1 1"), Hopper, "hinges can turn by less than 0.1 rad: hip."),
        (
            slider(pairs=False).replace("foot", "tip"),
            Ant,
            "feet: No body at the end of a limb is called a foot",
        ),
        (
            leg(HIP + ANKLE).replace(
                '<geom type="capsule"', '<geom contype="0" conaffinity="0" type="capsule"'
            ),
            Hopper,
            "No geom of the robot can touch anything",
        ),
        (
            leg(HIP + MOTOR.format("roll", 'joint="spin"')).replace(
                "</worldbody>",
                '<body><joint name="spin" type="ball" limited="false"/><geom size=".1"/></body></worldbody>',
            ),
            Hopper,
            None,
        ),
    ],
)
def test_what_is_probably_not_meant_is_remarked(xml, config, remark, tmp_path):
    if remark is None:
        with pytest.raises(Exception, match="2 robots"):
            remarks(config(model=str(write(tmp_path, xml))))
        return
    found = remarks(config(model=str(write(tmp_path, xml))))
    assert any(remark in text for text in found), found


def test_an_unhealthy_start_is_remarked(tmp_path):
    config = Ant(model=str(write(tmp_path, dog())), healthy_height=(0.4, 1.0))
    assert any("The start is not healthy: the root is at 0.300 m" in text for text in remarks(config))


def test_a_robot_in_a_horizontal_plane_has_no_heights():
    shown = facts(Swimmer())
    assert shown["root"].endswith("moves in the horizontal plane of x and y")
    assert not any("height" in name for name in shown)


def test_the_command_shows_tables_and_writes_the_picture(tmp_path, capsys):
    from PIL import Image

    path, picture = write(tmp_path, dog()), tmp_path / "dog.png"
    arguments = ["info", "locomotion/ant", "--set", f"model={path}", "--picture", str(picture)]
    assert main(arguments) == 0
    assert "trunk, moves freely" in capsys.readouterr().out
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    assert pixels.shape == (860, 800, 3)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 80) & (pixels[..., 2] < 80)
    assert red.sum() > 100  # the arrow that points forward
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["picture"] == str(picture)
    assert {"title", "header", "rows"} == set(document["tables"][0])


def test_the_command_refuses_other_kinds_of_pictures(tmp_path, capsys):
    assert main(["info", "locomotion/ant", "--picture", str(tmp_path / "dog.gif")]) == 2
    assert "PNG" in capsys.readouterr().err
