"""Decides and checks everything about a training run before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sandbox.api.algorithm import Algorithm
from sandbox.api.errors import (
    DamagedRunError,
    InvalidValueError,
    MisfitError,
    SandboxError,
    UnknownNameError,
)
from sandbox.api.processes import usable_cores
from sandbox.api.types import Space
from sandbox.envs.vector import is_native
from sandbox.records.base import bounded
from sandbox.records.run import FORMAT, BudgetRecord, DataRecord, MetricRecord, RunRecord, ScenarioRecord
from sandbox.registry.discover import registry
from sandbox.registry.resolve import require, resolve
from sandbox.runs.code import code_of
from sandbox.runs.directory import RECORD, Run
from sandbox.runs.names import split_policy
from sandbox.runs.policies import KEPT
from sandbox.runs.provenance import local_time, packages, platform_facts, source_state
from sandbox.scenarios.overrides import merged, parse_assignments
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.scenarios.validation import validate
from sandbox.training.fit import check_fit, spaces_of
from sandbox.training.needs import Sources, find_sources, same_data, uses_many_envs

DEFAULT_NUM_ENVS_CHEAP = 8
DEFAULT_NUM_ENVS_NATIVE = 64
MAX_SEED = 2**31 - 1
MAX_KEPT = 1000
CHECKPOINT_EVERY = 60.0
"""Seconds between two checkpoints, where nothing else is asked for."""


@dataclass(frozen=True)
class Plan:
    """A training run with everything decided and checked, before anything starts.

    Attributes:
        scenario: What to train on.
        asked: The algorithm's name as it was asked for; the run's name.
        algorithm: What trains; differs from ``asked`` where masks call for a variant.
        config: Validated hyperparameters.
        seed: The run's seed.
        steps: Environment steps.
        num_envs: Number of environments.
        observation_space: Space of one row.
        action_space: Space of one row.
        masks: Whether action masks are given.
        initial: Folder of the policy to start from.
        sources: What it learns from beside its environments.
        checkpoint_every: Seconds between checkpoints; 0 writes one at every safe point.
        keep: Policies of training that the finished run keeps.
        track: Trackers besides TensorBoard.
        episodes: Test episodes an agent plays when training is done; None for no evaluation.
        command: The command line, for the record.
        cell: The cell of a grid that the run belongs to, for the record.
        trial: The trial of a search that the run belongs to, for the record.
    """

    scenario: ResolvedScenario
    asked: str
    algorithm: Algorithm
    config: Any
    seed: int
    steps: int
    num_envs: int
    observation_space: Space
    action_space: Space
    masks: bool
    initial: Path | None = None
    sources: Sources = field(default_factory=Sources)
    checkpoint_every: float = CHECKPOINT_EVERY
    keep: int = KEPT
    track: tuple[str, ...] = ()
    episodes: int | None = None
    command: tuple[str, ...] | None = None
    cell: str | None = None
    trial: str | None = None


def make_plan(
    scenario: ResolvedScenario,
    algo: str,
    *,
    seed: int = 0,
    steps: int | None = None,
    num_envs: int | None = None,
    hp: Sequence[str] | Mapping[str, Any] = (),
    init_from: str | Path | None = None,
    data: str | Path | None = None,
    expert: str | Path | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    keep: int = KEPT,
    track: Sequence[str] = (),
    episodes: int | None = None,
    command: Sequence[str] | None = None,
) -> Plan:
    """Decide and check everything about a training run.

    Args:
        scenario: What to train on.
        algo: Name of the algorithm.
        seed: Seeds the algorithm and the training episodes.
        steps: Environment steps; the preset's, then the scenario's number if absent.
        num_envs: Number of environments; the preset's, then a default by the kind of task if absent.
        hp: Hyperparameters that differ from the preset.
        init_from: Run directory (``DIR`` or ``DIR@best``) or policy folder to start from.
        checkpoint_every: Seconds between checkpoints.
        keep: Policies of training that the finished run keeps, at most; 0 to 1,000.
        track: Trackers besides TensorBoard.
        episodes: Test episodes an agent plays when training is done; None for no evaluation.
        command: The command line to record.

    Raises:
        SandboxError: If algorithm and task do not fit, a value is out of range, a package is missing.
    """
    asked = _asked(algo, scenario)
    require(asked)
    observation_space, action_space, masks = spaces_of(scenario)
    algorithm = _variant(asked, masks)
    check_fit(scenario, algorithm, observation_space, action_space)
    preset = scenario.spec.presets.get(algo)
    tuned = preset.hyperparameters if preset else {}
    given = hp if isinstance(hp, Mapping) else parse_assignments(list(hp), "--hp")
    config_model = resolve(algorithm.config)
    for name in given:
        if name.partition(".")[0] not in config_model.model_fields:
            raise UnknownNameError(f"hyperparameter of {algorithm.name}", name, config_model.model_fields)
    config = validate(config_model, merged(tuned, given), f"the hyperparameters of {algorithm.name}")
    steps = _positive("steps", steps or (preset.steps if preset else None) or scenario.spec.steps, steps)
    if not 0 <= seed <= MAX_SEED:
        raise InvalidValueError(f"The seed must be between 0 and {MAX_SEED}, not {seed}.")
    if not 0 <= checkpoint_every < float("inf"):
        raise InvalidValueError(f"checkpoint_every must be at least 0 seconds, not {checkpoint_every:g}.")
    if not 0 <= keep <= MAX_KEPT:
        raise InvalidValueError(f"keep must be between 0 and {MAX_KEPT:,} policies, not {keep}.")
    _require_recordable(scenario, config)
    count = num_envs or (preset.num_envs if preset else None) or _default_num_envs(scenario, algorithm)
    count = _positive("num_envs", count, num_envs)
    if count > 1 and not uses_many_envs(algorithm):
        if num_envs:
            raise MisfitError(f"{algorithm.name} uses one environment, not {num_envs}.", "Use --num-envs 1.")
        count = 1
    initial = _initial(init_from, algorithm)
    sources = find_sources(scenario, algorithm, (observation_space, action_space), data, expert)
    return Plan(
        scenario=scenario,
        asked=asked.name,
        algorithm=algorithm,
        config=config,
        seed=seed,
        steps=steps,
        num_envs=count,
        observation_space=observation_space,
        action_space=action_space,
        masks=masks,
        initial=initial,
        sources=sources,
        checkpoint_every=checkpoint_every,
        keep=keep,
        track=tuple(track),
        episodes=episodes,
        command=None if command is None else tuple(command),
    )


def repeated(run: Run) -> tuple[ResolvedScenario, dict[str, Any]]:
    """The scenario of a run and the arguments of `make_plan` that make the same run again.

    Raises:
        DamagedRunError: If the record does not say what is needed.
        InvalidValueError: If the scenario is no longer what it was: an input file, a default or the
            task's version has changed.
    """
    record = run.record
    needed = {"scenario_hash", "steps", "num_envs", "hyperparameters", "init_from"}
    missing = needed - record.model_fields_set
    if missing:
        raise DamagedRunError(
            f"'{run.path}' cannot be repeated: its record lacks {', '.join(sorted(missing))}."
        )
    scenario = run.scenario
    if scenario.hash != record.scenario_hash:
        raise InvalidValueError(
            f"'{run.path}' cannot be repeated: its scenario had the hash {record.scenario_hash[:12]}, "
            f"which is now {scenario.hash[:12]}.",
            "An input file, a default or the task's version has changed since.",
        )
    return scenario, {
        "algo": record.algorithm,
        "seed": record.seed,
        "steps": record.steps,
        "num_envs": record.num_envs,
        "hp": record.hyperparameters,
        "init_from": _policy_of(record.init_from),
        "data": same_data(run),
        "expert": record.expert,
    }


def plan_from_run(run: Run) -> Plan:
    """The plan of a run, from its record; raises as `repeated`."""
    scenario, arguments = repeated(run)
    record = run.record
    plan = make_plan(
        scenario,
        **arguments,
        checkpoint_every=CHECKPOINT_EVERY if record.checkpoint_every is None else record.checkpoint_every,
        keep=KEPT if record.keep is None else record.keep,
        track=record.track,
        episodes=record.evaluate,
        command=record.command,
    )
    return replace(plan, cell=record.cell, trial=record.trial)


def record_of(plan: Plan) -> RunRecord:
    """First content of ``run.json`` for a plan."""
    scenario, dataset = plan.scenario, plan.sources.dataset
    metric = scenario.metric
    marks = {"cell": plan.cell, "trial": plan.trial}
    return RunRecord(
        scenario_id=scenario.spec.id,
        scenario=ScenarioRecord.model_validate(scenario.spec.model_dump(mode="json")),
        scenario_hash=scenario.hash,
        scenario_file=str(scenario.path.resolve()) if scenario.path else None,
        folder=str(scenario.folder.resolve()),
        task_version=scenario.task.version,
        metric=MetricRecord(name=metric.name, unit=metric.unit, better=metric.better),
        config=scenario.config.model_dump(mode="json"),
        reward=scenario.reward.weights,
        algorithm=plan.asked,
        trained_by=plan.algorithm.name,
        algorithm_version=plan.algorithm.version,
        hyperparameters=plan.config.model_dump(mode="json"),
        seed=plan.seed,
        steps=plan.steps,
        num_envs=plan.num_envs,
        init_from=str(plan.initial) if plan.initial else None,
        init_budget=budget_of(plan.initial) if plan.initial else None,
        data=DataRecord(path=str(dataset.path), digest=dataset.digest) if dataset else None,
        expert=plan.sources.expert_name,
        started=local_time(),
        packages=packages(scenario.domain, plan.algorithm),
        code=code_of(scenario, plan.algorithm),
        platform=platform_facts(),
        source=source_state(),
        command=plan.command,
        checkpoint_every=plan.checkpoint_every,
        keep=plan.keep,
        track=plan.track,
        evaluate=plan.episodes,
        **{name: mark for name, mark in marks.items() if mark is not None},
        format=FORMAT,
        status="running",
    )


def budget_of(initial: Path) -> BudgetRecord | None:
    """What the policy to start from has cost: of its run and of all runs before; None if no run is known."""
    folder = initial.parent.parent if initial.name == "best" else initial.parent
    if not (folder / RECORD).is_file():
        return None
    run = Run.open(folder).record
    before = run.init_budget or BudgetRecord()
    steps, updates = before.environment_steps, before.offline_updates
    try:
        offline = registry().algorithm(run.trained_by or run.algorithm).capabilities.data == "offline"
    except SandboxError:  # of a plugin that is not installed here
        offline = run.data is not None
    if offline:
        updates += run.steps_done
    else:
        steps += run.steps_done
    return BudgetRecord(environment_steps=steps, offline_updates=updates)


def _policy_of(recorded: str | None) -> str | None:
    """The run and policy behind the folder that a record names, as ``--init-from`` takes them."""
    if recorded is None:
        return None
    path = Path(recorded)
    return f"{path.parent.parent}@best" if path.name == "best" else str(path.parent)


def _asked(algo: str, scenario: ResolvedScenario) -> Algorithm:
    """The algorithm called ``algo``; a baseline's name gets the sentence that it needs.

    Raises:
        UnknownNameError: If there is none.
        InvalidValueError: If it is a baseline of the scenario.
    """
    try:
        return registry().algorithm(algo)
    except UnknownNameError:
        if algo not in [*(baseline.name for baseline in scenario.task.baselines), "random"]:
            raise
        raise InvalidValueError(
            f"'{algo}' does not learn: it is a baseline of {scenario.spec.id}.",
            "Baselines play beside every algorithm of run and compare by themselves, so leave it out; "
            f"to play it alone: sandbox eval {algo} --scenario {scenario.spec.id}.",
        ) from None


def _variant(asked: Algorithm, masks: bool) -> Algorithm:
    if masks and asked.masked_by and not asked.capabilities.masks:
        variant = registry().algorithm(asked.masked_by)
        require(variant)
        return variant
    return asked


def _default_num_envs(scenario: ResolvedScenario, algorithm: Algorithm) -> int:
    if not uses_many_envs(algorithm):
        return 1
    if is_native(scenario):
        return min(DEFAULT_NUM_ENVS_NATIVE, scenario.task.max_num_envs)
    return DEFAULT_NUM_ENVS_CHEAP if scenario.task.cheap else usable_cores()


def _require_recordable(scenario: ResolvedScenario, config: BaseModel) -> None:
    """Refuse settings that ``run.json`` cannot hold, before anything starts."""
    for what, model in ((f"the scenario {scenario.spec.id}", scenario.spec), ("the hyperparameters", config)):
        try:
            bounded(model.model_dump(mode="json"))
        except ValueError as error:
            raise InvalidValueError(f"In {what}: {error}.") from error


def _positive(name: str, value: int, given: int | None) -> int:
    if (given is not None and given < 1) or value < 1:
        raise InvalidValueError(f"{name} must be at least 1, not {value if given is None else given}.")
    return value


def _initial(init_from: str | Path | None, algorithm: Algorithm) -> Path | None:
    if init_from is None:
        return None
    if not algorithm.capabilities.from_policy:
        raise MisfitError(f"{algorithm.name} starts from no policy.", "Leave --init-from out.")
    path, which = split_policy(str(init_from))
    which = which or "final"
    if (Path(path) / "policy.json").is_file():  # a policy that belongs to no run
        return Path(path).resolve()
    return Run.open(path).policy_folder(which).resolve()
