"""The twin keeps the contract of the signal tasks: their small instances with ``simulator: twin``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.registry.discover import registry
from sandbox.testing import CHECKS, Case
from sandbox.testing.subjects import Subject

DOMAIN = registry().domain("traffic")
OF_SUMO = {
    "declaration",
    "scenarios",
    "cheap-import",
    "played-scenarios",
    "locked",
    "parameters-matter",
    "trains",
}
"""Checks of what both simulators share, or of files; they run with the tasks themselves."""

SUBJECTS = [
    Subject(DOMAIN, replace(task, small={**task.small, "simulator": "twin"})) for task in DOMAIN.tasks
]


@pytest.mark.parametrize("check", [name for name in CHECKS if name not in OF_SUMO])
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_the_twin_keeps_the_contract(subject: Subject, check: str) -> None:
    Case(subject, check).run()
