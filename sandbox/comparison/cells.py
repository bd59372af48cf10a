"""The cells of a grid: what each is asked, decided before anything starts, and its content's id."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.api.errors import InvalidValueError, MisfitError, UnknownNameError
from sandbox.comparison.suites import Suite, SuiteAgent, SuiteScenario
from sandbox.records.code import Code
from sandbox.records.comparison import AgentFacts
from sandbox.records.jobs import CellRequest, ScenarioRequest, TrainingRequest
from sandbox.records.status import AgentKind
from sandbox.registry.discover import PLUGINS_VARIABLE
from sandbox.runs.code import code_of, digest_of_code
from sandbox.runs.guard import GRID, folder_below
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox.training.plan import Plan, make_plan


@dataclass(frozen=True)
class Cell:
    """One training run and its evaluation, or one baseline on the test episodes.

    Attributes:
        id: SHA-256 over all that decides its numbers: the settings and the code.
        settings: SHA-256 over the settings alone.
        scenario: Id of the scenario in the grid.
        agent: Name of the agent in the grid.
        kind: Whether it trains.
        seed: Training seed; None for a baseline.
        request: How to run it.
    """

    id: str
    scenario: str
    agent: str
    kind: AgentKind
    seed: int | None
    request: CellRequest = field(repr=False)
    settings: str = field(repr=False)
    code: Code = field(repr=False)


@dataclass(frozen=True)
class Grid:
    """A comparison with everything decided.

    Attributes:
        name: Of the suite, or ``compare``.
        title: One line.
        scenarios: By scenario id, in order.
        agents: By name, what each is.
        cells: Baselines of each scenario first, then seed by seed.
    """

    name: str
    title: str
    scenarios: Mapping[str, ResolvedScenario]
    agents: Mapping[str, AgentFacts]
    cells: tuple[Cell, ...]

    @property
    def id(self) -> str:
        """Eight characters that stand for exactly these cells."""
        content = json.dumps(sorted((cell.id, cell.agent) for cell in self.cells))
        return hashlib.sha256(content.encode()).hexdigest()[:8]

    def folder(self, root: Path) -> Path:
        """Where its results lie.

        Raises:
            DamagedRunError: If it is, holds or lies behind a link.
        """
        return folder_below(root, "comparisons", f"{self.name}-{self.id}", what=GRID)


def make_grid(
    suite: Suite,
    name: str,
    file: Path | None = None,
    scenarios: Mapping[str, ResolvedScenario] | None = None,
    changes: Sequence[str] = (),
) -> Grid:
    """Resolve and check every scenario and agent of a suite.

    Args:
        suite: What is compared.
        name: Its name.
        file: The suite's file, in whose folder the relative paths that it names start.
        scenarios: Scenarios that are resolved already, by the name that the suite gives them.
        changes: ``key=value`` pairs for every scenario, as ``--set`` takes them.

    Raises:
        SandboxError: For an unknown scenario, an algorithm that does not fit, a bad value.
    """
    known, resolved_by_id = scenarios or {}, dict[str, ResolvedScenario]()
    agents: dict[str, AgentFacts] = {}
    learned: list[list[Cell]] = []
    baselines: list[Cell] = []
    for entry in suite.scenarios or ():
        resolved = known.get(entry.id) or _scenario(entry, suite, file, changes)
        scenario = resolved.spec.id
        if scenario in resolved_by_id:
            raise InvalidValueError(
                f"The scenario {scenario} is named twice.",
                "Give one of them another id: a copy of its file with id: domain/other-name.",
            )
        resolved_by_id[scenario] = resolved
        baselines += _baseline_cells(resolved, entry.baselines or suite.baselines or "all")
        for agent in suite.agents or () if entry.agents is None else entry.agents:
            learned.append(_learned_cells(resolved, agent, entry, suite))
            facts = AgentFacts(
                kind="learned",
                algorithm=agent.algorithm,
                hyperparameters=agent.hyperparameters,
                steps=agent.steps or suite.steps,
            )
            agents.setdefault(agent.label, facts)
    for cell in baselines:
        if cell.agent in agents and agents[cell.agent].kind == "learned":
            raise InvalidValueError(
                f"The agent '{cell.agent}' has the name of a baseline of {cell.scenario}.",
                "Give it another name in the suite.",
            )
        facts = AgentFacts(kind="baseline", algorithm=None, hyperparameters={}, steps=None)
        agents.setdefault(cell.agent, facts)
    # Seed by seed: a comparison that is looked at early has some runs of everything.
    rounds = zip(*learned, strict=True) if learned else ()
    cells = (*baselines, *(cell for of_seed in rounds for cell in of_seed))
    if not cells:
        raise InvalidValueError("There is nothing to compare.", "Name algorithms with --algo, or baselines.")
    _refuse_repetition(cells)
    return Grid(name, suite.title, resolved_by_id, agents, cells)


def cell_id(content: Mapping[str, Any]) -> str:
    """SHA-256 of plain values, the same whatever the order of keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def take_shard(cells: Sequence[Cell], shard: str | None) -> list[Cell]:
    """The cells of shard ``i/n``, i from 1 to n: every n-th, so that all shards are alike.

    Raises:
        InvalidValueError: For anything but ``i/n``.
    """
    if shard is None:
        return list(cells)
    number, slash, count = shard.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and len(number) < 7 and len(count) < 7):
        raise InvalidValueError(f"--shard takes i/n, such as 1/4, not '{shard[:40]}'.")
    if not 1 <= int(number) <= int(count):
        raise InvalidValueError(f"--shard {shard}: the number must be between 1 and {count}.")
    return list(cells[int(number) - 1 :: int(count)])


