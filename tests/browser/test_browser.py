"""Reports and the web page in a real browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import window
from report_support import HOSTILE, evaluation, make_comparison, make_run

from sandbox.api.replay import write_replay
from sandbox.report.make import make_report
from sandbox.runs.checksums import add_artifact, seal

CARS = {
    "agent": HOSTILE,
    "seed": 1,
    "seconds_per_frame": 1.0,
    "roads": [{"points": [[-50, 0], [50, 0]]}],
    "signals": [[[0, -2], [0, 2]]],
    "frames": [{"vehicles": [[1, float(x), 0, 90, 10, 0]], "signals": "G"} for x in range(-40, 40, 4)],
    "series": [{"name": "queue", "unit": "veh", "values": list(range(20))}],
}
CHIP = {
    "agent": "greedy",
    "seed": 1,
    "canvas": {"width": 100, "height": 80},
    "macros": [{"name": HOSTILE, "width": 10, "height": 20}, {"name": "b", "width": 5, "height": 8}],
    "nets": [[[0, 5, 5], [1, 2, 2]]],
    "frames": [{"macro": 0, "x": 0, "y": 0}, {"macro": 1, "x": 20, "y": 10, "orientation": "W"}],
}
STOCK = {"agent": "x", "seed": 2, "periods": 3, "locations": [{"name": "shop", "on_hand": [4, 0, 2]}]}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FILM = {"agent": "y", "seed": 3, "fps": 10, "mime": "image/png", "images": [PIXEL, PIXEL]}
REPLAYS = {"intersection": CARS, "chip": CHIP, "inventory": STOCK, "frames": FILM}


def until(true: Callable[[], Any], seconds: float = 8.0) -> Any:
    """What ``true`` gives, once it gives something."""
    end = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)


def complaints(driver: Any) -> list[str]:
    """What the browser has logged as an error."""
    return [one["message"] for one in driver.get_log("browser") if one["level"] == "SEVERE"]


def count(driver: Any, selector: str) -> int:
    return int(driver.execute_script("return document.querySelectorAll(arguments[0]).length", selector))


def texts(driver: Any, selector: str) -> list[str]:
    found: list[str] = driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)", selector
    )
    return found


def click(driver: Any, selector: str) -> None:
    driver.execute_script("document.querySelector(arguments[0]).click()", selector)


def inked(driver: Any, selector: str) -> bool:
    """Whether something is drawn on a canvas."""
    return bool(
        driver.execute_script(
            "const c = document.querySelector(arguments[0]); if (!c || !c.width) return false;"
            "const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
            "return data.some((value, i) => i % 4 === 3 && value > 0)",
            selector,
        )
    )


def with_replays(run: Any) -> None:
    (run.path / "replays").mkdir()
    for viewer, episode in REPLAYS.items():
        write_replay(run.path / "replays" / f"{viewer}.json", viewer, "toy/queue", [episode], title=HOSTILE)


def fits_the_window(driver: Any) -> bool:
    return bool(
        driver.execute_script(
            "return document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1"
        )
    )


def test_a_report_draws_its_charts_and_replays_without_an_error(page: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path, title=HOSTILE)
    with_replays(run)
    page.get(make_report([run.path]).as_uri())
    assert count(page, ".chart canvas") == 2
    assert until(lambda: inked(page, ".chart canvas"))
    for selector in (".replay canvas", ".replay svg rect"):
        assert count(page, selector) >= 1
    assert until(lambda: inked(page, ".replay canvas"))
    assert complaints(page) == []
    assert count(page, "img") == 0


def test_charts_answer_to_the_pointer_and_to_their_buttons(page: Any, tmp_path: Path) -> None:
    page.get(make_report([make_run(tmp_path).path]).as_uri())
    assert texts(page, ".chart .value") == [""] * len(texts(page, ".chart .value"))
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    over = page.find_element(By.CSS_SELECTOR, ".chart .u-over")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", over)
    ActionChains(page).move_to_element_with_offset(over, 150, 10).perform()
    assert until(lambda: any(texts(page, ".chart .value")))
    click(page, ".chart .legend button")
    assert texts(page, ".chart .legend button[aria-pressed='false']")[0].startswith("ppo, training")
    before = page.execute_script("return document.querySelector('.chart canvas').toDataURL()")
    page.execute_script(
        "[...document.querySelectorAll('.chart .tools > button')]"
        ".find((one) => one.textContent === 'log scale').click()"
    )
    assert until(
        lambda: page.execute_script("return document.querySelector('.chart canvas').toDataURL()") != before
    )
    assert complaints(page) == []


def test_tables_sort_by_number_both_ways(page: Any, tmp_path: Path) -> None:
    page.get(make_report([make_comparison(tmp_path)]).as_uri())
    sort = """
        const table = [...document.querySelectorAll('table.sortable')].findLast(
            (one) => one.tHead.textContent.includes('against'));
        const head = [...table.tHead.rows[0].cells].find((one) => one.textContent === 'delay');
        if (arguments[0]) head.querySelector('button').click();
        const names = [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
        return [head.getAttribute('aria-sort'), names];
    """
    agents = [
        "optimum",
        "ppo, best on validation",
        "ppo",
        "dqn, best on validation",
        "dqn",
        "clever",
        "random",
    ]
    assert page.execute_script(sort, True) == ["ascending", agents]  # 18, 19.5, 20, 20.5, 21, 25, 100
    assert page.execute_script(sort, True) == ["descending", agents[::-1]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_fits_a_phone_in_both_schemes(page: Any, tmp_path: Path, scheme: str) -> None:
    run = make_run(tmp_path, title="A long title " * 12)
    with_replays(run)
    window(page, 380, 800)
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    page.get(make_report([run.path]).as_uri())
    assert until(lambda: inked(page, ".chart canvas"))
    assert fits_the_window(page)
    paper = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert complaints(page) == []


def test_text_from_outside_runs_nowhere(page: Any, served: tuple[Path, str]) -> None:
    root, address = served
    run = make_run(root, title=HOSTILE, error=HOSTILE)
    with_replays(run)
    record = {**run.record.to_json(), "packages": {HOSTILE: HOSTILE}, "algorithm": HOSTILE}
    (run.path / "run.json").write_bytes(seal(record))
    with (run.path / "progress.jsonl").open("a") as file:
        file.write(json.dumps({"steps": 2000, HOSTILE: 1.0}) + "\n")
    make_comparison(root, agents=(HOSTILE, "dqn"), suite=HOSTILE.replace("/", ""))
    page.get(address)
    until(lambda: count(page, "[data-run]") == 1)
    click(page, "[data-run] .label")
    until(lambda: count(page, ".chart canvas") >= 2)
    until(lambda: count(page, ".replay") == 1)
    for name in REPLAYS:
        page.execute_script(
            "const s = document.querySelector('select[aria-label=replay]'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('change'))",
            f"{name}.json",
        )
        time.sleep(0.3)
    click(page, "#grids button")
    until(lambda: texts(page, "h1") and texts(page, "h1")[0].startswith("Suite"))
    assert count(page, "main img, section img, script:not([src])") == 0
    report = make_report([run.path])
    page.get(report.as_uri())
    until(lambda: count(page, ".replay") == 4)
    assert (
        complaints(page) == []
    )  # a script that ran would have opened an alert, and the policy would complain


def test_a_run_in_progress_grows_on_the_page(page: Any, served: tuple[Path, str]) -> None:
    root, address = served
    made = make_run(root, status="running", evaluated=False, steps=4000)
    page.get(address)
    until(lambda: count(page, "[data-run]") == 1)
    click(page, "[data-run] .label")
    until(lambda: count(page, ".chart canvas") >= 2)
    until(lambda: texts(page, "#live") == ["live"])
    page.execute_script(
        "window.heard = [];"
        "new MutationObserver(() => heard.push(performance.timeOrigin + performance.now()))"
        ".observe(document.querySelector('#live'), {attributes: true, attributeFilter: ['data-heard']})"
    )
    delays = []
    with (made.path / "progress.jsonl").open("a") as file:
        for step in range(10):
            sent = time.time()
            file.write(json.dumps({"steps": 5000 + step, "return": -1.0, "delay": 7.25}) + "\n")
            file.flush()
            until(lambda step=step: page.execute_script("return heard.length") > step)
            delays.append(page.execute_script("return heard[heard.length - 1]") / 1000 - sent)
            time.sleep(0.13)
    assert texts(page, "[data-progress]")[0].startswith(" 5,009 of 4,000 steps")
    assert sorted(delays)[5] < 1.0
    print(f"a new line is on the page after {1000 * sorted(delays)[5]:.0f} ms (median of 10)")
    # It ends: the page shows the results by itself.
    results = json.dumps(evaluation("ppo", 20.0)).encode()
    add_artifact(made.path, "evaluation.json", results)
    (made.path / "run.json").write_bytes(seal({**made.record.to_json(), "status": "done"}))
    until(lambda: "better" in texts(page, ".badge"))
    assert complaints(page) == []


def test_runs_side_by_side_filters_and_the_address(page: Any, served: tuple[Path, str]) -> None:
    root, address = served
    for seed in range(3):
        make_run(root, seed=seed)
    make_run(root, algorithm="dqn", mean=30.0)
    make_run(
        root, scenario="toy/network", algorithm="a2c", status="failed", evaluated=False, error="It diverged."
    )
    page.get(address)
    until(lambda: count(page, "[data-run]") == 5)
    page.execute_script(
        "const s = document.querySelector('#search'); s.value = 'dqn'; s.dispatchEvent(new Event('input'))"
    )
    assert count(page, "[data-run]") == 1
    click(page, "[data-run] input")
    page.execute_script(
        "const s = document.querySelector('#search'); s.value = 'ppo'; s.dispatchEvent(new Event('input'))"
    )
    assert count(page, "[data-run]") == 3
    click(page, "[data-run] input")
    until(lambda: texts(page, "h1") == ["2 runs side by side"])
    assert sum("validation" in text for text in texts(page, ".chart .legend button")) >= 2
    page.refresh()
    until(lambda: texts(page, "h1") == ["2 runs side by side"])
    window(page, 380, 800)
    assert until(lambda: fits_the_window(page))
    assert complaints(page) == []


def test_the_page_is_refused_without_token_and_under_a_foreign_name(
    page: Any, served: tuple[Path, str]
) -> None:
    root, address = served
    make_run(root)
    parts = urlsplit(address)
    page.get(f"http://{parts.netloc}/?token=wrong")
    assert "needs its token" in page.page_source
    page.get(address)
    until(lambda: count(page, "[data-run]") == 1)
    assert page.execute_script("return document.cookie") == ""
    assert parts.query not in page.current_url
    page.get(f"http://foreign.example:{parts.port}/?{parts.query}")
    assert "not trusted" in page.page_source
    page.get(f"http://{parts.netloc}/file?id=toy/queue/ppo/x&name=../../../../../etc/passwd")
    assert "no such thing" in page.page_source


def test_a_report_on_the_page_cannot_reach_it(page: Any, served: tuple[Path, str]) -> None:
    root, address = served
    run = make_run(root)
    (run.path / "report.html").write_text(
        "<body>waiting<script>"
        "let said = []; try { said.push(document.cookie); } catch { said.push('no cookie'); }"
        "fetch('/api/index').then(() => said.push('read'), () => said.push('no network'))"
        ".finally(() => { document.body.textContent = said.join(', '); });</script>"
    )
    page.get(address)
    parts = urlsplit(address)
    page.get(f"http://{parts.netloc}/report?run={run.path.relative_to(root).as_posix()}")
    assert until(lambda: page.execute_script("return document.body.textContent") == "no cookie, no network")
