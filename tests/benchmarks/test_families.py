"""What the families of learning are measured by."""

import numpy as np
import pytest

from benchmarks.families import tables
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
