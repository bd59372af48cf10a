"""``sandbox resume``: go on with a run that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox.cli.options import AsJson, Quiet, run_path


def resume(
    run: Annotated[Path, typer.Argument(parser=run_path, metavar="RUN", help="Run directory, or latest.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Go on with a run that was stopped, from its last checkpoint.

    The result is that of a run without a stop, bit by bit, where the task can restore its environments;
    sandbox info says whether it can. What sandbox run began is evaluated as well.
    """
    from sandbox.cli.commands.runs import describe
    from sandbox.cli.documents import facts
    from sandbox.cli.show.progress import progress_display
    from sandbox.cli.show.tables import show_trained, show_verdict
    from sandbox.runs.directory import Run
    from sandbox.workflow import is_complete
    from sandbox.workflow import resume_and_test as carry_out

    opened = Run.open(run)
    metric = opened.scenario.metric
    progress = progress_display(quiet, metric.name, metric.unit)
    if is_complete(opened):
        progress.message(f"The run is complete: there is nothing left to do in {run}.")
    trained, made_now = carry_out(opened, progress)
    evaluation = trained.evaluation()
    if as_json:
        results = {} if evaluation is None else {"evaluation": evaluation.to_json()}
        return {**facts(trained), **results}
    if made_now is not None:
        show_verdict(made_now, trained)
    elif evaluation is None:
        show_trained(trained, metric)
    else:
        describe(trained)
    return None
