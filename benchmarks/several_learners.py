"""Several learners on cooperative games, the beer game and traffic networks, beside tuned baselines.

    python -m benchmarks.several_learners TASK… [--seeds 5] [--share 1] [--agents A,B] [--twin]
        [--episodes 10] [--runs-dir D]

Prints, for each task, the mean of the scenario's metric on its test seeds by the final policies and by the
best-validation policies (chosen on the validation seeds), over training seeds. Cells are those of `sandbox
compare`: what is there is not run again, and a stopped command goes on where it was. ``--share`` shortens the
training of every agent alike, parameter-shared PPO's too. ``--twin`` trains on the twin of a traffic network;
validation and test episodes are SUMO's all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sandbox
from benchmarks.mistakes import explained
from sandbox.launch import Launching
from sandbox.records.comparison import Score
from sandbox.registry.discover import add_plugins

COOPERATION = Path(__file__).resolve().parents[1] / "tests" / "toys" / "cooperation.py"
ON_THE_TWIN = ("config.simulator=twin", "evaluation.config.simulator=sumo")
Agent = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """A task, and who learns it.

    Attributes:
        scenario: Its name.
        steps: Training steps over all rows, of every agent alike.
        num_envs: Environments, of every agent alike.
        agents: By name, the algorithm and its hyperparameters.
        changes: As ``--set`` takes them.
        baselines: Which are played; all if absent.
    """

    scenario: str
    steps: int
    num_envs: int
    agents: Mapping[str, tuple[str, Mapping[str, Any]]]
    changes: Sequence[str] = ()
    baselines: Sequence[str] | None = None

    def grid(self, share: float, chosen: Sequence[str]) -> list[Agent]:
        """The agents as `sandbox.compare` takes them."""
        return [
            {
                "name": name,
                "algorithm": algorithm,
                "hyperparameters": dict(hyperparameters),
                "steps": round(self.steps * share),
                "num_envs": self.num_envs,
            }
            for name, (algorithm, hyperparameters) in self.agents.items()
            if not chosen or name in chosen
        ]


# All joint actions as often as each other, as in the paper, so that the fixed points are known.
_UNIFORM = {"exploration_initial": 1.0, "exploration_final": 1.0, "normalize_reward": False}
_GAME = {"learning_rate": 0.003, "ent_coef": 0.01, "n_steps": 32, "batch_size": 64}
_GAMES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "ppo": ("ppo", {"n_steps": 32, "batch_size": 128, "ent_coef": 0.01, "learning_rate": 0.003}),
    "ippo": ("ippo", _GAME),
    "mappo": ("mappo", _GAME),
    "iql-marl": ("iql-marl", _UNIFORM),
    "vdn": ("vdn", _UNIFORM),
    "qmix": ("qmix", _UNIFORM),
}

_BEER = {
    "learning_rate": 0.003,
    "learning_rate_schedule": "linear",
    "n_steps": 36,
    "batch_size": 1024,  # games, four stations in each: 4096 rows, as the preset of ppo
    "n_epochs": 3,
    "gae_lambda": 0.9,
    "log_std_init": -1.0,
    "reward": "team",
}

# The settings of the preset of ppo, so that what differs is who learns and what the critic sees.
_SIGNALS = {
    "learning_rate": 0.001,
    "learning_rate_schedule": "linear",
    "n_steps": 32,
    "batch_size": 32,
    "n_epochs": 6,
    "gamma": 0.95,
    "gae_lambda": 0.9,
}
_SIGNAL_VALUES = {
    "learning_rate": 0.001,
    "gamma": 0.95,
    "train_freq": 1,
    "batch_size": 64,
    "learning_starts": 1000,
    "exploration_fraction": 0.5,
}
_TRAFFIC: dict[str, tuple[str, Mapping[str, Any]]] = {
    "ppo": ("ppo", {}),
    "ippo": ("ippo", _SIGNALS),
    "ippo-own": ("ippo", {**_SIGNALS, "share_parameters": False}),
    "mappo": ("mappo", _SIGNALS),
    "iql-marl": ("iql-marl", _SIGNAL_VALUES),
    "vdn": ("vdn", _SIGNAL_VALUES),
    "qmix": ("qmix", _SIGNAL_VALUES),
}


def _traffic(name: str, steps: int) -> Setting:
    return Setting(f"traffic/{name}", steps, 8, _TRAFFIC)


SETTINGS: Mapping[str, Setting] = {
    "two-step": Setting("cooperation/two-step", 40_000, 8, _GAMES),
    "climbing": Setting("cooperation/matrix", 40_000, 8, _GAMES),
    "penalty": Setting("cooperation/matrix", 40_000, 8, _GAMES, ("game=penalty",)),
    "beer-game": Setting(
        "inventory/beer-game",
        3_000_000,
        256,
        {
            "ppo": ("ppo", {}),
            "ippo": ("ippo", _BEER),
            "ippo-own": ("ippo", {**_BEER, "share_parameters": False}),
            "mappo": ("mappo", _BEER),
        },
    ),
    "grid-2x2": _traffic("grid-2x2", 400_000),
    "grid-4x4": _traffic("grid-4x4", 1_000_000),
    "cologne3": _traffic("cologne3", 300_000),
    "cologne8": _traffic("cologne8", 400_000),
    "grid4x4": _traffic("grid4x4", 1_000_000),
    "ingolstadt7": _traffic("ingolstadt7", 400_000),
    "ingolstadt21": _traffic("ingolstadt21", 1_000_000),
}


@dataclass
class Measured:
    """What a task came to, as a table and as plain values."""

    lines: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing; print tables, or one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tasks", nargs="+", choices=SETTINGS, metavar="TASK", help=", ".join(SETTINGS))
    parser.add_argument("--seeds", type=int, default=5, help="training seeds of every agent")
    parser.add_argument("--share", type=float, default=1.0, help="of the training steps")
    parser.add_argument("--agents", default="", help="only these, separated by commas")
    parser.add_argument("--twin", action="store_true", help="train on the twin, judge on SUMO")
    parser.add_argument("--episodes", type=int, help="test episodes; the scenario's own number if absent")
    parser.add_argument("--workers", type=int, default=None, help="cells at the same time")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/several-learners"))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    add_plugins([str(COOPERATION)])
    known = {agent for name in chosen.tasks for agent in SETTINGS[name].agents}
    if unknown := {each for each in chosen.agents.split(",") if each} - known:
        parser.error(
            f"No agent is called {', '.join(sorted(unknown))}. There are: {', '.join(sorted(known))}."
        )
    documents = {}
    for name in chosen.tasks:
        with explained():
            measured = measure(name, chosen)
        documents[name] = measured.document
        if not chosen.json:
            print("\n".join([f"{name}:", "", *measured.lines, ""]), flush=True)
    if chosen.json:
        print(json.dumps(documents, indent=2))
    return 0


def measure(name: str, chosen: argparse.Namespace) -> Measured:
    """Bring the grid of a task to its end and say what it came to."""
    setting = SETTINGS[name]
    only = [each for each in chosen.agents.split(",") if each]
    changes = [*setting.changes, *(ON_THE_TWIN if chosen.twin else ())]
    if chosen.episodes is not None:
        changes.append(f"evaluation.episodes={chosen.episodes}")
    compared = sandbox.compare(
        setting.scenario,
        setting.grid(chosen.share, only),
        seeds=chosen.seeds,
        changes=changes,
        runs_dir=chosen.runs_dir,
        launching=Launching("inline" if chosen.workers == 1 else "local", chosen.workers),
        command=["python", "-m", "benchmarks.several_learners", name],
    )
    (scenario,) = compared.record.scores
    facts, scores = compared.record.scenarios[scenario], compared.scores(scenario)
    lines = [
        f"| agent | seeds | {facts.metric} ({facts.unit}), final | least to most | best validation |",
        "| --- | ---: | ---: | --- | ---: |",
        *(_row(agent, scores[agent]) for agent in compared.ranking(scenario)),
    ]
    steps = round(setting.steps * chosen.share)
    return Measured(
        lines,
        {
            "scenario": scenario,
            "steps": steps,
            "complete": compared.complete,
            "agents": {
                agent: {
                    "values": list(score.values),
                    "mean": score.mean,
                    "best": None if score.best is None else score.best.mean,
                    "failed": score.failed,
                }
                for agent, score in scores.items()
            },
        },
    )


def _row(agent: str, score: Score) -> str:
    values = [value for value in score.values if value is not None]
    failed = f" ({score.failed} failed)" if score.failed else ""
    if score.kind != "learned" or not values:
        return f"| {agent}{failed} | – | {_number(score.mean)} | – | – |"
    best = None if score.best is None else score.best.mean
    spread = f"{min(values):.2f} to {max(values):.2f}"
    return f"| {agent}{failed} | {len(values)} | {_number(score.mean)} | {spread} | {_number(best)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
