"""What the contract suite says of games whose rules and environments disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sandbox.registry.discover import registry
from sandbox.testing.subjects import Subject
from sandbox.testing.suite import run_check
from sandbox_games.play import HandGame
from sandbox_games.rules.lines import Lines


@pytest.fixture
def subject() -> Subject:
    """Tic-tac-toe."""
    domain = registry().domain("games")
    return Subject(domain, domain.tasks[0])


def test_rules_and_play_by_hand_pass(subject: Subject) -> None:
    for check in ("game-rules", "by-hand"):
        result = run_check(subject, check)
        assert result.status == "passed", result.message


def test_rules_that_show_another_board_are_found_out(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sandbox_games.match.Match.observations", lambda match: np.zeros((1, 2, 3, 3, 3), np.float32)
    )
    result = run_check(subject, "game-rules")
    assert result.status == "failed"
    assert "something else" in result.message


def test_rules_that_change_what_they_are_given_are_found_out(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Lines.play

    def careless(rules: Lines, positions: Any, actions: Any) -> Any:
        positions[:] = honest(rules, positions, actions)
        return positions.copy()

    monkeypatch.setattr(Lines, "play", careless)
    assert "changes the positions" in run_check(subject, "game-rules").message


def test_choices_beyond_the_mask_are_found_out(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = HandGame.scene

    def generous(game: HandGame, seat: int) -> Any:
        return honest(game, int(game._match.status.player[0]))  # everybody is offered the mover's moves

    monkeypatch.setattr(HandGame, "scene", generous)
    assert "not the actions that the mask allows" in run_check(subject, "by-hand").message
