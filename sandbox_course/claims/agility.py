"""Agility is transferred: what was learned in one physics is a better start in another than nothing."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="agility",
    sentence="A robot that learned to run on normal ground runs at once on slippery ground, and after as "
    "many steps there it is ahead of one that begins from scratch (Smith et al.).",
    idea="9 · Transfer",
    switch="What was learned on normal ground is not taken over: fine-tuning starts from new weights.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3", "mujoco"),
    extra="locomotion",
)

SOURCE, TARGET = "locomotion/half-cheetah", "locomotion/half-cheetah-low-friction"
CHANGES = ("threads=1",)


def measure(trial: Trial) -> Measured:
    """Speeds on the slippery ground."""
    from sandbox_course.learning import first_name, learn, mean_of, played

    def speed(policy: object) -> float:
        table = played([policy], TARGET, seed=trial.seed, episodes=4, changes=CHANGES)
        return mean_of(table, first_name(table))

    sizes = trial.settings
    source = learn(SOURCE, "ppo", seed=trial.seed, steps=sizes["source"], changes=CHANGES, num_envs=16)
    path = trial.scratch / "source"
    path.mkdir()
    source.save(path)
    # Both with the same seed: under the switch they are the same training, whatever its luck.
    common = {"steps": sizes["target"], "changes": CHANGES, "num_envs": 16}
    fine = learn(TARGET, "ppo", seed=trial.seed + 1, init_from=None if trial.sabotaged else path, **common)
    scratch = learn(TARGET, "ppo", seed=trial.seed + 1, **common)
    speeds = {"as it came": speed(source), "fine-tuned": speed(fine), "from scratch": speed(scratch)}
    plot = Plot("The half-cheetah on ground of half the friction: speed (m/s)", bars=speeds)
    figures = {
        "fine_tuned_less_scratch": speeds["fine-tuned"] - speeds["from scratch"],
        "fine_tuned": speeds["fine-tuned"],
        "as_it_came": speeds["as it came"],
        "from_scratch": speeds["from scratch"],
    }
    return Measured(figures, plot)
