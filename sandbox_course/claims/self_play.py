"""Self-play teaches a network what search alone does not find with the same effort."""

from __future__ import annotations

from typing import Any

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="self-play",
    sentence="After self-play from the rules alone, eight simulations a move do not lose tic-tac-toe to "
    "perfect play; the same search with an untrained network does.",
    idea="6 · Games",
    switch="The network does not learn from the games (step size 0).",
    measure=f"{__name__}:measure",
    requires=("torch", "numba"),
    extra="games",
)

SCENARIO = "games/tic-tac-toe"


def measure(trial: Trial) -> Measured:
    """Share of games lost to perfect play, trained and untrained, with the same search."""
    from sandbox.backends.alphazero.policy import AlphaZeroPolicy
    from sandbox_course.learning import first_name, learn, played

    hp: dict[str, Any] = {"play_simulations": 8, "threads": 1}
    if trial.sabotaged:
        hp["learning_rate"] = 1e-12
    trained = learn(SCENARIO, "alphazero", seed=trial.seed, steps=trial.settings["steps"], hp=hp)
    untrained = AlphaZeroPolicy(
        trained.observation_space, trained.action_space, trained.config, trial.seed + 1
    )
    untrained.network.eval()
    lost, drawn = {}, {}
    for name, policy in (("trained", trained), ("untrained", untrained)):
        table = played(
            [policy],
            SCENARIO,
            seed=trial.seed,
            episodes=trial.settings["games"],
            changes=["evaluation.config.opponent=perfect"],
        )
        scores = table.values(first_name(table), "score")
        lost[name], drawn[name] = float((scores < 0.25).mean()), float((scores > 0.25).mean())
    figures = {"lost_trained": lost["trained"], "lost_untrained": lost["untrained"]}
    bars = {f"{name} network": share for name, share in lost.items()}
    return Measured(figures, Plot("Tic-tac-toe against perfect play: games lost, share", bars=bars))
