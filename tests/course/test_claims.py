"""The shipped course: every claim can be read, every rule stands beforehand, and cheap ones are measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.api import Trial
from sandbox.course.suite import ClaimEntry, load_course
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

FILE = Path(__file__).parents[2] / "scenarios" / "suites" / "course.yaml"
COURSE = load_course(FILE)
CHEAP = ("policy-iteration", "bandit-optimum", "gap-filter")
BUDGET = 180
"""Minutes of processor time: ninety on two cores."""


def entry(claim: str) -> ClaimEntry:
    return next(each for each in COURSE.claims if each.id == claim)


def test_there_are_at_least_24_claims_and_each_is_offered() -> None:
    assert len(COURSE.claims) >= 24
    for each in COURSE.claims:
        claim = registry().claim(each.id)
        assert callable(resolve(claim.measure))
        assert claim.switch.endswith(".")
        assert claim.sentence.endswith((".", ")"))


def test_every_claim_that_is_offered_is_in_the_course() -> None:
    offered = {claim.id for claim in registry().claims.get("course").claims}
    assert offered == {each.id for each in COURSE.claims}


def test_the_whole_course_fits_its_ninety_minutes() -> None:
    assert sum(each.minutes for each in COURSE.claims) <= BUDGET


@pytest.mark.parametrize("claim", CHEAP)
@pytest.mark.parametrize("sabotaged", [False, True], ids=["as it is", "under its switch"])
def test_a_cheap_claim_holds_and_fails_under_its_switch(claim: str, sabotaged: bool, tmp_path: Path) -> None:
    sizes = entry(claim).settings
    if claim == "gap-filter":
        sizes = sizes | {"episodes": 4}
    measured = resolve(registry().claim(claim).measure)(Trial(5, sabotaged, sizes, tmp_path))
    kept = all(bound.kept(measured.figures[name]) for name, bound in entry(claim).bounds.items())
    assert kept is not sabotaged


@pytest.mark.slow
@pytest.mark.parametrize("claim", [each.id for each in COURSE.claims])
@pytest.mark.parametrize("sabotaged", [False, True], ids=["as it is", "under its switch"])
def test_the_quick_form_of_every_claim_has_all_its_figures(
    claim: str, sabotaged: bool, tmp_path: Path
) -> None:
    sizes = entry(claim).sizes(quick=True)
    measured = resolve(registry().claim(claim).measure)(Trial(5, sabotaged, sizes, tmp_path))
    assert set(entry(claim).bounds) <= set(measured.figures)
