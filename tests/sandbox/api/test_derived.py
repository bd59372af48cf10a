"""Metrics that are computed from terms and infos: by hand, also where an info comes now and then."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.api import Metric
from sandbox.api.derived import DerivedMetrics

HOWS = ("sum", "mean", "max", "min", "last")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-3.0, -1.0, -2.0], (-6.0, -2.0, -1.0, -3.0, -2.0)),
        ([None, -3.0, None, -1.0], (-4.0, -2.0, -1.0, -3.0, -1.0)),
        ([None, None], (0.0, 0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_steps_without_a_value_do_not_count(values, expected):
    metrics = DerivedMetrics([Metric(how, "1", "lower", from_info="x", how=how) for how in HOWS], 1)
    for value in values:
        metrics.add({}, {} if value is None else {"x": np.array([value])})
    assert [float(metrics.values()[how][0]) for how in HOWS] == pytest.approx(expected)


def test_rows_begin_anew_one_by_one_and_agents_are_averaged():
    metrics = DerivedMetrics([Metric("most", "1", "lower", from_term="x", how="max")], 2)
    metrics.add({"x": np.array([[1.0, 3.0], [5.0, 7.0]])}, {})
    assert metrics.values()["most"].tolist() == [2.0, 6.0]
    metrics.begin(np.array([True, False]))
    metrics.add({"x": np.array([[-1.0, -3.0], [0.0, 0.0]])}, {})
    assert metrics.values()["most"].tolist() == [-2.0, 6.0]
