"""A search for moves as one HTML file that needs no network; see `sandbox.report.page` for its policy."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.api.errors import SandboxError
from sandbox.api.replay import read_replay, to_json
from sandbox.moves.words import meaning, summary
from sandbox.records.moves import MovesRecord
from sandbox.records.words import signed
from sandbox.report.media import MAX_REPLAYS, script_json
from sandbox.report.page import SCRIPTS, STYLES, asset_text, digest, environment

PAGE = "moves.html"


def page(record: MovesRecord, folder: Path) -> str:
    """The page.

    Args:
        record: What was found.
        folder: Where its films lie.
    """
    from jinja2 import PackageLoader
    from markupsafe import Markup

    style, script = (asset_text(names) for names in (STYLES, SCRIPTS))
    policy = (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    replays = _replays(record, folder)
    templates = environment().overlay(loader=PackageLoader("sandbox.moves"))
    templates.filters = {**templates.filters, "signed": signed}
    lists = (
        ("Its own moves", "Decisions with the highest novelty × advantage.", record.best),
        ("Where it fails", "Decisions in which a classical action is worth more than its own.", record.worst),
    )
    return str(
        templates.get_template("moves.html").render(
            policy=policy,
            style=Markup(style),
            script=Markup(script),
            title=f"Moves of {record.agent} on {record.scenario}",
            summary=summary(record),
            meaning=meaning(record),
            record=record,
            lists=lists,
            priors=any(find.prior is not None for find in (*record.best, *record.worst)),
            replays=replays,
            replays_json=Markup(script_json(replays)),
            command=shlex.join(record.command or ()),
        )
    )


def _replays(record: MovesRecord, folder: Path) -> dict[str, Any]:
    """The films that fit the page, by the id of their decision."""
    replays: dict[str, Any] = {}
    taken = 0
    for find in (*record.best, *record.worst):
        file = folder / (find.replay or "")
        if find.replay is None or not file.is_file() or taken + file.stat().st_size > MAX_REPLAYS:
            continue
        with suppress(SandboxError):
            replays[find.id] = to_json(read_replay(file))
            taken += file.stat().st_size
    return replays
