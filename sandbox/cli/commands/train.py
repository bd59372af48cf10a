"""``sandbox train``: train without evaluating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from sandbox.cli.options import (
    CHECKPOINT_EVERY,
    KEEP,
    Algo,
    AsJson,
    Changes,
    CheckpointEvery,
    Data,
    Expert,
    Hp,
    InitFrom,
    Keep,
    NumEnvs,
    Quiet,
    Reward,
    RunsDir,
    Scenario,
    Seed,
    Steps,
    Track,
    TrustPickle,
    Wrap,
    changed,
    initial_policy,
    run_name,
)


def train(
    context: typer.Context,
    scenario: Scenario,
    algo: Algo,
    seed: Seed = 0,
    steps: Steps = None,
    num_envs: NumEnvs = None,
    changes: Changes = None,
    wrap: Wrap = None,
    reward: Reward = None,
    hp: Hp = None,
    init_from: InitFrom = None,
    trust_pickle: TrustPickle = False,
    data: Data = None,
    expert: Expert = None,
    checkpoint_every: CheckpointEvery = CHECKPOINT_EVERY,
    keep: Keep = KEEP,
    track: Track = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Train an agent into a run directory."""
    from sandbox.cli.documents import facts
    from sandbox.cli.show.progress import progress_display
    from sandbox.cli.show.tables import show_trained
    from sandbox.scenarios.resolve import load_scenario
    from sandbox.training.train import train as carry_out

    resolved = load_scenario(scenario, changed(changes, wrap), reward or ())
    trained = carry_out(
        resolved,
        algo,
        seed=seed,
        steps=steps,
        num_envs=num_envs,
        hp=hp or (),
        runs_dir=runs_dir,
        init_from=initial_policy(init_from, algo, trust_pickle, runs_dir),
        data=data,
        expert=None if expert is None else run_name(expert, runs_dir),
        checkpoint_every=checkpoint_every,
        keep=keep,
        track=track or (),
        progress=progress_display(quiet, resolved.metric.name, resolved.metric.unit),
        command=["sandbox", *context.obj],
    )
    if as_json:
        return facts(trained)
    show_trained(trained, resolved.metric)
    return None
