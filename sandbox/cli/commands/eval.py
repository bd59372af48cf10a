"""``sandbox eval``: play agents on the scenario's test seeds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import (
    AsJson,
    Changes,
    Episodes,
    Fresh,
    Quiet,
    Reward,
    RunsDir,
    TrustPickle,
    Wrap,
    changed,
    run_name,
    scenario_name,
)
from sandbox.runs.names import split_policy

if TYPE_CHECKING:
    from sandbox.runs.directory import Run
    from sandbox.scenarios.resolve import ResolvedScenario


def evaluate(
    agents: Annotated[
        list[str],
        typer.Argument(
            metavar="AGENT...",
            help="Runs (DIR, DIR@best, DIR@STEP, latest), names of baselines, random, or MODEL.zip of SB3.",
        ),
    ],
    scenario: Annotated[
        str | None,
        typer.Option(
            parser=scenario_name,
            metavar="SCENARIO",
            help="What to play; default: what the first run was trained on.",
        ),
    ] = None,
    algo: Annotated[
        str | None, typer.Option(metavar="NAME", help="What trained the MODEL.zip among the agents.")
    ] = None,
    trust_pickle: TrustPickle = False,
    episodes: Episodes = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="Wall time that each baseline which searches has for each episode."),
    ] = None,
    changes: Changes = None,
    wrap: Wrap = None,
    reward: Reward = None,
    fresh: Fresh = False,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Play agents on a scenario's test seeds and compare them."""
    from sandbox.cli.documents import facts
    from sandbox.cli.show.progress import progress_display
    from sandbox.cli.show.tables import show_verdict
    from sandbox.evaluation.evaluate import evaluate as carry_out
    from sandbox.outputs.import_sb3 import import_sb3, is_sb3_archive, require_trust
    from sandbox.registry.policies import load_policy

    agents = [run_name(agent, runs_dir) for agent in agents]
    for agent in filter(is_sb3_archive, agents):
        require_trust(agent, trust_pickle)
    runs = _runs(agents)
    resolved = scenario_of(agents, scenario, changed(changes, wrap), reward or ())
    with tempfile.TemporaryDirectory(prefix="sandbox-models-") as scratch:
        players = [
            load_policy(import_sb3(Path(agent), algo, Path(scratch))) if is_sb3_archive(agent) else agent
            for agent in agents
        ]
        evaluation = carry_out(
            players,
            resolved,
            episodes=episodes,
            seconds=seconds,
            kept_in=runs_dir if runs_dir.is_dir() else None,
            fresh=fresh,
            progress=progress_display(quiet, resolved.metric.name, resolved.metric.unit),
        )
    if as_json:
        only = facts(runs[0]) if len(runs) == 1 else dict.fromkeys(_FACTS)
        return {**only, "scenario": resolved.spec.id, "evaluation": evaluation.to_json()}
    show_verdict(evaluation)
    return None


_FACTS = ("scenario", "run_dir", "algorithm", "seed", "steps", "train_seconds", "steps_per_second")


def _runs(agents: list[str]) -> list[Run]:
    """The runs among the agents, each once."""
    from sandbox.runs.directory import Run

    folders = (split_policy(agent)[0] for agent in agents)
    return [Run.open(folder) for folder in dict.fromkeys(folders) if Path(folder).is_dir()]


def scenario_of(
    agents: list[str], scenario: str | None, changes: Sequence[str] = (), reward: Sequence[str] = ()
) -> ResolvedScenario:
    """The scenario that is named, or exactly the one that the first run among the agents was trained on."""
    from sandbox.api.errors import InvalidValueError
    from sandbox.runs.directory import Run
    from sandbox.scenarios.resolve import load_scenario

    if scenario is not None:
        return load_scenario(scenario, changes, reward)
    runs = _runs(agents)
    if not runs:
        missing = next((agent for agent in agents if "/" in agent), None)
        if missing is not None:
            Run.open(split_policy(missing)[0])  # says what is wrong with it
        raise InvalidValueError(
            "No scenario is named, and no agent is a run that would tell it.", "Add --scenario SCENARIO."
        )
    if changes or reward:
        raise InvalidValueError("--set and --reward need --scenario.", "Add --scenario SCENARIO.")
    resolved: ResolvedScenario = runs[0].scenario
    return resolved
