"""Tunes an algorithm on a scenario: equal budgets, several seeds a trial, and a winner proven anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.api.errors import InvalidValueError, RunFailedError
from sandbox.comparison.api import ComparisonResult, run_grid
from sandbox.comparison.cells import cell_id, make_grid
from sandbox.comparison.drive import GridCallback
from sandbox.comparison.suites import Suite
from sandbox.launch import Launching, open_launcher
from sandbox.records.code import Code
from sandbox.records.tuning import PresetRecord, TuningRecord
from sandbox.registry.resolve import resolve
from sandbox.runs.atomic import storage_errors
from sandbox.runs.code import code_of, digest_of_code
from sandbox.runs.guard import SEARCH, folder_below
from sandbox.runs.lock import STALE_WORK, Lock
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario, from_record
from sandbox.training.plan import make_plan
from sandbox.tuning.document import Search, write_record
from sandbox.tuning.driver import SearchCallback, carry_out_search
from sandbox.tuning.presets import check_target, write_preset
from sandbox.tuning.spaces import as_json, space_of
from sandbox.tuning.study import check_url, open_study

FIRST_SEED = 1_000_000
"""Training seeds of trials begin here, so that the winner's own seeds 0, 1, … are fresh."""


@dataclass(frozen=True)
class TuningResult:
    """A search and its result.

    Attributes:
        folder: Where it lies.
        record: Content of ``tuning.json``; see docs/reference/tuning.md.
        comparison: The winner beside the settings from before, on fresh seeds and test episodes; None
            where that was not asked for.
    """

    folder: Path
    record: TuningRecord
    comparison: ComparisonResult | None

    @cached_property
    def document(self) -> dict[str, Any]:
        """`record` as plain values."""
        return self.record.to_json()

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """The winner's settings that differ from the algorithm's defaults."""
        return self.record.preset.hyperparameters if self.record.preset is not None else {}


def tune(
    scenario: str | Path | ResolvedScenario,
    algo: str,
    *,
    trials: int = 30,
    seeds: int = 2,
    steps: int | None = None,
    num_envs: int | None = None,
    episodes: int | None = None,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    hp: Sequence[str] | Mapping[str, Any] = (),
    params: Sequence[str] = (),
    only: Sequence[str] = (),
    retrain: int = 5,
    preset: str | Path | None = None,
    storage: str | None = None,
    seed: int = 0,
    runs_dir: str | Path = "runs",
    launching: Launching | None = None,
    callback: SearchCallback | None = None,
    comparison_callback: GridCallback | None = None,
    command: Sequence[str] | None = None,
) -> TuningResult:
    """Search hyperparameters, then train the winner anew on seeds that the search has not seen.

    Every trial has the same budget: ``seeds`` training runs of ``steps`` steps. Trials are judged, and
    pruned, on episodes from the scenario's tuning range alone; test episodes are played once, by the
    winner and by the settings from before, at the very end.

    Args:
        scenario: Name, file or resolved scenario.
        algo: Name of the algorithm.
        trials: Trials in all, those of earlier calls included.
        seeds: Training runs of each trial.
        steps: Training steps of each run; the preset's, then the scenario's number if absent.
        num_envs: Number of environments; the preset's if absent.
        episodes: Tuning episodes that a run is judged on; as many as test episodes if absent.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs.
        hp: Settings that are the same in all trials, in place of the preset's.
        params: Ranges in place of the derived ones: ``name=low:high``, ``name=low:high:log``, ``name=a,b``.
        only: Search these hyperparameters alone.
        retrain: Fresh training runs of the winner and of the settings from before; 0 for none.
        preset: Scenario file to write the winner into; a new file becomes a copy of the scenario's.
        storage: URL of the study's database; a journal file in the search's folder if absent.
        seed: Seeds the search.
        runs_dir: Where everything is kept; shared by all workers.
        launching: Where trials run; in processes of this machine if absent.
        callback: Receives the progress of the search.
        comparison_callback: Receives the progress of the final comparison.
        command: The command line to record.

    Raises:
        SandboxError: For an impossible request, before anything starts.
        RunFailedError: If no trial could be finished.
        KeyboardInterrupt: After an interrupt; the same call goes on.
    """
    if not 1 <= trials <= 100_000:
        raise InvalidValueError(f"trials must be between 1 and 100,000, not {trials}.")
    if not 1 <= seeds <= 1_000:
        raise InvalidValueError(f"A trial needs between 1 and 1,000 training seeds, not {seeds}.")
    if not 0 <= retrain <= 10_000:
        raise InvalidValueError(f"retrain must be between 0 and 10,000, not {retrain}.")
    root = Path(runs_dir)
    how = launching or Launching()
    search = _decide(
        as_scenario(scenario, changes, reward),
        algo,
        trials,
        seeds,
        steps,
        num_envs,
        episodes,
        hp,
        params,
        only,
        root,
    )
    if preset is not None:
        check_target(search.original.path, Path(preset), algo)
    if storage is not None:
        check_url(storage)
    folder_below(root, *search.folder.relative_to(root).parts, what=SEARCH)
    with storage_errors(root):
        search.folder.mkdir(parents=True, exist_ok=True)
        lock = Lock.take(search.folder, STALE_WORK)
    try:
        lower = search.scenario.metric.better == "lower"
        study = open_study(search.folder, search.name, lower=lower, storage=storage, seed=seed, trials=trials)
        launcher = open_launcher(how, str(root / "launch"))
        try:
            record = carry_out_search(search, study, launcher, callback, command)
        finally:
            launcher.close()
    finally:
        lock.release()
    best = record.preset
    if best is None:
        raise RunFailedError("No trial could be finished.", f"See {search.folder}.")
    if preset is not None:
        write_preset(search.original.path, Path(preset), algo, best.to_json())
    compared = None
    if retrain:
        compared = _prove(search, best, retrain, root, how, comparison_callback, command)
        record = record.changed(comparison=str(compared.folder))
        write_record(search.folder, record)
    return TuningResult(search.folder, record, compared)


