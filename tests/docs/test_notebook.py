"""The notebook tutorial runs from top to bottom, and shows what its text says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "first-notebook.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What every code cell shows: HTML where it gives some, else text."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is kept without its outputs"
    folder = tmp_path_factory.mktemp("notebook")
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return [_shown(cell) for cell in notebook.cells if cell.cell_type == "code"]


def _shown(cell: Any) -> str:
    results = [output["data"] for output in cell.outputs if output.output_type == "execute_result"]
    return "".join(data.get("text/html", data.get("text/plain", "")) for data in results)


def test_the_notebook_shows_the_verdict_and_the_distance_from_the_optimum(outputs: list[str]) -> None:
    assert "Box" in outputs[0]
    assert "% worse than optimum" in outputs[1]
    assert "the optimum (optimal," in outputs[3]
    assert "mean" in outputs[4]
    assert "validation/metric/cost" in outputs[5]
