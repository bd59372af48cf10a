"""Reports and the web page in a real browser."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import window
from report_support import HOSTILE, evaluation, make_comparison, make_run

from sandbox.api.replay import (
    Clock,
    Episode,
    Event,
    Kind,
    Labels,
    LegendEntry,
    Lines,
    Pictures,
    Rectangles,
    Scene,
    Series,
    Texts,
    Things,
    write_replay,
)
from sandbox.report.make import make_report
from sandbox.runs.checksums import add_artifact, seal

OLD = Path(__file__).parents[1] / "fixtures" / "replays"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def drive(frames: int, every: float = 1.0, agent: str = HOSTILE, **options: Any) -> Episode:
    """A car that drives four metres a frame past a block; with a light, a queue and texts."""
    kinds = [Kind(name="car", length=5, width=2, colours=["bad", "blue"], limits=(0, 10), pixels=6)]
    moments = [
        {"id": ["car"], "x": [4.0 * frame], "y": [0], "value": [frame % 10]} for frame in range(frames)
    ]
    light = [Kind(name="light", shape="circle", colours=["bad", "good"])]
    lights = [{"id": [0], "x": [0], "y": [8], "value": [1]}, *[{"id": []}] * (frames - 1)]
    scene = Scene(
        title=HOSTILE,
        unit="m",
        shapes=[
            Lines(paths=[[(-10, 0), (4.0 * frames, 0)]], width=3.2, line="line"),
            Rectangles(boxes=[(-10, 12, 60, 20)], names=[HOSTILE], fill="grey", layer="blocks"),
            Labels(points=[(10, 40)], texts=[HOSTILE]),
        ],
        things=[Things.of(moments, kinds, names=[HOSTILE]), Things.of(lights, light, keep=True)],
        legend=[LegendEntry(colour="bad", text=HOSTILE)],
        scale=True,
    )
    return Episode(
        agent=agent,
        seed=1,
        frames=frames,
        clock=Clock(unit="s", every=every),
        metrics={HOSTILE: 1.5},
        scene=scene,
        series=[Series(name=HOSTILE, unit=HOSTILE, values=np.arange(frames))],
        texts=[Texts(name="action", values=[HOSTILE] * frames)],
        events=[Event(frame=1, text=HOSTILE, until=2)],
        note=HOSTILE,
        **options,
    )


STOCK = Episode(
    agent="x",
    seed=2,
    frames=3,
    clock=Clock(unit="periods"),
    series=[
        Series(name="on hand", panel="stock", values=[4, 0, 2], style="step"),
        Series(name="short", panel="stock", values=[0, None, 2], style="bars"),
    ],
)
FILM = Episode(
    agent="y",
    seed=3,
    frames=2,
    pictures=Pictures(images=[PIXEL, PIXEL], mime="image/png"),
    clock=Clock(unit="s"),
)
REPLAYS = {"drive": drive(20), "stock": STOCK, "film": FILM}
VIEWERS = ("intersection", "chip", "inventory", "frames")


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
    """Replays of every kind in a run directory, those of version 1 among them."""
    (run.path / "replays").mkdir()
    for name, episode in REPLAYS.items():
        write_replay(run.path / "replays" / f"{name}.json", "toy/queue", [episode], title=HOSTILE)
    for viewer in VIEWERS[:3]:  # the fourth has a film, which is no file of a report
        shutil.copy(OLD / f"{viewer}.json", run.path / "replays" / f"old-{viewer}.json")


def with_one_replay(run: Any, *episodes: Episode) -> None:
    (run.path / "replays").mkdir()
    write_replay(run.path / "replays" / "r.json", "toy/queue", list(episodes))


def clock(driver: Any, place: int = 0) -> str:
    """What the bar of a replay says of its time."""
    return texts(driver, ".replay .clock")[place]


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
    assert count(page, ".replay") == len(REPLAYS) + 3
    assert until(lambda: inked(page, ".replay .canvas canvas"))
    assert until(lambda: inked(page, ".replay .shot"))
    assert until(lambda: inked(page, ".replay .plot canvas"))
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
    for name in (*REPLAYS, "old-chip"):
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
    until(lambda: count(page, ".replay") == len(REPLAYS) + 3)
    assert (
        complaints(page) == []
    )  # a script that ran would have opened an alert, and the policy would complain


def test_play_moves_on_though_the_first_frame_is_older_than_the_click(page: Any, tmp_path: Path) -> None:
    """On a slow machine the frame that follows a click has a time before it."""
    run = make_run(tmp_path)
    with_one_replay(run, drive(20))
    page.get(make_report([run.path]).as_uri())
    until(lambda: count(page, ".replay .play") == 1)
    page.execute_script(
        "const real = window.requestAnimationFrame.bind(window); let early = 500;"
        "window.requestAnimationFrame = (draw) => real((now) => { draw(now - early); early = 0; });"
    )
    assert clock(page) == "0 of 19 s"
    click(page, ".replay .play")
    assert texts(page, ".replay .play") == ["Pause"]
    until(lambda: clock(page) not in ("0 of 19 s", "19 of 19 s"))
    click(page, ".replay .play")
    stopped = clock(page)
    time.sleep(0.3)
    assert clock(page) == stopped
    assert complaints(page) == []


def test_a_replay_ends_at_its_end_and_begins_again(page: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with_one_replay(run, drive(3, every=0.25))
    page.get(make_report([run.path]).as_uri())
    click(page, ".replay .play")
    until(lambda: clock(page) == "0.5 of 0.5 s" and texts(page, ".replay .play") == ["Play"])
    click(page, ".replay .play")
    until(lambda: texts(page, ".replay .play") == ["Pause"])


def test_a_replay_that_is_cut_says_so(page: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    late = STOCK.model_copy(update={"clock": Clock(unit="periods", start=451), "episode_end": 2500.0})
    with_one_replay(run, drive(19, every=100.0, episode_end=3600.0), late, STOCK)
    page.get(make_report([run.path]).as_uri())
    assert texts(page, ".replay .cut") == ["first 1,800 of 3,600 s", "451 to 453 of 2,500 periods"]
    assert texts(page, ".replay .figures")[0].startswith("whole episode: ")


def test_replays_of_a_page_play_in_step_until_they_are_told_not_to(page: Any, tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed) for seed in range(2)]
    for run, frames in zip(runs, (20, 40), strict=True):
        with_one_replay(run, drive(frames))
    page.get(make_report([run.path for run in runs], out=tmp_path / "report.html").as_uri())
    until(lambda: count(page, ".replay .play") == 2)
    click(page, ".replay .play")
    assert texts(page, ".replay .play") == ["Pause", "Pause"]
    until(lambda: clock(page, 0) not in ("0 of 19 s", "19 of 19 s"))
    click(page, ".replay .play")
    assert clock(page, 0).split()[0] == clock(page, 1).split()[0]
    move = (
        "const s = document.querySelector('.replay input[type=range]'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input'))"
    )
    page.execute_script(move, 7)
    assert (clock(page, 0), clock(page, 1)) == ("7 of 19 s", "7 of 39 s")
    click(page, ".replay .step")
    page.execute_script(move, 11)
    assert (clock(page, 0), clock(page, 1)) == ("11 of 19 s", "7 of 39 s")
    click(page, ".replay .play")
    assert texts(page, ".replay .play") == ["Pause", "Play"]
    assert complaints(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_replay_fits_the_window_with_play_in_sight(page: Any, tmp_path: Path, width: int) -> None:
    run = make_run(tmp_path)
    with_one_replay(run, drive(20))
    window(page, width, 800)
    page.get(make_report([run.path]).as_uri())
    until(lambda: inked(page, ".replay .canvas canvas"))
    page.execute_script("document.querySelector('.replay').scrollIntoView()")
    boxes = page.execute_script(
        "return ['.replay .canvas canvas', '.replay .play', '.replay input[type=range]'].map((name) => {"
        "const { top, bottom, left, right } = document.querySelector(name).getBoundingClientRect();"
        "return { top, bottom, left, right }; })"
    )
    for box in boxes:
        assert 0 <= box["top"] < box["bottom"] <= 800
        assert 0 <= box["left"] < box["right"] <= width
    assert boxes[0]["bottom"] <= boxes[2]["top"], "the bar covers nothing of the scene"
    assert fits_the_window(page)


def test_a_scene_zooms_hides_layers_and_names_what_the_pointer_is_on(page: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    run = make_run(tmp_path)
    with_one_replay(run, drive(20))
    page.get(make_report([run.path]).as_uri())
    until(lambda: inked(page, ".replay .canvas canvas"))

    def picture() -> str:
        return str(page.execute_script("return document.querySelector('.replay .canvas canvas').toDataURL()"))

    whole = picture()
    click(page, ".replay .keys input")
    hidden = picture()
    assert hidden != whole
    click(page, ".replay .keys input")
    assert picture() == whole
    click(page, ".replay .zoom button")
    assert picture() != whole
    click(page, ".replay .zoom button:nth-child(3)")
    assert picture() == whole
    canvas = page.find_element(By.CSS_SELECTOR, ".replay .canvas canvas")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    # The block spans the left half of a scene about 90 m wide.
    left = int(canvas.rect["width"] * -0.2)
    found = set()
    for up in range(-int(canvas.rect["height"] / 2) + 10, int(canvas.rect["height"] / 2) - 10, 15):
        ActionChains(page).move_to_element_with_offset(canvas, left, up).perform()
        found |= set(texts(page, ".replay .tip:not([hidden])"))
    assert found == {HOSTILE}
    assert complaints(page) == []


def test_a_chart_moves_the_replay_to_where_it_is_clicked(page: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    run = make_run(tmp_path)
    with_one_replay(run, drive(21))
    page.get(make_report([run.path]).as_uri())
    over = until(lambda: page.find_elements(By.CSS_SELECTOR, ".replay .u-over"))[0]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", over)
    ActionChains(page).move_to_element(over).click().perform()
    assert clock(page) == "10 of 20 s"


def test_a_run_in_progress_grows_on_the_page(page: Any, served: tuple[Path, str]) -> None:
    root, address = served
    made = make_run(root, status="running", evaluated=False, steps=4000)
    page.get(address)
    until(lambda: count(page, "[data-run]") == 1)
    click(page, "[data-run] .label")
    until(lambda: count(page, ".chart canvas") >= 2)
    until(lambda: texts(page, "#live") == ["live"])
    page.execute_script(
        "window.updates = [];"
        "new MutationObserver(() => updates.push(performance.timeOrigin + performance.now()))"
        ".observe(document.querySelector('#live'), {attributes: true, attributeFilter: ['data-updated']})"
    )
    delays = []
    with (made.path / "progress.jsonl").open("a") as file:
        for step in range(10):
            sent = time.time()
            file.write(json.dumps({"steps": 5000 + step, "return": -1.0, "delay": 7.25}) + "\n")
            file.flush()
            until(lambda step=step: page.execute_script("return updates.length") > step)
            delays.append(page.execute_script("return updates[updates.length - 1]") / 1000 - sent)
            time.sleep(0.13)
    assert texts(page, "[data-progress]")[0].startswith(" 5,009 steps, 4,000 asked for")
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
    until(lambda: count(page, "[data-run]") == 3)
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
    assert "no such run" in page.page_source


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
