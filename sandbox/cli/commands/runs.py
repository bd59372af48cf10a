"""``sandbox runs``: the run directories, what is in them, and removing them."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson, RunsDir, run_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.api.errors import BrokenFileError
    from sandbox.records.labels import LabelsRecord
    from sandbox.runs.directory import Run

ACTIONS = ("ls", "show", "check", "label", "archive", "restore", "rm")


def runs(
    action: Annotated[
        str, typer.Argument(metavar="[ls|show|check|label|archive|restore|rm]", help="What to do.")
    ] = "ls",
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN...]",
            help="Run directories to show, check, label, archive, restore or remove; or latest.",
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With label: what to call the run; empty for no name.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="With label: add it; with ls: only runs that have it. Repeatable."),
    ] = None,
    untag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="With label: take it away. Repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="With ls: archived runs as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    as_json: AsJson = False,
) -> dict[str, Any] | None:
    """List, show, check, name, tag, archive or remove runs."""
    from sandbox.api.errors import InvalidValueError, UnknownNameError

    if action not in ACTIONS:
        raise UnknownNameError("action", action, ACTIONS)
    names = [run_name(target, runs_dir) for target in targets or ()]
    _require_fitting(action, name, tag, untag, everything)
    if action == "ls":
        if names:
            raise InvalidValueError(
                "sandbox runs ls takes no run.", "To look into one: sandbox runs show RUN."
            )
        return _list(runs_dir, as_json, tag or [], everything)
    if not names:
        raise InvalidValueError(
            f"sandbox runs {action} needs at least one run directory.", "See sandbox runs."
        )
    if action == "check":
        return _check(names, as_json)
    if action == "label":
        return _label(names, as_json, name=name, add=tag or [], remove=untag or [])
    if action in ("archive", "restore"):
        return _label(names, as_json, archived=action == "archive")
    return _show(names, as_json) if action == "show" else _remove(names, yes, as_json)


def _require_fitting(
    action: str, name: str | None, tag: list[str] | None, untag: list[str] | None, everything: bool
) -> None:
    """Refuse an option that the action has no use for."""
    from sandbox.api.errors import InvalidValueError

    given = {"--name": name is not None, "--tag": bool(tag), "--untag": bool(untag), "--all": everything}
    taken = {"label": ("--name", "--tag", "--untag"), "ls": ("--tag", "--all")}.get(action, ())
    unfit = [option for option, there in given.items() if there and option not in taken]
    if unfit:
        raise InvalidValueError(
            f"sandbox runs {action} takes no {unfit[0]}.", "sandbox runs label RUN sets names and tags."
        )


def _list(root: Path, as_json: bool, tags: list[str], everything: bool) -> dict[str, Any] | None:
    from sandbox.api.errors import BrokenFileError, InvalidValueError
    from sandbox.cli.show.runs import labels_of
    from sandbox.runs.directory import runs as find

    if root.exists() and not root.is_dir():
        raise InvalidValueError(f"--runs-dir {root} is a file, not a folder.")
    found = list(find(root))
    listed = [
        run
        for run in found
        if isinstance(run, BrokenFileError)
        or (set(tags) <= set(labels_of(run).tags) and (everything or not labels_of(run).archived))
    ]
    if as_json:
        return {"runs": [_entry(run) for run in listed]}
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.runs import show_runs

    console = stdout()
    if not found:
        console.print(f"There are no runs in '{root}'. Make one: sandbox run SCENARIO --algo ALGORITHM.")
    elif tags and all(isinstance(run, BrokenFileError) for run in listed):
        console.print(
            f"No run in '{root}' has {'the tag' if len(tags) == 1 else 'all of'} {', '.join(tags)}."
        )
    show_runs(console, root, [run for run in listed if not isinstance(run, BrokenFileError)])
    if hidden := len(found) - len(listed) if not tags else 0:
        console.print(f"{hidden} archived not shown: --all shows them.", style="dim")
    for damaged in listed:
        if isinstance(damaged, BrokenFileError):
            console.print(f"Damaged: {damaged.message}", style="red")
    return None


def _entry(run: Run | BrokenFileError) -> dict[str, Any]:
    from sandbox.api.errors import BrokenFileError
    from sandbox.cli.documents import facts
    from sandbox.cli.show.runs import labels_of, test_result

    if isinstance(run, BrokenFileError):
        return {"run_dir": None, "status": "damaged", "error": run.message}
    labels = labels_of(run)
    return {
        **facts(run),
        "name": labels.name,
        "tags": list(labels.tags),
        "archived": labels.archived,
        "status": run.state,
        "started": run.record.started or None,
        "error": None,
        **test_result(run),
    }


def _label(names: list[str], as_json: bool, **changes: Any) -> dict[str, Any] | None:
    """Change the labels of runs, or show them where nothing is asked for."""
    from sandbox.cli.show.console import stdout
    from sandbox.runs.directory import Run
    from sandbox.runs.labels import change_labels, read_labels

    opened = [Run.open(name) for name in dict.fromkeys(names)]  # all, before any is changed
    wanted = {key: value for key, value in changes.items() if value not in (None, [])}
    labelled = {
        run.path: change_labels(run.path, **wanted) if wanted else read_labels(run.path) for run in opened
    }
    if as_json:
        return {
            "runs": [
                {"run_dir": path, "name": labels.name, "tags": list(labels.tags), "archived": labels.archived}
                for path, labels in labelled.items()
            ]
        }
    for path, labels in labelled.items():
        stdout().print(f"{path}: {in_words(labels)}", soft_wrap=True, markup=False)
    return None


def in_words(labels: LabelsRecord) -> str:
    """Labels in a line."""
    parts = [
        labels.name and f"'{labels.name}'",
        ", ".join(labels.tags),
        "archived" if labels.archived else "",
    ]
    return "; ".join(filter(None, parts)) or "no name, no tags"


def _check(names: list[str], as_json: bool) -> dict[str, Any] | None:
    """Read every file of runs against its sum.

    Raises:
        DamagedRunError: If any is damaged; names them all.
    """
    from sandbox.api.errors import DamagedRunError
    from sandbox.cli.show.console import stdout
    from sandbox.runs.verify import find_damages

    checked = {name: find_damages(Path(name)) for name in dict.fromkeys(names)}
    damaged = [sentence for sentences in checked.values() for sentence in sentences]
    if damaged:
        raise DamagedRunError(
            " ".join(damaged), "A stopped run goes on from what is whole: sandbox resume RUN."
        )
    if as_json:
        return {"checked": list(checked), "damages": []}
    for name in checked:
        stdout().print(f"Every file of {name} is what was written.", soft_wrap=True)
    return None


def _show(names: list[str], as_json: bool) -> dict[str, Any] | None:
    from sandbox.runs.directory import Run

    opened = [Run.open(name) for name in names]
    if as_json:
        return {"runs": [_document(run) for run in opened]}
    for run in opened:
        describe(run)
    return None


def _document(run: Run) -> dict[str, Any]:
    evaluation = run.evaluation()
    from sandbox.cli.show.runs import labels_of

    labels = labels_of(run)
    return {
        **run.record.to_json(),
        "name": labels.name,
        "tags": list(labels.tags),
        "archived": labels.archived,
        "run_dir": run.path,
        "status": run.state,
        "evaluation": evaluation.to_json() if evaluation is not None else None,
    }


def describe(run: Run) -> None:
    """Print what is in a run directory, and its results."""
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.runs import labels_of
    from sandbox.cli.show.tables import show, show_results, table

    record, console = run.record, stdout()
    shown = table(str(run.path), "", "")
    shown.show_header = False
    labels = labels_of(run)
    rows = {
        "labels": in_words(labels) if labels.name or labels.tags or labels.archived else None,
        "scenario": f"{record.scenario_id} (hash {record.scenario_hash[:12]})",
        "algorithm": record.algorithm,
        "seed": record.seed,
        "status": run.state + (f": {record.error}" if record.error else ""),
        "steps": f"{run.steps_so_far:,} of {record.steps or 0:,}",
        "started": record.started or None,
        "seconds": record.seconds,
        "hyperparameters": _pairs(record.hyperparameters),
        "reward": _pairs(record.reward),
        "packages": _pairs(record.packages),
        "command": shlex.join(record.command) if record.command else None,
        "repeat": f"sandbox run --from {run.path}",
        "policies": ", ".join(f"@{steps}" for steps in run.policies()) or None,
        "files": ", ".join(sorted(path.name for path in run.path.iterdir() if path.name[0] != ".")),
    }
    for name, value in rows.items():
        if value is not None:
            shown.add_row(name, str(value))
    show(console, shown)
    evaluation = run.evaluation()
    if evaluation is not None:
        show_results(run, evaluation)


def _pairs(values: Mapping[str, Any]) -> str | None:
    return ", ".join(f"{key}={value}" for key, value in values.items()) or None


def _remove(names: list[str], yes: bool, as_json: bool) -> dict[str, Any] | None:
    """Remove whole run directories, and nothing that is not one."""
    from sandbox.api.errors import InvalidValueError

    folders = [_removable(Path(name)) for name in dict.fromkeys(names)]
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise InvalidValueError("Removing runs needs --yes where nobody can be asked.")
        what = ", ".join(str(folder) for folder in folders)
        if not typer.confirm(f"Remove {what}?", err=True):
            raise InvalidValueError("Nothing was removed.")
    for folder in folders:
        shutil.rmtree(folder)
    if as_json:
        return {"removed": folders}
    from sandbox.cli.show.console import stdout

    for folder in folders:
        stdout().print(f"Removed {folder}", soft_wrap=True)
    return None


def _removable(folder: Path) -> Path:
    """The folder, if it is a run (damaged ones too) that nobody is writing."""
    from sandbox.api.errors import DamagedRunError, InvalidValueError
    from sandbox.runs.directory import RECORD, Run

    try:
        run = Run.open(folder)
    except DamagedRunError:
        if folder.is_symlink() or not (folder / RECORD).is_file():
            raise
        return folder
    if folder.is_symlink():
        raise InvalidValueError(f"'{folder}' is a link; name the run directory itself.")
    if run.state in ("running", "evaluating"):
        raise InvalidValueError(f"'{folder}' is still being written.", "Stop that run first.")
    return folder
