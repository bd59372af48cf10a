"""Evaluation: the same episodes for every agent, the same records wherever they are played."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from sandbox.api.errors import InvalidValueError, RunFailedError, UnknownNameError
from sandbox.evaluation import runner as runner_module
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.evaluate import evaluate
from sandbox.evaluation.result import EvaluationResult
from sandbox.evaluation.rollout import Episode, RandomPolicy
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import evaluation_seeds, validation_seeds
from sandbox.scenarios.resolve import load_scenario
from sandbox.statistics import bootstrap_mean, paired_difference


def test_the_four_seed_ranges_of_a_scenario_do_not_meet(toys: None) -> None:
    seeds = load_scenario("toy/forage").spec.evaluation.seeds
    ranges = sorted([seeds.train, seeds.validation, seeds.tuning, seeds.test])
    assert all(high <= low for (_, high), (low, _) in pairwise(ranges))


def test_overlapping_seed_ranges_are_refused(toys: None) -> None:
    with pytest.raises(InvalidValueError, match="test and validation overlap"):
        load_scenario("toy/forage", ["evaluation.seeds.test=[0, 100001]"])


def test_every_agent_plays_the_first_test_seeds(toys: None) -> None:
    table = evaluate(["greedy", "random"], "toy/forage", episodes=4)
    for agent in table.agents:
        assert [one.seed for one in table.episodes if one.agent == agent.name] == [0, 1, 2, 3]
    scenario = load_scenario("toy/forage")
    assert not set(evaluation_seeds(scenario)) & set(validation_seeds(scenario))


def test_more_episodes_than_test_seeds_are_refused(toys: None) -> None:
    with pytest.raises(InvalidValueError, match="100000 test seeds"):
        evaluate(["greedy"], "toy/forage", episodes=100_001)


def test_a_metric_that_is_no_number_is_told_with_agent_and_seed(
    toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, metric = EpisodeRunner.play, load_scenario("toy/forage").metric.name

    def spoiled(self: EpisodeRunner, *args: Any, **kwargs: Any) -> list[Episode]:
        first, *rest = play(self, *args, **kwargs)
        return [first, *(replace(one, metrics={**one.metrics, metric: float("nan")}) for one in rest)]

    monkeypatch.setattr(EpisodeRunner, "play", spoiled)
    with pytest.raises(RunFailedError, match=f"'{metric}' of greedy is nan after .* with seed 1, so"):
        evaluate(["greedy"], "toy/forage", episodes=3)


def test_records_are_the_same_here_and_in_worker_processes(
    toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = [Agent("greedy", baseline="greedy"), Agent("random", baseline="random")]
    scenario = load_scenario("toy/forage")
    with EpisodeRunner(scenario) as here:
        alone = here.play(agents, [0, 1, 2])
        assert here._pool is None
    monkeypatch.setattr(runner_module, "POOL_PAYS_AFTER", 0.0)
    with EpisodeRunner(scenario, num_workers=2) as spread:
        shared = spread.play(agents, [0, 1, 2])
        assert spread._pool is not None
    assert alone == shared


def test_a_worker_that_dies_is_reported_with_who_was_playing(
    toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "POOL_PAYS_AFTER", 0.0)
    agents = [Agent("greedy", baseline="greedy")]
    with EpisodeRunner(load_scenario("toy/forage"), num_workers=2) as runner:
        runner.play(agents, [0, 1, 2])
        for process in runner._pool._processes.values():  # type: ignore[union-attr]
            process.kill()
        with pytest.raises(RunFailedError, match="died while playing greedy"):
            runner.play(agents, [3, 4, 5])


def test_returns_are_the_weighted_sums_of_the_reward_terms(toys: None) -> None:
    for scenario in ("toy/forage", "toy/regulator", "toy/tag"):
        resolved = load_scenario(scenario)
        for episode in evaluate(["random"], resolved, episodes=5).episodes:
            weighted = sum(
                resolved.reward.weights[name] * value for name, value in episode.reward_terms.items()
            )
            assert episode.ret == pytest.approx(weighted, rel=1e-6, abs=1e-6), scenario


def test_reweighting_changes_the_return_and_not_the_metric(toys: None) -> None:
    plain = evaluate(["chase"], "toy/tag", episodes=5)
    doubled = evaluate(["chase"], "toy/tag", reward=["time=-2"], episodes=5)
    np.testing.assert_array_equal(plain.values("chase"), doubled.values("chase"))
    for before, after in zip(plain.episodes, doubled.episodes, strict=True):
        assert after.ret == pytest.approx(before.ret - before.reward_terms["time"])


def test_unknown_agents_name_the_known_ones(toys: None) -> None:
    with pytest.raises(UnknownNameError) as caught:
        evaluate(["gredy"], "toy/forage")
    assert "greedy" in caught.value.hint


def test_the_table_has_one_row_an_episode(toys: None) -> None:
    table = evaluate(["greedy", "random"], "toy/forage", episodes=3)
    rows = pq.read_table(io.BytesIO(table.to_parquet())).to_pylist()
    assert len(rows) == 6
    assert {"agent", "seed", "return", "length", "terminated", "truncated"} <= set(rows[0])
    assert any(name.startswith("term/") for name in rows[0])
    assert [row["metric/duration"] for row in rows[:3]] == list(table.values("greedy"))


def _evaluation(values: dict[str, list[float]], scenario: Any, metric: str = "duration") -> EvaluationResult:
    episodes = [
        Episode(name, seed, 0.0, 1, True, False, {}, {metric: value})
        for name, row in values.items()
        for seed, value in enumerate(row)
    ]
    agents = [Agent(name, baseline=None if name == "ppo" else name) for name in values]
    count = len(next(iter(values.values())))
    return EvaluationResult(scenario, tuple(range(count)), tuple(episodes), tuple(agents), 0.0)


def test_the_verdict_is_about_paired_differences_to_the_best_classical_method(toys: None) -> None:
    scenario = load_scenario("toy/forage")  # its metric, duration, is better when lower
    table = _evaluation(
        {
            "ppo": [8.0, 18.0, 28.0, 8.0, 18.0],
            "good": [10.0, 20.0, 30.0, 10.0, 20.0],
            "bad": [40.0] * 5,
            "random": [1.0] * 5,
        },
        scenario,
    )
    assert table.best_baseline() == "good", "random is no classical method, however lucky"
    comparison = table.compare("ppo")
    assert comparison is not None
    assert (comparison.mean, comparison.ci95, comparison.verdict) == (-2.0, (-2.0, -2.0), "better")
    worse = table.compare("bad")
    assert worse is not None
    assert worse.verdict == "worse"
    assert table.compare("good") is None


def test_a_proven_optimum_is_the_limit_and_is_not_lost_to() -> None:
    scenario = load_scenario("inventory/newsvendor")  # whose baseline "optimal" is optimal in cost
    table = _evaluation(
        {"ppo": [11.0] * 5, "optimal": [10.0] * 5, "mean-demand": [12.0] * 5, "random": [50.0] * 5},
        scenario,
        "cost",
    )
    assert scenario.metric.name == "cost"
    assert (table.optimum(), table.best_baseline()) == ("optimal", "mean-demand")
    assert table.beats("ppo") == ("mean-demand",)
    record = table.record()
    assert record.limit is not None
    assert (record.limit.kind, record.limit.value) == ("optimum", 10.0)
    against = record.agents["ppo"].against_best_baseline
    assert against is not None
    assert against.verdict == "better"
    assert against.percent == pytest.approx(-100 / 12)
    assert record.agents["ppo"].gap == pytest.approx(10.0)
    text = str(table)
    assert "ppo beats the best baseline, mean-demand: its cost is 1.00 money/period (8.3 %) lower" in text
    assert text.endswith("It is 10 % worse than the optimum (optimal, 10.00).")
    assert "% worse than optimum" in text.splitlines()[1]
    html = table._repr_html_()
    assert html.count("<tr>") == 5
    assert "10 % worse than the optimum" in html
    pytest.importorskip("pandas")
    assert table.to_pandas().groupby("agent")["metric/cost"].mean()["ppo"] == 11.0


def test_intervals_of_fewer_than_five_episodes_are_not_given(toys: None) -> None:
    table = _evaluation({"ppo": [1.0, 2.0], "good": [50.0, 51.0]}, load_scenario("toy/forage"))
    row = table.record().agents["ppo"]
    assert row.ci95 == (None, None)
    assert row.against_best_baseline is not None
    assert row.against_best_baseline.ci95 == (None, None)
    assert "No verdict on ppo and the best baseline, good" in str(table)
    assert "About 5 test episodes would tell" in str(table)  # the rule of a verdict asks for as many


def test_a_difference_whose_interval_holds_zero_is_unclear(toys: None) -> None:
    values = {"ppo": [9.0, 21.0, 30.0, 9.0, 21.0], "good": [10.0, 20.0, 30.0, 10.0, 20.0]}
    table = _evaluation(values, load_scenario("toy/forage"))
    comparison = table.compare("ppo")
    assert comparison is not None
    assert comparison.verdict == "unclear"


def test_one_episode_carries_no_verdict(toys: None) -> None:
    comparison = _evaluation({"ppo": [1.0], "good": [50.0]}, load_scenario("toy/forage")).compare("ppo")
    assert comparison is not None
    assert (comparison.mean, comparison.verdict) == (-49.0, "unclear")


def test_bootstrap_interval_of_a_mean_matches_the_normal_one_and_is_reproducible() -> None:
    sample = np.random.default_rng(1).normal(5.0, 2.0, 400)
    low, high = bootstrap_mean(sample)
    half = 1.96 * sample.std(ddof=1) / 20
    assert low == pytest.approx(sample.mean() - half, abs=0.02)
    assert high == pytest.approx(sample.mean() + half, abs=0.02)
    assert bootstrap_mean(sample) == (low, high)


def test_bootstrap_of_two_values_has_the_three_possible_means() -> None:
    # Means of two draws from {0, 1}: 0, ½, 1 with probability ¼, ½, ¼; the 2.5 % quantile is 0.
    assert bootstrap_mean([0.0, 1.0]) == (0.0, 1.0)
    assert bootstrap_mean([3.0]) == (3.0, 3.0)


def test_paired_differences_need_the_same_episodes() -> None:
    with pytest.raises(ValueError, match="same shape"):
        paired_difference([1.0, 2.0], [1.0])


def test_the_random_agent_is_uniform_over_allowed_actions_and_repeats_itself() -> None:
    import gymnasium as gym

    policy = RandomPolicy(gym.spaces.Discrete(4))
    mask = np.tile([True, False, True, True], (3000, 1))
    policy.reset(3000, seed=1)
    actions = policy.act(np.zeros((3000, 2)), mask)
    counts = np.bincount(actions, minlength=4)
    assert counts[1] == 0
    assert (np.abs(counts[[0, 2, 3]] - 1000) < 130).all(), "5 standard deviations are 129"
    policy.reset(3000, seed=1)
    np.testing.assert_array_equal(actions, policy.act(np.zeros((3000, 2)), mask))


def test_policies_given_as_objects_are_played(toys: None, tmp_path: Path) -> None:
    from sandbox.training.train import train

    run = train("toy/regulator", "a2c", steps=200, num_envs=4, runs_dir=tmp_path)
    table = evaluate([run.policy, run, str(run.path)], run.scenario, episodes=3)
    names = [agent.name for agent in table.agents]
    assert names == ["a2c", "a2c#2"], "the run and its path are the same agent"
    np.testing.assert_array_equal(table.values("a2c"), table.values("a2c#2"))
