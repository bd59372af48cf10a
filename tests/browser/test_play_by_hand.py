"""A game of Connect Four against a run, played in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import serving, window

pytest.importorskip("selenium")
pytest.importorskip("numba")
pytest.importorskip("torch")

from selenium.webdriver.support.ui import WebDriverWait

from sandbox.training.train import train

HP = {"network": "dense", "channels": 8, "blocks": 0, "simulations": 2, "play_simulations": 16}
STONES = ".board .cell.sign0, .board .cell.sign1"


def test_a_game_is_played_with_the_mouse_and_the_agent_shows_its_thoughts(page: Any, tmp_path: Path) -> None:
    """Columns are dropped into by any of their cells; prior, visits and value stand beside the board."""
    changes = ["evaluation.validations=0"]
    hp = {**HP, "moves_per_round": 4}
    train("games/connect-four", "alphazero", runs_dir=tmp_path, steps=16, num_envs=4, hp=hp, changes=changes)
    with serving(tmp_path, "--play") as address:
        window(page, 1280, 1000)
        page.get(address)
        _click(page, "[data-run] .label")
        _click(page, "button", "New game")
        _wait(page, lambda: _count(page, ".board .cell") == 42)
        assert _count(page, STONES) == 0
        for stones in (2, 4):
            _click(page, ".board [aria-label='choose d']")
            _wait(page, lambda n=stones: _count(page, STONES) == n)
        head = _texts(page, ".thoughts th")
        assert {"choice", "prior", "visits", "policy", "value"} == set(head)
        cells = _texts(page, ".thoughts tbody td")
        assert sum(int(text) for text in cells[head.index("visits") :: len(head)]) == 16
        if folder := os.environ.get("SANDBOX_SCREENSHOTS"):
            page.execute_script("document.querySelector('.board').scrollIntoView({block: 'center'})")
            page.save_screenshot(str(Path(folder) / "play-in-the-page.png"))
        _click(page, "button", "Change seats")
        _wait(page, lambda: _count(page, STONES) == 1)
        assert not [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]


def _wait(driver: Any, true: Callable[[], Any]) -> None:
    WebDriverWait(driver, 60, 0.2).until(lambda _: true())


def _click(driver: Any, selector: str, text: str = "") -> None:
    """Click on the first such element, once it is there."""
    script = """
        const found = [...document.querySelectorAll(arguments[0])];
        const one = found.find((each) => !arguments[1] || each.textContent === arguments[1]);
        if (one) one.click();
        return Boolean(one);
    """
    _wait(driver, lambda: driver.execute_script(script, selector, text))


def _count(driver: Any, selector: str) -> int:
    return len(_texts(driver, selector))


def _texts(driver: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
    texts: list[str] = driver.execute_script(script, selector)
    return texts
