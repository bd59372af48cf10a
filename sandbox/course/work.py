"""Measures one claim in a process of its own, and writes what was found."""

from __future__ import annotations

import resource
import shutil
import time
import traceback
from pathlib import Path

from sandbox.api.claim import Measured, Plot, Trial
from sandbox.api.errors import DamagedRunError, RunBusyError, SandboxError
from sandbox.course.sources import digest_of_claim, packages_of_claim
from sandbox.launch.base import OnProgress, Payload
from sandbox.records.base import finite
from sandbox.records.course import CLAIM, FORMAT, ClaimJob, ClaimRecord, LineRecord, PlotRecord
from sandbox.records.jobs import JobResult
from sandbox.records.status import JobStatus
from sandbox.registry.discover import registry, use_plugins
from sandbox.registry.resolve import resolve
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.code import changed_plugins, used_plugins
from sandbox.runs.lock import STALE_WORK, Lock
from sandbox.runs.provenance import local_time, packages

FUNCTION = "sandbox.course.work:run_claim"
FOLDER = "claims"
"""Below the runs directory: one folder a measurement."""

SCRATCH = "scratch"


def run_claim(payload: Payload, on_progress: OnProgress) -> Payload:
    """Measure a claim unless it is done or another process is at it.

    Args:
        payload: A `sandbox.records.course.ClaimJob`.
        on_progress: Not used: a measurement does not say how far it is.

    Returns:
        A `sandbox.records.jobs.JobResult`.

    Raises:
        StorageError: If the runs directory cannot be written.
        DamagedRunError: If the claim's sources are not those for which the job was made.
    """
    job = ClaimJob.model_validate(payload)
    root = Path(job.root)
    folder = claim_folder(root, job.key)
    use_plugins(job.plugins)
    try:
        with storage_errors(root):
            folder.mkdir(parents=True, exist_ok=True)
            lock = Lock.take(folder, STALE_WORK)
    except RunBusyError:
        return JobResult(status="busy").to_json()
    try:
        status = _measure(job, root, folder)
    except KeyboardInterrupt:
        status = "interrupted"
    finally:
        shutil.rmtree(folder / SCRATCH, ignore_errors=True)
        lock.release()
    return JobResult(status=status).to_json()


def claim_folder(root: Path, key: str) -> Path:
    """Where a measurement lies."""
    return root / FOLDER / key


def read_claim(root: Path, key: str) -> ClaimRecord | None:
    """What a measurement found; None if it is not there or cannot be read, so that it is made again."""
    file = claim_folder(root, key) / CLAIM
    if not file.is_file():
        return None
    try:
        return ClaimRecord.read(file)
    except DamagedRunError:
        return None


def counts(record: ClaimRecord, job: ClaimJob) -> bool:
    """Whether what was measured needs not be measured again: it was made by the code of now, and no crash
    that is to be tried again.
    """
    return (record.status == "done" or not job.again) and not changed_plugins(record.code)


def _measure(job: ClaimJob, root: Path, folder: Path) -> JobStatus:
    known = read_claim(root, job.key)  # another driver may have made it while the lock was taken
    if known is not None and counts(known, job):
        return known.status
    claim = registry().claim(job.claim)
    if job.code and digest_of_claim(claim) != job.code:
        raise DamagedRunError(
            f"The sources of {job.claim} have changed since the course began.",
            "Leave them as they are while it runs; start it again to measure them.",
        )
    scratch = folder / SCRATCH
    with storage_errors(root):
        shutil.rmtree(scratch, ignore_errors=True)  # of a measurement that was killed
        scratch.mkdir()
    record = ClaimRecord(
        format=FORMAT,
        claim=job.claim,
        seed=job.seed,
        sabotaged=job.sabotaged,
        settings=job.settings,
        status="failed",
        minutes=0.0,
        seconds=0.0,
        packages=packages(),
        started=local_time(),
        ended="",
    )
    start, used = time.perf_counter(), processor_seconds()
    try:
        measured = resolve(claim.measure)(Trial(job.seed, job.sabotaged, dict(job.settings), scratch))
        record = record.changed(status="done", **_content(measured))
    except Exception as error:  # whatever goes wrong inside a measurement is its result
        record = record.changed(error=_sentence(error))
    record = record.changed(
        minutes=(processor_seconds() - used) / 60,
        seconds=time.perf_counter() - start,
        code=used_plugins(packages_of_claim(claim)),
        ended=local_time(),
    )
    with storage_errors(root):
        write_atomically(folder / CLAIM, record.encode(indent=1))
    return record.status


def processor_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def _content(measured: Measured) -> dict[str, object]:
    figures = {name: finite(float(value)) for name, value in measured.figures.items()}
    return {"figures": figures, "plot": None if measured.plot is None else _plot(measured.plot)}


def _plot(plot: Plot) -> PlotRecord:
    lines = {
        name: LineRecord(x=tuple(float(x) for x in xs), y=tuple(finite(float(y)) for y in ys))
        for name, (xs, ys) in plot.lines.items()
    }
    return PlotRecord(
        title=plot.title,
        x=plot.x,
        y=plot.y,
        lines=lines,
        bars={name: finite(float(value)) for name, value in plot.bars.items()},
        marks={name: float(value) for name, value in plot.marks.items()},
        log=plot.log,
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, SandboxError):
        return f"{error.message} {error.hint}".strip()
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} ({Path(place.filename).name}, line {place.lineno}): {error}"
