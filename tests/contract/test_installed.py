"""Every installed domain keeps the contract, check by check."""

from __future__ import annotations

import pytest

from sandbox.testing import Case, contract_cases

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("case", contract_cases())
def test_installed_task_keeps_the_contract(case: Case) -> None:
    case.run()


@pytest.mark.slow
@pytest.mark.parametrize("case", contract_cases(level="full"))
def test_installed_task_keeps_the_contract_over_long_rollouts_and_with_every_algorithm(case: Case) -> None:
    case.run()
