"""One automated vehicle among 22 dissolves the wave on the ring road."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="ring",
    sentence="PPO learns to drive one vehicle among 22 so that the wave on the ring dissolves: the traffic"
    " reaches the speed of uniform flow, which human drivers miss by a third.",
    idea="7 · Systems",
    switch="Neither speed nor the wave is in the reward, only a calm ride of the automated vehicle.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3", "numba"),
    extra="mixed",
)

SCENARIO = "mixed-autonomy/ring"


def measure(trial: Trial) -> Measured:
    """Share of uniform flow on test lengths, of which a fifth was held out from training."""
    from sandbox_course.learning import first_name, learn, mean_of, played

    policy = learn(
        SCENARIO,
        "ppo",
        seed=trial.seed,
        steps=trial.settings["steps"],
        reward=("speed=0", "wave=0", "share=0") if trial.sabotaged else (),
    )
    table = played(
        [policy, "human", "pi-tuned"], SCENARIO, seed=trial.seed, episodes=trial.settings["episodes"]
    )
    name = first_name(table)
    shares = {
        "human drivers": mean_of(table, "human"),
        "one of them automated, PPO": mean_of(table, name),
        "the same, tuned PI": mean_of(table, "pi-tuned"),
    }
    plot = Plot(
        "Ring of 220 to 270 m: speed as a share of uniform flow", bars=shares, marks={"uniform flow": 1.0}
    )
    figures = {
        "share": mean_of(table, name),
        "worst_episode": float(table.values(name).min()),
        "human": mean_of(table, "human"),
        "spread": mean_of(table, name, "spread"),
        "collisions": mean_of(table, name, "collisions"),
    }
    return Measured(figures, plot)
