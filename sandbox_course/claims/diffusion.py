"""A diffusion model learns its reward and keeps its diversity."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="diffusion",
    sentence="A diffusion model of digits learns to draw eights from a classifier's opinion alone, and "
    "draws them as differently as before, by a judge that the reward does not know.",
    idea="7 · Systems",
    switch="The guard is off: neither distance from the model before nor diversity counts.",
    measure=f"{__name__}:measure",
    requires=("torch", "sklearn"),
    extra="diffusion",
)

SCENARIO, STEPS = "diffusion/eight", 20


def measure(trial: Trial) -> Measured:
    """Judge's opinion and diversity, before and after."""
    from sandbox_course.learning import first_name, learn, mean_of, played

    off = trial.sabotaged
    reward = ("diversity=0",) if off else ()
    policy = learn(
        SCENARIO,
        "ddpo-is",
        seed=trial.seed,
        steps=trial.settings["images"] * STEPS,
        hp={"kl_coef": 0.0, "learning_rate": 0.001} if off else {},
        reward=reward,
    )
    table = played([policy, "pretrained"], SCENARIO, seed=trial.seed, episodes=4, reward=reward)
    name = first_name(table)
    figures = {metric: mean_of(table, name, metric) for metric in ("judged", "diversity", "frechet", "goal")}
    figures["judged_before"] = mean_of(table, "pretrained", "judged")
    plot = Plot(
        "Digits, before and after training by reward",
        bars={
            "an eight, says the judge: before": figures["judged_before"],
            "after": figures["judged"],
            "diversity, share of before": figures["diversity"],
        },
    )
    return Measured(figures, plot)
