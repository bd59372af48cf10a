"""``sandbox compare`` on the command line: its document, its words, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Outcome, files

from sandbox.registry.discover import registry

Sandbox = Callable[..., Outcome]
STILL = Path(__file__).parents[1] / "toys" / "still.py"

SUITE = """
title: Two ways to be idle
scenarios:
  - id: toy/corridor
    set: {horizon: 50, evaluation.episodes: 60, evaluation.validations: 0}
agents:
  - {name: wise, algorithm: still, hyperparameters: {right: 0.59}}
  - {name: rash, algorithm: still, hyperparameters: {right: 0.97}}
baselines: [epsilon-right]
seeds: 2
steps: 20
"""


@pytest.fixture
def suite(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite in the working directory's scenarios, and the algorithm that it names."""
    toys = STILL.with_name("plugin.py")
    monkeypatch.setenv("SANDBOX_PLUGINS", f"{toys},{STILL}")
    registry.cache_clear()
    file = tmp_path / "scenarios" / "suites" / "idle.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(SUITE)
    return file


def test_the_document_has_the_promised_keys(sandbox: Sandbox, suite: Path) -> None:
    outcome = sandbox("compare", "idle", "--launcher", "inline", "--json")
    assert outcome.code == 0, outcome.err
    document = outcome.document
    assert document["suite"] == "idle"
    assert (document["metric"], document["unit"], document["better"]) == ("steps", "steps", "lower")
    assert {"scenario", "agent", "seed", "status", "value"} <= set(document["cells"][0])
    assert len(document["cells"]) == 2 + 2 * 2
    score = document["scores"]["toy/corridor"]["wise"]
    assert score["ci95"][0] <= score["iqm"] <= score["ci95"][1]
    assert score["iqm"] < document["scores"]["toy/corridor"]["rash"]["iqm"]
    assert "normalised" in score
    assert document["probability_of_improvement"]["wise"]["rash"]["p"] == 1.0
    assert document["missing"] == []


def test_people_get_a_table_and_a_sentence_and_the_second_time_nothing_runs(
    sandbox: Sandbox, suite: Path, tmp_path: Path
) -> None:
    first = sandbox("compare", "idle", "--launcher", "inline")
    assert first.code == 0, first.err
    assert "wise beats the best baseline, epsilon-right" in first.out
    assert "exploratory" in first.out
    assert "6 cells: 0 there already" in first.words
    before = files(tmp_path)
    second = sandbox("compare", str(suite), "--launcher", "inline")
    assert "6 cells: 6 there already" in second.words
    assert files(tmp_path) == before
    assert second.out == first.out


def test_baselines_are_played_once_whoever_asks_and_again_with_fresh(
    sandbox: Sandbox, suite: Path, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    settings = ("--set", "horizon=50", "--set", "evaluation.episodes=60", "--set", "evaluation.validations=0")
    played = sandbox("eval", "epsilon-right", "--scenario", "toy/corridor", *settings, "--json").document
    assert played["evaluation"]["kept_episodes"] == 0
    assert sandbox("compare", "idle", "--launcher", "inline", "-q").code == 0
    kept = sorted((tmp_path / "runs" / "episodes").rglob("*.jsonl"))
    assert [len(file.read_text().splitlines()) for file in kept] == [60, 60]  # random and epsilon-right
    assert sandbox("compare", "idle", "--launcher", "inline", "--fresh", "-q").code == 0
    assert [len(file.read_text().splitlines()) for file in kept] == [120, 120]
    again = sandbox("eval", "epsilon-right", "--scenario", "toy/corridor", *settings, "--json").document
    assert again["evaluation"]["kept_episodes"] == 60
    assert again["evaluation"]["agents"] == played["evaluation"]["agents"]


def test_a_failed_cell_is_shown_and_makes_the_exit_code_one(sandbox: Sandbox, suite: Path) -> None:
    suite.write_text(SUITE.replace("{right: 0.97}", "{fail: true}"))
    outcome = sandbox("compare", "idle", "--launcher", "inline")
    assert outcome.code == 1
    assert "Failed: toy/corridor, rash, seed 0: ArithmeticError: asked to fail" in outcome.out
    assert "--retry" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument"),
        (("idlle", "--algo", "still"), "Unknown"),
        (("suites/idlle",), "idle"),
        (("idle", "--algo", "stilll"), "still"),
        (("idle", "--algo", "still,,ppo"), "single commas"),
        (("idle", "--seeds", "none"), "--seeds"),
        (("idle", "--shard", "3/2"), "--shard"),
        (("idle", "--launcher", "moon"), "launcher"),
        (("idle", "--ray-address", "h:1"), "--launcher ray"),
        (("idle", "--launcher", "slurm"), "s"),
        (("idle", "--baselines", "best"), "epsilon-right"),
        (("toy/corridor",), "--algo"),
        (("toy/corridor", "--algo", "still", "--quick"), "--quick"),
        (("toy/regulator", "--algo", "dqn"), "These fit"),
        (("idle", "--set", "horizn=3"), "horizon"),
        (("nothing.yaml", "--algo", "still"), "no such file"),
    ],
)
def test_the_impossible_is_refused_in_words_and_leaves_nothing(
    sandbox: Sandbox, suite: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = files(tmp_path)
    outcome = sandbox("compare", *arguments)
    assert outcome.code == 2, outcome.err
    assert words in outcome.words
    assert "Traceback" not in outcome.err
    assert files(tmp_path) == before
