"""The page "Train your own robot": its model is as the page says, and its scenario file works."""

import re
from pathlib import Path

import yaml

from sandbox.scenarios.resolve import load_scenario
from sandbox_locomotion.config import Ant
from sandbox_locomotion.inspection.tables import describe_robot

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/train-your-own-robot.md").read_text("utf-8")
(MODEL,) = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
(SCENARIO,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_model_of_the_page_is_that_of_the_fuzz_benchmark():
    assert (ROOT / "tests/fixtures/robots/dog.xml").read_text("utf-8") == MODEL


def test_there_is_nothing_to_be_looked_at_in_the_model_of_the_page(tmp_path):
    path = tmp_path / "my-dog.xml"
    path.write_text(MODEL)
    tables = describe_robot(Ant(model=str(path)))
    assert not any(table.title == "To be looked at" for table in tables)
    facts = dict(tables[0].rows)
    assert facts["mass"] == "8.800 kg"
    assert facts["start"] == "keyframe home"


def test_the_scenario_file_of_the_page_names_its_files_relative_to_itself(tmp_path):
    (tmp_path / "my-dog.xml").write_text(MODEL)
    (tmp_path / "my-dog-gait.json").write_text("{}")
    path = tmp_path / "my-dog.yaml"
    path.write_text(SCENARIO)
    resolved = load_scenario(str(path))
    assert resolved.config.model == str(tmp_path / "my-dog.xml")
    assert yaml.safe_load(SCENARIO)["task"] == "locomotion/ant"
    assert "open-loop" in resolved.baselines()
