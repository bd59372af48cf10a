"""A course as one HTML file that needs no network; see `sandbox.report.page` for its policy."""

from __future__ import annotations

import base64
import hashlib
import shlex

from sandbox.course.picture import draw
from sandbox.course.words import VERDICTS, bound_text, minutes_text, summary, switch_text
from sandbox.records.course import CourseRecord
from sandbox.report.page import SCRIPTS, STYLES, asset_text, environment

PAGE = "course.html"

STYLE = """
.claims td.text { white-space: normal; overflow-wrap: anywhere; vertical-align: top; }
.claims td.text:first-child { min-width: 9em; } .claims td.rule { min-width: 15em; }
.claims .badge { white-space: nowrap; }
"""
"""Sentences in a table may take several lines."""


def page(record: CourseRecord) -> str:
    """The page: a table of all claims, then each with its picture, its figures and its switch."""
    from jinja2 import PackageLoader
    from markupsafe import Markup

    style, script = asset_text(STYLES) + STYLE, asset_text(SCRIPTS)
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    templates = environment().overlay(loader=PackageLoader("sandbox.course"))
    templates.filters = {
        **templates.filters,
        "bound": bound_text,
        "switch": switch_text,
        "minutes": minutes_text,
    }
    pictures = {
        each.claim: base64.b64encode(picture).decode()
        for each in record.claims
        if each.plot is not None and (picture := draw(each.plot)) is not None
    }
    return str(
        templates.get_template("course.html").render(
            policy=policy,
            style=Markup(style),
            script=Markup(script),
            title=record.title or record.suite,
            summary=summary(record),
            record=record,
            kinds={"passed": "better", "failed": "worse", "crashed": "failed", "missing": "incomplete"},
            switch_kinds={
                "broken": "better",
                "unbroken": "worse",
                "crashed": "failed",
                "missing": "incomplete",
            },
            verdicts=VERDICTS,
            pictures=pictures,
            versions=", ".join(f"{name} {version}" for name, version in sorted(record.packages.items())),
            command=shlex.join(record.command or ()),
        )
    )


def _digest(text: str) -> str:
    """The one script or style sheet that the page's policy allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
