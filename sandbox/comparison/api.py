"""Compares agents: runs the missing cells of a grid and summarises all of them."""

from __future__ import annotations

import errno
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.api.errors import InvalidValueError, StorageError
from sandbox.api.files import open_regular
from sandbox.comparison.artifacts import check_target
from sandbox.comparison.cells import Cell, Grid, make_grid, take_shard
from sandbox.comparison.drive import GridCallback, State, drive, survey
from sandbox.comparison.other_code import other_code, unrecorded, with_unrecorded
from sandbox.comparison.records import cell_folder
from sandbox.comparison.suites import Suite, find_suite, load_suite
from sandbox.comparison.summary import summarise
from sandbox.launch import Launching, open_launcher
from sandbox.records.cell import CellRecord
from sandbox.records.comparison import COMPARISON, FORMAT, GRID, ComparisonRecord, GridCell, GridRecord, Score
from sandbox.registry.discover import registry
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.directory import EPISODES
from sandbox.runs.guard import GRID as GRID_FOLDER
from sandbox.runs.guard import require_plain
from sandbox.scenarios.validation import validate

MAX_EPISODES = 1_000_000
"""Episodes of a cell that are read back: ten times what a suite may ask for."""


@dataclass(frozen=True)
class ComparisonResult:
    """A comparison and its results.

    Attributes:
        folder: Where it lies.
        record: Content of ``comparison.json``; see docs/reference/comparison.md.
    """

    folder: Path
    record: ComparisonRecord

    @cached_property
    def document(self) -> dict[str, Any]:
        """`record` as plain values."""
        return self.record.to_json()

    @property
    def complete(self) -> bool:
        """Whether every cell has a result."""
        return self.record.status == "complete"

    def scores(self, scenario: str) -> Mapping[str, Score]:
        """By agent, what it scored in a scenario."""
        return self.record.scores[scenario]

    def ranking(self, scenario: str) -> list[str]:
        """Agents of a scenario, best first by interquartile mean; those without a number last."""
        scores = self.scores(scenario)
        sign = 1.0 if self.record.scenarios[scenario].better == "lower" else -1.0

        def key(name: str) -> tuple[bool, float]:
            value = scores[name].iqm
            return value is None, 0.0 if value is None else sign * value

        return sorted(scores, key=key)

    @staticmethod
    def open(folder: str | Path) -> ComparisonResult:
        """Read a comparison's folder.

        Raises:
            DamagedRunError: If it is not one.
        """
        require_plain(Path(folder), GRID_FOLDER)
        return ComparisonResult(Path(folder), ComparisonRecord.read(Path(folder) / COMPARISON))


def compare(
    what: str | Path | Sequence[str] | Suite,
    algorithms: Sequence[str | Mapping[str, Any]] | None = None,
    *,
    seeds: int | Sequence[int] | None = None,
    steps: int | None = None,
    episodes: int | None = None,
    baselines: str | Sequence[str] | None = None,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    quick: bool = False,
    runs_dir: str | Path = "runs",
    launching: Launching | None = None,
    shard: str | None = None,
    retry: bool = False,
    fresh: bool = False,
    artifacts: str | None = None,
    callback: GridCallback | None = None,
    command: Sequence[str] | None = None,
) -> ComparisonResult:
    """Run what is missing of a grid scenario × agent × seed, and compare.

    Args:
        what: A suite (name, file or object), a scenario, or several scenarios.
        algorithms: Names, or mappings with ``algorithm`` and optionally ``name``, ``hyperparameters``,
            ``steps``, ``num_envs``; in place of the suite's agents.
        seeds: Number of training seeds, or the seeds; the suite's if absent, else 10.
        steps: Training steps of every agent; presets' if absent.
        episodes: Test episodes an agent plays; each scenario's if absent.
        baselines: ``all`` of each scenario (the default), ``none``, or names.
        changes: ``key=value`` pairs for every scenario, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs for every scenario.
        quick: Take the suite's quick form.
        runs_dir: Where runs, cells and comparisons are kept; shared by all workers.
        launching: Where cells run; in processes of this machine if absent.
        shard: ``i/n``: run only this part of the cells, for job arrays.
        retry: Run cells again that failed before.
        fresh: Play baselines again, although their results are kept.
        artifacts: fsspec URL of a folder or object store that gets a copy of what each cell leaves.
        callback: Receives the progress of the grid.
        command: The command line to record.

    Returns:
        The comparison, which may be incomplete: failed cells are listed, never dropped.

    Raises:
        SandboxError: For an impossible request, before anything starts.
        RunFailedError: If cells cannot be run at all.
        KeyboardInterrupt: After an interrupt; what was finished is kept and summarised.
    """
    suite, name, file = _suite(what, algorithms, quick)
    suite = _changed(suite, algorithms, seeds, steps, episodes, baselines, reward)
    grid = make_grid(suite, name, file, changes=changes)
    return run_grid(
        grid,
        Path(runs_dir),
        launching=launching or Launching(),
        shard=shard,
        retry=retry,
        fresh=fresh,
        artifacts=artifacts,
        callback=callback,
        command=command,
    )


