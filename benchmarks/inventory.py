"""How fast are the inventory tasks, and how near does learning come to the optimum?

    python -m benchmarks.inventory                      # speed, beside peers where they are installed
    python -m benchmarks.inventory --learning [SCENARIO…] [--seeds 5]

Speed counts environment steps a second of processor time on one core: the native environments of this
package and, in the same run, or-gym-inventory and stokasta (``pip install or-gym-inventory stokasta``; what
is missing is said). Learning trains PPO with the scenario's preset and computes the exact average cost of
each final policy over all the states that it can reach, so the gap to the optimum carries no noise of
evaluation. Prints one JSON document; a Markdown table on stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np

SECONDS = 2.0
DRAWN = 64
"""Actions that are drawn before the clock runs."""
LOST_SALES = tuple(
    f"inventory/lost-sales-l{lead}-p{penalty}" for lead in (1, 2, 3, 4) for penalty in (4, 9, 19, 39)
)


def main() -> int:
    """Measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenarios", nargs="*", default=LOST_SALES)
    parser.add_argument("--learning", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs-dir", default="runs")
    arguments = parser.parse_args()
    if arguments.learning:
        rows = [learned(name, arguments.seeds, arguments.runs_dir) for name in arguments.scenarios]
        print(json.dumps(rows, indent=2))
        print(table(rows), file=sys.stderr)
    else:
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


def native(scenario: str, copies: int) -> float:
    """Steps a second of a scenario's native environment under random actions, drawn beforehand."""
    import sandbox

    envs = sandbox.make_vec(scenario, copies)
    envs.reset(seed=list(range(copies)))
    actions = cycle([envs.action_space.sample() for _ in range(DRAWN)])

    def step() -> None:
        envs.step(next(actions))

    return rate(step, copies)


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
    found: dict[str, Any] = {
        "lost-sales, 1,024 copies": native("inventory/lost-sales", 1024),
        "or-gym v0, 1,024 copies": native("inventory/or-gym-v0", 1024),
        "or-gym network, 1,024 copies": native("inventory/or-gym-network", 1024),
    }
    found["training"] = training()
    for name, measure in (("or-gym-inventory", _or_gym), ("stokasta", _stokasta)):
        try:
            found[name] = measure(found)
        except ImportError as error:
            found[name] = f"not installed: {error}"
        except Exception as error:  # a peer that breaks is a result, too
            found[name] = f"does not run: {type(error).__name__}: {error}"
    return found


def _or_gym(ours: dict[str, Any]) -> dict[str, float]:
    import gymnasium as gym
    import or_gym_inventory  # noqa: F401 - registers its environments

    ids = [
        one
        for one in gym.registry
        if "InvManagement" in one or "NetInvMgmt" in one or "NetworkManagement" in one
    ]
    rates = {}
    for env_id in ids:
        own = ours["or-gym v0, 1,024 copies" if "InvManagement" in env_id else "or-gym network, 1,024 copies"]
        rates[env_id] = peer(gym.make(env_id))
        rates[f"ratio to {env_id}"] = own / rates[env_id]
    return rates


def _stokasta(ours: dict[str, Any]) -> dict[str, float]:
    import gymnasium as gym
    import stokasta  # noqa: F401 - registers its environments

    env_id = next(one for one in gym.registry if "stokasta" in one.lower())
    found = peer(gym.make(env_id))
    return {env_id: found, "ratio": ours["lost-sales, 1,024 copies"] / found}


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


def learned(scenario: str, seeds: int, runs_dir: str) -> dict[str, Any]:
    """Gaps of PPO's final policies to the optimum, exact, one training run a seed."""
    import sandbox
    from sandbox.policies import load_policy
    from sandbox.scenarios import load_problem

    problem = load_problem(scenario)
    optimum, capped = _references(problem)
    gaps, seconds, processor = [], [], []
    for seed in range(seeds):
        begun, used = time.perf_counter(), time.process_time()
        run = sandbox.train(scenario, "ppo", seed=seed, runs_dir=runs_dir)
        seconds.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
        policy = load_policy(run.policy_folder("final"))
        gaps.append(100 * (exact_cost(problem, policy) / optimum - 1))
        told = f"{gaps[-1]:.3f} % in {seconds[-1]:.0f} s, {processor[-1]:.0f} s of processor time"
        print(f"{scenario} seed {seed}: {told}", file=sys.stderr, flush=True)
    return {
        "scenario": scenario,
        "optimum": optimum,
        "capped base-stock, %": 100 * (capped / optimum - 1),
        "ppo, %": gaps,
        "mean, %": statistics.mean(gaps),
        "seconds": seconds,
        "processor seconds": processor,
    }


def exact_cost(problem: Any, policy: Any) -> float:
    """Average cost a period of a deterministic policy over the states that it can reach."""
    from sandbox_inventory.core.exact import average_cost
    from sandbox_inventory.lost_sales import REWARDS, LostSales

    model = LostSales(problem.config)

    def choose(state: Any) -> Any:
        observation = (model.observe(state) / model.scale).astype(np.float32)
        policy.reset(len(observation), 0)
        return policy.act(observation)

    return average_cost(model, choose, REWARDS["cost"])


def _references(problem: Any) -> tuple[float, float]:
    from sandbox_inventory.lost_sales import REWARDS, make
    from sandbox_inventory.lost_sales_exact import optimal
    from sandbox_inventory.lost_sales_rules import capped_base_stock, exact_cost, make_capped_base_stock

    env = make(problem.config, REWARDS["cost"])
    best = np.asarray(make_capped_base_stock(env).parameters["values"])
    return optimal(problem.config, REWARDS["cost"].weights).cost, exact_cost(env, capped_base_stock, best)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| scenario | optimum | capped base-stock, % | PPO, % (worst run) | s a run | processor s |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| `{row['scenario']}` | {row['optimum']:.4f} | {row['capped base-stock, %']:.2f} "
            f"| {row['mean, %']:.2f} ({max(row['ppo, %']):.2f}; {len(row['ppo, %'])} runs) "
            f"| {max(row['seconds']):.0f} | {max(row['processor seconds']):.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
