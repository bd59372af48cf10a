"""A pre-trained placer is far ahead with a few seconds for a new design."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="chip-fine-tuning",
    sentence="With the same few seconds for a new chip, a placer that was pre-trained on other chips is "
    "ahead of one that begins from scratch.",
    idea="9 · Transfer",
    switch="What pre-training learned is not taken over: fine-tuning starts from new weights.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3", "numba"),
    extra="chip",
)


def measure(trial: Trial) -> Measured:
    """Mean wirelength costs after as many steps on the design."""
    from sandbox_course.chips import pretrained, tuned
    from sandbox_course.learning import seeds_of

    base = pretrained(trial.seed, trial.settings["pretraining"], trial.scratch)
    seeds = seeds_of(trial.seed, trial.settings["seeds"])
    steps = trial.settings["steps"]
    start = None if trial.sabotaged else base.path
    fine = [tuned(seed, steps, start)[0] for seed in seeds]
    # Both with the same seeds: under the switch they are the same training, whatever its luck.
    scratch = [tuned(seed, steps, None)[0] for seed in seeds]
    means = {"fine-tuned": sum(fine) / len(fine), "from scratch": sum(scratch) / len(scratch)}
    plot = Plot("One chip, equal time for the design: wirelength cost", bars=means)
    figures = {
        "fine_tuned_of_scratch": means["fine-tuned"] / means["from scratch"],
        "fine_tuned": means["fine-tuned"],
    }
    return Measured(figures, plot)
