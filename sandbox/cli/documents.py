"""The JSON documents of commands about runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.runs.directory import Run


def facts(trained: Run) -> dict[str, Any]:
    """The entries about a run that several JSON documents have."""
    record = trained.record
    done = trained.steps_so_far if "steps_done" in record.model_fields_set else record.steps
    return {
        "scenario": record.scenario_id,
        "run_dir": trained.path,
        "algorithm": record.algorithm,
        "seed": record.seed,
        "steps": done,
        "train_seconds": record.train_seconds,
        "steps_per_second": record.steps_per_second,
    }
