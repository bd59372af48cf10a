"""``sandbox plugin``: write a plugin to start from, and check that one keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson
from sandbox.cli.show.console import Document

if TYPE_CHECKING:
    from sandbox.testing import Result

SECONDS = 600.0  # sandbox.testing.outside.SECONDS, which costs the import of NumPy


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name of the domain or algorithm, for example lifts.")
    ],
    kind: Annotated[
        str,
        typer.Option(metavar="KIND", help="batched, blank, parallel, gym (domains) or algorithm."),
    ] = "batched",
    into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write it; default: the working directory.")
    ] = None,
    as_json: AsJson = False,
) -> dict[str, Any] | None:
    """Write a small, complete plugin to start from.

    Kinds: batched writes many episodes at once as arrays, from which the single and the vector environment
    are made; blank is a Gymnasium environment written by hand; parallel is batched with several agents; gym
    wraps an environment that exists already; algorithm is a learner.
    """
    from sandbox.cli.show.console import stdout
    from sandbox.registry.scaffold import new_plugin

    folder, written = new_plugin(name, into, kind)
    if as_json:
        return {"plugin": name, "kind": kind, "folder": str(folder), "files": [str(file) for file in written]}
    console = stdout()
    console.print(f"Wrote {folder}:")
    for file in written:
        console.print(f"  {file.relative_to(folder)}")
    then = f"sandbox plugin check {name} and sandbox run {name} --algo ppo"
    if kind == "algorithm":
        then = f"sandbox plugin check {name} and sandbox run gym:CartPole-v1 --algo {name}"
    console.print(
        f'\nNext: pip install -e "{folder}" (with --no-deps if sandbox-rl is installed from source), then\n'
        f"{then}."
    )
    return None


def check(
    plugin: Annotated[
        str,
        typer.Argument(metavar="NAME|PATH", help="A domain or algorithm, or the path of a plugin."),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Short rollouts and one algorithm instead of all that fit.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="Run this check only. Repeatable.")
    ] = None,
    lock: Annotated[
        bool,
        typer.Option("--lock", help="First write contract-lock.json: an episode of each task."),
    ] = False,
    seconds: Annotated[
        float,
        typer.Option("--time", min=1, max=86_400, metavar="S", help="Time limit of it all, s."),
    ] = SECONDS,
    memory: Annotated[
        float, typer.Option(min=0.5, max=1024, metavar="GB", help="Address space of each process, GB.")
    ] = 6.0,
    as_json: AsJson = False,
) -> dict[str, Any] | None:
    """Run a plugin through the contract suite, in a process with limits.

    This finds bugs, not malice: the plugin's code runs with your rights.
    """
    from sandbox.testing.outside import check_outside

    level: Any = "quick" if quick else "full"
    results = check_outside(plugin, level, seconds, int(memory * 2**30), only or (), lock)
    done = list(results) if as_json else list(_shown(results))
    failed = [verdict for verdict in done if verdict.status == "failed"]
    document = Document(
        plugin=plugin,
        passed=not failed,
        counts={status: sum(verdict.status == status for verdict in done) for status in _WORDS},
        checks=[verdict.to_json() for verdict in done],
    )
    document.exit_code = 1 if failed else 0
    if not as_json:
        _verdict(plugin, done)
    return document


_WORDS = {
    "passed": ("ok", "green"),
    "failed": ("BROKEN", "bold red"),
    "expected": ("declared", "yellow"),
    "stale": ("stale", "yellow"),
    "skipped": ("-", "dim"),
}


def _shown(results: Iterator[Result]) -> Iterator[Result]:
    """Each result as it comes, told in a line."""
    from sandbox.cli.show.console import stdout

    console = stdout()
    task = ""
    for result in results:
        if result.task != task:
            task = result.task
            console.print(f"{task}", style="bold")
        word, style = _WORDS[result.status]
        line = f"  {word:9}{result.check:26}{result.message}".rstrip()
        console.print(line, style=style, soft_wrap=True)
        yield result


def _verdict(plugin: str, done: list[Result]) -> None:
    from sandbox.cli.show.console import stdout

    console = stdout()
    failed = [verdict for verdict in done if verdict.status == "failed"]
    passed = sum(verdict.status == "passed" for verdict in done)
    if not failed:
        console.print(f"\n{plugin} keeps the contract: {passed} checks passed.", style="green")
        return
    console.print(
        f"\n{plugin} breaks the contract in {len(failed)} of {len(failed) + passed} checks.", style="bold red"
    )
