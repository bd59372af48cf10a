"""The reference names every entry of the documents that it explains, and lists what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.records import comparison, evaluation, labels, moves, run, tuning
from sandbox.records.base import Record
from sandbox.registry.discover import Plugins, registry

DOCS = Path(__file__).resolve().parents[2] / "docs"

DOCUMENTS: list[tuple[str, str, type[Record]]] = [
    ("run-directory", "## run.json", run.RunRecord),
    ("run-directory", "## labels.json", labels.LabelsRecord),
    ("run-directory", "## evaluation.json", evaluation.EvaluationRecord),
    ("run-directory", "## evaluation.json", evaluation.AgentResult),
    ("run-directory", "## evaluation.json", evaluation.DifferenceRecord),
    ("comparison", "## comparison.json", comparison.ComparisonRecord),
    ("comparison", "## comparison.json", comparison.ScenarioFacts),
    ("comparison", "## comparison.json", comparison.CellFacts),
    ("comparison", "## comparison.json", comparison.Score),
    ("comparison", "## comparison.json", comparison.Overall),
    ("tuning", "## tuning.json", tuning.TuningRecord),
    ("tuning", "## tuning.json", tuning.TrialRecord),
    ("moves", "## moves.json", moves.MovesRecord),
    ("moves", "## moves.json", moves.Find),
]


def section(page: str, heading: str) -> str:
    """A part of a page of the reference, with its parts, without blocks of code."""
    text = re.sub(r"^```.*?^```", "", (DOCS / "reference" / f"{page}.md").read_text(), flags=re.M | re.S)
    level = heading.count("#")
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} |\Z)", text, re.M | re.S)
    assert found is not None, f"{page}.md has no part '{heading}'"
    return found[1]


@pytest.mark.parametrize(
    ("page", "heading", "record"), DOCUMENTS, ids=[record.__name__ for _, _, record in DOCUMENTS]
)
def test_the_reference_names_every_entry_of_a_document(page: str, heading: str, record: type[Record]) -> None:
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section(page, heading)))))
    entries = {field.alias or name for name, field in record.model_fields.items()}
    assert not entries - words


def of_this_distribution(plugins: Plugins) -> list[str]:
    """Names of what is shipped: other tests of the same process may have registered more."""
    return [name for name in plugins.names() if plugins.source(name).distribution == "sandbox-rl"]


def test_the_page_about_masks_names_the_algorithms_that_use_them() -> None:
    text = (DOCS / "explanation" / "action-masks.md").read_text()
    algorithms = registry().algorithms
    shipped = of_this_distribution(algorithms)
    line = re.search(r"^- \*\*With masks\*\* \((.*?)\)", text, re.M | re.S)
    assert line is not None
    named = set(re.findall(r"`([^`]+)`", line[1]))
    assert named == {name for name in shipped if algorithms.get(name).capabilities.masks}


def test_the_glossary_names_every_domain() -> None:
    text = (DOCS / "reference" / "glossary.md").read_text()
    line = re.search(r"^\| domain \|.*$", text, re.M)
    assert line is not None
    assert [name for name in of_this_distribution(registry().domains) if name not in line[0]] == []
