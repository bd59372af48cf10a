"""Who gets in, and what lies outside the runs directory."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.testclient import TestClient
from ui_support import HOSTILE, make_comparison, make_run

from sandbox.ui.events import stream
from sandbox.ui.guard import PAGE_POLICY
from sandbox.ui.library import Library, NotThereError
from sandbox.ui.server import make_app

OLD = Path(__file__).parents[2] / "fixtures" / "replays"

TOKEN = "t" * 43


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A runs directory with two runs, a comparison, and a secret beside it."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "secret.json").write_text("{}")
    root = tmp_path / "runs"
    make_run(root)
    make_run(root, algorithm="dqn", mean=30.0)
    make_comparison(root)
    return root


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    """A browser on this machine that has not shown the token."""
    with TestClient(make_app(root, TOKEN), base_url="http://127.0.0.1", follow_redirects=False) as made:
        yield made


@pytest.fixture
def inside(client: TestClient) -> TestClient:
    """One that has."""
    assert client.get("/", params={"token": TOKEN}).status_code == 303
    return client


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(client: TestClient) -> None:
    answer = client.get("/", params={"token": TOKEN})
    assert answer.headers["location"] == "/"
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert client.get("/").status_code == 200
    assert TOKEN not in client.get("/").text


@pytest.mark.parametrize("path", ["/", "/api/index", "/assets/ui.js", "/api/events", "/nowhere", "/report"])
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], "ü"])
def test_without_the_token_nothing_is_shown(client: TestClient, path: str, token: str | None) -> None:
    answer = client.get(path, params={} if token is None else {"token": token})
    assert answer.status_code == 403
    assert "toy" not in answer.text


def test_the_token_is_taken_at_the_front_door_only(client: TestClient) -> None:
    assert client.get("/api/index", params={"token": TOKEN}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:80@evil.example", ""])
def test_a_foreign_host_name_is_refused_even_with_the_cookie(inside: TestClient, host: str) -> None:
    assert inside.get("/api/index", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:9", "LOCALHOST"])
def test_names_of_this_machine_are_trusted(inside: TestClient, host: str) -> None:
    assert inside.get("/api/index", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(inside: TestClient, method: str) -> None:
    assert inside.request(method, "/api/index").status_code == 405


def test_other_sites_are_refused(inside: TestClient) -> None:
    assert inside.get("/api/index", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_every_answer_carries_the_policy(inside: TestClient) -> None:
    for path in ("/", "/api/index", "/assets/base.css", "/nowhere"):
        headers = inside.get(path).headers
        assert headers["content-security-policy"] == PAGE_POLICY
        assert "default-src 'self'" in PAGE_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_reports_are_served_in_a_sandbox_of_their_own(inside: TestClient, root: Path) -> None:
    run = next((root / "toy/queue/ppo").iterdir())
    (run / "report.html").write_text("<script>alert(document.cookie)</script>")
    name = run.relative_to(root).as_posix()
    ready = inside.get("/report", params={"run": name})
    made = inside.get("/report", params={"grid": "tiny-0123abcd"})
    assert ready.text == "<script>alert(document.cookie)</script>"
    assert "ppo beats the best baseline" in made.text
    for answer in (ready, made):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox allow-scripts; default-src 'none'")
        assert "allow-same-origin" not in policy


NAMES = [
    "../secret.png",
    "replays/../../../../../../secret.png",
    "/etc/passwd",
    "..%2fsecret.png",
    "....//secret.png",
    ".hidden.png",
    "a\x00.png",
    "..\\secret.png",
    "run.json",
    "progress.jsonl",
    "weights.safetensors",
    "link.png",
    "folder/link.png",
    "",
    ".",
    "..",
    "x" * 5000,
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_file_leaves_the_run(inside: TestClient, root: Path, name: str) -> None:
    run = next((root / "toy/queue/ppo").iterdir())
    (run / ".hidden.png").write_bytes(b"secret")
    (run / "weights.safetensors").write_bytes(b"secret")
    (run / "link.png").symlink_to(root.parent / "secret.png")
    (run / "folder").symlink_to(root.parent)
    (run / "fine.png").write_bytes(b"fine")
    own = run.relative_to(root).as_posix()
    assert inside.get("/file", params={"id": own, "name": "fine.png"}).content == b"fine"
    answer = inside.get("/file", params={"id": own, "name": name})
    assert answer.status_code == 404
    assert b"secret" not in answer.content
    assert (
        inside.get("/api/replay", params={"id": own, "name": name.replace(".png", ".json")}).status_code
        == 404
    )


@pytest.mark.parametrize(
    "name",
    ["..", "../..", "toy/queue/ppo", "toy/queue/ppo/../../../..", "/", "a/b/c/d", "toy/queue/link/run", ""],
)
def test_no_name_of_a_run_leaves_the_directory(inside: TestClient, root: Path, name: str) -> None:
    outside = make_run(root.parent / "elsewhere")
    (root / "toy/queue/link").mkdir()
    (root / "toy/queue/link/run").symlink_to(outside.path)
    for path in ("/api/run", "/api/grid", "/report"):
        assert inside.get(path, params={"id": name, "run": name}).status_code == 404
    assert inside.get("/api/events", params={"run": f"{name}@0"}).status_code == 404
    assert len(inside.get("/api/index").json()["runs"]) == 2


def test_the_index_tells_runs_and_comparisons(inside: TestClient) -> None:
    index = inside.get("/api/index").json()
    assert {(run["algorithm"], run["value"], run["verdict"]) for run in index["runs"]} == {
        ("ppo", 20.0, "better"),
        ("dqn", 30.0, "worse"),
    }
    assert [(grid["title"], grid["done"], grid["cells"]) for grid in index["grids"]] == [
        ("Suite tiny", 20, 20)
    ]


def test_a_comparison_without_a_title_is_named_by_agents_and_scenarios_everywhere(
    inside: TestClient, root: Path
) -> None:
    folder = root / "comparisons/tiny-0123abcd"
    document = json.loads((folder / "comparison.json").read_text()) | {"suite": "compare", "title": ""}
    (folder / "comparison.json").write_text(json.dumps(document))
    name = "ppo and dqn on toy/queue and toy/network"
    assert [grid["title"] for grid in inside.get("/api/index").json()["grids"]] == [name]
    assert inside.get("/api/grid", params={"id": folder.name}).json()["heading"] == name
    assert f"<title>{name}" in inside.get("/report", params={"grid": folder.name}).text


def test_damaged_files_are_named_and_hide_nothing(inside: TestClient, root: Path) -> None:
    run = next((root / "toy/queue/ppo").iterdir())
    (run / "run.json").write_text("{")
    (next((root / "toy/queue/dqn").iterdir()) / "evaluation.json").write_text("[]")
    (root / "comparisons/tiny-0123abcd/comparison.json").write_text("nonsense")
    index = inside.get("/api/index").json()
    assert {run["algorithm"]: run["status"] for run in index["runs"]} == {"ppo": "damaged", "dqn": "done"}
    assert index["grids"][0]["status"] == "damaged"
    answer = inside.get("/api/run", params={"id": run.relative_to(root).as_posix()})
    assert answer.status_code == 422
    assert "run.json" in answer.json()["error"]


def test_a_replay_is_checked_before_it_is_shown(inside: TestClient, root: Path) -> None:
    run = next((root / "toy/queue/ppo").iterdir())
    (run / "replays").mkdir()
    series = [{"name": "stock", "values": [1]}]
    episode = {"agent": HOSTILE, "seed": 0, "frames": 1, "series": series}
    whole = {"version": 2, "scenario": "x", "episodes": [episode]}
    (run / "replays/good.json").write_text(json.dumps(whole))
    (run / "replays/bad.json").write_text(json.dumps({**whole, "version": "<script>"}))
    name = run.relative_to(root).as_posix()
    good = inside.get("/api/replay", params={"id": name, "name": "good.json"})
    assert good.json()["episodes"][0]["agent"] == HOSTILE
    assert good.headers["content-type"] == "application/json"
    assert inside.get("/api/replay", params={"id": name, "name": "bad.json"}).status_code == 422
    shutil.copy(OLD / "inventory.json", run / "replays/old.json")
    old = inside.get("/api/replay", params={"id": name, "name": "old.json"})
    assert old.json()["version"] == 2


def test_news_of_a_run_in_progress_comes_within_a_second(root: Path) -> None:
    run = next((root / "toy/queue/ppo").iterdir())
    name = run.relative_to(root).as_posix()
    file = run / "progress.jsonl"

    async def first_news() -> tuple[bytes, float]:
        gone = Event()
        loop = asyncio.get_running_loop()
        events = stream(Library(root), {name: file.stat().st_size}, gone)
        assert b"event: hello" in await anext(events)
        with file.open("a") as out:
            out.write('{"steps": 2000, "delay": 19}\n{"steps": 20')
        start = loop.time()
        news = await anext(events)
        gone.set()
        return news, loop.time() - start

    news, seconds = asyncio.run(first_news())
    assert news.startswith(b"event: progress\n")
    assert json.loads(news.split(b"data: ")[1])["records"] == [{"steps": 2000, "metric/delay": 19}]
    assert seconds < 1.0


def test_a_new_run_and_a_changed_record_are_news(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.ui.events.INDEX_EVERY", 0.2)
    run = next((root / "toy/queue/ppo").iterdir())

    async def kinds() -> list[bytes]:
        gone = Event()
        events = stream(Library(root), {run.relative_to(root).as_posix(): 10**9}, gone)
        await anext(events)
        os.utime(run / "run.json", ns=(1, 1))
        heard = [await anext(events)]
        make_run(root, seed=7)
        while not heard[-1].startswith(b"event: index"):
            heard.append(await anext(events))
        gone.set()
        return heard

    assert (asyncio.run(kinds()))[0].startswith(b"event: state")


def test_a_library_without_runs_is_empty(tmp_path: Path) -> None:
    kinds = ("runs", "grids", "studies", "moves")
    assert Library(tmp_path).index() == {"root": str(tmp_path)} | {kind: [] for kind in kinds}
    with pytest.raises(NotThereError):
        Library(tmp_path).run("a/b/c/d")
