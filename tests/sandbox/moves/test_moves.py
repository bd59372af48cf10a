"""Moves: distances, branches from one state, what they are worth, and what is kept of a search."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from sandbox.api.errors import InvalidValueError, MisfitError
from sandbox.evaluation.agents import Agent
from sandbox.launch import Launching
from sandbox.moves.actions import alternatives, distance, novelty
from sandbox.moves.api import MOVES, find_moves
from sandbox.moves.asking import askable, same_state
from sandbox.moves.branching import Brancher
from sandbox.moves.choose import Decision, Kinds, decisions, ranked, to_screen
from sandbox.moves.estimate import interval, p_value, plan, verdict, worth
from sandbox.moves.page import PAGE
from sandbox.moves.scan import scan
from sandbox.moves.settings import Settings, digest
from sandbox.moves.stage import Stage
from sandbox.records.code import CodeRecord
from sandbox.records.moves import BranchResult, Moment
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import load_scenario
from sandbox.statistics import t_interval

SHORT = ("config.orders=discrete", "evaluation.config.horizon=60", "evaluation.config.warmup=0")
INLINE = Launching("inline")
AGENTS = [Agent(name, baseline=name) for name in ("capped-base-stock", "constant-order")]


def lost_sales():
    return as_scenario("inventory/lost-sales-l2-p9", SHORT)


def moment(step: int = 0, action=1, novelty: float = 1.0, seen=(0.0,), **advice) -> Moment:
    return Moment(step=step, action=action, advice=advice or {"rule": 2}, novelty=novelty, observation=seen)


def test_choices_differ_or_not_and_numbers_are_so_many_units_apart() -> None:
    assert distance(gym.spaces.Discrete(5), 1, 4) == 1
    assert distance(gym.spaces.MultiDiscrete([4, 4, 4]), [1, 2, 3], [1, 0, 0]) == 2
    assert distance(gym.spaces.Box(-9.0, 9.0, (2,)), [0.0, 3.0], [4.0, 0.0]) == 5.0


def test_a_move_is_as_novel_as_it_is_far_from_the_nearest_classical_action() -> None:
    box = gym.spaces.Box(-9.0, 9.0, (1,))
    assert novelty(box, [1.0], {"a": [4.0], "b": [-1.0], "illegal": None}) == 2.0
    assert novelty(gym.spaces.Discrete(3), 1, {"a": 2, "b": 1}) == 0.0


def test_methods_that_do_the_same_are_one_alternative() -> None:
    assert alternatives({"a": 2, "b": 3, "c": 2, "illegal": None}) == {
        "2": (2, ("a", "c")),
        "3": (3, ("b",)),
    }


def test_students_interval_of_one_to_five() -> None:
    """Mean 3, standard deviation √2.5, quantile 2.776 of four degrees of freedom."""
    low, high = t_interval([1, 2, 3, 4, 5])
    assert (low, high) == pytest.approx((3 - 1.9632, 3 + 1.9632), abs=1e-4)


def evidence(*differences: tuple[float, ...]):
    """What branches of as many futures say of the agent's action against two classical ones."""
    played = plan(Decision(0, moment(a=2, b=3)), range(len(differences)), "agent")
    results = [BranchResult(value=value, steps=1) for row in differences for value in (0.0, -row[0], -row[1])]
    return worth(played, results)


def test_a_good_move_must_beat_every_classical_action() -> None:
    rng = np.random.default_rng(0)
    both = evidence(*(tuple(row) for row in rng.normal([2.0, 3.0], 0.1, (20, 2))))
    assert both.best == 0
    assert verdict(both, 0, p_value(both, 0, 10, worst=False), worst=False) == "confirmed"
    beaten = evidence(*(tuple(row) for row in rng.normal([-2.0, 3.0], 0.1, (20, 2))))
    assert p_value(beaten, 1, 10, worst=False) == 1.0
    assert verdict(beaten, 0, p_value(beaten, 0, 10, worst=True), worst=True) == "confirmed"


def test_what_was_chosen_by_chance_and_comes_out_the_other_way_is_refuted() -> None:
    rng = np.random.default_rng(0)
    losses = evidence(*(tuple(row) for row in rng.normal(-1.0, 0.1, (20, 2))))
    assert verdict(losses, 0, p_value(losses, 0, 10, worst=False), worst=False) == "refuted"


def test_equal_differences_leave_the_doubt_of_the_sign_test() -> None:
    """Five games won of five: 2·(1/2)⁵, and not 0 as Student's test has it."""
    assert p_value(evidence(*[(1.0, 1.0)] * 5), 0, 1, worst=False) == 2 ** (1 - 5)


def test_one_future_is_exact_and_has_no_p_value() -> None:
    single = evidence((1.5, 2.0))
    assert interval(single.differences[:, 0], 20) == (1.5, 1.5)
    assert verdict(single, 0, p_value(single, 0, 20, worst=False), worst=False) == "exact"


def test_candidates_are_ranked_by_novelty_times_advantage_and_of_a_kind_the_first_counts() -> None:
    pool = [Decision(0, moment(step, novelty=new)) for step, new in ((0, 1.0), (1, 3.0), (2, 1.0))]
    kinds = Kinds(pool, gym.spaces.Discrete(9), 1)
    alike = ranked([(pool[0], 2.0), (pool[1], 1.0), (pool[2], -1.0)], kinds, 5)
    assert [decision.moment.step for decision, _ in alike] == [1]
    worst = ranked([(pool[0], 2.0), (pool[2], -1.0)], kinds, 5, worst=True)
    assert [decision.moment.step for decision, _ in worst] == [2]


