"""Self-play teaches a network what search alone does not find with the same effort."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="self-play",
    sentence="After self-play from the rules alone, eight simulations a move do not lose tic-tac-toe to "
    "perfect play; the same search with untrained networks does.",
    idea="6 · Games",
    switch="The network does not learn from the games (step size 0).",
    measure=f"{__name__}:measure",
    requires=("torch", "numba"),
    extra="games",
)

SCENARIO = "games/tic-tac-toe"


UNTRAINED = 5
"""Networks that the games of the untrained search are shared by: a single one loses all, half or none."""


def measure(trial: Trial) -> Measured:
    """Share of games lost to perfect play, trained and untrained, with the same search."""
    from sandbox.backends.alphazero.policy import AlphaZeroPolicy
    from sandbox_course.learning import learn, seeds_of

    hp: dict[str, Any] = {"play_simulations": 8, "threads": 1}
    if trial.sabotaged:
        hp["learning_rate"] = 1e-12
    steps, games = trial.settings["steps"], trial.settings["games"]
    trained = [
        learn(SCENARIO, "alphazero", seed=seed, steps=steps, hp=hp)
        for seed in seeds_of(trial.seed, trial.settings["runs"])
    ]
    model = trained[0]
    untrained = [
        AlphaZeroPolicy(model.observation_space, model.action_space, model.config, trial.seed + 1 + number)
        for number in range(UNTRAINED)
    ]
    for policy in untrained:
        policy.network.eval()
    lost = {
        "trained": np.mean([lost_by(policy, trial.seed, games) for policy in trained]),
        "untrained": np.mean([lost_by(policy, trial.seed, games) for policy in untrained]),
    }
    figures = {f"lost_{name}": float(share) for name, share in lost.items()}
    bars = {f"{name} networks": float(share) for name, share in lost.items()}
    return Measured(figures, Plot("Tic-tac-toe against perfect play: games lost, share", bars=bars))


def lost_by(policy: Any, seed: int, games: int) -> float:
    """Share of its games that a policy loses to perfect play."""
    from sandbox_course.learning import first_name, played

    changes = ["evaluation.config.opponent=perfect"]
    table = played([policy], SCENARIO, seed=seed, episodes=games, changes=changes)
    return float((table.values(first_name(table), "score") < 0.25).mean())
