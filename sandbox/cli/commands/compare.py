"""``sandbox compare``: the grid scenario × agent × seed, run where it is missing, and what it says."""

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
    """Compare agents over scenarios and seeds; only what is missing runs."""
    from sandbox.cli.show.comparison import grid_display, show_comparison
    from sandbox.comparison.api import compare as carry_out
    from sandbox.comparison.suites import parse_seeds
    from sandbox.launch import Launching

    if not what:
        context.fail("Missing argument '[SUITE|SCENARIO...]'.")
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


def names(text: str | None) -> Sequence[str] | None:
    """The names of a list with commas; None for none."""
    from sandbox.api.errors import InvalidValueError

    if text is None:
        return None
    listed = [name.strip() for name in text.split(",")]
    if not all(listed):
        raise InvalidValueError(f"A name is missing in '{text[:80]}'.", "Separate names with single commas.")
    return listed
