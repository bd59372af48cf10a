"""``sandbox list``: what there is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sandbox.api.types import Json
    from sandbox.scenarios.find import ScenarioEntry

KINDS = ("domains", "scenarios", "suites", "algorithms", "baselines", "plugins")
ALL = tuple(kind for kind in KINDS if kind != "suites")
"""What is shown where no kind is named: suites are read in full, which takes its time."""


def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[WHAT]", help="domains, scenarios, suites, algorithms, baselines or plugins."
        ),
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD...]", help="Only what has all these words in its name or description."),
    ] = None,
    as_json: AsJson = False,
) -> dict[str, Any] | None:
    """Show what there is to run, and to run it with."""
    import sandbox
    from sandbox.api.errors import UnknownNameError
    from sandbox.cli.show.console import stdout
    from sandbox.scenarios.listing import entries, readable

    if what is not None and what not in KINDS:
        raise UnknownNameError("kind of thing", what, KINDS)
    kinds = ALL if what is None else (what,)
    files = entries() if "scenarios" in kinds else []
    everything = {  # found by name, so that only what is asked for is imported
        kind: readable(files) if kind == "scenarios" else getattr(sandbox, f"list_{kind}")() for kind in kinds
    }
    listed = {kind: _with(items, words or ()) for kind, items in everything.items()}
    if as_json:
        return listed
    unreadable = [] if words else [entry for entry in files if entry.error is not None]
    _show(listed, unreadable, summary=what is None)
    for kind, items in listed.items():
        if not items:
            stdout().print(_none_of(kind, words or (), everything[kind]))
    if what is None:
        stdout().print("Next: sandbox info SCENARIO, or sandbox run SCENARIO --algo ALGORITHM.")
    return None


def _text(item: Json) -> str:
    return " ".join(str(value) for value in item.values()).casefold()


def _with(items: list[Json], words: Sequence[str]) -> list[Json]:
    """The items in whose texts all words stand, in upper or lower case."""
    return [item for item in items if all(word.casefold() in _text(item) for word in words)]


def _none_of(kind: str, words: Sequence[str], items: list[Json]) -> str:
    """That nothing has all the words, and what may have been meant by those that nothing has."""
    from sandbox.api.errors import nearest

    texts = " ".join(map(_text, items))
    vocabulary = sorted(set(re.findall(r"\w[\w-]*", texts)))
    meant = [
        near
        for word in words
        if word.casefold() not in texts
        for near in nearest(word.casefold(), vocabulary)
    ]
    among = f" with {' and '.join(repr(word) for word in words)}" if words else ""
    return f"There are no {kind}{among}." + (f" Did you mean {' or '.join(meant)}?" if meant else "")


def _show(listed: dict[str, list[Json]], unreadable: Sequence[ScenarioEntry], summary: bool) -> None:
    """Print the tables; in a summary, of the plugins only those that are broken."""
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.tables import show

    console = stdout()
    for kind, items in listed.items():
        if kind == "plugins" and summary:
            _broken(console, items)
        elif items:
            show(console, _TABLES[kind](items))
    for entry in unreadable:
        console.print(f"The scenario {entry.id} cannot be used: {entry.error}", style="red")


def _domains(items: list[Json]) -> Table:
    from sandbox.cli.show.tables import table

    shown = table("Domains", "domain", "what it is", "runs by default")
    for item in items:
        note = "" if item["available"] else " (not installed: see sandbox doctor)"
        shown.add_row(item["name"], item["title"] + note, item["default_scenario"])
    return shown


def _scenarios(items: list[Json]) -> Table:
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.tables import WIDE_TABLE, table

    if stdout().width < WIDE_TABLE:  # three columns would leave the titles a dozen letters
        shown = table("Scenarios", "scenario", "what it is, ranked by")
        for item in items:
            several = ", several agents" if item["agents"] == "parallel" else ""
            shown.add_row(item["id"], f"{item['title']} ({item['metric']}{several})")
        return shown
    shown = table("Scenarios", "scenario", "what it is", "ranked by", "agents")
    for item in items:
        agents = "several" if item["agents"] == "parallel" else "one"
        shown.add_row(item["id"], item["title"], item["metric"], agents)
    return shown


def _suites(items: list[Json]) -> Table:
    from sandbox.cli.show.tables import table

    shown = table("Suites (sandbox compare NAME)", "suite", "what it is", "scenarios", "algorithms", "seeds")
    for item in items:
        algorithms = ", ".join(item["algorithms"]) or "-"
        title = item["title"] if item["error"] is None else f"cannot be used: {item['error']}"
        count = f"{len(item['claims'])} claims" if "claims" in item else str(len(item["scenarios"]))
        shown.add_row(item["id"], title, count, algorithms, str(item["seeds"] or "-"))
    return shown


def _algorithms(items: list[Json]) -> Table:
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.tables import WIDE_TABLE, table

    if stdout().width < WIDE_TABLE:
        shown = table("Algorithms", "algorithm", "family: how it learns")
        for item in items:
            missing = "" if item["available"] else ", not installed"
            shown.add_row(item["name"], f"{item['family']}: {_learning(item)}{missing}")
        return shown
    shown = table("Algorithms", "algorithm", "family", "learns", "backend", "installed")
    for item in items:
        installed = "yes" if item["available"] else "no"
        shown.add_row(item["name"], item["family"], _learning(item), item["backend"], installed)
    return shown


def _learning(item: Json) -> str:
    return str(item["learning"]) + "".join(f", needs {need}" for need in item["needs"])


def _baselines(items: list[Json]) -> Table:
    from sandbox.cli.show.tables import table

    by_task: dict[str, list[str]] = {}
    for item in items:
        by_task.setdefault(item["task"], []).append(item["name"])
    shown = table("Baselines", "task", "classical methods")
    for task, names in by_task.items():
        shown.add_row(task, ", ".join(names))
    return shown


def _plugins(items: list[Json]) -> Table:
    from sandbox.cli.show.tables import table

    shown = table("Plugins", "plugin", "kind", "comes from", "status")
    for item in items:
        source = f"{item['distribution']} {item['version']}".strip()
        shown.add_row(item["name"], item["group"], source, item["error"] or "ok")
    return shown


_TABLES = {
    "domains": _domains,
    "scenarios": _scenarios,
    "suites": _suites,
    "algorithms": _algorithms,
    "baselines": _baselines,
    "plugins": _plugins,
}


def _broken(console: Console, plugins: list[Json]) -> None:
    for plugin in plugins:
        if plugin["status"] != "ok":
            console.print(f"The plugin '{plugin['name']}' is broken: {plugin['error']}", style="red")
