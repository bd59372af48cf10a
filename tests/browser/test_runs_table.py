"""The main table and rankings of the page: order by number, filters, chosen columns, problems kept apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_support import make_comparison, make_run
from test_browser import texts, until

from sandbox.records.words import RULE_OF_COMPARISONS, percent
from sandbox.runs.checksums import seal

ROWS = "#main table tbody tr"
CELLS = (
    "return [...document.querySelectorAll(arguments[0])].map((row) => row.cells[arguments[1]].textContent)"
)


def column(page: Any, place: int) -> list[str]:
    return list(page.execute_script(CELLS, ROWS, place))


@pytest.fixture
def three(served: tuple[Path, str], page: Any) -> Any:
    """The page over three runs of one scenario; one of them had another reward."""
    root, address = served
    make_run(root, seed=0, mean=20.0, steps=90_000)
    make_run(root, seed=1, mean=23.0, steps=400)
    other = make_run(root, algorithm="dqn", seed=2, mean=40.0, steps=1_200)
    record = other.record.changed(scenario_hash="cd" * 32, reward={"queue": -1.0, "change": -2.0})
    (other.path / "run.json").write_bytes(seal(record.to_json()))
    page.get(address)
    until(lambda: len(column(page, 4)) == 3)
    return page


def press(page: Any, head: str) -> None:
    page.execute_script(
        "[...document.querySelectorAll('#main th button')]"
        ".find((one) => one.textContent === arguments[0]).click()",
        head,
    )


def search(page: Any, words: str) -> None:
    page.execute_script(
        "const box = document.getElementById('search'); box.value = arguments[0];"
        "box.dispatchEvent(new Event('input'))",
        words,
    )


def test_numbers_are_ordered_as_numbers_and_the_order_outlives_a_filter(three: Any) -> None:
    press(three, "steps")
    assert column(three, 4) == ["400", "1,200", "90,000"]
    search(three, "queue")
    assert column(three, 4) == ["400", "1,200", "90,000"]


def test_the_filter_reaches_the_main_table_and_takes_settings_and_metrics(three: Any) -> None:
    for words, agents in (("dqn", ["dqn"]), ("reward.queue=-1", ["dqn"]), ("delay<=23", ["ppo", "ppo"])):
        search(three, words)
        until(lambda agents=agents: column(three, 1) == agents)
    search(three, "delay<1")
    until(lambda: column(three, 1) == [])


def test_what_is_typed_fast_is_drawn_at_its_first_letter_and_at_its_last(three: Any) -> None:
    three.execute_script(
        "window.drawn = 0;"
        "new MutationObserver(() => { window.drawn += 1; }).observe("
        "document.getElementById('main'), { childList: true });"
        "const box = document.getElementById('search'); let place = 0;"
        "const type = () => { box.value = 'dqn ppo dqn'.slice(0, ++place);"
        "box.dispatchEvent(new Event('input'));"
        "if (place < 11) setTimeout(type, 1); }; type();"
    )
    until(lambda: three.execute_script("return document.getElementById('search').value") == "dqn ppo dqn")
    until(lambda: column(three, 1) == [])
    assert three.execute_script("return window.drawn") <= 3
    search(three, "dqn")
    until(lambda: column(three, 1) == ["dqn"])


def test_a_chosen_column_is_in_the_table_and_in_the_address(three: Any) -> None:
    three.execute_script(
        "document.querySelector('.columnchoice').open = true;"
        "[...document.querySelectorAll('.choices label')].find((one) => one.textContent === 'stops')"
        ".querySelector('input').click()"
    )
    assert "stops" in texts(three, "#main th")
    assert sorted(column(three, 8)) == ["2", "2.3", "4"]
    assert "column=stops" in three.current_url


def test_runs_of_other_problems_are_not_ranked_together(three: Any) -> None:
    three.execute_script("for (const box of document.querySelectorAll('.item input')) box.click()")
    tables = (
        "return [...document.querySelectorAll('#main table')]"
        ".filter((table) => table.textContent.includes('clever')).length"
    )
    until(lambda: three.execute_script(tables) == 2)
    said = texts(three, "#main h3 + p")
    assert sorted(said) == ["reward.queue -0.5", "reward.queue -1"]
    names = [name.removesuffix("best baseline") for name in texts(three, "#main table tr td:first-child")]
    assert names.count("clever") == 2, "once a problem, and not once a run"


def test_hovering_tells_the_value_of_the_point_that_it_marks(three: Any) -> None:
    three.execute_script("document.querySelectorAll('.item input')[0].click()")
    until(lambda: three.execute_script("return document.querySelectorAll('#main .uplot').length"))
    told = three.execute_async_script(
        """
        const done = arguments[0];
        const host = document.createElement('div');
        document.getElementById('main').prepend(host);
        host.style.width = '600px';
        const series = [
          { name: 'many', x: [0, 1, 2, 3, 4, 5, 6, 7, 8], y: [0, 1, 2, 3, 4, 5, 6, 7, 8], colour: 0 },
          { name: 'few', x: [0, 8], y: [100, 200], colour: 1, points: true },
        ];
        const axis = { label: '' };
        const chart = new sandboxCharts.Chart(host, { x: axis, y: axis, series, lines: [] });
        requestAnimationFrame(() => {  // which is when the axes are there
          chart.plot.setCursor({ left: chart.plot.valToPos(6, 'x'), top: 40 });
          requestAnimationFrame(() => done([chart.plot.cursor.idxs[2],
            [...host.querySelectorAll('.legend .value')].map((value) => value.textContent)]));
        });
        """
    )
    marked, values = told
    assert values == ["6.00", "200.0"], "the nearest measured point of each"
    assert marked == 8


def test_a_single_point_is_drawn_and_held_against_the_baselines(three: Any) -> None:
    drawn = three.execute_async_script(
        """
        const done = arguments[0];
        const host = document.createElement('div');
        document.getElementById('main').prepend(host);
        host.style.width = '600px';
        const axis = { label: '' };
        const lines = [{ name: 'clever (test)', value: 4 }];
        const chart = new sandboxCharts.Chart(host, { x: axis, y: axis, series: [], lines });
        const before = [host.textContent, host.querySelector('.tools button').hidden];
        const ppo = { name: 'ppo', x: [40], y: [2], colour: 0, pale: true };
        chart.update({ x: axis, y: axis, series: [ppo], lines });
        requestAnimationFrame(() => done([before, chart.plot.series[1].points.show(chart.plot, 1),
          [...host.querySelectorAll('.legend button')].map((button) => button.textContent),
          chart.plot.data.map((column) => [...column])]));
        """
    )
    before, marked, legend, data = drawn
    assert before == ["log scalereset zoomNo figures yet.", True]
    assert marked, "no line leads to a single point"
    assert legend == ["ppo", "clever (test)"]
    assert data[0] == [0, 40]
    assert data[2] == [4, 4]


def test_a_comparison_says_what_its_figures_rest_on_and_writes_percentages_as_the_terminal_does(
    served: tuple[Path, str], page: Any
) -> None:
    root, address = served
    make_comparison(root)
    page.get(address)
    until(lambda: len(texts(page, "#grids .item button")) == 1)
    page.execute_script("document.querySelector('#grids .item').click()")
    until(lambda: len(texts(page, "#main table.sortable")) == 2)
    assert all(RULE_OF_COMPARISONS in said for said in texts(page, "#main .overview + p"))
    assert "-5.00 (-20 %) " in texts(page, "#main table.sortable")[0]
    figures = [0.004, 0.0449, 0.996, 2.27, -3.16, 9.96, 11.09, -123.4, 36726.2, 0]
    written = page.execute_script("return arguments[0].map(sandboxCharts.percent)", figures)
    assert written == [percent(figure) for figure in figures]
