"""Suite files: what may stand in them, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.api.errors import BrokenFileError, InvalidValueError, SandboxError, UnknownNameError
from sandbox.comparison.suites import Suite, find_suite, is_course, load_suite, parse_seeds, suites
from sandbox.scenarios.yaml_guard import load_file

SUITE = """
title: Two corridors
scenarios:
  - toy/corridor
  - {id: toy/stall, steps: 500, agents: [a2c], baselines: [cheapest]}
agents:
  - reinforce
  - {name: wide, algorithm: ppo, hyperparameters: {net_arch: [128, 128]}}
seeds: [3, 5]
quick: {seeds: 1, episodes: 4}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "pair.yaml"
    file.write_text(text)
    return file


def test_plain_names_are_short_for_mappings(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path, SUITE))
    assert [one.id for one in suite.scenarios or ()] == ["toy/corridor", "toy/stall"]
    assert [one.label for one in suite.agents or ()] == ["reinforce", "wide"]
    assert suite.seed_list == (3, 5)
    assert (suite.scenarios or ())[1].steps == 500


def test_the_quick_form_replaces_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path, SUITE))
    quick = suite.in_quick_form()
    assert quick.seed_list == (0,)
    assert quick.episodes == 4
    assert quick.agents == suite.agents


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds: 3", "scenario"),
        ("scenarios: []", "scenarios"),
        ("scenarios: [toy/corridor]\nseeds: 0", "seeds"),
        ("scenarios: [toy/corridor]\nseeds: [1, 1]", "seeds"),
        ("scenarios: [toy/corridor]\nseeds: [-1]", "seeds"),
        ("scenarios: [toy/corridor]\nagents: [ppo, {algorithm: ppo, steps: 5}]", "different names"),
        ("scenarios: [toy/corridor]\nagent: [ppo]", "agent"),
        ("scenarios: [{id: toy/corridor, step: 4}]", "step"),
        ("scenarios: [toy/corridor]\nsteps: many", "steps"),
        ("scenarios: [toy/corridor]\nbaselines: some", "baselines"),
        ("- toy/corridor", "mapping"),
        ("scenarios: *all", "alias"),
        ("scenarios: [toy/corridor", "YAML"),
    ],
)
def test_a_mistake_in_a_suite_is_a_sentence_about_the_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SandboxError) as caught:
        load_suite(written(tmp_path, text))
    assert "pair.yaml" in caught.value.message
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_suites_are_found_by_name_beside_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenarios" / "suites").mkdir(parents=True)
    file = written(tmp_path / "scenarios" / "suites", SUITE)
    monkeypatch.chdir(tmp_path)
    assert find_suite("pair") == file.relative_to(tmp_path)
    assert find_suite("suites/pair") == file.relative_to(tmp_path)
    assert find_suite("toy/corridor") is None
    assert "pair" in suites()
    with pytest.raises(UnknownNameError) as caught:
        find_suite("suites/pear")
    assert "pair" in caught.value.hint


def test_every_shipped_suite_can_be_read_in_both_forms() -> None:
    for file in sorted((Path(__file__).parents[3] / "scenarios" / "suites").glob("*.yaml")):
        if is_course(load_file(file)):
            with pytest.raises(InvalidValueError, match="is a course"):
                load_suite(file)
            continue
        suite = load_suite(file)
        assert suite.title
        assert len(suite.in_quick_form().seed_list) <= len(suite.seed_list)


def test_seeds_are_numbers_lists_or_ranges() -> None:
    assert parse_seeds("10") == 10
    assert parse_seeds("3,7") == (3, 7)
    assert parse_seeds("20-22,5") == (20, 21, 22, 5)
    for wrong in ("", "a", "1-", "-3", "3,,4", "1-99999999", "1.5"):
        with pytest.raises(InvalidValueError):
            parse_seeds(wrong)


def test_a_folder_and_a_scenario_file_are_no_suites(tmp_path: Path) -> None:
    scenario = tmp_path / "one.yaml"
    scenario.write_text("title: one\ntask: toy/corridor\nmetric: steps\n")
    assert find_suite(str(scenario)) is None
    assert find_suite(str(tmp_path / "none.yaml")) is None
    with pytest.raises(BrokenFileError):
        load_suite(tmp_path)


def test_python_takes_the_same_values() -> None:
    assert Suite.model_validate({"scenarios": ["toy/corridor"]}).seed_list == tuple(range(10))
