"""``sandbox compare``: a grid scenario × agent × seed, or a course of claims, run where it is missing."""

from __future__ import annotations

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
    Steps,
    Wrap,
    changed,
    scenario_name,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Workers = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Cells at the same time; default: one a core, or the cluster's."),
]
LauncherName = Annotated[str, typer.Option("--launcher", metavar="NAME", help="local, inline, ray or slurm.")]
RayAddress = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Ray cluster to use; default: one of this machine.")
]
Cores = Annotated[
    float, typer.Option(min=0.01, metavar="N", help="Cores that one cell declares on Ray and Slurm.")
]
Partition = Annotated[str | None, typer.Option(metavar="NAME", help="Slurm partition.")]


def compare(
    context: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            parser=scenario_name,
            metavar="[SUITE|SCENARIO...]",
            help="A suite's name or file, or scenarios.",
        ),
    ] = None,
    algo: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Algorithms; default: the suite's agents.")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N|LIST", help="Training seeds: 10, 3,7 or 20-29; default: the suite's, or 10."),
    ] = None,
    steps: Steps = None,
    episodes: Episodes = None,
    baselines: Annotated[
        str | None, typer.Option(metavar="all|none|A,B", help="Classical methods to play; default: all.")
    ] = None,
    changes: Changes = None,
    wrap: Wrap = None,
    reward: Reward = None,
    quick: Annotated[bool, typer.Option("--quick", help="Run the suite's quick form.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="CLAIM", help="Of a course: measure this claim alone. Repeatable."),
    ] = None,
    seed_offset: Annotated[
        int | None,
        typer.Option(metavar="N", help="Of a course: first seed of every measurement; default: 0."),
    ] = None,
    sabotage: Annotated[
        bool,
        typer.Option(
            "--sabotage", help="Of a course: break every claim by its switch as well; it must fail."
        ),
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Run cells again that failed.")] = False,
    fresh: Fresh = False,
    workers: Workers = None,
    launcher: LauncherName = "local",
    ray_address: RayAddress = None,
    cores: Cores = 1.0,
    partition: Partition = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Run only the I-th of N parts, for job arrays.")
    ] = None,
    artifacts: Annotated[
        str | None, typer.Option(metavar="URL", help="Also copy what cells leave to this store (fsspec).")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | int | None:
    """Compare agents over scenarios and seeds, or check a course. Only what is missing runs."""
    from sandbox.cli.show.comparison import grid_display, show_comparison
    from sandbox.comparison.api import compare as carry_out
    from sandbox.comparison.suites import parse_seeds
    from sandbox.launch import Launching

    if not what:
        context.fail("Missing argument '[SUITE|SCENARIO...]'.")
    course = course_of(what) if algo is None else None
    if course is not None:
        return _run_course(context, course, tuple(only or ()), seed_offset or 0)
    refuse(context, _OF_A_COURSE, f"'{what[0]}' is no course")
    compared = carry_out(
        what,
        names(algo),
        seeds=None if seeds is None else parse_seeds(seeds),
        steps=steps,
        episodes=episodes,
        baselines=baselines if baselines in (None, "all", "none") else names(baselines),
        changes=changed(changes, wrap),
        reward=reward or (),
        quick=quick,
        runs_dir=runs_dir,
        launching=Launching(launcher, workers, ray_address, cores, partition),
        shard=shard,
        retry=retry,
        fresh=fresh,
        artifacts=artifacts,
        callback=grid_display(quiet),
        command=["sandbox", *context.obj],
    )
    if as_json:
        return compared.document
    show_comparison(compared)
    return 1 if compared.record.failed else None


_OF_A_COURSE = ("only", "seed_offset", "sabotage")
_OF_A_GRID = (
    "seeds", "steps", "episodes", "baselines", "changes", "wrap", "reward", "fresh", "launcher",
    "ray_address", "cores", "partition", "shard", "artifacts",
)  # fmt: skip


def course_of(what: Sequence[str]) -> Path | None:
    """The suite file that is named, if it is a course.

    Raises:
        InvalidValueError: If it is named beside others.
    """
    from sandbox.api.errors import InvalidValueError
    from sandbox.comparison.suites import find_suite
    from sandbox.course.api import is_course

    for name in what:
        file = find_suite(name)
        if file is not None and is_course(file):
            if len(what) > 1:
                raise InvalidValueError(
                    f"'{name}' is a course, which stands alone.", f"Try: sandbox compare {name}"
                )
            return file
    return None


def refuse(context: typer.Context, options: Sequence[str], why: str) -> None:
    """Refuse options that were given and have no meaning here.

    Raises:
        InvalidValueError: Names the first one.
    """
    from sandbox.api.errors import InvalidValueError

    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in options and source is not None and source.name == "COMMANDLINE":
            raise InvalidValueError(
                f"{parameter.opts[0]} has no meaning here: {why}.", "See sandbox compare --help."
            )


def _run_course(
    context: typer.Context, file: Path, only: tuple[str, ...], seed: int
) -> dict[str, Any] | int | None:
    from sandbox.cli.show.console import Document
    from sandbox.cli.show.course import course_display, show_course
    from sandbox.course.api import run_course

    refuse(context, _OF_A_GRID, f"'{file.stem}' is a course, whose file says how each claim is measured")
    given = context.params
    result = run_course(
        file,
        only=only,
        seed_offset=seed,
        sabotage=given["sabotage"],
        quick=given["quick"],
        runs_dir=given["runs_dir"],
        workers=given["workers"],
        retry=given["retry"],
        callback=course_display(given["quiet"]),
        command=["sandbox", *context.obj],
    )
    if given["as_json"]:
        document = Document(result.record.to_json() | {"page": str(result.page)})
        document.exit_code = 0 if result.passed else 1
        return document
    show_course(result)
    return None if result.passed else 1


def names(text: str | None) -> Sequence[str] | None:
    """The names of a list with commas; None for none."""
    from sandbox.api.errors import InvalidValueError

    if text is None:
        return None
    listed = [name.strip() for name in text.split(",")]
    if not all(listed):
        raise InvalidValueError(f"A name is missing in '{text[:80]}'.", "Separate names with single commas.")
    return listed
