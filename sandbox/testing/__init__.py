"""The contract suite that every domain plugin is run through; for plugin authors, from pytest or by hand.

    import pytest
    from sandbox.testing import contract_cases

    @pytest.mark.parametrize("case", contract_cases("fishing"))
    def test_fishing_keeps_the_contract(case):
        case.run()

``sandbox plugin check fishing`` runs the same checks, all algorithms included, in a process with limits.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.testing.suite import CHECKS, Case, contract_cases, run_check, run_subject
    from sandbox.testing.verdicts import Result

__all__ = ["CHECKS", "Case", "Result", "contract_cases", "run_check", "run_subject"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sandbox.testing' has no attribute {name!r}")
    return getattr(import_module("sandbox.testing.suite"), name)
