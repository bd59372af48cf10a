"""Decides and checks everything about a training run before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.api.algorithm import Algorithm
from sandbox.api.errors import DamagedRunError, InvalidValueError, MisfitError, UnknownNameError
from sandbox.envs.single import EnvFactory
from sandbox.envs.vector import native
from sandbox.registry.discover import registry
from sandbox.registry.resolve import require, resolve
from sandbox.runs.directory import Run
from sandbox.scenarios.overrides import merged, parse_assignments
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.scenarios.validation import validate

DEFAULT_NUM_ENVS_CHEAP = 8
DEFAULT_NUM_ENVS_NATIVE = 64
MAX_SEED = 2**31 - 1


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
        num_envs: Environment copies.
        observation_space: Space of one row.
        action_space: Space of one row.
        masks: Whether action masks are given.
        initial: Folder of the policy to start from.
    """

    scenario: ResolvedScenario
    asked: str
    algorithm: Algorithm
    config: Any
    seed: int
    steps: int
    num_envs: int
    observation_space: Any
    action_space: Any
    masks: bool
    initial: Path | None


def make_plan(
    scenario: ResolvedScenario,
    algo: str,
    *,
    seed: int = 0,
    steps: int | None = None,
    num_envs: int | None = None,
    hp: Sequence[str] | Mapping[str, Any] = (),
    init_from: str | Path | None = None,
) -> Plan:
    """Decide and check everything about a training run.

    Raises:
        SandboxError: If algorithm and task do not fit, a value is out of range, a package is missing.
    """
    asked = registry().algorithm(algo)
    require(asked)
    observation_space, action_space, masks = spaces_of(scenario)
    algorithm = _variant(asked, masks)
    _check_fit(scenario, algorithm, observation_space, action_space)
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
    copies = num_envs or (preset.num_envs if preset else None) or _default_copies(scenario, algorithm)
    copies = _positive("num_envs", copies, num_envs)
    if copies > 1 and not algorithm.capabilities.vectorised:
        if num_envs:
            raise MisfitError(f"{algorithm.name} uses one environment, not {num_envs}.", "Use --num-envs 1.")
        copies = 1
    initial = _initial(init_from)
    return Plan(
        scenario,
        asked.name,
        algorithm,
        config,
        seed,
        steps,
        copies,
        observation_space,
        action_space,
        masks,
        initial,
    )


def repeated(run: Run) -> tuple[ResolvedScenario, dict[str, Any]]:
    """The scenario of a run and the arguments of `make_plan` that make the same run again.

    Raises:
        DamagedRunError: If the record does not say what is needed.
        InvalidValueError: If the scenario is no longer what it was: an input file, a default or the
            task's version has changed.
    """
    record = run.record
    missing = {"scenario_hash", "steps", "num_envs", "hyperparameters", "init_from"} - set(record)
    if missing:
        raise DamagedRunError(
            f"'{run.path}' cannot be repeated: its record lacks {', '.join(sorted(missing))}."
        )
    scenario: ResolvedScenario = run.scenario
    if scenario.hash != record["scenario_hash"]:
        raise InvalidValueError(
            f"'{run.path}' cannot be repeated: its scenario had the hash {record['scenario_hash'][:12]}, "
            f"which is now {scenario.hash[:12]}.",
            "An input file, a default or the task's version has changed since.",
        )
    return scenario, {
        "algo": record["algorithm"],
        "seed": record["seed"],
        "steps": record["steps"],
        "num_envs": record["num_envs"],
        "hp": record["hyperparameters"],
        "init_from": _policy_of(record["init_from"]),
    }


def plan_from_run(run: Run) -> Plan:
    """The plan of a run, from its record; raises as `repeated`."""
    scenario, arguments = repeated(run)
    return make_plan(scenario, **arguments)


