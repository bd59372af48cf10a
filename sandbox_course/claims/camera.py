"""A robot runs by sight: it learned from the labels of another policy that feels the joints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="camera",
    sentence="A half-cheetah that sees nothing but three small pictures learns to run from the labels of a "
    "policy that feels its joints.",
    idea="7 · Systems",
    switch="The lens is covered: every picture is black.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3", "mujoco"),
    extra="locomotion",
)

SIGHTED, FEELING = "locomotion/half-cheetah-camera", "locomotion/half-cheetah"
CHANGES = ("config.camera_size=32", "config.threads=1")

Act = Callable[[Any, Any], Any]
"""Actions for a batch of one, from its pictures and the ``info`` that came with them."""


def measure(trial: Trial) -> Measured:
    """Speeds of the expert, which feels the joints, and of what learned from its labels by sight."""
    from sandbox_course.learning import learn, learn_on

    sizes = trial.settings
    expert = learn(
        FEELING,
        "ppo",
        seed=trial.seed,
        steps=sizes["expert"],
        hp={"backend": "fast"},
        changes=CHANGES[1:],
    )
    make = _maker(expert, sizes["horizon"], covered=trial.sabotaged)
    probe = make()
    spaces = (probe.observation_space, probe.action_space)
    probe.close()
    policy = learn_on(
        lambda count: _batch(make, count, 1_000_000 + 100 * trial.seed),
        "dagger",
        spaces=spaces,
        seed=trial.seed,
        steps=sizes["steps"],
        num_envs=2,
        hp={"steps_per_iteration": 500, "updates_per_iteration": 200, "learning_rate": 5e-4},
        expert="ppo",
    )
    acts: dict[str, Act] = {
        "its expert, which feels the joints": lambda seen, info: info["expert_action"],
        "by sight": lambda seen, info: policy.act(seen)[0],
    }
    seeds = range(1_000 + trial.seed, 1_000 + trial.seed + sizes["episodes"])
    speeds = {name: _speed(make, act, seeds) for name, act in acts.items()}
    plot = Plot("The half-cheetah by sight: speed (m/s)", bars=speeds)
    of_expert, own = speeds.values()
    return Measured({"speed": own, "share_of_the_expert": own / of_expert, "expert": of_expert}, plot)


def _maker(expert: Any, horizon: int, covered: bool) -> Callable[[], Any]:
    """Makes environments of pictures whose ``info`` has the expert's actions."""
    import gymnasium as gym

    import sandbox
    from sandbox.envs.expert import ExpertLabels
    from sandbox.evaluation.experts import StatePolicy

    class Covered(gym.ObservationWrapper[Any, Any, Any]):
        """Black pictures."""

        def observation(self, observation: Any) -> Any:
            return np.zeros_like(observation)

    class Feeling:
        """Makes the expert of an environment: it is shown the joints instead of the pictures."""

        memoryless = True

        def __call__(self, env: Any, action_space: Any) -> Any:
            return StatePolicy(expert, env)

    def make() -> Any:
        changes = [*CHANGES, f"config.horizon={horizon}"]
        env: Any = ExpertLabels(sandbox.make(SIGHTED, changes=changes), Feeling())
        return Covered(env) if covered else env

    return make


def _batch(make: Callable[[], Any], count: int, seed: int) -> Any:
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    envs: Any = SyncVectorEnv([make] * count, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset(seed=seed)
    return envs


def _speed(make: Callable[[], Any], act: Act, seeds: range) -> float:
    """Mean speed over episodes, m/s."""
    env, speeds = make(), []
    for seed in seeds:
        observation, info = env.reset(seed=seed)
        ended = False
        while not ended:
            observation, _, terminated, truncated, info = env.step(act(observation[None], info))
            ended = terminated or truncated
        speeds.append(float(info["metrics"]["speed"]))
    env.close()
    return float(np.mean(speeds))
