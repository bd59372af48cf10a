"""Runs a course: measures its claims and says which hold, and which fail under their switch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.api.claim import Claim
from sandbox.api.errors import InvalidValueError
from sandbox.api.scenario import SEED_LIMIT
from sandbox.comparison.suites import is_course as is_course_document
from sandbox.course.drive import CourseCallback, SilentCourse, drive, survey
from sandbox.course.page import PAGE, page
from sandbox.course.sources import digest_of_claim
from sandbox.course.suite import ClaimEntry, Course, chosen, load_course
from sandbox.course.work import FOLDER
from sandbox.launch.inline import InlineLauncher
from sandbox.launch.local import LocalLauncher
from sandbox.records.base import bounded
from sandbox.records.course import (
    COURSE,
    FORMAT,
    BoundRecord,
    ClaimJob,
    ClaimRecord,
    ClaimVerdict,
    CourseRecord,
    OutcomeRecord,
    SwitchVerdict,
)
from sandbox.registry.discover import PLUGINS_VARIABLE
from sandbox.registry.resolve import missing_modules
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.guard import folder_below
from sandbox.runs.provenance import installed_version, local_time, packages, platform_facts, source_state
from sandbox.scenarios.yaml_guard import load_file

COURSES = "courses"
MAX_SEED = SEED_LIMIT - 1_000_000
"""Largest first seed: a measurement counts on from it."""

NOTED = ("torch", "stable-baselines3", "eclipse-sumo", "mujoco")
"""Distributions whose versions a course's page shows beside those that every result depends on."""


@dataclass(frozen=True)
class CourseResult:
    """A course that was run.

    Attributes:
        folder: Where ``course.json`` and the page lie.
        record: What came of it.
    """

    folder: Path
    record: CourseRecord

    @property
    def passed(self) -> bool:
        """Whether all that was asked for came out: every claim holds and, where switches were thrown, fails
        under its own.
        """
        record = self.record
        count = len(record.claims)
        return record.passed == count and (not record.sabotage or record.broken == count)

    @property
    def page(self) -> Path:
        """The page."""
        return self.folder / PAGE


def run_course(
    file: Path,
    *,
    only: Sequence[str] = (),
    seed_offset: int = 0,
    sabotage: bool = False,
    quick: bool = False,
    runs_dir: str | Path = "runs",
    workers: int | None = None,
    inline: bool = False,
    retry: bool = False,
    measure: bool = True,
    callback: CourseCallback | None = None,
    command: Sequence[str] | None = None,
) -> CourseResult:
    """Measure what is missing of a course, judge all of it, and write its page.

    Args:
        file: Suite file of the kind ``course``.
        only: Ids of claims; all if empty.
        seed_offset: First seed of every measurement.
        sabotage: Whether every claim is measured with its switch thrown as well.
        quick: Take the quick form, which shows that everything runs and whose bounds need not hold.
        runs_dir: Where measurements are kept.
        workers: Measurements at the same time; one a core if absent.
        inline: Measure in this process, one claim after another.
        retry: Make measurements again that crashed before.
        measure: Whether what is missing is measured; else what there is is judged, and the rest is missing.
        callback: Receives every measurement.
        command: The command line to record.

    Raises:
        SandboxError: For an impossible request, before anything starts.
        RunFailedError: If measurements cannot be made at all.
        KeyboardInterrupt: After Ctrl-C or SIGTERM; the same call goes on where it was.
    """
    if not 0 <= seed_offset <= MAX_SEED:
        raise InvalidValueError(
            f"The seed offset must be from 0 to {MAX_SEED:,}, not {seed_offset}.",
            "Give a whole number, for example --seed-offset 100.",
        )
    course, root = load_course(file), Path(runs_dir)
    claims = chosen(course, tuple(only))
    form = _Form(seed_offset, quick)
    plain = {claim.id: form.job(root, entry, claim, False, retry) for entry, claim in claims}
    broken = {claim.id: form.job(root, entry, claim, True, retry) for entry, claim in claims}
    jobs = [*plain.values(), *(broken.values() if sabotage else ())]
    minutes = {claim.id: entry.minutes for entry, claim in claims}
    progress = survey(jobs, {job.key: minutes[job.claim] for job in jobs}, root)
    folder = folder_below(root, COURSES, form.folder(file.stem, only), what="course")
    with storage_errors(root):
        folder.mkdir(parents=True, exist_ok=True)

    def write() -> CourseRecord:
        # Switches that were thrown before are shown, also where they were not asked for.
        known = dict(progress.records)
        known |= survey(list(broken.values()), {}, root).records
        outcomes = [
            outcome(entry, claim, known.get(plain[claim.id].key), known.get(broken[claim.id].key), plain)
            for entry, claim in claims
        ]
        record = _record(course, file.stem, form, sabotage, outcomes, command)
        with storage_errors(root):
            write_atomically(folder / COURSE, record.encode(indent=1), last=False)
            write_atomically(folder / PAGE, page(record).encode())
        return record

    if not measure:
        return CourseResult(folder, write())
    launcher = InlineLauncher() if inline else LocalLauncher(workers, fresh=True)
    try:
        drive(root, progress, launcher, callback or SilentCourse())
    except KeyboardInterrupt:
        write()
        raise KeyboardInterrupt(
            f"Interrupted with {len(progress.records)} of {len(jobs)} measurements made. Run the same "
            f"command again to go on; what there is lies in {folder}."
        ) from None
    finally:
        launcher.close()
    return CourseResult(folder, write())


