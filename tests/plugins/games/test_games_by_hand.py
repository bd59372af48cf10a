"""Games that a person plays: what is shown and taken, from the environment to the command line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from games_support import solved_env, versus_env

from sandbox.api import InvalidValueError, MisfitError, UnknownNameError
from sandbox.cli.main import main
from sandbox.outputs.by_hand import HandSession
from sandbox.scenarios.resolve import load_scenario
from sandbox_games.play import by_hand


def session(
    agent: str | None = "perfect", seat: str | None = None, scenario: str = "games/tic-tac-toe"
) -> Any:
    return HandSession(load_scenario(scenario), agent, seat)


def test_the_board_names_its_cells_and_marks_the_last_move() -> None:
    env = solved_env(game="connect-four")
    env.reset(seed=0)
    env.step({"first": 3, "second": 0})
    scene = by_hand(env).scene(1)
    assert scene.text.splitlines()[-2:] == [" . . . x . . .", " a b c d e f g"]
    assert [choice.label for choice in scene.choices] == list("abcdefg")
    assert scene.choices[3].cell == (4, 3)  # the stone would fall on the first one
    assert scene.board is not None
    assert scene.board.last == (5, 3)
    waiting = by_hand(env).scene(0)
    assert waiting.choices == ()
    assert waiting.message == "The second player (o) is to move."


def test_the_one_agent_sits_where_the_episode_says() -> None:
    env = versus_env(game="tic-tac-toe", opponent="random")
    env.reset(seed=1)
    scene = by_hand(env).scene(0)
    assert "second player (o)" in scene.message
    assert len(scene.choices) == 8


def test_a_person_who_errs_against_perfect_play_loses_and_is_told() -> None:
    game = session()
    try:
        assert game.choose("a3")[0].seat == "first"
        assert game.turns[1].label == "b2"  # the only answer to a corner
        assert not game.over
        label = "c2"  # gives the second player nothing to fear
        while not game.over:
            taken = {choice.label for choice in game.scene().choices}
            game.choose(label if label in taken else min(taken))
        assert game.scene().message.startswith(("You have lost", "A draw"))
        assert game.metrics is not None
        assert game.metrics["score"] <= 0.5
    finally:
        game.close()


def test_the_agent_says_what_it_thinks_of_its_move_and_of_the_persons_choices() -> None:
    game = session("mcts-100", "second")
    try:
        (first,) = game.turns
        assert first.seat == "first"
        assert len(first.table) == 9
        assert sum(action.figures["visits"] for _, action in first.table) == 99  # the first is the root's
        advice = game.advice()
        assert len(advice) == 8
        assert game.turns == [first]  # asking changes nothing
    finally:
        game.close()


def test_what_is_no_choice_is_refused_with_the_choices() -> None:
    game = session()
    try:
        with pytest.raises(InvalidValueError, match="'z9' is none of the choices") as error:
            game.choose("z9")
        assert "a3, b3, c3" in error.value.hint
    finally:
        game.close()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"seat": "third"}, UnknownNameError),
        ({"agent": None}, InvalidValueError),
        ({"agent": "perfekt"}, UnknownNameError),
        ({"scenario": "games/tic-tac-toe-vs-random"}, InvalidValueError),
        ({"scenario": "inventory/lost-sales", "agent": None}, MisfitError),
    ],
)
def test_impossible_sessions_are_refused(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        session(**{"agent": "perfect", **arguments})


def test_sandbox_play_reads_choices_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("b2\n?\nnonsense\na3\nq\n"))
    assert main(["play", "games/tic-tac-toe", "--agent", "mcts-100"]) == 0
    shown = capsys.readouterr().out
    assert "Your move: you are the first player (x)." in shown
    assert "visits" in shown
    assert "'nonsense' is none of the choices." in shown
    assert "You have left the episode." in shown


def test_sandbox_play_gives_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{c}{r}\n" for r in "321" for c in "abc") * 2))
    assert main(["play", "games/tic-tac-toe-vs-random", "--seed", "4", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["over"] is True
    assert document["metrics"]["length"] >= 5
    assert {turn["seat"] for turn in document["turns"]} == {"agent"}


def test_what_cannot_be_played_by_hand_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", "inventory/lost-sales"]) == 2
    assert "Nobody can play" in " ".join(capsys.readouterr().err.split())
