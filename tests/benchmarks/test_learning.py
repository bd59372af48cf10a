"""The learning benchmark goes on where it was stopped, and only with runs that did what is asked for."""

from __future__ import annotations

from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from benchmarks import learning
from benchmarks.learning import Asked, finished, judge, table, train, trained


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    root = tmp_path_factory.mktemp("runs")
    return Asked("inventory/backorders-6", "ppo", 0, 64, ("evaluation.episodes=2",), ("n_steps=64",), root)


@pytest.fixture(scope="module")
def first(asked: Asked) -> Path:
    assert finished(asked) is None
    return train(asked)


def test_a_finished_run_is_used_again_and_no_other(asked: Asked, first: Path) -> None:
    found = finished(asked)
    assert found is not None
    assert found.path == first
    assert finished(replace(asked, sets=("evaluation.episodes=3",))) is not None  # the test is played anew
    assert finished(replace(asked, sets=("evaluation.validations=2",))) is None
    assert finished(replace(asked, seed=1)) is None
    assert finished(replace(asked, steps=128)) is None
    assert finished(replace(asked, hp=("n_steps=32",))) is None
    assert finished(replace(asked, scenario="inventory/backorders-10")) is None


def test_a_run_that_waited_when_the_benchmark_was_stopped_does_not_begin(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = get_context("spawn").Event()
    monkeypatch.setattr(learning, "_STOPPED", [stopped])
    stopped.set()
    with pytest.raises(RuntimeError, match="has been stopped"):
        train(replace(asked, seed=5))
    assert finished(replace(asked, seed=5)) is None


def test_only_what_is_missing_is_trained_and_all_is_judged(asked: Asked, first: Path) -> None:
    both = [asked, replace(asked, seed=1)]
    done = trained(both, 1)
    assert done[0].path == first
    assert [run.record.seed for run in done] == [0, 1]
    result = judge(asked, done)
    assert len(result["final"]) == len(result["final_returns"]) == 2
    assert result["better"] == "lower"
    sure = [value < min(result["baselines"].values()) for value in result["final"]]
    assert result["seeds_that_beat_every_baseline"] == sum(sure)
    assert f"({max(result['final']):.1f})" in table(result)
