"""Looks for decisions that no classical method takes, and proves what they are worth."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sandbox.api.errors import InvalidValueError
from sandbox.comparison.cells import request_of
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.named_agents import resolve_agents
from sandbox.evaluation.progress import Progress, Silent
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.launch import Launching, open_launcher
from sandbox.launch.base import Launcher
from sandbox.moves.asking import askable
from sandbox.moves.choose import Decision, Kinds, decisions, ranked, to_screen
from sandbox.moves.drive import carry_out
from sandbox.moves.estimate import Plan, Worth, plan, worth
from sandbox.moves.films import film
from sandbox.moves.page import PAGE, page
from sandbox.moves.report import Candidate, finds
from sandbox.moves.settings import CHEAP, Settings, digest
from sandbox.moves.stage import Stage
from sandbox.moves.work import read_scan, request_of_agent, scan_file
from sandbox.records.moves import FORMAT, BranchesRecord, Find, Measure, MovesJob, MovesRecord, ScanRecord
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.directory import Run
from sandbox.runs.guard import folder_below
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario

MOVES = "moves.json"
SCREEN, FRESH = 0, 1
"""Streams of futures: those that choose candidates, and those that test them."""


@dataclass(frozen=True)
class Moves:
    """A finished search.

    Attributes:
        record: What was found, as ``moves.json`` holds it.
        folder: Where it lies, with its page and films.
    """

    record: MovesRecord
    folder: Path


def find_moves(
    agent: str | Path,
    scenario: str | Path | ResolvedScenario | None = None,
    *,
    against: Sequence[str | Path] = (),
    changes: Sequence[str] = (),
    settings: Settings | None = None,
    runs_dir: str | Path = "runs",
    launching: Launching | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Moves:
    """Look for an agent's own decisions.

    Args:
        agent: A run directory (``DIR``, ``DIR@best``), or a baseline's name.
        scenario: Name, file or resolved scenario; what the run was trained on if absent.
        against: Baselines or runs that it is held against; the scenario's classical methods if empty.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        settings: How widely to look.
        runs_dir: Where the search is kept if the agent is a baseline; else in the run's directory.
        launching: Where branches are played.
        progress: Receives the progress of episodes and branches.
        command: The command line to record.

    Raises:
        SandboxError: If the scenario or an agent does not fit, or a branch cannot be played.
        KeyboardInterrupt: After Ctrl-C or SIGTERM; the same call goes on where it was.
    """
    search = _prepare(agent, scenario, against, changes, settings or Settings(), Path(runs_dir))
    launcher = open_launcher(launching or Launching(), str(search.folder))
    try:
        return search.run(launcher, progress or Silent(), command)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Interrupted. Run the same command again to go on; what was played is in {search.folder}."
        ) from None
    finally:
        launcher.close()


def _prepare(
    agent: str | Path,
    scenario: str | Path | ResolvedScenario | None,
    against: Sequence[str | Path],
    changes: Sequence[str],
    settings: Settings,
    runs_dir: Path,
) -> _Search:
    if scenario is None:
        if not Path(agent_folder(agent)).is_dir():
            raise InvalidValueError(f"'{agent}' is no run directory.", "Name its scenario with --scenario.")
        run = Run.open(agent_folder(agent))
        resolved = as_scenario(run.scenario, changes)
    else:
        resolved = as_scenario(scenario, changes)
    measure = settings.check(resolved)
    named = against or [name for name in resolved.baselines() if name not in ("random", str(agent))]
    player, *others = resolve_agents([agent, *named], resolved, Path())
    if not others:
        raise InvalidValueError(f"{resolved.spec.task} has no classical method.", "Name one with --against.")
    seeds = evaluation_seeds(resolved, settings.episodes)
    asked, refused = askable(resolved, others, seeds[0], strict=bool(against))
    agents = [player, *asked]
    name = f"moves-{digest(resolved, agents, measure, settings.window)}"
    if player.folder is not None and Path(agent_folder(agent)).is_dir():
        folder = folder_below(Path(agent_folder(agent)), "moves", name, what="run directory")
    else:
        folder = folder_below(runs_dir, "moves", *resolved.spec.id.split("/"), name, what="search for moves")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return _Search(resolved, agents, refused, tuple(seeds), measure, settings, folder)


def agent_folder(agent: str | Path) -> str:
    """The run directory of an agent's name."""
    return str(agent).removesuffix("@best").removesuffix("@final")


