"""Every algorithm of the package comes to the answer that is known, on the smallest task that has one.

A new algorithm needs an entry in one of the tables ``known_*.py`` beside this file.
"""

from __future__ import annotations

import known_control
import known_generation
import known_records
import known_several
import pytest
from answer import Answer

from sandbox.registry.discover import registry
from sandbox.registry.resolve import missing_modules

TABLES = (known_control, known_records, known_several, known_generation)
ANSWERS: dict[str, Answer] = {name: answer for table in TABLES for name, answer in table.ANSWERS.items()}


def registered() -> list[str]:
    """Algorithms whose entry points belong to this package."""
    algorithms = registry().algorithms
    return [name for name in algorithms.names() if algorithms.source(name).target.startswith("sandbox.")]


def test_every_registered_algorithm_has_one_known_answer() -> None:
    listed = [name for table in TABLES for name in table.ANSWERS]
    assert sorted(listed) == sorted(registered())


@pytest.mark.parametrize("name", ANSWERS)
def test_a_figure_of_nothing_learned_would_fail(name: str) -> None:
    answer = ANSWERS[name]
    assert abs(answer.untrained - answer.known) > 1.5 * answer.bound


@pytest.mark.parametrize("name", ANSWERS)
def test_the_known_answer_is_reached(name: str) -> None:
    answer = ANSWERS[name]
    missing = missing_modules((*registry().algorithm(name).requires, *answer.requires))
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    assert answer.reached(name) == pytest.approx(answer.known, abs=answer.bound), answer.task
