"""Tuning finds a known optimum, never sees test seeds, goes on after a stop, and stops hopeless trials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from sandbox.api.errors import InvalidValueError, RunBusyError, RunFailedError
from sandbox.launch import Launching
from sandbox.runs.lock import Lock
from sandbox.scenarios.resolve import load_scenario
from sandbox.scenarios.yaml_guard import load_file
from sandbox.tuning.api import tune, tuning_scenario

HERE = Launching("inline")
SHORT = ["horizon=60", "evaluation.episodes=40", "evaluation.validation_episodes=20"]


def search(root: Path, **more: Any) -> Any:
    given = {
        "launching": HERE,
        "trials": 12,
        "seeds": 1,
        "steps": 20,
        "params": ["right=0.05:0.95"],
        "retrain": 0,
    }
    return tune("toy/corridor", "still", changes=SHORT, runs_dir=root, **{**given, **more})


def test_validation_and_objective_share_out_the_tuning_range() -> None:
    seen = tuning_scenario(load_scenario("traffic/single-intersection")).spec.evaluation.seeds
    own = load_scenario("traffic/single-intersection").spec.evaluation.seeds
    low, high = own.tuning
    assert seen.validation == (low, (low + high) // 2)
    assert seen.tuning == ((low + high) // 2, high)
    assert (seen.train, seen.test) == (own.train, own.test)


def test_the_winner_lies_near_the_known_optimum_and_is_proven_on_fresh_seeds(
    still: None, tmp_path: Path
) -> None:
    """Right with probability 2 - √2 ≈ 0.586 is best (Sutton & Barto, Example 13.1); it is flat there."""
    found = search(tmp_path, trials=12, retrain=1)
    document = found.document
    assert 0.4 <= found.hyperparameters["right"] <= 0.75
    assert document["counts"]["complete"] + document["counts"]["pruned"] == 12
    assert document["budget"]["seeds"] == [1_000_000]
    assert document["steps_spent"] <= 12 * 20

    runs = [json.loads(file.read_text()) for file in found.folder.glob("trials/*/*/*/*/*/run.json")]
    played = {seed for run in runs for seed in run["scenario"]["evaluation"]["seeds"]["validation"]}
    assert played == {200_000, 250_000}

    comparison = found.comparison
    assert comparison is not None
    learned = {cell["agent"]: [] for cell in comparison.document["cells"] if cell["kind"] == "learned"}
    assert set(learned) == {"still-tuned", "still-before"}
    assert {cell["seed"] for cell in comparison.document["cells"]} == {0, None}


def test_a_search_goes_on_where_it_was_and_takes_over_what_was_left_running(
    still: None, tmp_path: Path
) -> None:
    first = search(tmp_path, trials=3)
    study = optuna.load_study(
        study_name=first.document["study"],
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(first.folder / "study.journal"))
        ),
    )
    left = study.ask()  # as a driver that was killed right here
    left.set_user_attr("folder", str(first.folder.resolve()))
    assert study.trials[3].state == optuna.trial.TrialState.RUNNING
    second = search(tmp_path, trials=5)
    assert second.folder == first.folder
    states = [one["state"] for one in second.document["trials"]]
    assert len(states) == 5
    assert "running" not in states
    assert second.document["trials"][:3] == first.document["trials"]


@pytest.mark.slow
def test_hopeless_trials_are_stopped_early_and_cost_less(still: None, tmp_path: Path) -> None:
    ranges = [
        "right=0.05:0.95",
        "seconds=6.0,6.01",
    ]  # long enough to be looked at in between, on a busy machine too
    found = search(tmp_path, trials=14, params=ranges, launching=Launching("local", workers=1))
    counts = found.document["counts"]
    pruned = [one for one in found.document["trials"] if one["state"] == "pruned"]
    assert counts["pruned"] >= 1
    assert counts["complete"] + counts["pruned"] == 14
    finished = [one["value"] for one in found.document["trials"] if one["state"] == "complete"]
    assert found.document["best"]["value"] == min(finished)
    assert all(one["steps"] <= 20 for one in pruned)


def test_the_winner_becomes_a_preset(still: None, tmp_path: Path) -> None:
    file = tmp_path / "corridor.yaml"
    file.write_text(
        "title: short\ntask: toy/corridor\nmetric: steps\nconfig: {horizon: 60}\n"
        "evaluation: {episodes: 20, validations: 0}\n"
    )
    found = tune(
        str(file),
        "still",
        trials=4,
        seeds=1,
        steps=20,
        params=["right=0.05:0.95"],
        retrain=0,
        preset=file,
        runs_dir=tmp_path / "runs",
        launching=HERE,
    )
    preset = load_file(file)["presets"]["still"]
    assert preset["hyperparameters"] == found.hyperparameters
    assert preset["steps"] == 20


def test_a_database_works_as_well(still: None, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    assert search(tmp_path / "runs", trials=2, storage=url).document["counts"]["complete"] == 2
    again = search(tmp_path / "runs", trials=3, storage=url)
    assert len(again.document["trials"]) == 3


def test_failed_trials_are_counted_and_a_search_without_any_result_says_why(
    still: None, tmp_path: Path
) -> None:
    found = search(tmp_path, trials=6, params=["fail=true,false", "right=0.3:0.8"])
    assert found.document["counts"]["failed"] >= 1
    assert found.document["counts"]["complete"] >= 1
    with pytest.raises(RunFailedError, match="No trial"):
        search(tmp_path, trials=2, hp=["fail=true"])


def test_trials_that_the_algorithm_refuses_before_its_first_step_fail_and_the_search_goes_on(
    still: None, tmp_path: Path
) -> None:
    """Their run directory is taken back; the trial's folder went with it, and the search ended there."""
    found = tune(
        "toy/corridor",
        "ppo",
        trials=4,
        seeds=1,
        steps=64,
        num_envs=2,
        hp=["n_steps=8"],
        params=["batch_size=16,512"],
        retrain=0,
        runs_dir=tmp_path,
        launching=HERE,
    )
    counts = found.document["counts"]
    assert counts["failed"] >= 1
    assert counts["complete"] >= 1
    reasons = [trial["error"] for trial in found.document["trials"] if trial["error"]]
    assert all("larger than a rollout" in reason for reason in reasons)


def test_impossible_searches_are_refused_before_anything_is_written(still: None, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="trials"):
        search(tmp_path / "runs", trials=0)
    with pytest.raises(InvalidValueError, match="--storage"):
        search(tmp_path / "other", storage="trials.db")
    assert not list(tmp_path.iterdir())


def test_two_drivers_do_not_work_on_one_search(still: None, tmp_path: Path) -> None:
    found = search(tmp_path, trials=1)
    lock = Lock.take(found.folder)
    with pytest.raises(RunBusyError):
        search(tmp_path, trials=2)
    lock.release()
