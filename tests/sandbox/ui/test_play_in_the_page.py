"""Playing in the page: only where it is switched on, only from the page itself, and only in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")
pytest.importorskip("pyspiel")
pytest.importorskip("numba")
pytest.importorskip("torch")

from starlette.testclient import TestClient

from sandbox.training.train import train
from sandbox.ui.play import MAX_BODY, MAX_SESSIONS
from sandbox.ui.server import make_app

TOKEN = "t" * 43
ORIGIN = {"origin": "http://127.0.0.1"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory with a run of tic-tac-toe that has hardly begun to learn."""
    root = tmp_path_factory.mktemp("play") / "runs"
    hp = {"channels": 4, "blocks": 0, "simulations": 2, "play_simulations": 4, "moves_per_round": 4}
    changes = ["evaluation.validations=0"]
    train("games/tic-tac-toe", "alphazero", runs_dir=root, steps=64, num_envs=4, hp=hp, changes=changes)
    return root


@pytest.fixture
def run(root: Path) -> str:
    """The run's name in the page."""
    (record,) = root.rglob("run.json")
    return record.parent.relative_to(root).as_posix()


def opened(root: Path, by_hand: bool) -> TestClient:
    app = make_app(root, TOKEN, by_hand=by_hand)
    client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    assert client.get("/", params={"token": TOKEN}).status_code == 303
    return client


@pytest.fixture
def page(root: Path) -> Iterator[TestClient]:
    """A browser that has shown the token to a page where one may play."""
    with opened(root, by_hand=True) as client:
        yield client


def new(page: TestClient, run: str, **more: str) -> Any:
    return page.post("/api/play/new", json={"run": run, **more}, headers=ORIGIN)


def test_a_game_is_played_to_its_end(page: TestClient, run: str) -> None:
    game = new(page, run, agent="perfect", seat="first").json()
    assert (game["seat"], game["agent"], len(game["choices"])) == ("first", "perfect", 9)
    assert game["board"]["cells"] == [[""] * 3] * 3
    while not game["over"]:
        request = {"session": game["session"], "choice": game["choices"][0]["label"]}
        game = page.post("/api/play/choose", json=request, headers=ORIGIN).json()
    assert game["choices"] == []
    assert game["metrics"]["score"] >= 0.0
    assert {turn["seat"] for turn in game["turns"]} == {"first", "second"}


def test_the_runs_own_policy_shows_prior_visits_and_value_of_its_moves(page: TestClient, run: str) -> None:
    game = new(page, run, seat="second").json()
    assert game["agent"] == "alphazero"
    table = game["turns"][0]["table"]
    assert len(table) == 9
    assert sum(row["figures"]["visits"] for row in table) == 4
    assert sum(row["figures"]["prior"] for row in table) == pytest.approx(1.0)
    advice = page.post("/api/play/advice", json={"session": game["session"]}, headers=ORIGIN).json()
    assert len(advice["table"]) == 8


def test_the_page_says_who_may_be_played_and_whether(root: Path, page: TestClient, run: str) -> None:
    shown = page.get("/api/run", params={"id": run}).json()["play"]
    assert shown["enabled"] is True
    assert shown["agents"][:1] == ["alphazero"]
    assert {"perfect", "mcts-100", "random"} <= set(shown["agents"])
    with opened(root, by_hand=False) as still:
        assert still.get("/api/run", params={"id": run}).json()["play"]["enabled"] is False


def test_without_the_switch_every_post_is_refused(root: Path, run: str) -> None:
    with opened(root, by_hand=False) as client:
        assert new(client, run).status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1"},
        {"origin": "http://127.0.0.1:1"},
        {**ORIGIN, "sec-fetch-site": "same-site"},
        {**ORIGIN, "sec-fetch-site": "cross-site"},
    ],
)
def test_another_site_cannot_play(page: TestClient, run: str, headers: dict[str, str]) -> None:
    assert page.post("/api/play/new", json={"run": run}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_can_send_is_refused(page: TestClient, kind: str) -> None:
    answer = page.post("/api/play/new", content=b"{}", headers={**ORIGIN, "content-type": kind})
    assert answer.status_code == 415


def test_without_the_cookie_or_with_another_host_name_nothing_is_taken(
    root: Path, page: TestClient, run: str
) -> None:
    app = make_app(root, TOKEN, by_hand=True)
    with TestClient(app, base_url="http://127.0.0.1") as stranger:
        assert new(stranger, run).status_code == 403
    foreign = {"host": "evil.example", "origin": "http://evil.example"}
    assert page.post("/api/play/new", json={"run": run}, headers=foreign).status_code == 421


@pytest.mark.parametrize("path", ["/", "/api/run", "/api/play", "/api/play/other", "/file", "/report"])
def test_no_other_address_takes_a_post(page: TestClient, path: str) -> None:
    assert page.post(path, json={}, headers=ORIGIN).status_code == 405


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_no_other_method_is_taken(page: TestClient, method: str) -> None:
    assert page.request(method, "/api/play/new", headers=ORIGIN).status_code == 405


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"[]", 422),
        (b"nonsense", 422),
        (b'{"run": 3}', 422),
        (b'{"run": "../../secret"}', 404),
        (b'{"run": "games/x/y/z"}', 404),
        (b'{"run": "' + b"x" * MAX_BODY + b'"}', 413),
        (b"[" * 2000, 422),
    ],
)
def test_broken_requests_are_refused(page: TestClient, body: bytes, status: int) -> None:
    headers = {**ORIGIN, "content-type": "application/json"}
    assert page.post("/api/play/new", content=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    "more",
    [
        {"agent": "/etc/passwd"},
        {"agent": "runs/other"},
        {"seat": "third"},
        {"seed": "-1"},
        {"seed": "1" * 30},
    ],
)
def test_only_the_run_and_its_baselines_may_be_played_against(
    page: TestClient, run: str, more: dict[str, str]
) -> None:
    answer = new(page, run, **more)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_sessions_are_few_and_nothing_is_written(root: Path, page: TestClient, run: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    games = [new(page, run, agent="random").json()["session"] for _ in range(MAX_SESSIONS + 1)]
    gone, kept = (
        page.post("/api/play/advice", json={"session": session}, headers=ORIGIN).status_code
        for session in (games[0], games[-1])
    )
    assert (gone, kept) == (404, 200)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
