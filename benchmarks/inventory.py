"""How fast are the inventory tasks, beside peers where they are installed?

    python -m benchmarks.inventory

Counts environment steps a second of processor time on one core: the native environments of this package
and, in the same run, or-gym-inventory and stokasta (``pip install or-gym-inventory stokasta``; what is
missing is reported). Prints one JSON document. `benchmarks.inventory_learning` measures what PPO learns.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

SECONDS = 2.0
DRAWN = 64
"""Actions that are drawn before the clock starts."""


def main() -> int:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    print(json.dumps(speed(), indent=2))
    return 0


def rate(step: Callable[[], None], steps: int) -> float:
    """Environment steps a second of processor time of a function that makes ``steps`` of them."""
    for _ in range(3):
        step()
    begun, calls = time.process_time(), 0
    while time.process_time() - begun < SECONDS:
        step()
        calls += 1
    return calls * steps / (time.process_time() - begun)


def native(scenario: str, num_envs: int) -> float:
    """Steps a second of a scenario's native environment under random actions, drawn beforehand.

    or-gym's scenarios take whole quantities here, as or-gym's own environments do.
    """
    import sandbox

    changes = ["config.orders=discrete"] if "or-gym" in scenario else []
    envs = sandbox.make_vec(scenario, num_envs, changes=changes)
    envs.reset(seed=list(range(num_envs)))
    actions = cycle([envs.action_space.sample() for _ in range(DRAWN)])

    def step() -> None:
        envs.step(next(actions))

    return rate(step, num_envs)


def peer(env: Any) -> float:
    """Steps a second of a single environment under random actions, drawn beforehand."""
    env.reset(seed=0)
    actions = cycle([env.action_space.sample() for _ in range(DRAWN)])

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(next(actions))
        if terminated or truncated:
            env.reset()

    return rate(step, 1)


def speed() -> dict[str, Any]:
    """Steps a second, and the ratios to peers that are installed."""
    result: dict[str, Any] = {
        "lost-sales, 1,024 copies": native("inventory/lost-sales", 1024),
        "or-gym v0, 1,024 copies": native("inventory/or-gym-v0", 1024),
        "or-gym network, 1,024 copies": native("inventory/or-gym-network", 1024),
    }
    result["training"] = training()
    for name, measure in (("or-gym-inventory", _or_gym), ("stokasta", _stokasta)):
        try:
            result[name] = measure()
        except ImportError as error:
            result[name] = f"not installed: {error}"
        except Exception as error:  # a peer that does not run is a result, too
            result[name] = f"does not run: {type(error).__name__}: {error}"
    return result


def _or_gym() -> dict[str, float]:
    import gymnasium as gym
    import or_gym_inventory  # noqa: F401 - registers its environments

    names = ("InvManagement", "NetInvMgmt", "NetworkManagement")
    ids = [env_id for env_id in gym.registry if any(name in env_id for name in names)]
    rates = {}
    for env_id in ids:
        # Measured again, right before: on a shared machine only neighbours in time compare.
        ours = native(
            "inventory/or-gym-v0" if "InvManagement" in env_id else "inventory/or-gym-network", 1024
        )
        rates[env_id] = peer(gym.make(env_id))
        rates[f"ratio to {env_id}"] = ours / rates[env_id]
    return rates


def _stokasta() -> dict[str, float]:
    import gymnasium as gym
    import stokasta  # noqa: F401 - registers its environments

    env_id = next(name for name in gym.registry if "stokasta" in name.lower())
    ours, theirs = native("inventory/lost-sales", 1024), peer(gym.make(env_id))
    return {env_id: theirs, "ratio": ours / theirs}


def training(steps: int = 100_000) -> dict[str, float]:
    """Steps a second of PPO with the preset, and of SB3's PPO over eight single environments.

    The preset's time counts everything that a training run does, its start and files included.
    """
    import tempfile

    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv

    import sandbox

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        sandbox.train("inventory", "ppo", steps=steps, changes=["evaluation.validations=0"], runs_dir=folder)
        ours = steps / (time.process_time() - begun)
    model = PPO("MlpPolicy", DummyVecEnv([lambda: sandbox.make("inventory")] * 8), seed=0, device="cpu")
    begun = time.process_time()
    model.learn(steps // 5)
    bare = model.num_timesteps / (time.process_time() - begun)
    return {"preset": ours, "sb3, 8 environments": bare, "ratio": ours / bare}


if __name__ == "__main__":
    sys.exit(main())
