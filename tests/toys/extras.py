"""Extensions of the toy domain by somebody else: terms, presets, metrics, observations, a baseline.

sandbox info toy/shelf --plugin tests/toys/plugin.py --plugin tests/toys/extras.py
"""

from sandbox.api import Baseline, Extension, Metric, Observation, RewardTerm

shelf_extras = Extension(
    name="shelf-extras",
    task="toy/shelf",
    terms=(
        RewardTerm("crowded", lambda evening: evening.left > 3, unit="evenings"),
        RewardTerm("missed", lambda evening: 1.0 * (evening.left == 0), weight=-0.5, unit="evenings"),
    ),
    presets={"careful": {"left": -0.2}},
    metrics=(
        Metric("largest_order", "items", "lower", from_term="ordered", how="max"),
        Metric("orders", "orders", "lower", from_term="placed"),
        Metric("mean_left", "items", "lower", from_term="left", how="mean"),
    ),
    observations=(
        Observation("squared", ".extras_code:Squared", "the square of the stock", pure=True),
        Observation("with-time", ".extras_code:WithTime", "the stock and the evenings that are left"),
    ),
    baselines=(Baseline("nothing", ".extras_code:order_nothing", "Never orders."),),
)

regulator_extras = Extension(
    name="regulator-extras",
    task="toy/regulator",
    metrics=(
        Metric("largest_push", "m²", "lower", from_term="control", how="max"),
        Metric("last_state", "m²", "lower", from_term="state", how="last"),
    ),
    observations=(
        Observation("halved", ".extras_code:Halved", "half the position", pure=True),
        Observation("with-steps", ".extras_code:WithSteps", "position and time, read from the simulator"),
    ),
)

tag_extras = Extension(
    name="tag-extras",
    task="toy/tag",
    metrics=(Metric("nearest", "cells", "lower", from_term="distance", how="min"),),
)