def _policy_of(recorded: str | None) -> str | None:
    """The run and policy behind the folder that a record names, as ``--init-from`` takes them."""
    if recorded is None:
        return None
    path = Path(recorded)
    return f"{path.parent.parent}@best" if path.name == "best" else str(path.parent)


def spaces_of(scenario: ResolvedScenario) -> tuple[Any, Any, bool]:
    """Observation and action space of one row, and whether action masks are given."""
    if scenario.task.make_vec is not None:
        envs: Any = native(scenario, 1, evaluation=False)
        try:
            if scenario.task.agents == "parallel":
                rows = envs.unwrapped
                return rows.row_observation_space, rows.row_action_space, scenario.task.masks
            return envs.single_observation_space, envs.single_action_space, scenario.task.masks
        finally:
            envs.close()
    env = EnvFactory(scenario)()
    try:
        if scenario.task.agents == "parallel":
            joint: Any = env
            masks = scenario.task.masks or joint.padded_actions
            return joint.row_observation_space, joint.row_action_space, masks
        return env.observation_space, env.action_space, scenario.task.masks
    finally:
        env.close()


def fitting(scenario: ResolvedScenario, observation_space: Any, action_space: Any) -> list[str]:
    """Names of the online algorithms that fit a task and are installed or could be."""
    return [
        algorithm.name
        for algorithm in registry().algorithms.working()
        if not _misfits(scenario, algorithm, observation_space, action_space)
    ]


def _variant(asked: Algorithm, masks: bool) -> Algorithm:
    if masks and asked.masked_by and not asked.capabilities.masks:
        variant = registry().algorithm(asked.masked_by)
        require(variant)
        return variant
    return asked


def _check_fit(
    scenario: ResolvedScenario, algorithm: Algorithm, observation_space: Any, action_space: Any
) -> None:
    """Refuse an algorithm that cannot work on the task, naming those that can."""
    misfits = _misfits(scenario, algorithm, observation_space, action_space)
    if misfits:
        names = ", ".join(fitting(scenario, observation_space, action_space))
        raise MisfitError(
            f"{algorithm.name} does not fit {scenario.spec.id}: {' and '.join(misfits)}.",
            f"These fit: {names}." if names else "",
        )


def _misfits(
    scenario: ResolvedScenario, algorithm: Algorithm, observation_space: Any, action_space: Any
) -> list[str]:
    can = algorithm.capabilities
    found = []
    for what, space, known in (
        ("action", action_space, can.action_spaces),
        ("observation", observation_space, can.observation_spaces),
    ):
        kind = type(space).__name__
        if kind not in known:
            found.append(f"the task has {what} space {kind}, it takes {', '.join(sorted(known))}")
    if scenario.task.agents not in can.agents:
        found.append(f"the task has {scenario.task.agents} agents, which it does not support")
    if can.search and not scenario.task.game:
        found.append("it searches with the rules of a game, which the task does not have")
    if can.data == "offline":
        found.append("it learns from a dataset, not from interaction")
    return found


def _default_copies(scenario: ResolvedScenario, algorithm: Algorithm) -> int:
    if not algorithm.capabilities.vectorised:
        return 1
    if scenario.task.make_vec is not None:
        return min(DEFAULT_NUM_ENVS_NATIVE, scenario.task.most_copies)
    return DEFAULT_NUM_ENVS_CHEAP if scenario.task.cheap else max(1, os.cpu_count() or 1)


def _positive(name: str, value: int, given: int | None) -> int:
    if (given is not None and given < 1) or value < 1:
        raise InvalidValueError(f"{name} must be at least 1, not {value if given is None else given}.")
    return value


def _initial(init_from: str | Path | None) -> Path | None:
    if init_from is None:
        return None
    path, at, which = str(init_from).rpartition("@")
    if not at or which not in ("best", "final"):
        path, which = str(init_from), "final"
    if (Path(path) / "policy.json").is_file():  # a policy that belongs to no run
        return Path(path).resolve()
    return Run.open(path).policy_folder(which).resolve()
