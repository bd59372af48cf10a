"""Scalars for TensorBoard always, and for MLflow and Weights & Biases where asked for."""

from __future__ import annotations

import math
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sandbox.api.errors import MissingExtraError, UnknownNameError
from sandbox.records.run import RunRecord
from sandbox.registry.resolve import missing_modules
from sandbox.runs.atomic import storage_errors

TRACKERS = ("mlflow", "wandb")
"""What ``--track`` takes."""

PROJECT = "sandbox-rl"

FLUSH_EVERY = 10
"""Seconds after which TensorBoard's files are written out at the latest."""


class Board(Protocol):
    """Takes the scalars of a run."""

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars; values that are not finite are left out."""
        ...

    def close(self) -> None:
        """Flush and close; training has ended, well or not."""
        ...


def check_trackers(names: Iterable[str]) -> None:
    """Refuse trackers that are unknown or not installed.

    Raises:
        UnknownNameError: For an unknown name.
        MissingExtraError: For a tracker that is not installed.
    """
    for name in names:
        if name not in TRACKERS:
            raise UnknownNameError("tracker", name, TRACKERS)
        if missing_modules((name,)):
            raise MissingExtraError(f"--track {name}", [name], name)


def open_boards(
    folder: Path,
    record: RunRecord,
    again_from: int | None = None,
    on_failure: Callable[[str], None] = warnings.warn,
) -> Board:
    """TensorBoard, and the trackers that the run's record names.

    Args:
        folder: The run directory.
        record: The run's record.
        again_from: Steps from which earlier values no longer hold, where training goes on.
        on_failure: Called with a sentence when a tracker fails.
    """
    boards: list[Board] = [TensorBoard(folder / "tensorboard", again_from)]
    for name in record.track:
        make: Callable[[Path, RunRecord], Board] = MLflow if name == "mlflow" else WandB
        boards.append(_Forgiving(name, partial(make, folder, record), on_failure))
    return _Boards(boards)


class TensorBoard:
    """Writes scalars to a folder that TensorBoard reads; nothing where TensorBoard is not installed.

    Args:
        folder: The event files' folder; made with the first scalar.
        again_from: Steps from which earlier event files no longer hold, where training goes on.
    """

    def __init__(self, folder: Path, again_from: int | None = None) -> None:
        self._folder, self._again_from = folder, again_from
        self._writer: Any = None
        self._available = not missing_modules(("tensorboard",))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars; values that are not finite are left out."""
        if not self._available:
            return
        from tensorboard.compat.proto.summary_pb2 import Summary

        finite = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in finite.items()]
        with storage_errors(self._folder.parent):
            if self._writer is None:
                self._open()
            self._write(step, summary=Summary(value=scalars))

    def close(self) -> None:
        """Flush and close."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with storage_errors(self._folder.parent):
                writer.close()

    def _open(self) -> None:
        """TensorBoard's own writer: torch has one too, but importing it takes seconds, and not every
        algorithm needs torch.
        """
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._wait_for_a_new_name()
        self._writer = EventFileWriter(str(self._folder), flush_secs=FLUSH_EVERY)
        if self._again_from is not None:
            # What TensorBoard takes as the sign to forget earlier values from this step on.
            self._write(self._again_from, session_log=SessionLog(status=SessionLog.START))

    def _wait_for_a_new_name(self) -> None:
        """Let the second of the latest event file pass, which is at most the present one.

        TensorBoard reads files in the order of their names: the second, host and process, and a counter
        without leading zeros, so that the tenth file of a second comes before the ninth.
        """
        seconds = [path.name.split(".")[3] for path in self._folder.glob("events.out.tfevents.*")]
        while f"{int(time.time()):010d}" in seconds:
            time.sleep(0.02)

    def _write(self, step: int, **what: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, **what))


class MLflow:
    """An MLflow run, in the experiment of the scenario's name.

    ``MLFLOW_TRACKING_URI`` says where it goes. A run that is resumed goes on in the
    MLflow run that it began.
    """

    _ENDS = {"done": "FINISHED", "failed": "FAILED"}  # noqa: RUF012 - never changed

    def __init__(self, folder: Path, record: RunRecord) -> None:
        from mlflow.tracking import MlflowClient

        self._folder = folder
        self._client: Any = MlflowClient()
        experiment = self._experiment(record.scenario_id)
        mark = folder.name
        known = self._client.search_runs([experiment], f"tags.`sandbox.run` = '{mark}'", max_results=1)
        if known:
            self._run = known[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        name = f"{record.algorithm}, seed {record.seed}"
        made = self._client.create_run(experiment, run_name=name, tags={"sandbox.run": mark})
        self._run = made.info.run_id
        for key, value in _settings(record).items():
            self._client.log_param(self._run, _mlflow_name(key), str(value)[:500])

    def _experiment(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        return str(experiment.experiment_id if experiment else self._client.create_experiment(name))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(_mlflow_name(name), value, now, step)
            for name, value in values.items()
            if math.isfinite(value)
        ]
        self._client.log_batch(self._run, metrics=metrics)

    def close(self) -> None:
        """End the run as it ended."""
        self._client.set_terminated(self._run, self._ENDS.get(_status(self._folder), "KILLED"))


class WandB:
    """A Weights & Biases run, in the project ``sandbox-rl``.

    ``WANDB_MODE``, ``WANDB_PROJECT`` and the like say where it goes.
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        import os

        import wandb

        self._folder = folder
        # W&B makes links, which a run directory may not hold: its files move in when it has ended.
        self._scratch = folder.with_name(f".{folder.name}.wandb")
        self._scratch.mkdir(exist_ok=True)
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=f"{record.algorithm}-{folder.name}",
            name=f"{record.algorithm}, seed {record.seed}",
            group=record.scenario_id,
            config=_settings(record),
            dir=str(self._scratch),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", symlink=False),
        )
        self._run.define_metric("*", step_metric="steps")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars."""
        self._run.log({"steps": step, **{k: v for k, v in values.items() if math.isfinite(v)}})

    def close(self) -> None:
        """End the run as it ended."""
        self._run.finish(exit_code=0 if _status(self._folder) == "done" else 1)
        target = self._folder / "wandb"
        target.mkdir(exist_ok=True)
        for path in list(self._scratch.rglob("*")):
            if path.is_symlink():
                path.unlink()
        for path in (self._scratch / "wandb").iterdir():
            path.replace(target / path.name)
        shutil.rmtree(self._scratch)


class _Boards:
    def __init__(self, boards: Sequence[Board]) -> None:
        self._boards = boards

    def add(self, step: int, values: Mapping[str, float]) -> None:
        for board in self._boards:
            board.add(step, values)

    def close(self) -> None:
        for board in self._boards:
            board.close()


class _Forgiving:
    """A tracker that is opened with the first scalar, and given up at its first failure: an unreachable
    server must not end a training.
    """

    def __init__(self, name: str, make: Callable[[], Board], on_failure: Callable[[str], None]) -> None:
        self._name, self._make, self._on_failure = name, make, on_failure
        self._board: Board | None = None
        self._given_up = False

    def add(self, step: int, values: Mapping[str, float]) -> None:
        if self._given_up:
            return
        try:
            if self._board is None:
                self._board = self._make()
            self._board.add(step, values)
        except Exception as error:
            self._give_up(error)

    def close(self) -> None:
        if self._board is None or self._given_up:
            return
        try:
            self._board.close()
        except Exception as error:
            self._give_up(error)
        self._board = None

    def _give_up(self, error: Exception) -> None:
        self._given_up = True
        first = (str(error).splitlines() or [""])[0]
        self._on_failure(
            f"Tracking with {self._name} has stopped ({type(error).__name__}: {first}); training goes on."
        )


def _settings(record: RunRecord) -> dict[str, Any]:
    """What a tracker shows of a run's settings, flat."""
    named = ("scenario_id", "scenario_hash", "algorithm", "seed", "steps", "num_envs", "init_from")
    flat = {name: getattr(record, name) for name in named}
    groups: dict[str, Mapping[str, Any]] = {
        "hyperparameters": record.hyperparameters,
        "reward": record.reward,
        "config": record.config,
    }
    for group, entries in groups.items():
        flat |= {f"{group}.{key}": value for key, value in entries.items()}
    return flat


def _mlflow_name(name: str) -> str:
    """MLflow takes letters, digits and a few signs."""
    return re.sub(r"[^\w\-. /]", "_", name)


def _status(folder: Path) -> str:
    """How training ends: logs are closed before the run's record says so."""
    if (folder / "policy" / "policy.json").is_file():
        return "done"
    return "interrupted" if isinstance(sys.exc_info()[1], KeyboardInterrupt) else "failed"
