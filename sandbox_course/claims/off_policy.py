"""Off-policy learning uses each sample many times, so it needs fewer."""

from __future__ import annotations

from typing import Any

from sandbox.api import Claim, Measured, Plot, StopTraining, Trial

claim = Claim(
    id="off-policy",
    sentence="Off-policy learning needs fewer samples than on-policy learning for the same result: SAC and"
    " PPO on a pendulum that is to be swung up.",
    idea="2 · Values",
    switch="SAC uses each sample once: one update on every 128 of them, which are then forgotten.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3"),
    extra="sb3",
)

SCENARIO = "gym:Pendulum-v1"
GOOD = -300.0
"""Mean return that counts as the same result; random torques earn -1,200, a swing-up about -150."""

SAC = {"learning_starts": 400, "learning_rate": 1e-3, "net_arch": [64, 64], "batch_size": 128}
PPO = {
    "gamma": 0.95,
    "gae_lambda": 0.95,
    "learning_rate": 1e-3,
    "n_steps": 256,
    "batch_size": 256,
    "n_epochs": 10,
}


def measure(trial: Trial) -> Measured:
    """Samples until ten test episodes have a mean return of at least `GOOD`."""
    sizes = trial.settings
    once = {"buffer_size": 128, "train_freq": 128, "gradient_steps": 1}
    sac = SAC | (once if trial.sabotaged else {})
    curves: dict[str, Any] = {
        "SAC (off-policy)": _curve("sac", sac, 1, sizes["sac"], trial.seed),
        "PPO (on-policy)": _curve("ppo", PPO, 4, sizes["ppo"], trial.seed),
    }
    samples = {name: float(xs[-1]) for name, (xs, _) in curves.items()}
    returns = {name: float(ys[-1]) for name, (_, ys) in curves.items()}
    off, on = samples.values()
    figures = {
        "samples_of_on_policy": off / on,
        "return_off_policy": returns["SAC (off-policy)"],
        "samples_off_policy": off,
        "samples_on_policy": on,
    }
    plot = Plot(
        "Pendulum: return of test episodes", "samples", "return", lines=curves, marks={"good": GOOD}, log="x"
    )
    return Measured(figures, plot)


def _curve(algorithm: str, settings: dict[str, Any], num_envs: int, most: int, seed: int) -> Any:
    from sandbox_course.learning import learn

    samples: list[float] = []
    returns: list[float] = []

    def look(steps: int, policy: Any) -> None:
        if steps >= (1.2 * samples[-1] if samples else 500):
            samples.append(steps)
            returns.append(_return(policy(), seed))
            if returns[-1] >= GOOD:
                raise StopTraining

    last = learn(
        SCENARIO,
        algorithm,
        seed=seed,
        steps=most,
        hp=settings,
        num_envs=num_envs,
        changes=["evaluation.validations=0"],
        look=look,
    )
    if not returns or returns[-1] < GOOD:
        samples.append(most)
        returns.append(_return(last, seed))
    return samples, returns


def _return(policy: Any, seed: int) -> float:
    """Mean return of ten episodes of 200 steps."""
    import gymnasium as gym
    import numpy as np

    envs: Any = gym.vector.SyncVectorEnv([lambda: gym.make("Pendulum-v1")] * 10)
    observation, _ = envs.reset(seed=1_000_000 + 10 * seed)
    total = np.zeros(10)
    for _ in range(200):
        observation, reward, *_ = envs.step(np.asarray(policy.act(observation), np.float32))
        total += reward
    envs.close()
    return float(total.mean())
