"""A learned traffic signal beats every tuned classical controller on a real map."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="signals",
    sentence="On a real junction in Cologne, PPO has less delay than every tuned classical controller.",
    idea="7 · Systems",
    switch="The rewards are shuffled: every junction is given that of another one.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3", "libsumo", "sumo_rl"),
    extra="traffic",
)

SCENARIO = "traffic/cologne1"


def measure(trial: Trial) -> Measured:
    """Mean delay on the same test episodes."""
    from sandbox.scenarios.given import as_scenario
    from sandbox_course.learning import OtherRewards, first_name, learn, mean_of, played

    policy = learn(
        SCENARIO,
        "ppo",
        seed=trial.seed,
        steps=trial.settings["steps"],
        wrap=OtherRewards if trial.sabotaged else lambda envs: envs,
    )
    episodes, rules = trial.settings["episodes"], as_scenario(SCENARIO).baselines()
    learned = played([policy], SCENARIO, seed=trial.seed, episodes=episodes)
    own = mean_of(learned, first_name(learned))
    table = played([name for name in rules if name != "random"], SCENARIO, seed=trial.seed, episodes=episodes)
    delays = {name: mean_of(table, name) for name in rules if name != "random"}
    best = min(delays, key=lambda name: delays[name])
    nearest = dict(sorted(delays.items(), key=lambda entry: entry[1])[:5])
    plot = Plot(
        "One junction in Cologne: mean delay (s), PPO and the five best rules", bars={"ppo": own, **nearest}
    )
    figures = {"delay_of_the_best_rule": own / delays[best], "delay": own, "best_rule": delays[best]}
    return Measured(figures, plot)
