"""Searches for moves in the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.testclient import TestClient
from ui_support import make_run

from sandbox.ui.server import make_app

TOKEN = "t" * 43


def find(number: int, verdict: str, advantage: float) -> dict[str, Any]:
    return {
        "id": f"1.{number}", "seed": 1, "step": number, "row": 0, "action": 1, "text": "phase 1",
        "novelty": 1.0, "screened": advantage, "advantage": advantage, "p": 0.01, "fresh": 8,
        "ci95": [advantage - 1, advantage + 1], "verdict": verdict, "alternatives": [],
        "kind": {"episodes": 1, "of": 1, "occurrences": 1},
    }  # fmt: skip


def make_search(folder: Path) -> Path:
    """A finished search with three tested decisions: one better, one unclear, one worse."""
    folder.mkdir(parents=True)
    record = {
        "format": 1, "scenario": "toy/queue", "scenario_hash": "ab" * 32, "agent": "ppo",
        "against": ["first", "random"],
        "measure": "metric", "metric": "delay", "unit": "s", "better": "lower", "window": 10, "redrawn": True,
        "seeds": [1], "decisions": 100, "different": 20, "screened": 10, "candidates": 3, "futures": 2,
        "best": [find(1, "confirmed", 2.0), find(2, "unclear", 0.5)], "worst": [find(3, "confirmed", -3.0)],
        "branches": 60, "seconds": 1.5, "seed": 0,
    }  # fmt: skip
    (folder / "moves.json").write_text(json.dumps(record))
    (folder / "moves.html").write_text("<!doctype html><title>Moves of ppo</title>")
    return folder


def browser(root: Path) -> TestClient:
    made = TestClient(make_app(root, TOKEN), base_url="http://127.0.0.1", follow_redirects=False)
    made.get("/", params={"token": TOKEN})
    return made


def test_a_run_lists_its_searches_and_their_pages_open(tmp_path: Path) -> None:
    run = make_run(tmp_path).path
    make_search(run / "moves" / "first-1a2b")
    page, name = browser(tmp_path), run.relative_to(tmp_path).as_posix()
    (line,) = page.get("/api/run", params={"id": name}).json()["moves"]
    assert line["title"] == "ppo on toy/queue"
    assert (line["candidates"], line["better"], line["worse"]) == (3, 1, 1)
    answer = page.get("/report", params={"moves": line["id"]})
    assert answer.status_code == 200
    assert "Moves of ppo" in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert page.get("/api/index").json()["moves"] == []


def test_searches_for_baselines_stand_beside_the_runs(tmp_path: Path) -> None:
    make_search(tmp_path / "moves" / "toy" / "queue" / "first-1a2b")
    page = browser(tmp_path)
    index = page.get("/api/index").json()
    assert index["runs"] == []
    assert [line["id"] for line in index["moves"]] == ["moves/toy/queue/first-1a2b"]


def test_damaged_unfinished_and_foreign_searches(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    damaged = make_search(root / "moves" / "toy" / "queue" / "a")
    (damaged / "moves.json").write_text("{")
    unfinished = make_search(root / "moves" / "toy" / "queue" / "b")
    (unfinished / "moves.json").unlink()
    make_search(tmp_path / "elsewhere")
    page = browser(root)
    (line,) = page.get("/api/index").json()["moves"]
    assert line["error"]
    for name in ("moves/toy/queue/b", "../elsewhere", "moves/toy/queue/none"):
        assert page.get("/report", params={"moves": name}).status_code == 404
