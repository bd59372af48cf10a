"""A robot runs by sight: what it is shown are pictures, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="camera",
    sentence="A half-cheetah that sees nothing but three small pictures learns to run from an expert's "
    "labels.",
    idea="7 · Systems",
    switch="The lens is covered: every picture is black.",
    measure=f"{__name__}:measure",
    requires=("torch", "mujoco"),
    extra="locomotion",
)

SCENARIO, EXPERT = "locomotion/half-cheetah-camera", "open-loop"
CHANGES = ("config.camera_size=32", "config.threads=1")


def measure(trial: Trial) -> Measured:
    """Speeds of the expert, which sees no pictures, of what was learned, and of standing still."""
    import gymnasium as gym
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    import sandbox
    from sandbox.envs.expert import ExpertLabels
    from sandbox.evaluation.agents import Agent, policy_of
    from sandbox.scenarios.given import as_scenario
    from sandbox_course.learning import learn_on

    changes = [*CHANGES, f"config.horizon={trial.settings['horizon']}"]
    scenario = as_scenario(SCENARIO, changes)

    class Expert:
        """Makes the open-loop gait for an environment."""

        memoryless = False

        def __call__(self, env: Any, action_space: Any) -> Any:
            return policy_of(scenario, Agent(EXPERT, baseline=EXPERT), env, action_space)

    class Covered(gym.ObservationWrapper[Any, Any, Any]):
        """Black pictures."""

        def observation(self, observation: Any) -> Any:
            return np.zeros_like(observation)

    def make() -> Any:
        env: Any = ExpertLabels(sandbox.make(SCENARIO, changes=changes), Expert())
        return Covered(env) if trial.sabotaged else env

    def speed(act: Any, first: int) -> float:
        """Mean speed over episodes; ``act`` is given a batch of one and the expert's action."""
        env, speeds = make(), []
        for episode in range(trial.settings["episodes"]):
            observation, info = env.reset(seed=first + episode)
            ended = False
            while not ended:
                action = act(observation[None], info)
                observation, _, terminated, truncated, info = env.step(action)
                ended = terminated or truncated
            speeds.append(float(info["metrics"]["speed"]))
        env.close()
        return float(np.mean(speeds))

    probe = make()
    spaces = (probe.observation_space, probe.action_space)
    probe.close()

    def batch(count: int) -> Any:
        envs: Any = SyncVectorEnv([make] * count, autoreset_mode=AutoresetMode.SAME_STEP)
        envs.reset(seed=1_000_000 + 100 * trial.seed)
        return envs

    policy = learn_on(
        batch,
        "dagger",
        spaces=spaces,
        seed=trial.seed,
        steps=trial.settings["steps"],
        num_envs=2,
        hp={"steps_per_iteration": 500, "updates_per_iteration": 250, "learning_rate": 5e-4},
        expert=EXPERT,
    )
    first = 1_000 + trial.seed
    speeds = {
        "its expert, which needs no eyes": speed(lambda seen, info: info["expert_action"], first),
        "by sight": speed(lambda seen, info: policy.act(seen)[0], first),
    }
    plot = Plot("The half-cheetah by sight: speed (m/s)", bars=speeds)
    expert, own = speeds.values()
    return Measured({"speed": own, "share_of_the_expert": own / expert, "expert": expert}, plot)
