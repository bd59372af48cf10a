"""``sandbox export``: a trained policy as a file for deployment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson, _count, run_name

if TYPE_CHECKING:
    from sandbox.outputs.export import Export


def export(
    run: Annotated[
        str, typer.Argument(parser=run_name, metavar="RUN", help="Run directory, DIR@best, or latest.")
    ],
    form: Annotated[str, typer.Option("--format", metavar="onnx", help="What to write.")] = "onnx",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where; default: policy.onnx in the run's directory.")
    ] = None,
    episodes: Annotated[
        int, typer.Option(parser=_count, metavar="N", help="Episodes to compare with the original on.")
    ] = 2,
    as_json: AsJson = False,
) -> dict[str, Any] | None:
    """Export a policy, and check it on real observations."""
    from sandbox.outputs.export import export as carry_out

    made = carry_out(run, form, out, episodes=episodes)
    if as_json:
        document = {"file": made.path, "format": form, **_document(made)}
        if made.networks:
            networks = made.networks.items()
            document["networks"] = {name: {"file": each.path, **_document(each)} for name, each in networks}
        return document
    from sandbox.cli.show.console import stdout

    console = stdout()
    console.print(f"Wrote {made.path}", soft_wrap=True)
    for agent, part in made.networks.items() or [("", made)]:
        if agent:
            console.print(f"  {part.path.name}: {agent}", style="dim")
        for name, (shape, kind) in part.inputs.items():
            size = ", ".join("batch" if side is None else str(side) for side in shape)
            console.print(f"  {'  ' if agent else ''}{name}: {kind} [{size}]", style="dim")
    console.print(
        f"Acts as the original on {made.observations:,} observations of real episodes "
        f"(largest difference {made.largest_difference:.1g}).",
        soft_wrap=True,
    )
    if made.stochastic:
        console.print("The policy is meant to be stochastic; the file gives its mode.", style="yellow")
    return None


def _document(made: Export) -> dict[str, Any]:
    """What is said of a file, or of all of them."""
    return {
        "inputs": {name: {"shape": shape, "type": kind} for name, (shape, kind) in made.inputs.items()},
        "observations": made.observations,
        "largest_difference": made.largest_difference,
        "stochastic": made.stochastic,
    }
