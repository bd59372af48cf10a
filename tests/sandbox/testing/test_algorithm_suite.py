"""The suite for algorithms finds one fault each, and puts it down to the algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.registry.discover import registry
from sandbox.testing.algorithms import ALGORITHM_CHECKS, check_algorithm
from sandbox.testing.names import ALGORITHM_CHECK_NAMES
from sandbox.testing.suite import _subjects_of, offers, run_check

TOYS = Path(__file__).parents[2] / "toys"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the algorithms with faults known, and the toys."""
    targets = [TOYS / "plugin.py", TOYS / "faulty.py", TOYS / "learners.py"]
    monkeypatch.setenv("SANDBOX_PLUGINS", ",".join(map(str, targets)))
    registry.cache_clear()
    yield
    monkeypatch.undo()
    registry.cache_clear()


def test_the_names_of_the_checks_are_known_without_loading_them() -> None:
    assert tuple(ALGORITHM_CHECKS) == ALGORITHM_CHECK_NAMES


def test_an_algorithm_without_fault_keeps_every_promise(faulty: None) -> None:
    results = [check_algorithm("sound", check) for check in ALGORITHM_CHECKS]
    assert [each for each in results if each.status == "failed"] == []
    passed = {each.check for each in results if each.status == "passed"}
    assert passed == set(ALGORITHM_CHECKS) - {"dataset-not-stepped", "environments-apart"}


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        ("deaf", "masks-honoured", "which the mask forbids"),
        ("beside", "spaces-trained", "is not in Discrete(5)"),
        ("forgets", "resumes-exactly", "something is not in its state"),
        ("draws", "same-again", "gave two policies"),
        ("loses", "saved-policy", "its mode is another"),
        ("boasts", "spaces-trained", "is not in MultiBinary(5)"),
        ("cheat", "dataset-not-stepped", "asked for environments to step"),
    ],
)
def test_each_fault_is_found(faulty: None, name: str, check: str, message: str) -> None:
    result = check_algorithm(name, check)
    assert (result.task, result.status) == (f"algorithm {name}", "failed"), result
    assert message in result.message


def test_an_algorithm_is_given_a_dataset_or_an_expert_but_no_model_to_fine_tune(faulty: None) -> None:
    pytest.importorskip("minari")
    assert check_algorithm("count", "dataset-not-stepped").status == "passed"
    assert check_algorithm("ask", "same-again").status == "passed"
    skipped = check_algorithm("grpo", "same-again")
    assert (skipped.status, "pretrained" in skipped.message) == ("skipped", True)


def test_a_foreign_algorithm_that_fails_is_not_put_down_to_the_domain(
    faulty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _subjects_of.cache_clear()
    subject = next(each for each in _subjects_of("toy", "quick") if each.name == "toy/regulator")
    monkeypatch.setattr("sandbox.testing.agents.fitting", lambda *arguments: ["boasts"])
    result = run_check(subject, "trains")
    assert result.status == "passed"
    assert "boasts failed, which is checked by itself (plugin check boasts)" in result.message


def test_what_is_installed_can_be_checked_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PLUGINS", "")
    registry.cache_clear()
    backend = ROOT / "sandbox" / "backends" / "reinforce" / "plugin.py"
    assert offers(str(backend)) == ([], ["reinforce"])
    assert offers(str(ROOT / "plugins" / "sandbox_inventory" / "plugin.py")) == (["inventory"], [])
    registry.cache_clear()