def run_grid(
    grid: Grid,
    root: Path,
    *,
    launching: Launching,
    shard: str | None = None,
    retry: bool = False,
    fresh: bool = False,
    artifacts: str | None = None,
    callback: GridCallback | None = None,
    command: Sequence[str] | None = None,
) -> ComparisonResult:
    """Bring a grid to its end; see `compare`."""
    grid = with_unrecorded(root, grid)
    mine = take_shard(grid.cells, shard)
    if artifacts is not None:
        check_target(artifacts)
    folder = grid.folder(root)
    state = survey(root, mine)

    def save(now: State) -> None:
        _write(grid, root, folder, command, now.records, episodes=False)

    launcher = open_launcher(launching, str(root / "launch"))
    try:
        with storage_errors(root):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / GRID, _grid_record(grid, command).encode())
        drive(
            root,
            state,
            launcher,
            retry=retry,
            fresh=fresh,
            callback=callback,
            on_save=save,
            artifacts=artifacts,
        )
    except KeyboardInterrupt:
        done = state.count("done")
        save(state)
        raise KeyboardInterrupt(
            f"Interrupted with {done} of {len(mine)} cells done. Run the same command again to go on; "
            f"what there is lies in {folder}."
        ) from None
    finally:
        launcher.close()
    return ComparisonResult(folder, _write(grid, root, folder, command, state.records, episodes=True))


def _write(
    grid: Grid,
    root: Path,
    folder: Path,
    command: Sequence[str] | None,
    known: Mapping[str, CellRecord],
    *,
    episodes: bool,
) -> ComparisonRecord:
    """Summarise all cells, also those of other shards, and write what there is."""
    state = _everything(root, grid, known)
    record = summarise(grid, root, state, command).changed(
        other_code=other_code(root, grid), unrecorded_code=unrecorded(grid)
    )
    with storage_errors(root):
        write_atomically(folder / COMPARISON, record.encode())
        if episodes:
            table = _episodes(grid, root, state)
            if table is not None:
                write_atomically(folder / EPISODES, table)
    return record


def _everything(root: Path, grid: Grid, known: Mapping[str, CellRecord]) -> State:
    """The state of the whole grid; records that this driver has read are not read again."""
    done = {cell_id: record for cell_id, record in known.items() if record.status == "done"}
    state = survey(root, [cell for cell in grid.cells if cell.id not in done])
    for cell in grid.cells:
        if cell.id in done:
            state.status[cell.id] = "done"
            state.records[cell.id] = done[cell.id]
    state.cells = grid.cells
    for cell_id, status in state.status.items():
        if status == "busy":
            state.status[cell_id] = "running"
    return state


