"""Training: exact resume, what is refused, and that tic-tac-toe is learned."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("pyspiel")
sys.path.insert(0, str(Path(__file__).parents[2] / "resume"))

from stopping import go_on, interrupted, require_same, uninterrupted

from sandbox.api import MisfitError
from sandbox.evaluation.evaluate import evaluate
from sandbox.training.train import train

QUICK = {
    "changes": ["config.game=tic-tac-toe", "evaluation.validation_episodes=2", "evaluation.validations=4"],
    "num_envs": 8,
    "steps": 640,
    "hp": {
        "channels": 8,
        "blocks": 1,
        "simulations": 4,
        "play_simulations": 4,
        "moves_per_round": 5,
        "batch_size": 32,
        "buffer_size": 150,
    },
}


@pytest.mark.parametrize("at", [1, 3])
def test_a_training_that_died_goes_on_bit_by_bit(tmp_path: Path, at: int) -> None:
    whole = uninterrupted(tmp_path, "games/tic-tac-toe", "alphazero", **QUICK)
    path = interrupted(tmp_path, "games/tic-tac-toe", "alphazero", at, **QUICK)
    again = go_on(path)
    require_same(whole, again)
    assert again.record.resumed[0].exact is True


def test_another_number_of_threads_is_another_run_but_the_same_one_repeats(tmp_path: Path) -> None:
    runs = [
        train("games/tic-tac-toe", "alphazero", runs_dir=tmp_path / name, **QUICK) for name in ("one", "two")
    ]
    weights = [(run.path / "policy" / "weights.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]


def test_somebody_else_in_a_seat_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisfitError, match="both seats"):
        train(
            "games/tic-tac-toe",
            "alphazero",
            runs_dir=tmp_path,
            **{**QUICK, "changes": [*QUICK["changes"], "config.opponent=random"]},
        )
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [("inventory/lost-sales", "rules of a game"), ("games/tic-tac-toe-vs-random", "single agents")],
)
def test_tasks_without_rules_or_with_one_agent_are_refused(
    tmp_path: Path, scenario: str, reason: str
) -> None:
    with pytest.raises(MisfitError, match=reason):
        train(scenario, "alphazero", runs_dir=tmp_path)


@pytest.mark.learning
def test_tic_tac_toe_is_never_lost_again(tmp_path: Path) -> None:
    run = train("games/tic-tac-toe", "alphazero", runs_dir=tmp_path)
    changes = ["config.game=tic-tac-toe", "evaluation.config.judge_from=0"]
    for opponent, least in (("perfect", 0.5), ("mcts-1000", 0.5), ("random", 0.95)):
        table = evaluate(
            [run],
            "games/tic-tac-toe",
            changes=[*changes, f"evaluation.config.opponent={opponent}"],
            episodes=100,
        )
        scores = [episode.metrics["score"] for episode in table.episodes]
        assert min(scores) >= 0.5, f"lost to {opponent}"
        assert sum(scores) / len(scores) >= least
        assert sum(episode.metrics["mistakes"] for episode in table.episodes) <= 2
