"""Episodes of baselines are played once, and again as soon as anything that decides them is another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.envs.vector import is_native
from sandbox.evaluation import kept as kept_module
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.kept import FOLDER, KeptEpisodes
from sandbox.evaluation.rollout import Episode
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox.workflow import run

GREEDY, RANDOM = Agent("greedy", baseline="greedy"), Agent("random", baseline="random")


def play(
    root: Path, scenario: ResolvedScenario, agents: Sequence[Agent], seeds: Sequence[int], fresh: bool = False
) -> tuple[list[Episode], int]:
    """The episodes, and how many of them were not played."""
    with EpisodeRunner(scenario, 1, KeptEpisodes(root, scenario, fresh=fresh)) as runner:
        return runner.play(agents, seeds), runner.taken_over


def test_what_was_played_once_is_taken_over_to_the_digit(toys: None, tmp_path: Path) -> None:
    scenario = load_scenario("toy/forage")
    assert not is_native(scenario)
    first, none = play(tmp_path, scenario, [GREEDY, RANDOM], [0, 1, 2])
    again, all_six = play(tmp_path, scenario, [GREEDY, RANDOM], [0, 1, 2])
    assert (none, all_six) == (0, 6)
    assert again == first


def test_only_the_episodes_that_are_missing_are_played(toys: None, tmp_path: Path) -> None:
    scenario = load_scenario("toy/forage")
    play(tmp_path, scenario, [GREEDY], [0, 1])
    more, kept = play(tmp_path, scenario, [GREEDY], [0, 1, 2, 3])
    assert kept == 2
    assert more == play(tmp_path / "other", scenario, [GREEDY], [0, 1, 2, 3])[0]


def test_a_native_batch_is_kept_as_a_whole(toys: None, tmp_path: Path) -> None:
    scenario = load_scenario("toy/shelf")
    assert is_native(scenario)
    first, _ = play(tmp_path, scenario, [RANDOM], [0, 1])
    assert play(tmp_path, scenario, [RANDOM], [0, 1]) == (first, 2)
    # The generator of the random agent belongs to the batch, so another batch is other episodes.
    assert play(tmp_path, scenario, [RANDOM], [0, 1, 2])[1] == 0


@pytest.mark.parametrize("change", ["reward", "config", "code", "core", "version"])
def test_another_scenario_or_other_code_is_played(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    scenario = load_scenario("toy/forage")
    play(tmp_path, scenario, [GREEDY], [0])
    if change == "reward":
        scenario = load_scenario("toy/forage", reward=[f"{next(iter(scenario.reward.weights))}=7"])
    elif change == "config":
        scenario = load_scenario("toy/forage", ["evaluation.episodes=3"])
    elif change == "code":
        edited = [replace_digest(part) for part in kept_module.code_of(scenario)]
        monkeypatch.setattr(kept_module, "code_of", lambda *_, **__: tuple(edited))
    elif change == "core":
        monkeypatch.setattr(kept_module, "core_digest", lambda: "edited")
    else:
        monkeypatch.setattr(kept_module, "packages", lambda *_: {"numpy": "0.1"})
    assert play(tmp_path, scenario, [GREEDY], [0])[1] == 0


def replace_digest(part: kept_module.CodeRecord) -> kept_module.CodeRecord:
    return part.changed(digest="0" * 64)


def test_fresh_plays_again_and_keeps(toys: None, tmp_path: Path) -> None:
    scenario = load_scenario("toy/forage")
    assert play(tmp_path, scenario, [GREEDY], [0], fresh=True)[1] == 0
    assert play(tmp_path, scenario, [GREEDY], [0], fresh=True)[1] == 0
    assert play(tmp_path, scenario, [GREEDY], [0])[1] == 1


def test_a_line_that_was_changed_or_torn_is_played_again(toys: None, tmp_path: Path) -> None:
    scenario = load_scenario("toy/forage")
    first, _ = play(tmp_path, scenario, [GREEDY], [0, 1, 2])
    (file,) = (tmp_path / FOLDER).rglob("*.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    lines[0] = lines[0].replace('"seed": 0', '"seed": 7')
    file.write_text("".join(lines)[:-20])
    assert play(tmp_path, scenario, [GREEDY], [0, 1, 2, 7]) != first
    assert play(tmp_path / "other", scenario, [GREEDY], [0, 1, 2])[0] == first
    assert play(tmp_path, scenario, [GREEDY], [0, 1, 2]) == (first, 3)


def test_a_store_behind_a_link_is_refused(toys: None, tmp_path: Path) -> None:
    from sandbox.api.errors import DamagedRunError

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedRunError, match="is a link"):
        play(tmp_path, load_scenario("toy/forage"), [GREEDY], [0])


def test_a_figure_that_is_not_finite_is_not_kept(toys: None, tmp_path: Path) -> None:
    scenario = load_scenario("toy/forage")
    store = KeptEpisodes(tmp_path, scenario)
    (episode,) = play(tmp_path / "other", scenario, [GREEDY], [0])[0]
    store.add(GREEDY, [0], [replace(episode, metrics={**episode.metrics, "found": float("nan")})])
    assert store.find(GREEDY, [0]) == {}


def test_a_second_run_plays_its_own_policy_alone_and_equal_weights_once(toys: None, tmp_path: Path) -> None:
    arguments = {
        "steps": 64,
        "num_envs": 1,
        "episodes": 4,
        "runs_dir": tmp_path,
        "hp": ["n_steps=32", "batch_size=16"],
    }
    _, before = run("toy/forage", "ppo", **arguments)  # type: ignore[arg-type]
    trained, after = run("toy/forage", "ppo", seed=1, **arguments)  # type: ignore[arg-type]
    baselines = sum(agent.baseline is not None for agent in after.agents)
    assert (before.kept, after.kept) == (0, 4 * baselines)
    assert trained.evaluation().kept_episodes == 4 * baselines  # type: ignore[union-attr]
    for name in [agent.name for agent in after.agents if agent.baseline is not None]:
        assert (before.values(name) == after.values(name)).all()
    best = trained.record.best
    if best is not None and best.steps == trained.record.steps_done:
        assert (after.values("ppo") == after.values("ppo-best")).all()
