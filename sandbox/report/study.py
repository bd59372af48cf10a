"""A search for hyperparameters as one HTML file that needs no network; see `sandbox.report.page`."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from sandbox.api.errors import DamagedRunError
from sandbox.records.tuning import TUNING, TuningRecord
from sandbox.report.media import script_json
from sandbox.report.page import asset_text, digest, environment
from sandbox.runs.guard import SEARCH, require_plain
from sandbox.runs.provenance import packages

STYLES = ("uPlot.min.css", "base.css", "study.css")
SCRIPTS = ("uPlot.iife.min.js", "charts.js", "study.js", "study_page.js")


def is_study(path: str | Path) -> bool:
    """Whether a path is a search's folder, or its record."""
    return study_folder(path).joinpath(TUNING).is_file()


def study_folder(path: str | Path) -> Path:
    """The folder of a search that is given by it or by its record."""
    given = Path(path)
    return given.parent if given.name == TUNING else given


def study_html(path: str | Path) -> str:
    """The page of a search.

    Args:
        path: Its folder, or ``tuning.json`` in it.

    Raises:
        DamagedRunError: If there is no record, or it is damaged.
    """
    from markupsafe import Markup

    folder = study_folder(path)
    require_plain(folder, SEARCH)
    if not (folder / TUNING).is_file():
        raise DamagedRunError(f"'{folder}' is no search: it has no {TUNING}.", "See sandbox tune.")
    record = TuningRecord.read(folder / TUNING)
    style, script = (asset_text(names) for names in (STYLES, SCRIPTS))
    policy = (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return str(
        environment()
        .get_template("study.html")
        .render(
            policy=policy,
            style=Markup(style),
            script=Markup(script),
            title=title(record),
            study_json=Markup(script_json(record.model_dump(mode="json", by_alias=True))),
            command=shlex.join(record.command or ()),
            version=packages().get("sandbox-rl", ""),
            today=time.strftime("%Y-%m-%d"),
        )
    )


def title(record: TuningRecord) -> str:
    """What a search is about."""
    return f"Search for hyperparameters of {record.algorithm} on {record.scenario}"
