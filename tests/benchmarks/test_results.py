"""The page of results, README's table and the documentation say what results.json has, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest

from benchmarks.results import (
    BLOCK,
    FILLED,
    PAGE,
    ROOT,
    SUMMARY,
    TABLES,
    Table,
    filled_text,
    is_made,
    markdown,
    of_learning,
    page,
    read,
    shown,
)

STORE = read()


def test_the_page_is_what_the_file_has() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(STORE)


@pytest.mark.parametrize("name", FILLED)
def test_every_block_of_results_is_what_the_file_has(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = [found["name"] for found in BLOCK.finditer(text)]
    assert blocks, f"{name} has no block of results"
    assert {name.removesuffix(SUMMARY) for name in blocks} <= {table.name for table in TABLES}
    assert text == filled_text(text, STORE)


def test_a_changed_figure_is_noticed() -> None:
    """The comparison is of every character: one digit makes a page another one."""
    name = next(iter(STORE))
    changed = {**STORE, name: {**STORE[name], "lines": [*STORE[name]["lines"], "| 1 |"]}}
    assert page(changed) != page(STORE)


def test_every_table_that_was_made_says_when_how_and_with_what() -> None:
    known = {table.name: table for table in TABLES}
    assert set(STORE) <= set(known)
    for record in STORE.values():
        assert record["lines"]
        if is_made(record):
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
            assert record["minutes"] > 0
            assert "numpy" in record["versions"]
        else:
            assert len(record["older"]) > 20


def test_commands_are_shown_as_they_are_typed() -> None:
    known = {table.name: table for table in TABLES}
    assert shown(known["course"], 0, 100) == (
        "sandbox compare course --sabotage --seed-offset 100 --runs-dir DIR"
    )
    assert shown(known["families-ladder"], 10, 0) == "python -m benchmarks.families ladder --seeds 10"
    assert shown(known["chip"], 0, 0) == "sandbox compare chip --runs-dir DIR"
    assert shown(known["chip"], 3, 0) == "sandbox compare chip --runs-dir DIR --seeds 3"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_module_of_every_command_can_be_run(table: Table) -> None:
    assert table.arguments[0] == "-m"
    name = table.arguments[1]
    spec = importlib.util.find_spec(name)
    assert spec is not None
    if spec.submodule_search_locations is not None:
        assert importlib.util.find_spec(f"{name}.__main__") is not None


def test_tables_that_follow_each_other_stay_apart() -> None:
    said = "12 runs\n| a | b |\n| --- | ---: |\n| 1 | 2 |\nand then\n| c |\n| --- |\n| -3 |\n"
    expected = ["| a | b |", "| --- | ---: |", "| 1 | 2 |", "", "| c |", "| --- |", "| -3 |"]
    assert markdown("", said, ROOT) == expected


def test_a_learned_policy_stands_beside_the_best_classical_method_of_each_scenario() -> None:
    results = [
        {
            "scenario": f"traffic/{name}",
            "better": "lower",
            "final": [8.0, 10.0],
            "best_validation": [],
            "train_seconds": [60.4, 70.0],
            "best_baseline": best,
            "ratio_to_best_baseline": [0.8, 1.0],
            "seeds_that_beat_every_baseline": 1,
            "baselines": {"fixed-time": 20.0, best: 10.0},
        }
        for name, best in (("a", "actuated"), ("b", "sotl"))
    ]
    lines = of_learning(json.dumps(results), "", ROOT)
    assert lines[2] == "| `traffic/a` | 9.0 (10.0) | actuated 10.0 | 0.90 | 1 of 2 | 20.0 | 60 to 70 |"
    assert lines[4:7] == ["", "| agent | a | b |", "| --- | ---: | ---: |"]
    assert lines[7:10] == [
        "| PPO, final policies | 9.0 | 9.0 |",
        "| PPO, best-validation | – | – |",
        "| fixed-time | 20.0 | 20.0 |",
    ]
    assert lines[10:] == ["| actuated | 10.0 | – |", "| sotl | – | 10.0 |"]
    text = "<!-- results: x-summary -->\nold\n<!-- end of results -->\n"
    record = {"lines": lines, "date": "2026-11-30", "minutes": 1, "seeds": 2}
    assert filled_text(text, {"x": record}).count("|") == sum(line.count("|") for line in lines[:4])
