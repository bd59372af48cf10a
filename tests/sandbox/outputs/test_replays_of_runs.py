"""What `sandbox run` leaves for the page: a report, and a replay of a test episode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sandbox.api import RunFailedError, View
from sandbox.api.replay import Episode, read_replay
from sandbox.outputs.render import _default_replay, render
from sandbox.runs.verify import find_damages
from sandbox.scenarios.given import as_scenario
from sandbox.workflow import run


def test_a_run_leaves_a_report_and_a_replay_of_its_first_test_episode(toys: None, tmp_path: Path) -> None:
    trained, evaluation = run("toy/forage", "reinforce", steps=300, episodes=2, runs_dir=tmp_path)
    replay = read_replay(trained.path / "replays" / "reinforce.json")
    (episode,) = replay.episodes
    assert (episode.agent, episode.seed) == ("reinforce", evaluation.seeds[0])
    first = next(one for one in evaluation.episodes if one.agent == "reinforce")
    reward = next(series.values for series in episode.series if series.name == "reward")
    assert np.nansum(reward) == pytest.approx(first.ret, abs=1e-4)
    assert episode.metrics == first.metrics
    assert find_damages(trained.path) == []
    again = trained.path / "replays" / "reinforce.json"
    render([trained.path, "greedy"], "toy/forage", again, view="replay")
    assert len(read_replay(again).episodes) == 2
    assert find_damages(trained.path) == [], "it was replaced on purpose"
    again.write_bytes(again.read_bytes().replace(b"greedy", b"greedz"))
    assert len(find_damages(trained.path)) == 1
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


def test_a_task_without_a_view_has_a_replay_of_its_pictures_and_rewards(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = as_scenario("toy/forage")
    monkeypatch.setattr("sandbox.outputs.render._offered", lambda scenario: [_default_replay(scenario)])
    render(["greedy"], scenario, tmp_path / "r.json", view="replay", seed=3)
    (episode,) = read_replay(tmp_path / "r.json").episodes
    assert episode.pictures is not None
    assert len(episode.pictures.images) == episode.frames
    assert [series.name for series in episode.series] == ["eaten", "time", "reward", "forbidden"]
    assert episode.texts[0].values[0] == ""
    assert episode.metrics["eaten"] == 3


@pytest.mark.parametrize(("name", "agent"), [("toy/tag", "chase"), ("toy/regulator", "optimal")])
def test_a_task_that_cannot_be_rendered_has_a_replay_of_its_rewards(
    toys: None, tmp_path: Path, name: str, agent: str
) -> None:
    render([agent, "random"], name, tmp_path / "r.json", view="replay", seed=3)
    played, _ = read_replay(tmp_path / "r.json").episodes
    assert played.pictures is None
    assert "reward" in [series.name for series in played.series]
    assert played.frames > 1


def test_a_drawing_that_fails_leaves_the_figures(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(env: object) -> None:
        raise OSError("no display")

    monkeypatch.setattr("sandbox.outputs.render._offered", lambda scenario: [_default_replay(scenario)])
    monkeypatch.setattr("sandbox.outputs.default_replay._picture", broken)
    render(["greedy"], "toy/forage", tmp_path / "r.json", view="replay", seed=3)
    (episode,) = read_replay(tmp_path / "r.json").episodes
    assert episode.pictures is None
    assert "no display" in episode.note


def test_a_long_episode_is_shown_whole_at_every_nth_step(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.outputs.default_replay.MAX_CHARTED", 10)
    render(["optimal"], "toy/regulator", tmp_path / "r.json", view="replay", seed=3)
    (episode,) = read_replay(tmp_path / "r.json").episodes
    times = episode.clock.of(episode.frames)
    assert times[0] == 0
    assert set(np.diff(times)[:-1]) == {4.0}
    assert times[-1] == 32
    assert episode.note.startswith("Figures are means")


def test_a_replay_that_does_not_fit_is_the_plugins_fault(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(request: object) -> None:
        Episode(agent="a", seed=0, frames=2, series=[])

    view = View("replay", draw, formats=("json",))
    monkeypatch.setattr("sandbox.outputs.render._offered", lambda scenario: [view])
    with pytest.raises(RunFailedError, match="no valid replay"):
        render(["greedy"], "toy/forage", tmp_path / "r.json", view="replay")