def test_a_kind_is_the_same_actions_in_a_similar_observation() -> None:
    pool = [
        Decision(seed, moment(seen=(seen,), rule=rule))
        for seed, seen, rule in ((0, 0.0, 2), (1, 0.1, 2), (1, 0.2, 2), (2, 9.0, 2), (3, 0.0, 3))
    ]
    kind = Kinds(pool, gym.spaces.Discrete(9), 5).of(pool[0])
    assert (kind.episodes, kind.of, kind.occurrences) == (2, 5, 3)


def test_decisions_to_screen_take_every_pair_of_actions_in_turn() -> None:
    pool = [Decision(0, moment(step)) for step in range(10)] + [Decision(0, moment(99, rule=7))]
    assert 99 in {each.moment.step for each in to_screen(pool, gym.spaces.Discrete(9), 2, seed=0)}


def test_branches_of_one_future_are_equal_to_the_last_bit_and_rows_like_single_ones() -> None:
    scenario = lost_sales()
    stage = Stage(scenario)
    record = scan(scenario, stage, AGENTS, 0)
    decision = decisions([record])[5]
    point = plan(decision, [11, 12], "capped-base-stock").point()
    rows = Brancher(scenario, stage, AGENTS, "return", 20)
    single = Brancher(scenario, stage, AGENTS, "return", 20)
    single._native = None
    first, again = rows.play(point, record.actions), rows.play(point, record.actions)
    assert first == again
    assert [result.value for result in first] == pytest.approx(
        [result.value for result in single.play(point, record.actions)], rel=1e-12
    )
    assert first[0] != first[2]  # another future
    stage.close()


def test_a_policy_against_itself_is_never_different() -> None:
    scenario = lost_sales()
    stage = Stage(scenario)
    assert scan(scenario, stage, [AGENTS[0], AGENTS[0]], 0).moments == ()
    stage.close()


def test_advantages_agree_with_exact_ones() -> None:
    from benchmarks.moves import _advantages

    estimated, true = _advantages(
        as_scenario("inventory/lost-sales-l1-p9", (*SHORT[:1], "evaluation.config.horizon=400", SHORT[2])),
        "optimal",
        window=40,
        futures=3000,
        count=12,
    )
    large = np.abs(true) > 0.01
    assert large.sum() >= 3
    assert (np.sign(estimated[large]) == np.sign(true[large])).all()
    assert np.abs(estimated - true).max() < 0.02


def test_a_search_leaves_lists_and_a_page_and_goes_on_from_what_it_has(tmp_path: Path) -> None:
    def search(**settings):
        return find_moves(
            "capped-base-stock",
            "inventory/lost-sales-l2-p9",
            against=["constant-order"],
            changes=SHORT,
            settings=Settings(episodes=2, screen=8, finds=2, fresh=200, window=30, **settings),
            runs_dir=tmp_path,
            launching=INLINE,
        )

    first = search(films=1)
    assert [find.verdict for find in (*first.record.best, *first.record.worst)]
    assert first.record.redrawn
    document = json.loads((first.folder / MOVES).read_text())
    assert document["best"][0]["alternatives"][0]["methods"] == ["constant-order"]
    assert document["best"][0]["observation"][0][0] == "stock on hand (mean demand)"
    page = (first.folder / PAGE).read_text()
    assert "http://" not in page.split("<script>")[0]
    assert first.record.best[0].id in page
    assert (first.folder / str(first.record.best[0].replay)).is_file()
    played = {path: path.stat().st_mtime_ns for path in first.folder.glob("branches-*.json")}
    again = search(films=0)
    assert {path: path.stat().st_mtime_ns for path in again.folder.glob("branches-*.json")} == played
    assert again.record.best[0].advantage == first.record.best[0].advantage


def test_a_window_is_measured_by_the_return() -> None:
    scenario = lost_sales()
    assert Settings(window=10).check(scenario) == "return"
    assert Settings().check(scenario) == "metric"
    with pytest.raises(InvalidValueError, match="end of an episode"):
        Settings(window=10, measure="metric").check(scenario)


def test_the_agents_own_method_cannot_be_its_only_opponent(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="no classical method"):
        find_moves("base-stock", "inventory/lost-sales-l2-p9", against=["base-stock"], runs_dir=tmp_path)


def test_who_searches_for_a_whole_episode_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(MisfitError, match="whole episode"):
        find_moves("greedy", "chip/small", against=["analytic"], runs_dir=tmp_path)


def test_who_searches_again_from_where_others_have_led_can_be_asked() -> None:
    scenario = load_scenario("chip/small", ["config.grid=12"])
    agents = [Agent(name, baseline=name) for name in ("hill-climbing", "analytic", "greedy")]
    able, refused = askable(scenario, agents, 0, strict=False)
    assert [agent.name for agent in able] == ["hill-climbing", "greedy"]
    assert refused == {"analytic": "it searches for a whole episode at once"}


def test_what_was_played_with_other_code_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario("inventory/lost-sales-l2-p9")
    agents = [Agent(name, baseline=name) for name in ("myopic-2", "base-stock")]
    before = digest(scenario, agents, "metric", None)
    assert digest(scenario, agents, "metric", None) == before
    edited = CodeRecord(name="domain inventory", distribution="x", version="1", digest="0" * 64)
    monkeypatch.setattr("sandbox.moves.settings.code_of", lambda *_: (edited,))
    assert digest(scenario, agents, "metric", None) != before


def test_states_are_compared_to_the_last_bit() -> None:
    state = {"a": np.array([1.0, np.nan]), "b": [1, "x", float("nan")]}
    assert same_state(state, {"a": np.array([1.0, np.nan]), "b": [1, "x", float("nan")]})
    assert not same_state(state, {"a": np.array([np.nextafter(1.0, 2.0), np.nan]), "b": state["b"]})
