"""Names and tags of runs from the page, and searches for hyperparameters in it and in reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.testclient import TestClient
from ui_support import make_run, make_study

from sandbox.api.errors import InvalidValueError, SandboxError
from sandbox.report.make import make_report
from sandbox.runs.labels import change_labels, read_labels
from sandbox.runs.verify import find_damages
from sandbox.ui.library import Library
from sandbox.ui.server import make_app

TOKEN = "t" * 43
ORIGIN = {"origin": "http://127.0.0.1"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A runs directory with a run and a search."""
    root = tmp_path / "runs"
    make_run(root)
    make_study(root)
    return root


@pytest.fixture
def page(root: Path) -> Iterator[TestClient]:
    """A browser that holds the token."""
    with TestClient(make_app(root, TOKEN), base_url="http://127.0.0.1", follow_redirects=False) as made:
        made.get("/", params={"token": TOKEN})
        yield made


def only(page: TestClient) -> dict[str, object]:
    (line,) = page.get("/api/index").json()["runs"]
    return dict(line)


def test_a_name_and_tags_that_the_page_gives_are_in_its_list(page: TestClient, root: Path) -> None:
    name = only(page)["id"]
    given = {"id": name, "name": " night shift ", "tags": "paper, baseline paper"}
    answer = page.post("/api/label", json=given, headers=ORIGIN)
    assert answer.json() == {
        "id": name, "called": "night shift", "tags": ["paper", "baseline"], "archived": False,
    }  # fmt: skip
    assert only(page)["called"] == "night shift"
    assert page.get("/api/run", params={"id": name}).json()["tags"] == ["paper", "baseline"]
    page.post("/api/label", json={"id": name, "name": "", "tags": "baseline"}, headers=ORIGIN)
    labels = read_labels(root / str(name))
    assert (labels.name, labels.tags) == ("", ("baseline",))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"id": "ID", "name": "a\nb", "tags": ""}, 422),
        ({"id": "ID", "name": "x" * 101, "tags": ""}, 422),
        ({"id": "ID", "name": "", "tags": "y" * 41}, 422),
        ({"id": "ID", "name": "", "tags": " ".join(f"t{i}" for i in range(21))}, 422),
        ({"id": "ID", "name": ""}, 422),
        ({"id": "../../etc/x/y", "name": "", "tags": ""}, 404),
        ({"id": "toy/queue/ppo/none", "name": "", "tags": ""}, 404),
        ({"id": "ID", "name": "", "tags": "a", "archived": "yes"}, 422),
    ],
)
def test_what_is_no_name_or_tag_is_refused(page: TestClient, root: Path, given: dict, status: int) -> None:
    name = str(only(page)["id"])
    document = {**given, "id": given["id"].replace("ID", name)}
    assert page.post("/api/label", json=document, headers=ORIGIN).status_code == status
    assert not (root / name / "labels.json").exists()


def test_only_the_page_itself_may_label(page: TestClient) -> None:
    document = {"id": only(page)["id"], "name": "x", "tags": ""}
    assert page.post("/api/label", json=document).status_code == 403
    assert page.post("/api/label", json=document, headers={"origin": "http://evil"}).status_code == 403
    sent = page.post(
        "/api/label", content=json.dumps(document), headers={**ORIGIN, "content-type": "text/plain"}
    )
    assert sent.status_code == 415
    assert page.post("/api/run", json=document, headers=ORIGIN).status_code == 405


def test_damaged_labels_hide_no_run_and_are_told(page: TestClient, root: Path) -> None:
    name = str(only(page)["id"])
    (root / name / "labels.json").write_text('{"format": 1, "tags": ["two words"]}')
    line = only(page)
    assert (line["called"], line["tags"]) == ("", [])
    assert "labels.json is damaged" in str(line["error"])
    assert any("labels.json is damaged" in damage for damage in find_damages(root / name))


def test_tags_are_added_and_taken_away_one_by_one(root: Path) -> None:
    (run,) = Library(root).index()["runs"]
    folder = root / run["id"]
    assert change_labels(folder, add=["a", "b", "a"]).tags == ("a", "b")
    assert change_labels(folder, remove=["a", "never"], name="x").tags == ("b",)
    assert change_labels(folder, archived=True).name == "x"
    with pytest.raises(InvalidValueError, match="is no tag"):
        change_labels(folder, add=["a,b"])
    assert read_labels(folder).tags == ("b",)


def test_a_search_is_listed_and_shown_with_all_its_trials(page: TestClient) -> None:
    (line,) = page.get("/api/index").json()["studies"]
    assert (line["title"], line["trials"], line["wanted"]) == ("ppo on toy/queue", 12, 12)
    study = page.get("/api/study", params={"id": line["id"]}).json()
    assert len(study["trials"]) == 12
    assert study["importances"]["learning_rate"] == 0.7
    assert page.get("/api/study", params={"id": "../runs"}).status_code == 404
    report = page.get("/report", params={"study": line["id"]})
    assert report.status_code == 200
    assert "sandbox allow-scripts" in report.headers["content-security-policy"]


def test_a_report_of_a_search_is_one_file_beside_it(root: Path) -> None:
    (folder,) = (root / "tuning").iterdir()
    written = make_report([folder])
    assert written == folder / "report.html"
    assert "Search for hyperparameters of ppo on toy/queue" in written.read_text()
    assert make_report([folder / "tuning.json"], out=root / "x.html").read_text() == written.read_text()


def test_a_search_is_reported_alone_and_as_a_page(root: Path) -> None:
    (folder,) = (root / "tuning").iterdir()
    (run,) = Library(root).index()["runs"]
    with pytest.raises(InvalidValueError, match="one search"):
        make_report([folder, root / run["id"]])
    with pytest.raises(InvalidValueError, match="format csv"):
        make_report([folder], "csv")
    (folder / "tuning.json").write_text("{}")
    with pytest.raises(SandboxError, match=r"tuning\.json"):
        make_report([folder])