def _episodes(grid: Grid, root: Path, state: State) -> bytes | None:
    """The episodes of all finished cells as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for cell in grid.cells:
        if state.status[cell.id] != "done":
            continue
        file = cell_folder(root, cell.id) / EPISODES
        try:
            with open_regular(file, links=False) as stream:
                whole = pq.ParquetFile(stream)
                if whole.metadata.num_rows > MAX_EPISODES:
                    raise OSError(errno.EFBIG, f"it has more than {MAX_EPISODES:,} rows")
                table = whole.read()
        except (OSError, pa.ArrowException) as error:
            raise StorageError(
                f"{file} cannot be read: {error}.", "Remove its folder and run again."
            ) from error
        rows = table.num_rows
        front = {"scenario": cell.scenario, "agent": cell.agent, "cell": cell.id}
        columns = {name: pa.array([value] * rows, pa.string()) for name, value in front.items()}
        columns["run_seed"] = pa.array([cell.seed] * rows, pa.int64())
        columns |= {name: table[name] for name in table.column_names}
        if cell.kind == "baseline":
            columns["policy"] = pa.nulls(rows, pa.string())
        tables.append(pa.table(columns))
    if not tables:
        return None
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables(tables, promote_options="permissive"), sink)
    return sink.getvalue()


def _suite(
    what: str | Path | Sequence[str] | Suite, algorithms: Sequence[Any] | None, quick: bool
) -> tuple[Suite, str, Path | None]:
    """The suite that is asked for, its name, and its file."""
    if isinstance(what, Suite):
        return (what.in_quick_form() if quick else what), "compare", None
    names = [str(what)] if isinstance(what, str | Path) else [str(name) for name in what]
    if not names:
        raise InvalidValueError(
            "Nothing to compare is named.", "Name a suite or scenarios; see sandbox list."
        )
    # A plain name may be a domain's default scenario as well; with algorithms that is what is meant.
    scenario = algorithms is not None and names[0] in registry().domains.names()
    file = find_suite(names[0]) if len(names) == 1 and not scenario else None
    if file is not None:
        suite = load_suite(file)
        return (suite.in_quick_form() if quick else suite), file.stem, file
    if quick:
        raise InvalidValueError(
            "--quick is the short form of a suite, and no suite is named.", _known_suites()
        )
    if algorithms is None:
        raise InvalidValueError(
            f"'{names[0]}' is no suite, so the algorithms to compare must be named.",
            f"Name algorithms with --algo a,b,c. {_known_suites()}",
        )
    return Suite(scenarios=tuple(names)), "compare", None


def _known_suites() -> str:
    from sandbox.comparison.suites import suites

    known = sorted(suites())
    return f"Suites: {', '.join(known)}." if known else ""


def _changed(
    suite: Suite,
    algorithms: Sequence[str | Mapping[str, Any]] | None,
    seeds: int | Sequence[int] | None,
    steps: int | None,
    episodes: int | None,
    baselines: str | Sequence[str] | None,
    reward: Sequence[str],
) -> Suite:
    """The suite with the caller's settings in place of its own."""
    raw: dict[str, Any] = suite.model_dump(exclude_unset=True)
    given = {"seeds": seeds, "steps": steps, "episodes": episodes, "baselines": baselines}
    raw |= {name: value for name, value in given.items() if value is not None}
    if algorithms is not None:
        raw["agents"] = [
            {"algorithm": agent} if isinstance(agent, str) else dict(agent) for agent in algorithms
        ]
    for entry in raw["scenarios"]:
        if algorithms is not None:
            entry.pop("agents", None)
        for name in ("steps", "episodes", "baselines"):
            if given[name] is not None:
                entry.pop(name, None)
        if reward:
            entry["reward"] = tuple(reward)
    changed: Suite = validate(Suite, raw, "the comparison")
    return changed


def _grid_record(grid: Grid, command: Sequence[str] | None) -> GridRecord:
    return GridRecord(
        format=FORMAT,
        suite=grid.name,
        title=grid.title,
        command=tuple(command) if command is not None else None,
        cells=tuple(_grid_cell(cell) for cell in grid.cells),
    )


def _grid_cell(cell: Cell) -> GridCell:
    training = cell.request.training
    return GridCell(
        id=cell.id,
        scenario=cell.scenario,
        agent=cell.agent,
        kind=cell.kind,
        seed=cell.seed,
        algorithm=training.algorithm if training is not None else None,
        hyperparameters=training.hyperparameters if training is not None else None,
        steps=training.steps if training is not None else None,
        num_envs=training.num_envs if training is not None else None,
        scenario_hash=cell.request.scenario.hash,
        settings=cell.settings,
    )