def is_course(file: Path) -> bool:
    """Whether a suite file is a course."""
    document = load_file(file)
    return isinstance(document, dict) and is_course_document(document)


@dataclass(frozen=True)
class _Form:
    """What tells two runs of a course apart."""

    seed: int
    quick: bool

    def folder(self, name: str, only: Sequence[str]) -> str:
        """Name of the folder with the course's page."""
        parts = [name, f"seed-{self.seed}", *(["quick"] if self.quick else []), *sorted(only)]
        text = "-".join(parts)
        return text if len(text) <= 100 else f"{text[:80]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def job(self, root: Path, entry: ClaimEntry, claim: Claim, sabotaged: bool, again: bool) -> ClaimJob:
        """A measurement; its key stands for all that decides its figures."""
        settings = bounded(entry.sizes(self.quick))
        code = "" if missing_modules(claim.requires) else digest_of_claim(claim)
        content = [claim.id, self.seed, sabotaged, settings, code]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return ClaimJob(
            key=f"{claim.id}-{'sabotaged-' if sabotaged else ''}{self.seed}-{digest[:16]}",
            root=str(root.resolve()),
            claim=claim.id,
            seed=self.seed,
            sabotaged=sabotaged,
            settings=settings,
            code=code,
            plugins=os.environ.get(PLUGINS_VARIABLE, ""),
            again=again,
        )


def outcome(
    entry: ClaimEntry,
    claim: Claim,
    plain: ClaimRecord | None,
    sabotaged: ClaimRecord | None,
    jobs: Mapping[str, ClaimJob],
) -> OutcomeRecord:
    """A claim judged by the bounds of the suite file."""
    bounds, switched = _judged(entry, plain), _judged(entry, sabotaged)
    return OutcomeRecord(
        claim=claim.id,
        sentence=claim.sentence,
        idea=claim.idea,
        rule=entry.rule,
        shortfall=entry.shortfall,
        budget=entry.minutes,
        minutes=None if plain is None else plain.minutes,
        verdict=_verdict(plain, bounds),
        bounds=bounds,
        figures={} if plain is None else plain.figures,
        error=None if plain is None else plain.error,
        folder=f"{FOLDER}/{jobs[claim.id].key}",
        plot=None if plain is None else plain.plot,
        switch=claim.switch,
        under_switch=_under_switch(sabotaged, switched),
        switch_bounds=switched,
        switch_error=None if sabotaged is None else sabotaged.error,
        switch_minutes=None if sabotaged is None else sabotaged.minutes,
    )


def _judged(entry: ClaimEntry, record: ClaimRecord | None) -> tuple[BoundRecord, ...]:
    if record is None or record.status != "done":
        return ()
    return tuple(
        BoundRecord(
            figure=name,
            at_most=bound.at_most,
            at_least=bound.at_least,
            value=record.figures.get(name),
            kept=bound.kept(record.figures.get(name)),
        )
        for name, bound in entry.bounds.items()
    )


def _verdict(record: ClaimRecord | None, bounds: Sequence[BoundRecord]) -> ClaimVerdict:
    if record is None:
        return "missing"
    if record.status != "done":
        return "crashed"
    return "passed" if all(bound.kept for bound in bounds) else "failed"


def _under_switch(record: ClaimRecord | None, bounds: Sequence[BoundRecord]) -> SwitchVerdict:
    verdicts: dict[ClaimVerdict, SwitchVerdict] = {
        "missing": "missing",
        "crashed": "crashed",  # an experiment that stops with an error has not been shown to fail
        "passed": "unbroken",
        "failed": "broken",
    }
    return verdicts[_verdict(record, bounds)]


def _record(
    course: Course,
    name: str,
    form: _Form,
    sabotage: bool,
    outcomes: Sequence[OutcomeRecord],
    command: Sequence[str] | None,
) -> CourseRecord:
    spent = [minutes for each in outcomes for minutes in (each.minutes, each.switch_minutes) if minutes]
    missing = any(
        each.verdict == "missing" or (sabotage and each.under_switch == "missing") for each in outcomes
    )
    noted: dict[str, Any] = {name: installed_version(name) for name in NOTED}
    return CourseRecord(
        format=FORMAT,
        suite=name,
        title=course.title,
        command=None if command is None else tuple(command),
        seed=form.seed,
        quick=form.quick,
        sabotage=sabotage,
        status="incomplete" if missing else "complete",
        claims=tuple(outcomes),
        passed=sum(each.verdict == "passed" for each in outcomes),
        broken=sum(each.under_switch == "broken" for each in outcomes),
        minutes=sum(spent),
        packages=packages() | {name: version for name, version in noted.items() if version},
        platform=platform_facts(),
        source=source_state(),
        written=local_time(),
    )
