"""Names and tags of runs from the terminal, archiving, and tables on narrow terminals."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox" / "report"))

from report_support import make_run


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """Two runs below the working directory."""
    return [str(make_run(tmp_path / "runs", seed=seed).path.relative_to(tmp_path)) for seed in (0, 1)]


def test_a_name_and_tags_are_shown_searched_and_taken_away(sandbox: Any, two: list[str]) -> None:
    first, second = two
    given = ("--name", "night shift", "--tag", "paper", "--tag", "baseline")
    assert sandbox("runs", "label", first, *given).out == f"{first}: 'night shift'; paper, baseline\n"
    assert "night shift #paper" in sandbox("runs").out
    (line,) = sandbox("runs", "--tag", "paper", "--json").document["runs"]
    assert (line["name"], line["tags"], line["archived"]) == ("night shift", ["paper", "baseline"], False)
    assert "No run in 'runs' has the tag none" in sandbox("runs", "--tag", "none").out
    assert "'night shift'; paper, baseline" in " ".join(sandbox("runs", "show", first).out.split())
    sandbox("runs", "label", first, second, "--untag", "paper", "--name", "")
    labels = sandbox("runs", "label", first, second, "--json").document["runs"]
    assert [(label["name"], label["tags"]) for label in labels] == [("", ["baseline"]), ("", [])]


def test_an_archived_run_is_listed_only_with_all(sandbox: Any, two: list[str]) -> None:
    first, second = two
    sandbox("runs", "archive", first)
    shown = sandbox("runs")
    assert Path(first).name not in shown.out
    assert Path(second).name in shown.out
    assert "1 archived not shown: --all shows them." in shown.out
    assert Path(first).name in sandbox("runs", "--all").out
    sandbox("runs", "restore", first)
    assert Path(first).name in sandbox("runs").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("label", "RUN", "--tag", "two words"), "is no tag"),
        (("label", "RUN", "--tag", ""), "is no tag"),
        (("label", "RUN", "--name", "x" * 101), "A name is one line of at most 100 characters."),
        (("label",), "needs at least one run directory"),
        (("show", "RUN", "--name", "x"), "sandbox runs show takes no --name."),
        (("ls", "--untag", "x"), "sandbox runs ls takes no --untag."),
        (("label", "nowhere", "--tag", "x"), "is not a run directory"),
        (("labels", "RUN"), "Did you mean label"),
    ],
)
def test_what_cannot_be_labelled_is_told_and_changes_nothing(
    sandbox: Any, two: list[str], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = sandbox("runs", *(word.replace("RUN", two[0]) for word in words))
    assert done.code == 2
    assert said in done.words
    assert "Traceback" not in done.err
    assert not list(tmp_path.rglob("labels.json"))


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_terminal(
    sandbox: Any, two: list[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    sandbox("runs", "label", two[0], "--name", "a name of some length", "--tag", "paper")
    for words in (("runs",), ("list", "scenarios", "toy"), ("info", "toy/stall")):
        lines = sandbox(*words).out.splitlines()
        assert lines
        assert max(map(len, lines)) <= columns, words
    names = sandbox("runs").out
    assert all(Path(path).name in names for path in two)
