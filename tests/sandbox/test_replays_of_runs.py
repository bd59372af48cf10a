"""What `sandbox run` leaves for the page: a report, and a replay where the task has a view for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.api.replay import read_replay
from sandbox.workflow import run


def test_a_run_leaves_a_report_and_a_replay_of_its_first_test_episode(toys: None, tmp_path: Path) -> None:
    trained, evaluation = run("toy/forage", "reinforce", steps=300, episodes=2, runs_dir=tmp_path)
    replay = read_replay(trained.path / "replays" / "reinforce.json")
    (episode,) = replay.episodes
    assert (episode.agent, episode.seed) == ("reinforce", evaluation.seeds[0])
    first = next(one for one in evaluation.episodes if one.agent == "reinforce")
    assert sum(value or 0 for value in episode.locations[0].order) == pytest.approx(first.ret, abs=1e-4)
    page = (trained.path / "report.html").read_text()
    assert 'data-replay="replay-0"' in page


def test_a_replay_that_fails_costs_no_result(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("of the plugin")

    monkeypatch.setattr("sandbox.outputs.render.render", broken)
    trained, _ = run("toy/forage", "reinforce", steps=300, episodes=2, runs_dir=tmp_path)
    assert (trained.path / "evaluation.json").is_file()
    assert (trained.path / "report.html").is_file()
    assert not (trained.path / "replays").exists()
