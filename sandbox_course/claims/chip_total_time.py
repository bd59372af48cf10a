"""The honest opposite: for one chip alone, the time of pre-training is better spent on the chip."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="chip-total-time",
    sentence="For one chip alone pre-training does not pay: trained from scratch for as long as pre-"
    "training and fine-tuning took together, a placer is as good or better.",
    idea="9 · Transfer",
    switch="The time of pre-training is not counted: scratch has that of fine-tuning alone.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3", "numba"),
    extra="chip",
)


def measure(trial: Trial) -> Measured:
    """Mean wirelength costs at equal processor time in all."""
    from sandbox_course.chips import pretrained, tuned

    base = pretrained(trial.seed, trial.settings["pretraining"], trial.scratch)
    steps = trial.settings["steps"]
    fine, seconds = tuned(trial.seed, steps, base.path)
    total = seconds + (0.0 if trial.sabotaged else base.seconds)
    longer = max(steps, int(steps * total / seconds))
    scratch, spent = tuned(trial.seed + 1_000, longer, None)
    plot = Plot(
        "One chip, equal time in all: wirelength cost",
        bars={"pre-trained and fine-tuned": fine, "from scratch": scratch},
    )
    figures = {
        "scratch_of_fine_tuned": scratch / fine,
        "time_of_scratch_of_both": spent / (seconds + base.seconds),
    }
    return Measured(figures, plot)
