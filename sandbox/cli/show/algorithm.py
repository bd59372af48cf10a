"""``sandbox info ALGORITHM``: what an algorithm can be trained on, and its hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.api.algorithm import Algorithm
    from sandbox.api.tuning import Tunable
    from sandbox.api.types import Json


def describe_algorithm(algorithm: Algorithm) -> Json:
    """The algorithm as a JSON document; imports the module of its hyperparameters, not its library."""
    from sandbox.cli.show.fields import allowed, default
    from sandbox.registry.resolve import missing_modules, resolve
    from sandbox.tuning.spaces import tunables

    can, model = algorithm.capabilities, resolve(algorithm.config)
    ranges = tunables(model)
    return {
        "algorithm": algorithm.name,
        "description": algorithm.description,
        "version": algorithm.version,
        "family": algorithm.family,
        "backend": algorithm.backend,
        "extra": algorithm.extra,
        "available": not missing_modules(algorithm.requires),
        "observation_spaces": sorted(can.observation_spaces),
        "action_spaces": sorted(can.action_spaces),
        "agents": sorted(can.agents),
        "masks": can.masks,
        "masked_by": algorithm.masked_by,
        "vectorised": can.vectorised,
        "data": can.data,
        "on_policy": can.on_policy,
        "model_based": can.model_based,
        "learning": can.learning,
        "needs": can.needed,
        "accepts": sorted(can.accepts),
        "exact_resume": can.exact_resume,
        "hyperparameters": [
            {
                "name": name,
                "default": default(field),
                "allowed": allowed(field),
                "tuned": tuned(ranges[name]) if name in ranges else "",
                "description": field.description or "",
            }
            for name, field in model.model_fields.items()
        ],
        "sources": list(algorithm.sources),
    }


def tuned(tunable: Tunable) -> str:
    """The range that ``sandbox tune`` searches, in words."""
    if tunable.choices:
        return ", ".join(json.dumps(choice).strip('"') for choice in tunable.choices)
    scale = " (logarithm of 1 - value)" if tunable.complement else " (logarithm)"
    return f"{tunable.low:g} to {tunable.high:g}" + (scale if tunable.log else "")


def show_algorithm(document: Json) -> None:
    """Print what `describe_algorithm` returns."""
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.tables import show, table

    console = stdout()
    console.print(f"{document['algorithm']}: {document['description']}", style="bold")
    facts = table("", "", "")
    facts.show_header = False
    for name, value in _facts(document).items():
        facts.add_row(name, value)
    show(console, facts)
    _show_hyperparameters(console, document["hyperparameters"])
    if document["sources"]:
        console.print("Sources", style="bold")
        for source in document["sources"]:
            console.print(f"- {source}")
    console.print(f"\nNext: sandbox run SCENARIO --algo {document['algorithm']}")


def _show_hyperparameters(console: Console, rows: Sequence[Json]) -> None:
    """What ``sandbox tune`` searches has a column of its own where the terminal is wide enough."""
    from sandbox.cli.show.tables import WIDE_TABLE, show, table

    title = "Hyperparameters (--hp NAME=VALUE)"
    if console.width >= WIDE_TABLE:
        shown = table(title, "name", "default", "allowed", "sandbox tune searches", "meaning")
        for row in rows:
            shown.add_row(row["name"], row["default"], row["allowed"], row["tuned"], row["description"])
    else:
        shown = table(title, "name", "default", "allowed", "meaning")
        for row in rows:
            searched = f"; sandbox tune: {row['tuned']}" if row["tuned"] else ""
            shown.add_row(row["name"], row["default"], row["allowed"], f"{row['description']}{searched}")
    show(console, shown)


def _facts(document: Json) -> dict[str, str]:
    masks = "kept out of the policy" if document["masks"] else "not used"
    if document["masked_by"]:
        masks = f"{document['masked_by']} takes over"
    installed = "yes" if document["available"] else "no"
    if not document["available"] and document["extra"]:
        installed = f'no: pip install "sandbox-rl[{document["extra"]}]"'
    needs = [*document["needs"], *(f"{name} (optional)" for name in document["accepts"])]
    return {
        "family": document["family"],
        "learns": document["learning"],
        "backend": document["backend"],
        "installed": installed,
        "actions": ", ".join(document["action_spaces"]),
        "observations": ", ".join(document["observation_spaces"]),
        "agents": agents_in_words(document["agents"]),
        "action masks": masks,
        "needs": ", ".join(needs) or "an environment",
        "environments": "any number" if document["vectorised"] else "one",
        "resume": "exact" if document["exact_resume"] else "not exact",
    }


def agents_in_words(settings: Iterable[str]) -> str:
    """Which settings it can be trained in, in words."""
    words = {"single": "one", "parallel": "several by parameter sharing", "joint": "several, told apart"}
    return ", or ".join(text for name, text in words.items() if name in settings)
