"""What the families of learning are measured by."""

import numpy as np
import pytest

from benchmarks import parts
from benchmarks.families import same_task, tables
from benchmarks.families._known import known_tasks
from benchmarks.families._lost_sales import solved


def test_both_exact_solvers_end_at_the_published_optimum():
    best, rounds = solved()
    assert best == pytest.approx(4.0407, abs=5e-5)
    assert rounds["value-iteration"][-1] == pytest.approx(best, abs=1e-6)
    assert np.all(np.diff(rounds["policy-iteration"]) < 0), "every round is better"
    assert len(rounds["policy-iteration"]) < len(rounds["value-iteration"])


def test_gaps_are_of_the_greedy_policy_and_shrink():
    best, _ = solved()
    early, late = tables._gaps("sarsa", 0, [128, 8_000], best)
    assert 0 <= late < early


OPTIMA = {"lost-sales-1": 4.0407, "lost-sales-2": 4.3953, "s-S": 8.0341, "perishable": 14.9544}
"""Zipkin 2008 has 4.04 and 4.40; Snyder & Shen 2019, Example 4.7, 8.03; De Moor et al. 2022 14.952 with a
discount."""


@pytest.mark.parametrize("name", known_tasks())
def test_every_task_has_an_exact_optimum_that_its_own_policy_reaches(name):
    task = known_tasks()[name]
    best, rounds = task.solved
    assert best == pytest.approx(OPTIMA[name], abs=5e-5)
    assert rounds["value-iteration"][-1] == pytest.approx(best, abs=1e-5)
    assert task.gap(task.optimum) == pytest.approx(0, abs=1e-4)

    class Never:
        def act(self, observation):
            return np.zeros(len(observation), np.int64)

    assert task.gap(Never()) > 1


@pytest.mark.parametrize(("name", "algorithm"), [("s-S", "sarsa"), ("perishable", "bc")])
def test_cells_of_another_task_are_measured_and_kept_apart(name, algorithm, tmp_path, capsys):
    arguments = ["--task", name, "--only", algorithm, "--seeds", "1", "--seconds", "1"]
    assert same_task.main([*arguments, "--store", str(tmp_path)]) == 0
    assert [path.name for path in (tmp_path / name).iterdir()] == [f"{algorithm}-0.json"]
    shown = capsys.readouterr().err
    assert "| policy-iteration | none: " in shown
    assert f"| {algorithm} | " in shown


@pytest.mark.parametrize(
    ("package", "part"), [("benchmarks.families", "same-task"), ("benchmarks.course_systems", "games")]
)
def test_without_a_name_every_table_is_made(package, part, monkeypatch):
    made, names = [], parts.names_of(package)
    assert part in names

    class Table:
        def __init__(self, module):
            self.module = module

        def main(self, arguments):
            made.append((self.module.rpartition(".")[2].replace("_", "-"), arguments))
            return 0

    monkeypatch.setattr(parts, "import_module", Table)
    assert parts.hand_over(package, []) == 0
    assert made == [(name, []) for name in names]
    assert parts.hand_over(package, [part, "--seeds", "1"]) == 0
    assert made[-1] == (part, ["--seeds", "1"])
    assert parts.hand_over(package, ["no-such-table"]) == 2
