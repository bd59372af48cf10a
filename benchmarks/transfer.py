"""Transfer of a policy to changed physics: fine-tuning beside learning from scratch, at equal steps.

    python -m benchmarks.transfer [TARGET…] [--source SCENARIO] [--source-run RUN…] [--algo ppo]
                                  [--steps 300000] [--seeds 3] [--workers 1] [--set …] [--hp …]
    python -m benchmarks.transfer --algo sac --mix locomotion/half-cheetah-low-gravity --steps 20000

Trains on the source scenario (or takes runs of it, one a seed), then plays on the target's test seeds: the
source policy as it is, fine-tuned, learned from scratch, and the target's baselines. With ``--mix``, which
is for off-policy algorithms, a fourth agent learns from scratch with source data in half of every batch of
its replay (Smith et al. 2023, Learning and Adapting Agile Locomotion Skills by Transferring Experience,
arXiv 2304.09834): what the source policy did in the source physics, with noise. All learners have the same
hyperparameters and steps. Finished runs of the same plan are used again. Prints one JSON document, and
Markdown tables on stderr.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import sandbox
from benchmarks.learning import Asked, report, trained
from sandbox.api.errors import InvalidValueError
from sandbox.backends.sb3 import catalogue
from sandbox.evaluation.evaluate import play_all
from sandbox.evaluation.named_agents import baseline_agents, learned_agent
from sandbox.evaluation.progress import Silent
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.registry.policies import load_policy
from sandbox.runs.directory import Run
from sandbox.scenarios.resolve import load_scenario

TARGETS = tuple(
    f"locomotion/half-cheetah-{name}" for name in ("low-friction", "low-gravity", "heavy", "uphill")
)
MIXABLE = [
    name
    for name, row in catalogue.rows().items()
    if row.kind == "off-policy" and "Box" in row.capabilities.action_spaces
]
NOISE = 0.2
"""Standard deviation of the noise on the source policy's actions, in units of half their range."""
SOURCE_SEED = 2_000_000
"""First seed of the episodes that source data come from: far from those of training and of the test."""


@dataclass(frozen=True)
class Mixed(Asked):
    """A run with source data in half of every batch."""

    source: str = ""
    teacher: Path | None = None
    transitions: int = 0

    def carry_out(self) -> Path:
        assert self.teacher is not None
        buffer = balanced(source_data(self))
        with patch("stable_baselines3.common.off_policy_algorithm.ReplayBuffer", buffer):
            return super().carry_out()


def main() -> int:
    """Train, play, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET")
    parser.add_argument("--source", default="locomotion/half-cheetah")
    parser.add_argument("--source-run", type=Path, nargs="+", help="finished runs of the source, one a seed")
    parser.add_argument("--algo", default="ppo")
    parser.add_argument("--steps", type=int, default=300_000, help="on the target; the source's too")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="training runs at a time")
    parser.add_argument("--mix", action="store_true", help="also with source data in the replay")
    parser.add_argument("--source-steps", type=int, default=20_000, help="source data of --mix")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    parser.add_argument("--hp", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    options = parser.parse_args()
    if options.source_run and len(options.source_run) != options.seeds:
        parser.error("--source-run takes as many runs as there are seeds")
    if options.seeds < 1 or options.workers < 1 or options.source_steps < 1:
        parser.error("--seeds, --workers and --source-steps must be at least 1")
    if options.mix and options.algo not in MIXABLE:
        parser.error(
            f"--mix is for algorithms with a replay buffer of continuous actions: {', '.join(MIXABLE)}"
        )
    return report(lambda: compare(options), table)


def compare(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All runs, then one result a target."""
    seeds = range(options.seeds)
    common = (options.steps, tuple(options.sets), tuple(options.hp))
    plain = [Asked(options.source, options.algo, seed, *common, options.runs_dir) for seed in seeds]
    scratch = {name: [replace(one, scenario=name) for one in plain] for name in options.targets}
    for one in (plain[0], *(runs[0] for runs in scratch.values())):
        plan = one.plan()  # all mistakes before the first run
        if options.mix and plan.config.n_steps != 1:
            raise InvalidValueError("--mix is for one-step returns.", "Leave n_steps at 1.")
    if options.source_run:
        sources = [Run.open(path) for path in options.source_run]
    else:
        sources = trained(plain, options.workers)
    asked: dict[tuple[str, str], list[Asked]] = {}
    for name, runs in scratch.items():
        asked[name, "scratch"] = runs
        asked[name, "fine-tuned"] = [
            replace(one, init_from=source.path) for one, source in zip(runs, sources, strict=True)
        ]
        if options.mix:
            asked[name, "source data in replay"] = [
                Mixed(
                    name,
                    options.algo,
                    seed,
                    *common,
                    options.runs_dir / "mixed",
                    source=options.source,
                    teacher=source.path,
                    transitions=options.source_steps,
                )
                for seed, source in zip(seeds, sources, strict=True)
            ]
    everything = trained([one for ones in asked.values() for one in ones], options.workers)
    done = dict(zip(asked, np.array_split(np.array(everything, object), len(asked)), strict=True))
    return [
        judge(
            name,
            options,
            {"source": sources} | {kind: runs for (at, kind), runs in done.items() if at == name},
        )
        for name in options.targets
    ]


