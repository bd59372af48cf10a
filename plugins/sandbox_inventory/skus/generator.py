"""Generates demand traces of many items from a seed."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array

GAMMA_SHAPE = 8.0
"""Shape of the gamma factor that makes the counts overdispersed."""


def generated_traces(seed: int, items: int, periods: int) -> Array:
    """Demand of shape ``(periods, items)``, whole units a day.

    - Levels are log-normal around 8 units, with a trend of up to ±30 % a year.
    - Weekly and yearly seasons.
    - Promotions of a week, some six a year, that double or triple demand.
    - A third of the items sell intermittently, on 10 to 50 % of the days.
    - Counts are Poisson around all that, with a gamma factor of mean 1.
    """
    rng = np.random.default_rng([seed, 7])
    day = np.arange(periods)[:, None]
    level = np.exp(rng.normal(np.log(8.0), 0.8, items))
    trend = 1 + rng.uniform(-0.3, 0.3, items) * day / 365
    week = 1 + rng.uniform(0, 0.4, items) * np.sin(2 * np.pi * (day / 7 + rng.random(items)))
    year = 1 + rng.uniform(0, 0.5, items) * np.sin(2 * np.pi * (day / 365 + rng.random(items)))
    starts = rng.random((periods, items)) < 6 / 365
    promoted = np.zeros((periods, items))
    for lag in range(7):
        promoted[lag:] += starts[: periods - lag] if lag else starts
    lift = 1 + np.minimum(promoted, 1) * rng.uniform(1.0, 2.0, items)
    selling_share = np.where(rng.random(items) < 1 / 3, rng.uniform(0.1, 0.5, items), 1.0)
    selling = rng.random((periods, items)) < selling_share
    mean = level * np.maximum(trend, 0.1) * week * year * lift / selling_share * selling
    factor = rng.gamma(GAMMA_SHAPE, 1 / GAMMA_SHAPE, (periods, items))
    demand: Array = rng.poisson(mean * factor).astype(np.float64)
    return demand
