"""What a user of Stable-Baselines3 would write without sandbox-rl; the other side of `overhead`.

python -m benchmarks.bare_sb3 SCENARIO STEPS SEED
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium as gym
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor, VecNormalize

from sandbox.envs.make import make
from sandbox.envs.seeding import EpisodeSeeds
from sandbox.scenarios.resolve import load_scenario
from sandbox.training.plan import make_plan


class RememberMask(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps the mask of the last info where `ActionMasker` can ask for it."""

    mask: Any = None

    def reset(self, **options: Any) -> Any:
        observation, info = self.env.reset(**options)
        self.mask = info["action_mask"]
        return observation, info

    def step(self, action: Any) -> Any:
        result = self.env.step(action)
        self.mask = result[4]["action_mask"]
        return result


def main() -> None:
    """Train PPO with the scenario's preset, and nothing else."""
    scenario, steps, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resolved = load_scenario(scenario)
    plan = make_plan(resolved, "ppo", seed=seed, steps=steps)
    low, high = resolved.spec.evaluation.seeds.train

    def factory(env_index: int) -> Any:
        return lambda: ActionMasker(
            RememberMask(EpisodeSeeds(make(resolved), seed, env_index, low, high)),
            lambda env: env.get_wrapper_attr("mask"),
        )

    torch.set_num_threads(1)
    config = plan.config
    envs: Any = VecMonitor(SubprocVecEnv([factory(index) for index in range(plan.num_envs)], "spawn"))
    if config.normalize_observation or config.normalize_reward:
        envs = VecNormalize(
            envs,
            norm_obs=config.normalize_observation,
            norm_reward=config.normalize_reward,
            gamma=config.gamma,
        )
    rate = config.learning_rate
    linear = config.learning_rate_schedule == "linear"
    activations = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
    network: dict[str, Any] = {}
    if config.net_arch is not None:
        network["net_arch"] = list(config.net_arch)
    if config.activation is not None:
        network["activation_fn"] = activations[config.activation]
    model = MaskablePPO(
        "MlpPolicy",
        envs,
        learning_rate=(lambda remaining: remaining * rate) if linear else rate,
        policy_kwargs=network,
        seed=seed,
        device="cpu",
        **{
            name: getattr(config, name)
            for name in (
                *("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range"),
                *("normalize_advantage", "ent_coef", "vf_coef", "max_grad_norm"),
            )
        },
    )
    model.learn(steps)
    envs.close()


if __name__ == "__main__":
    main()