def judge(target: str, options: argparse.Namespace, runs: dict[str, Any]) -> dict[str, Any]:
    """Final policies and baselines on the target's test episodes."""
    scenario = load_scenario(target, options.sets)
    named = {f"{kind} {seed}": run for kind, ones in runs.items() for seed, run in enumerate(ones)}
    agents = [replace(learned_agent(run), name=name) for name, run in named.items()]
    baselines = baseline_agents(scenario)
    with EpisodeRunner(scenario) as runner:
        found = play_all(runner, scenario, [*agents, *baselines], evaluation_seeds(scenario), Silent())
    rows = {kind: [found.mean(f"{kind} {seed}") for seed in range(len(ones))] for kind, ones in runs.items()}
    rows |= {agent.name: [found.mean(agent.name)] for agent in baselines}
    returns = {
        name: statistics.mean(episode.ret for episode in found.episodes if episode.agent == name)
        for name in [*named, *(agent.name for agent in baselines)]
    }
    return {
        "source": options.source,
        "target": target,
        "algorithm": options.algo,
        "steps": options.steps,
        "metric": found.metric.name,
        "unit": found.metric.unit,
        "better": found.metric.better,
        "test_episodes": len(found.seeds),
        "agents": rows,
        "returns": returns,
        "fine-tuned_less_scratch": [
            tuned - alone for tuned, alone in zip(rows["fine-tuned"], rows["scratch"], strict=True)
        ],
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    worst = max if result["better"] == "lower" else min
    lines = [
        f"\n{result['target']}, {result['algorithm']} after {result['steps']:,} steps",
        f"| agent | {result['metric']} ({result['unit']}): mean (worst) | return |",
        "|---|---|---|",
    ]
    for name, values in result["agents"].items():
        own = [value for key, value in result["returns"].items() if key == name or key.startswith(f"{name} ")]
        several = f" ({worst(values):.3g})" if len(values) > 1 else ""
        lines.append(f"| {name} | {statistics.mean(values):.3g}{several} | {statistics.mean(own):.0f} |")
    return "\n".join(lines)


def source_data(asked: Mixed) -> Any:
    """Transitions of the teacher's policy, with noise, in its own physics, in SB3's replay buffer."""
    from stable_baselines3.common.buffers import ReplayBuffer

    assert asked.teacher is not None
    env = sandbox.make(asked.source, changes=asked.sets)
    buffer = ReplayBuffer(asked.transitions, env.observation_space, env.action_space, "cpu", 1)
    policy, rng = load_policy(Run.open(asked.teacher).policy_folder()), np.random.default_rng(asked.seed)
    low, high = env.action_space.low, env.action_space.high  # type: ignore[attr-defined]
    observation, _ = env.reset(seed=SOURCE_SEED + asked.seed)
    policy.reset(1)
    for _ in range(asked.transitions):
        action = policy.act(observation[None])[0]
        action = np.clip(action + NOISE * (high - low) / 2 * rng.standard_normal(len(low)), low, high)
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


def balanced(prior: Any) -> Any:
    """A class of replay buffers that take half of every batch from ``prior``."""
    from stable_baselines3.common.buffers import ReplayBuffer

    class Balanced(ReplayBuffer):
        def sample(self, batch_size: int, env: Any = None) -> Any:
            import torch

            half = batch_size // 2
            own, old = super().sample(batch_size - half, env), prior.sample(half, env)
            pairs = zip(own, old, strict=True)
            return type(own)(*(None if a is None else torch.cat([a, b]) for a, b in pairs))

    return Balanced


if __name__ == "__main__":
    sys.exit(main())