def _scenario(
    entry: SuiteScenario, suite: Suite, file: Path | None, changes: Sequence[str]
) -> ResolvedScenario:
    name = entry.id
    if file is not None and name.startswith(".") and name.endswith((".yaml", ".yml")):
        name = str(file.parent / name)
    stated = dict(entry.set)
    episodes = entry.episodes or suite.episodes
    if episodes is not None:
        stated["evaluation.episodes"] = episodes
    return load_scenario(name, changes, entry.reward, stated=stated, stated_in=file)


def _learned_cells(
    scenario: ResolvedScenario, agent: SuiteAgent, entry: SuiteScenario, suite: Suite
) -> list[Cell]:
    steps = entry.steps or agent.steps or suite.steps
    plan = make_plan(
        scenario, agent.algorithm, steps=steps, num_envs=agent.num_envs, hp=agent.hyperparameters
    )
    if plan.algorithm.capabilities.data == "offline":
        raise MisfitError(f"{agent.algorithm} learns from a dataset and cannot be compared by training.")
    hyperparameters = plan.config.model_dump(mode="json")
    code = code_of(scenario, plan.algorithm)
    cells = []
    for seed in suite.seed_list:
        content = {
            "scenario": scenario.hash,
            "task_version": scenario.task.version,
            "algorithm": plan.algorithm.name,
            "hyperparameters": hyperparameters,
            "seed": seed,
            "steps": plan.steps,
            "num_envs": plan.num_envs,
        }
        request = CellRequest(
            scenario=request_of(scenario),
            training=training_request(plan).changed(seed=seed),
            code=digest_of_code(code),
        )
        cells.append(_cell(content, scenario.spec.id, agent.label, "learned", seed, request, code))
    return cells


def _baseline_cells(scenario: ResolvedScenario, wanted: str | tuple[str, ...]) -> list[Cell]:
    known = [baseline.name for baseline in scenario.task.baselines]
    if wanted == "none":
        return []
    names = scenario.baselines() if wanted == "all" else list(wanted)
    for name in names:
        if name not in known and name != "random":
            raise UnknownNameError(f"baseline of {scenario.spec.id}", name, [*known, "random"])
    cells = []
    for name in dict.fromkeys([*names, "random"]):
        content = {"scenario": scenario.hash, "task_version": scenario.task.version, "baseline": name}
        code = code_of(scenario, baseline=name)
        request = CellRequest(scenario=request_of(scenario), baseline=name, code=digest_of_code(code))
        cells.append(_cell(content, scenario.spec.id, name, "baseline", None, request, code))
    return cells


def _cell(
    content: Mapping[str, Any],
    scenario: str,
    agent: str,
    kind: AgentKind,
    seed: int | None,
    request: CellRequest,
    code: Code,
) -> Cell:
    made = {**content, "code": request.code}
    return Cell(cell_id(made), scenario, agent, kind, seed, request, cell_id(content), code)


def request_of(scenario: ResolvedScenario) -> ScenarioRequest:
    """The scenario as workers get it."""
    return ScenarioRequest(
        spec=scenario.spec.model_dump(mode="json"),
        hash=scenario.hash,
        folder=str(scenario.folder.resolve()),
        plugins=os.environ.get(PLUGINS_VARIABLE, ""),
    )


def training_request(plan: Plan) -> TrainingRequest:
    """A plan's settings as workers get them, without a seed."""
    return TrainingRequest(
        algorithm=plan.asked,
        hyperparameters=plan.config.model_dump(mode="json"),
        steps=plan.steps,
        num_envs=plan.num_envs,
    )


def _refuse_repetition(cells: Sequence[Cell]) -> None:
    seen: dict[str, Cell] = {}
    for cell in cells:
        other = seen.setdefault(cell.id, cell)
        if other is not cell:
            raise InvalidValueError(
                f"The agents '{other.agent}' and '{cell.agent}' are the same in {cell.scenario}: "
                "their settings do not differ.",
                "Leave one of them out.",
            )
