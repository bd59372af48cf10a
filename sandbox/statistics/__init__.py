"""Statistics of a comparison: the unit is the training run, intervals are bootstrapped and seeded.

Scores of one agent are a list of arrays, one a scenario (the strata), each with one value a training
run; runs may be missing, so lengths may differ.

Sources: Agarwal et al. 2021, Deep Reinforcement Learning at the Edge of the Statistical Precipice
(arXiv 2108.13264): IQM, stratified bootstrap, probability of improvement, performance profiles and
optimality gap. Patterson et al. 2024, Empirical Design in Reinforcement Learning (JMLR 25:318): the
training run as the unit, paired comparisons, and claims that few runs cannot carry.
"""

from sandbox.statistics.crossed import Needed, crossed_interval, crossed_p_value, needed
from sandbox.statistics.curves import Curve, band
from sandbox.statistics.episodes import RESAMPLES, bootstrap_mean, paired_difference
from sandbox.statistics.pairs import (
    difference_p_value,
    holm,
    probabilities_of_improvement,
    probability_of_improvement,
    welch_p_value,
)
from sandbox.statistics.profiles import Profile, performance_profile
from sandbox.statistics.resampling import MIN_RUNS, Interval, Resampler, enough, resamples_for
from sandbox.statistics.scores import (
    iqm,
    iqm_interval,
    iqm_intervals,
    log_gap_score,
    mean_interval,
    normalise,
    optimality_gap,
    optimality_gap_interval,
)
from sandbox.statistics.simultaneous import t_interval

__all__ = [
    "MIN_RUNS",
    "RESAMPLES",
    "Curve",
    "Interval",
    "Needed",
    "Profile",
    "Resampler",
    "band",
    "bootstrap_mean",
    "crossed_interval",
    "crossed_p_value",
    "difference_p_value",
    "enough",
    "holm",
    "iqm",
    "iqm_interval",
    "iqm_intervals",
    "log_gap_score",
    "mean_interval",
    "needed",
    "normalise",
    "optimality_gap",
    "optimality_gap_interval",
    "paired_difference",
    "performance_profile",
    "probabilities_of_improvement",
    "probability_of_improvement",
    "resamples_for",
    "t_interval",
    "welch_p_value",
]
