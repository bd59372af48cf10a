"""Transfer of a policy to changed physics: fine-tuning beside learning from scratch, at equal steps.

    python -m benchmarks.transfer --target locomotion/half-cheetah-low-friction --steps 300000 --seeds 3
    python -m benchmarks.transfer --source-run RUN --target locomotion/half-cheetah-uphill
    python -m benchmarks.transfer --mix --target locomotion/half-cheetah-low-gravity --steps 20000

Trains on the source scenario (or takes a run of it), then plays four agents on the target's test seeds:
the source policy as it is, fine-tuned, learned from scratch, and the target's baselines. With ``--mix``
the learner is SAC, and a fifth agent begins with source data in half of every batch of its replay
(Smith et al. 2023, Learning and Adapting Agile Locomotion Skills by Transferring Experience,
arXiv 2304.09834): episodes of the source's open-loop gait, played with noise in the source physics.
Prints one JSON document and a table.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import sandbox
from sandbox.api import Seeds


def main() -> int:
    """Train, play, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", default="locomotion/half-cheetah")
    parser.add_argument("--target", default="locomotion/half-cheetah-low-friction")
    parser.add_argument("--algo", default="ppo")
    parser.add_argument("--steps", type=int, default=300_000, help="on the target; the source's too")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--source-run", type=Path, help="a finished run of the source")
    parser.add_argument("--mix", action="store_true", help="SAC, with source data in its replay")
    parser.add_argument("--updates", type=int, default=4, help="gradient steps per step with --mix")
    parser.add_argument("--runs-dir", default="runs")
    options = parser.parse_args()
    rows = [row for seed in range(options.seeds) for row in _one(options, seed)]
    print(
        json.dumps({"source": options.source, "target": options.target, "steps": options.steps, "rows": rows})
    )
    _table(rows, options.target)
    return 0


def _one(options: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """All agents of one seed."""
    algo = "sac" if options.mix else options.algo
    common = {"seed": seed, "steps": options.steps, "runs_dir": options.runs_dir}
    if options.mix:
        common["hp"] = [f"gradient_steps={options.updates}"]
    source = options.source_run or sandbox.train(options.source, algo, **common).path
    tuned = sandbox.train(options.target, algo, init_from=source, **common)
    scratch = sandbox.train(options.target, algo, **common)
    agents: dict[str, Any] = {"source": source, "fine-tuned": tuned.path, "scratch": scratch.path}
    rows = []
    for name, agent in agents.items():
        table = sandbox.evaluate([agent], options.target, episodes=options.episodes)
        rows.append(_row(name, seed, table, table.agents[0].name))
    table = sandbox.evaluate(["zero", "open-loop", "random"], options.target, episodes=options.episodes)
    rows += [_row(agent.name, seed, table, agent.name) for agent in table.agents]
    if options.mix:
        rows.append(_mixed(options, seed))
    return rows


def _row(name: str, seed: int, table: Any, agent: str) -> dict[str, Any]:
    summary = table.to_json()["agents"][agent]
    return {"agent": name, "seed": seed, table.metric.name: summary["mean"], "return": summary["return"]}


def _mixed(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """SAC on the target with source data in half of every batch."""
    from stable_baselines3 import SAC
    from stable_baselines3.common.buffers import ReplayBuffer

    prior = _source_data(options.source, options.steps, seed)

    class Balanced(ReplayBuffer):
        """Half of every batch from the source's data, half from the target's."""

        def sample(self, batch_size: int, env: Any = None) -> Any:
            import torch

            half = batch_size // 2
            own, old = super().sample(batch_size - half, env), prior.sample(half, env)
            pairs = zip(own, old, strict=True)
            return type(own)(*(None if a is None else torch.cat([a, b]) for a, b in pairs))

    env = sandbox.make(options.target)
    model = SAC(
        "MlpPolicy",
        env,
        replay_buffer_class=Balanced,
        buffer_size=options.steps,
        learning_starts=1000,
        gradient_steps=options.updates,
        seed=seed,
        device="cpu",
    )
    model.learn(options.steps)
    low = Seeds().test[0]
    returns, speeds = [], []
    for episode in range(options.episodes):
        observation, _ = env.reset(seed=low + episode)
        total, over, info = 0.0, False, {}
        while not over:
            action, _ = model.predict(observation, deterministic=True)
            observation, reward, terminated, truncated, info = env.step(action)
            total, over = total + reward, terminated or truncated
        returns.append(total)
        speeds.append(info["metrics"]["speed"])
    env.close()
    mean = {"speed": float(np.mean(speeds)), "return": float(np.mean(returns))}
    return {"agent": "source data in replay", "seed": seed, **mean}


def _source_data(scenario: str, steps: int, seed: int) -> Any:
    """Transitions of the source's open-loop gait with noise, in a replay buffer."""
    from stable_baselines3.common.buffers import ReplayBuffer

    from sandbox_locomotion.oscillators import open_loop

    env = sandbox.make(scenario)
    buffer = ReplayBuffer(steps, env.observation_space, env.action_space, "cpu", 1)
    policy, rng = open_loop(env), np.random.default_rng(seed)
    observation, _ = env.reset(seed=2_000_000 + seed)
    policy.reset(1)
    low, high = env.action_space.low, env.action_space.high
    for _ in range(steps):
        action = np.clip(policy.act(None)[0] + 0.2 * rng.standard_normal(len(low)), low, high)
        after, reward, terminated, truncated, _ = env.step(action.astype(np.float32))
        # SAC keeps actions scaled to [-1, 1].
        scaled = 2 * (action - low) / (high - low) - 1
        buffer.add(observation, after, scaled[None], np.array([reward]), np.array([terminated]), [{}])
        observation = after
        if terminated or truncated:
            observation, _ = env.reset()
            policy.reset(1)
    env.close()
    return buffer


def _table(rows: list[dict[str, Any]], target: str) -> None:
    metric = next(key for key in rows[0] if key not in ("agent", "seed", "return"))
    print(f"\n{target}\n{'agent':24} {metric:>10} {'return':>10}", file=sys.stderr)
    for name in dict.fromkeys(row["agent"] for row in rows):
        own = [row for row in rows if row["agent"] == name]
        means = [np.mean([row[key] for row in own]) for key in (metric, "return")]
        print(f"{name:24} {means[0]:10.3f} {means[1]:10.1f}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