def _decide(
    original: ResolvedScenario,
    algo: str,
    trials: int,
    seeds: int,
    steps: int | None,
    num_envs: int | None,
    episodes: int | None,
    hp: Sequence[str] | Mapping[str, Any],
    params: Sequence[str],
    only: Sequence[str],
    root: Path,
) -> Search:
    scenario = tuning_scenario(original)
    plan = make_plan(scenario, algo, steps=steps, num_envs=num_envs, hp=hp)
    model = resolve(plan.algorithm.config)
    space = space_of(plan.algorithm.name, model, plan.config, plan.steps, plan.num_envs, params, only)
    low, high = scenario.spec.evaluation.seeds.tuning
    count = episodes or scenario.spec.evaluation.episodes
    if not 1 <= count <= high - low:
        raise InvalidValueError(f"A run can be judged on 1 to {high - low} tuning episodes, not {count}.")
    content = {
        "scenario": scenario.hash,
        "algorithm": plan.algorithm.name,
        "fixed": plan.config.model_dump(mode="json"),
        "space": as_json(space),
        "steps": plan.steps,
        "num_envs": plan.num_envs,
        "seeds": seeds,
        "episodes": count,
    }
    head = f"{scenario.spec.id.replace('/', '-')}-{plan.asked}"
    name = _name(root / "tuning", head, content, code_of(scenario, plan.algorithm))
    return Search(
        scenario,
        original,
        plan,
        space,
        tuple(range(FIRST_SEED, FIRST_SEED + seeds)),
        tuple(range(low, low + count)),
        root / "tuning" / name,
        name,
        trials,
    )


def _name(folder: Path, head: str, content: Mapping[str, Any], code: Code) -> str:
    """The search's name: the same for the same question and the same code."""
    old = f"{head}-{cell_id(content)[:8]}"
    if (folder / old).is_dir():  # of version 0.1, which did not record the code
        return old
    return f"{head}-{cell_id({**content, 'code': digest_of_code(code)})[:8]}"


def tuning_scenario(scenario: ResolvedScenario) -> ResolvedScenario:
    """The scenario as a search sees it: validation and objective share out the tuning range.

    The scenario's own validation seeds stay unseen, so that they can choose checkpoints of the winner;
    its test seeds stay unseen in any case.
    """
    raw = scenario.spec.model_dump(mode="json")
    seeds = raw["evaluation"]["seeds"]
    low, high = seeds["tuning"]
    middle = low + (high - low) // 2
    if middle - low < raw["evaluation"]["validation_episodes"] or high <= middle:
        raise InvalidValueError(
            f"The tuning range [{low}, {high}) of {scenario.spec.id} is too short for a search.",
            "Widen evaluation.seeds.tuning in the scenario file.",
        )
    seeds["validation"], seeds["tuning"] = [low, middle], [middle, high]
    return replace(from_record(raw, scenario.folder), path=None)


def _prove(
    search: Search,
    best: PresetRecord,
    retrain: int,
    root: Path,
    how: Launching,
    callback: GridCallback | None,
    command: Sequence[str] | None,
) -> ComparisonResult:
    """The winner and the settings from before, on fresh training seeds and the test episodes."""
    before = search.plan.config.model_dump(mode="json")
    tuned = best.hyperparameters  # all others are the algorithm's defaults
    full = resolve(search.plan.algorithm.config).model_validate(tuned)
    common = {"algorithm": search.plan.asked, "steps": search.plan.steps, "num_envs": search.plan.num_envs}
    agents = [
        {**common, "name": f"{search.plan.asked}-tuned", "hyperparameters": full.model_dump(mode="json")}
    ]
    if full != search.plan.config:
        agents.append({**common, "name": f"{search.plan.asked}-before", "hyperparameters": before})
    suite = Suite.model_validate(
        {
            "title": f"{search.plan.asked} tuned on {search.scenario.spec.id}, on fresh seeds",
            "scenarios": [search.scenario.spec.id],
            "agents": agents,
            "seeds": retrain,
        }
    )
    grid = make_grid(suite, f"tuned-{search.name}", scenarios={search.scenario.spec.id: search.original})
    return run_grid(grid, root, launching=how, callback=callback, command=command)
