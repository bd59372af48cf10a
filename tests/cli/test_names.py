"""What a user finds by name: words of a listing, suites, algorithms, the latest run."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Outcome

Sandbox = Callable[..., Outcome]
SHORT = ("--algo", "reinforce", "--steps", "300", "--set", "evaluation.validations=1", "--quiet")


def test_listing_keeps_what_has_all_words_in_either_case(sandbox: Sandbox) -> None:
    listed = sandbox("list", "scenarios", "Traffic", "grid-4x4", "--json").document["scenarios"]
    assert {scenario["id"] for scenario in listed} == {"traffic/grid-4x4", "traffic/grid-4x4-peak"}
    none = sandbox("list", "scenarios", "traffic", "qqqqqqqq").out
    assert none == "There are no scenarios with 'traffic' and 'qqqqqqqq'.\n"


def test_a_word_that_nothing_has_is_answered_with_the_nearest(sandbox: Sandbox) -> None:
    assert "with 'trafic'. Did you mean traffic" in sandbox("list", "scenarios", "trafic").out
    refused = sandbox("info", "pp0")
    assert refused.code == 2
    assert refused.err.startswith("Error: Unknown domain or algorithm 'pp0'.\nDid you mean ppo")


def test_info_says_where_the_weights_are_not_those_of_the_preset(sandbox: Sandbox) -> None:
    assert "Reward: preset 'cost' with weights of the scenario" in sandbox("info", "inventory").out
    assert "Reward: preset 'delay'\n" in re.sub(r" +\n", "\n", sandbox("info", "traffic").out)


def test_suites_are_listed_with_what_they_compare_and_broken_ones_with_the_reason(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "scenarios" / "suites"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("title: Two\nscenarios: [toy/corridor]\nagents: [ppo, dqn]\nseeds: 3\n")
    (folder / "broken.yaml").write_text("title: Nothing\n")
    listed = {suite["id"]: suite for suite in sandbox("list", "suites", "--json").document["suites"]}
    assert listed["mine"] == {
        "id": "mine",
        "title": "Two",
        "scenarios": ["toy/corridor"],
        "algorithms": ["ppo", "dqn"],
        "seeds": 3,
        "error": None,
    }
    assert listed["traffic"]["error"] is None
    assert listed["traffic"]["scenarios"]
    assert "at least one scenario" in listed["broken"]["error"]
    assert "cannot be used" in sandbox("list", "suites", "broken").out


def test_info_of_an_algorithm_shows_hyperparameters_with_bounds_and_searched_ranges(
    sandbox: Sandbox,
) -> None:
    document = sandbox("info", "ppo", "--json").document
    assert document["masked_by"] == "maskable-ppo"
    assert document["data"] == "online"
    by_name = {entry["name"]: entry for entry in document["hyperparameters"]}
    assert by_name["clip_range"]["default"] == "0.2"
    assert by_name["clip_range"]["allowed"] == "number, > 0, ≤ 10"
    assert by_name["gamma"]["tuned"] == "0.9 to 0.999 (logarithm of 1 - value)"
    assert by_name["normalize_reward"]["tuned"] == ""
    text = sandbox("info", "ppo").out
    assert "Proximal policy optimisation" in text
    assert "arXiv 1707.06347" in text


def test_the_list_of_algorithms_fits_80_columns_with_whole_words(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = sandbox("list", "algorithms").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert " ppo                    policy-gradient: online, on-policy, model-free" in map(str.rstrip, lines)
    assert len(lines) < 1.5 * len(sandbox("list", "algorithms", "--json").document["algorithms"])


@pytest.mark.parametrize(("width", "columns"), [(80, 4), (120, 5)])
def test_hyperparameters_fit_the_terminal_without_columns_of_single_words(
    width: int, columns: int, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = sandbox("info", "ppo").out.splitlines()
    head = next(line for line in lines if line.startswith(" name ") and "default" in line)
    assert ("sandbox tune searches" in head) == (columns == 5)
    assert max(map(len, lines)) <= width
    assert any("1e-05 to 0.01" in line for line in lines), "a range stands in one piece"


@pytest.mark.parametrize("option", ["--set config.demand=2", "--reward queue", "--picture start.png"])
def test_options_of_a_scenario_do_not_go_with_an_algorithm(
    option: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    refused = sandbox("info", "ppo", *option.split())
    assert refused.code == 2
    assert "'ppo' is an algorithm" in refused.err
    assert not list(tmp_path.iterdir())


def test_latest_is_the_run_that_was_started_last_wherever_it_lies(sandbox: Sandbox, tmp_path: Path) -> None:
    first = sandbox("train", "toy/corridor", *SHORT, "--json").document["run_dir"]
    time.sleep(1.1)  # a run's start is recorded in whole seconds
    second = sandbox("train", "toy/corridor", *SHORT, "--seed", "1", "--json").document["run_dir"]
    os.utime(Path(first) / "run.json")  # written later is not started later
    (shown,) = sandbox("runs", "show", "latest", "--json").document["runs"]
    assert Path(shown["run_dir"]).resolve() == Path(second).resolve()
    elsewhere = sandbox("runs", "show", str(tmp_path / "runs" / "latest"), "--json").document["runs"]
    assert elsewhere[0]["run_dir"].endswith(Path(second).name)
    played = sandbox("eval", "latest@best", "--episodes", "2", "--quiet", "--json").document
    assert list(played["evaluation"]["agents"]) == ["reinforce-best"]


def test_latest_without_any_run_is_refused_and_a_folder_of_that_name_is_itself(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    refused = sandbox("resume", "latest")
    assert refused.code == 2
    assert "no run in 'runs'" in refused.err
    (tmp_path / "latest").mkdir()
    assert "is not a run directory" in sandbox("resume", "latest").err


def test_latest_and_short_names_are_looked_for_where_runs_dir_says(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = sandbox("train", "toy/corridor", *SHORT, "--json").document["run_dir"]
    apart = sandbox("train", "toy/corridor", *SHORT, "--seed", "1", "--runs-dir", "b", "--json").document
    short = Path(apart["run_dir"]).name
    time.sleep(1.1)  # a run's start is recorded in whole seconds
    newest = sandbox("train", "toy/corridor", *SHORT, "--seed", "2", "--json").document["run_dir"]
    there = ("--runs-dir", "b", "--json")
    for name in ("latest", short, f"reinforce/{short}"):
        (shown,) = sandbox("runs", "show", name, *there).document["runs"]
        assert shown["run_dir"] == apart["run_dir"]
    played = sandbox("eval", "latest", "--episodes", "2", "--quiet", *there).document
    assert played["run_dir"] == apart["run_dir"]
    again = sandbox("run", "--from", short, "--episodes", "2", "--quiet", *there)
    assert again.document["seed"] == 1
    tuned = sandbox("train", "toy/corridor", *SHORT, "--init-from", short, *there)
    assert tuned.code == 0, tuned.err
    assert sandbox("runs", "rm", "latest", "--yes", *there).code == 0
    assert Path(kept).is_dir()
    assert Path(newest).is_dir(), "runs of another folder are not touched"
    assert "no run in 'c'" in sandbox("eval", "latest", "--runs-dir", "c").err
