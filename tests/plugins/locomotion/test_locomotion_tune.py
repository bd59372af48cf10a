"""The search for gaits: it finds a known optimum, and writes the result with its command."""

import json

import numpy as np
import pytest

from sandbox.api import MissingExtraError
from sandbox_locomotion.baselines.oscillators import SHARED
from sandbox_locomotion.tune.__main__ import main
from sandbox_locomotion.tune.search import METHODS, Space, search

SIX = np.arange(6)
PEAK = np.array([0.3, -0.4, 0.5, 0.1, -0.2, 0.9])
"""Maximum of the test functions."""


def box(bound=2.0):
    return Space(np.full(6, -bound), np.full(6, bound), np.zeros(6), np.full(6, 0.5))


def valley(candidates, generation):
    """A narrow valley oblique to all axes, which independent distributions can hardly follow."""
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    rotated = (candidates - PEAK) @ rotation
    return -(np.square(rotated) * 10.0**-SIX).sum(1)


@pytest.mark.parametrize("method", METHODS)
def test_the_top_of_a_round_hill_is_reached(method):
    def hill(candidates, generation):
        return -np.square(candidates - PEAK).sum(1)

    numbers, value = search(box(), hill, 60, 64, 0, lambda line: None, method=method)
    assert numbers == pytest.approx(PEAK, abs=0.05)
    assert value == pytest.approx(0, abs=0.01)


def test_cma_es_follows_a_valley_further_than_the_cross_entropy_method():
    values = [search(box(), valley, 80, 24, 0, lambda line: None, method=name)[1] for name in METHODS]
    assert values[1] > 0.01 * values[0]  # both are negative: a hundred times closer


@pytest.mark.parametrize("method", METHODS)
def test_candidates_are_within_the_bounds_and_the_best_is_evaluated_again(method):
    seen = []

    def score(candidates, generation):
        seen.append(candidates)
        return candidates[:, 0]  # increases towards the bound

    numbers, _ = search(box(0.7), score, 20, 12, 0, lambda line: None, method=method)
    assert all((np.abs(candidates) <= 0.7).all() for candidates in seen)
    assert numbers[0] == pytest.approx(0.7)
    best = max((row for candidates in seen[:-2] for row in candidates), key=lambda row: row[0])
    assert any(np.array_equal(best, row) for row in seen[-2])


@pytest.mark.parametrize("method", METHODS)
def test_the_result_is_written_with_its_command(method, tmp_path, capsys):
    out = tmp_path / "gait.json"
    words = ["--generations", "2", "--population", "6", "--steps", "20", "--threads", "1", "--seed", "3"]
    assert main(["half-cheetah", "--method", method, *words, "--out", str(out)]) == 0
    document = json.loads(out.read_text())
    assert f"--method {method}" in document["command"]
    assert len(document["numbers"]) == 3 * 6 + len(SHARED)
    again = tmp_path / "again.json"
    assert main(["half-cheetah", "--method", method, *words, "--out", str(again)]) == 0
    assert json.loads(again.read_text())["numbers"] == document["numbers"]
    assert "written to" in capsys.readouterr().out
    assert document["before"] == []
    further = tmp_path / "further.json"
    assert main(["half-cheetah", *words, "--start", str(out), "--out", str(further)]) == 0
    assert json.loads(further.read_text())["before"] == [document["command"]]


@pytest.mark.parametrize("words", [("--population", "5"), ("--generations", "0"), ("--episodes", "0")])
def test_searches_too_small_to_learn_from_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        main(["half-cheetah", *words])
    assert words[0] in capsys.readouterr().err


def test_without_the_package_cma_es_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cmaes", None)
    with pytest.raises(MissingExtraError) as caught:
        METHODS["cma-es"](box(), 10, 0)
    assert "sandbox-rl[tune]" in caught.value.hint
