"""Names and tags of runs, what was used of the machine, and searches: on the page and in a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import window
from report_support import HOSTILE, make_run, make_study
from test_browser import click, complaints, count, fits_the_window, texts, until

from sandbox.runs.directory import Run
from sandbox.runs.labels import change_labels, read_labels


def with_machine(run: Run) -> None:
    """Give a run figures of the machine."""
    with (run.path / "progress.jsonl").open("a") as log:
        for place in (1, 2, 3):
            log.write(
                f'{{"steps": {place * 300}, "seconds": {place}.0, "system/cores": {place}.5, '
                f'"system/memory_gb": 1.25, "system/steps_per_second": 300.0}}\n'
            )


def fill(page: Any, place: int, text: str) -> None:
    page.execute_script(
        "document.querySelectorAll('.labels input')[arguments[0]].value = arguments[1]", place, text
    )


@pytest.fixture
def two(served: tuple[Path, str], page: Any) -> tuple[Any, Path, list[Path]]:
    """The page over two runs."""
    root, address = served
    runs = [make_run(root, seed=seed) for seed in (0, 1)]
    with_machine(runs[0])
    page.get(address)
    until(lambda: count(page, "#runs .item") == 2)
    return page, root, [run.path for run in runs]


def put(page: Any, name: str, value: str) -> None:
    """Give an element above the list a value."""
    page.execute_script(
        "const box = document.getElementById(arguments[0]); box.value = arguments[1];"
        "box.dispatchEvent(new Event('input'))",
        name,
        value,
    )


def open_run(page: Any, root: Path, folder: Path) -> None:
    name = folder.relative_to(root).as_posix()
    page.execute_script("location.hash = arguments[0]", f"run={name}")
    until(lambda: count(page, ".labels"))


def test_a_name_and_tags_are_set_on_the_page_shown_everywhere_and_searchable(two: Any) -> None:
    page, root, (first, _) = two
    open_run(page, root, first)
    fill(page, 0, "night shift")
    fill(page, 1, "paper, baseline")
    click(page, ".labels button")
    until(lambda: texts(page, ".labels [role=status]") == ["saved"])
    assert read_labels(first).tags == ("paper", "baseline")
    until(lambda: "#paper" in texts(page, "#runs .tag"))
    until(lambda: texts(page, "#main h1") == ["night shift on toy/queue"])
    page.execute_script("location.hash = ''")
    until(lambda: "name, tags" in " ".join(texts(page, "#main th")))
    click(page, "#main .tag")
    assert count(page, "#main table tbody tr") == 1
    put(page, "search", "night")
    assert count(page, "#main table tbody tr") == 1
    assert not complaints(page)


def test_a_tag_that_is_none_is_told_beside_the_field_and_nothing_is_lost(two: Any) -> None:
    page, root, (first, _) = two
    open_run(page, root, first)
    fill(page, 1, "x" * 41)
    click(page, ".labels button")
    until(lambda: "is no tag" in " ".join(texts(page, ".labels [role=status]")))
    assert not (first / "labels.json").exists()


def test_labels_from_the_terminal_appear_by_themselves_and_run_nowhere(two: Any) -> None:
    page, _, (first, _) = two
    change_labels(first, name=HOSTILE[:100], add=["<b>bold</b>"])
    until(lambda: "#<b>bold</b>" in texts(page, "#runs .tag"), 12)
    assert count(page, "#runs b") == 0
    assert count(page, "img[src=x]") == 0


def test_an_archived_run_is_shown_only_where_it_is_asked_for(two: Any) -> None:
    page, _, (first, _) = two
    change_labels(first, archived=True)
    until(lambda: count(page, "#runs .item") == 1, 12)
    put(page, "status", "archived")
    assert count(page, "#runs .item") == 1
    assert count(page, "#main table tbody tr") == 1


def test_cores_memory_and_speed_are_drawn(two: Any) -> None:
    page, root, (first, second) = two
    open_run(page, root, first)
    assert {"processor cores in use", "memory, GB", "steps a second, now"} <= set(texts(page, "#main h3"))
    open_run(page, root, second)
    until(lambda: "Machine" not in texts(page, "#main h2"))


@pytest.mark.parametrize("width", [1280, 390])
def test_a_search_is_drawn_and_ranges_choose_its_trials(
    served: tuple[Path, str], page: Any, width: int
) -> None:
    from selenium.webdriver import ActionChains

    root, address = served
    folder = make_study(root)
    window(page, width, 900)
    page.get(address)
    until(lambda: count(page, "#studies .item"))
    click(page, "#studies .item button")
    until(lambda: count(page, ".parallel .trial") == 11)
    assert "study=" in page.current_url
    assert texts(page, ".bars .name") == ["learning_rate", "gamma", "net_arch"]
    assert texts(page, ".bars .value") == ["70 %", "20 %", "10 %"]
    assert count(page, ".parallel .best") == 1
    assert texts(page, ".parallel text.name > title")[-1] == "delay"
    assert fits_the_window(page)
    axis = page.find_element("css selector", ".parallel .brush")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", axis)
    drag = ActionChains(page).move_to_element_with_offset(axis, 0, 20)
    drag.click_and_hold().move_by_offset(0, 130).release().perform()
    until(lambda: "of 11 trials lie in what was chosen" in " ".join(texts(page, ".words")))
    chosen = int(texts(page, ".words")[0].split()[0])
    assert 0 < chosen < 11
    assert count(page, ".parallel .trial:not(.out)") == chosen
    assert count(page, "table.trials tr.out") == 11 - chosen
    assert folder.name in page.current_url
    assert not complaints(page)


def test_the_report_of_a_search_draws_without_network(page: Any, tmp_path: Path) -> None:
    from sandbox.report.make import make_report

    written = make_report([make_study(tmp_path / "runs")])
    page.get(written.as_uri())
    until(lambda: count(page, ".parallel .trial") == 11)
    assert count(page, ".chart canvas") == 1
    assert texts(page, "table.trials tbody tr td:first-child")[0] == "0, best"
    window(page, 390, 844)
    page.refresh()
    until(lambda: count(page, ".parallel .trial") == 11)
    assert fits_the_window(page)
    assert not complaints(page)
