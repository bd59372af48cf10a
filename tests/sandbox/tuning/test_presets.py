"""A preset is put into a scenario file and nothing else of the file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.api.errors import InvalidValueError
from sandbox.scenarios.yaml_guard import load_file
from sandbox.tuning.presets import write_preset

PRESET = {"steps": 50, "num_envs": 2, "hyperparameters": {"gamma": 0.98, "net_arch": [64, 64]}}
SCENARIO = """# the corridor, with care
title: one
task: toy/corridor
metric: steps
presets:
  a2c: # fast
    steps: 10
  ppo:
    steps: 20
    hyperparameters:
      gamma: 0.5 # too low
# what follows stays
references:
  - {name: optimum, value: 11.7, source: book}
"""


def test_an_old_preset_is_replaced_and_comments_elsewhere_stay(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(SCENARIO)
    write_preset(file, file, "ppo", PRESET)
    document = load_file(file)
    assert document["presets"] == {"a2c": {"steps": 10}, "ppo": PRESET}
    assert document["references"][0]["value"] == 11.7
    text = file.read_text()
    assert "# the corridor, with care" in text
    assert "# fast" in text
    assert "# what follows stays" in text
    assert "too low" not in text


def test_a_new_preset_joins_the_others_or_is_the_first(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(SCENARIO)
    write_preset(file, file, "dqn", PRESET)
    assert set(load_file(file)["presets"]) == {"a2c", "ppo", "dqn"}
    file.write_text("title: one\ntask: toy/corridor\nmetric: steps\n")
    write_preset(file, file, "dqn", PRESET)
    assert load_file(file)["presets"] == {"dqn": PRESET}


def test_a_new_file_is_a_copy_with_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(SCENARIO)
    write_preset(file, tmp_path / "new" / "two.yaml", "ppo", PRESET)
    assert file.read_text() == SCENARIO
    assert load_file(tmp_path / "new" / "two.yaml")["presets"]["ppo"] == PRESET


def test_what_is_no_scenario_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("presets: {}\n")
    with pytest.raises(InvalidValueError, match="no scenario"):
        write_preset(None, file, "ppo", PRESET)
    assert file.read_text() == "presets: {}\n"
    with pytest.raises(InvalidValueError, match="no file"):
        write_preset(None, tmp_path / "new.yaml", "ppo", PRESET)
    tight = "title: one\ntask: toy/corridor\nmetric: steps\npresets: {ppo: {steps: 3}}\n"
    file.write_text(tight)
    with pytest.raises(InvalidValueError, match="without changing more"):
        write_preset(file, file, "ppo", PRESET)
    assert file.read_text() == tight
