"""The JSON documents of commands about runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.runs.directory import Run


def facts(trained: Run) -> dict[str, Any]:
    """What the JSON documents say of a run."""
    record = trained.record
    return {
        "scenario": record["scenario_id"],
        "run_dir": trained.path,
        "algorithm": record["algorithm"],
        "seed": record["seed"],
        "steps": record.get("steps_done", record.get("steps")),
        "train_seconds": record.get("train_seconds"),
        "steps_per_second": record.get("steps_per_second"),
    }


def results(run: Run) -> dict[str, Any] | None:
    """The evaluation that `sandbox run` left in the run directory; None after `sandbox train`.

    Raises:
        DamagedRunError: If the file is not one.
    """
    import json

    from sandbox.api.errors import DamagedRunError
    from sandbox.runs.artifacts import read_artifact

    file = run.path / "evaluation.json"
    if not file.is_file():
        return None
    try:
        document = json.loads(read_artifact(run.path, file.name))
        _ = document["metric"], document["unit"], int(document["episodes"])
        _ = [(agent["mean"], agent["return"]) for agent in document["agents"].values()]
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedRunError(f"{file} cannot be read: {error}.") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedRunError(f"{file} is not an evaluation.") from error
    found: dict[str, Any] = document
    return found
