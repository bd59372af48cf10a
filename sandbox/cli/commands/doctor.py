"""``sandbox doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.processes import usable_cores
from sandbox.cli.options import AsJson, RunsDir

if TYPE_CHECKING:
    from sandbox.api.types import Json


def doctor(runs_dir: RunsDir = Path("runs"), as_json: AsJson = False) -> dict[str, Any] | None:
    """Say what is installed, what is missing and how to get it."""
    findings = _examine(runs_dir)
    if as_json:
        return findings
    _show(findings)
    return None


def _examine(runs_dir: Path) -> Json:
    from sandbox.registry.discover import registry
    from sandbox.runs.provenance import packages, platform_facts, required

    known = registry()
    plugins = [*known.domains.working(), *known.algorithms.working()]
    versions = packages(*plugins)
    names = sorted({*versions, *(name for plugin in plugins for name in required(plugin))})
    findings: Json = {
        "platform": platform_facts(),
        "usable_cores": usable_cores(),
        "torch_threads": _torch_threads(versions),
        "packages": {name: versions.get(name) for name in names},
        "domains": [_needs(plugin) for plugin in known.domains.working()],
        "algorithms": [_needs(plugin) for plugin in known.algorithms.working()],
        "broken_plugins": [
            {"name": status.name, "distribution": status.distribution, "error": status.error}
            for status in known.statuses()
            if status.status == "broken"
        ],
        "broken_scenarios": _broken_scenarios(),
        "runs_dir": {"path": runs_dir.resolve(), "problem": _unwritable(runs_dir)},
    }
    findings["problems"] = _problems(findings)
    return findings


def _needs(plugin: Any) -> Json:
    """What a domain or algorithm lacks, and the command that brings it."""
    from sandbox.api.errors import MissingExtraError
    from sandbox.registry.resolve import missing_modules

    missing = missing_modules(plugin.requires)
    command = MissingExtraError(plugin.name, missing, plugin.extra).hint if missing else None
    return {"name": plugin.name, "missing": missing, "install": command}


def _broken_scenarios() -> list[Json]:
    from sandbox.scenarios.listing import entries

    return [{"id": entry.id, "error": entry.error} for entry in entries() if entry.error is not None]


def _torch_threads(versions: dict[str, str]) -> int | None:
    if "torch" not in versions:
        return None
    import torch

    return int(torch.get_num_threads())


def _unwritable(folder: Path) -> str | None:
    """Why runs cannot be written there, found by writing; None if they can."""
    import tempfile

    existing = folder.resolve()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        return f"'{existing}' is a file, not a folder"
    try:
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".sandbox-") as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        return f"cannot write to '{existing}': {error.strerror}"
    return None


def _problems(findings: Json) -> list[str]:
    """Everything that keeps something from working, a sentence each."""
    problems = [
        f"{kind} {item['name']} needs {', '.join(item['missing'])}: {item['install']}"
        for kind, items in (("Domain", findings["domains"]), ("Algorithm", findings["algorithms"]))
        for item in items
        if item["missing"]
    ]
    problems += [
        f"Plugin {item['name']} ({item['distribution']}) is broken: {item['error']}"
        for item in findings["broken_plugins"]
    ]
    problems += [
        f"Scenario {item['id']} cannot be used: {item['error']}" for item in findings["broken_scenarios"]
    ]
    if findings["runs_dir"]["problem"]:
        problems.append(f"Runs cannot be kept: {findings['runs_dir']['problem']}. Choose with --runs-dir.")
    return problems


def _show(findings: Json) -> None:
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.tables import show, table

    console = stdout()
    facts = findings["platform"]
    machine = table("This machine", "", "")
    machine.show_header = False
    machine.add_row("Python", f"{facts['python']} on {facts['system']}")
    machine.add_row("cores", f"{findings['usable_cores']} usable of {facts['cores']}")
    if findings["torch_threads"] is not None:
        machine.add_row("torch threads", str(findings["torch_threads"]))
    machine.add_row("runs are kept in", str(findings["runs_dir"]["path"]))
    for name, version in findings["packages"].items():
        machine.add_row(name, version or "not installed")
    show(console, machine)
    for kind in ("domains", "algorithms"):
        ready = [item["name"] for item in findings[kind] if not item["missing"]]
        console.print(f"{kind.capitalize()} ready: {', '.join(ready) or 'none'}")
    if not findings["problems"]:
        console.print("\nAll is well.", style="green")
        return
    console.print("\nProblems:", style="bold red")
    for problem in findings["problems"]:
        console.print(f"- {problem}")