@dataclass(frozen=True)
class _Search:
    """A search with everything decided.

    Attributes:
        scenario: What is played.
        agents: The agent, then those it is held against.
        refused: Who cannot be asked, and why.
        seeds: Test episodes.
        measure: What branches are measured by.
        settings: How widely to look.
        folder: Where everything is kept.
    """

    scenario: ResolvedScenario
    agents: list[Agent]
    refused: dict[str, str]
    seeds: tuple[int, ...]
    measure: Measure
    settings: Settings
    folder: Path

    def run(self, launcher: Launcher, progress: Progress, command: Sequence[str] | None) -> Moves:
        """Look through the episodes, choose, test and write it down."""
        start = time.perf_counter()
        scans = self._scans(launcher, progress)
        pool = decisions(scans)
        stage = Stage(self.scenario)
        try:
            redrawn, space = stage.redraws, stage.space
            kinds = Kinds(pool, space, len(self.seeds))
            screen = to_screen(pool, space, self.settings.screen, self.settings.seed)
            screened = self._played(
                [self._plan(each, SCREEN, self.settings.futures, redrawn) for each in screen],
                launcher, progress, "branches that choose",
            )  # fmt: skip
            candidates = self._candidates(screened, kinds, redrawn)
            fresh = self._played([each.plan for each in candidates], launcher, progress, "fresh branches")
            best, worst = finds(candidates, fresh, kinds, stage)
        finally:
            stage.close()
        record = MovesRecord(
            format=FORMAT,
            scenario=self.scenario.spec.id,
            scenario_hash=self.scenario.hash,
            agent=self.agents[0].name,
            against=tuple(agent.name for agent in self.agents[1:]),
            refused=self.refused,
            measure=self.measure,
            metric=self.scenario.metric.name,
            unit=self.scenario.metric.unit if self.measure == "metric" else "reward",
            better=self.scenario.metric.better,
            window=self.settings.window,
            redrawn=redrawn,
            seeds=self.seeds,
            decisions=sum(scan.decisions for scan in scans),
            different=len(pool),
            screened=len(screened),
            candidates=len(candidates),
            futures=self.settings.futures if redrawn else 1,
            best=self._filmed(best, progress),
            worst=self._filmed(worst, progress),
            branches=sum(len(each.plan.point().branches) for each in [*screened, *fresh]),
            seconds=round(time.perf_counter() - start, 3),
            seed=self.settings.seed,
            settings=asdict(self.settings),
            command=tuple(command) if command is not None else None,
        )
        with storage_errors(self.folder):
            write_atomically(self.folder / PAGE, page(record, self.folder).encode(), last=False)
            write_atomically(self.folder / MOVES, record.encode(indent=2))
        return Moves(record, self.folder)

    def _scans(self, launcher: Launcher, progress: Progress) -> list[ScanRecord]:
        jobs = [self._job(scan_file(seed), seed=seed) for seed in self.seeds]
        title = f"{self.agents[0].name} on {len(jobs)} test episodes, {len(self.agents) - 1} methods asked"
        records = carry_out(jobs, launcher, progress, title, "episodes")
        return [record for record in records if isinstance(record, ScanRecord)]

    def _played(
        self, plans: Sequence[Plan], launcher: Launcher, progress: Progress, what: str
    ) -> list[Worth]:
        """What the branches of decisions come to."""
        size = CHEAP if self.scenario.task.cheap else 1
        ordered = sorted(range(len(plans)), key=lambda place: plans[place].decision.seed)
        chunks = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        jobs = []
        for chunk in chunks:
            points = tuple(plans[place].point() for place in chunk)
            content = json.dumps([point.to_json() for point in points])
            file = f"branches-{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
            jobs.append(self._job(file).changed(points=points))
        title = f"{what} of {len(plans)} decisions"
        records = carry_out(jobs, launcher, progress, title, "branches")
        worths: dict[int, Worth] = {}
        for chunk, record in zip(chunks, records, strict=True):
            assert isinstance(record, BranchesRecord)
            for place, results in zip(chunk, record.results, strict=True):
                worths[place] = worth(plans[place], results)
        return [worths[place] for place in range(len(plans))]

    def _job(self, file: str, seed: int | None = None) -> MovesJob:
        return MovesJob(
            folder=str(self.folder.resolve()),
            file=file,
            scenario=request_of(self.scenario),
            agents=tuple(request_of_agent(agent) for agent in self.agents),
            measure=self.measure,
            window=self.settings.window,
            seed=seed,
        )

    def _plan(
        self, decision: Decision, stream: int, count: int, redrawn: bool, classical: int | None = None
    ) -> Plan:
        futures: list[int | None] = [None]
        if redrawn:
            moment = decision.moment
            futures = [*self._futures(decision.seed, moment.step, moment.row, stream, count)]
        return plan(decision, futures, self.agents[0].name, classical)

    def _candidates(self, screened: Sequence[Worth], kinds: Kinds, redrawn: bool) -> list[Candidate]:
        """The best and the worst decisions, with the fresh branches that are to test them."""
        known = {each.plan.decision.id: each for each in screened}
        pairs = [(each.plan.decision, each.advantage) for each in screened]
        candidates = []
        for worst in (False, True):
            for decision, value in ranked(pairs, kinds, self.settings.finds, worst=worst):
                column = known[decision.id].best
                fresh = self._plan(decision, FRESH, self.settings.fresh, redrawn, column)
                candidates.append(Candidate(fresh, value, column, worst))
        return candidates

    def _filmed(self, chosen: Sequence[Find], progress: Progress) -> tuple[Find, ...]:
        """The entries with the films of the first of them, as many as were asked for."""
        filmed = list(chosen)
        wanted = filmed[: self.settings.films]
        progress.start("render", f"films of {len(wanted)} decisions", len(wanted), "films")
        for place, find in enumerate(wanted):
            file = self.folder / f"film-{find.id}.json"
            actions = read_scan(self.folder, find.seed).actions
            future = self._futures(find.seed, find.step, find.row, FRESH, 1)[0] if find.fresh > 1 else None
            if film(self.scenario, self.agents[0], find, actions, future, file):
                filmed[place] = find.changed(replay=file.name)
            progress.advance("render", place + 1, {})
        progress.finish("render")
        return tuple(filmed)

    def _futures(self, seed: int, step: int, row: int, stream: int, count: int) -> list[int]:
        entropy = [self.settings.seed, stream, seed, step, row]
        return [int(future) for future in np.random.SeedSequence(entropy).generate_state(count)]
