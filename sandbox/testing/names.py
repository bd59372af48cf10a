"""The names of the checks, which a task may give in ``expected_failures``."""

from __future__ import annotations

CHECK_NAMES = (
    "declaration",
    "parameters",
    "scenarios",
    "cheap-import",
    "plays",
    "ends",
    "reward",
    "terms",
    "metrics",
    "observations",
    "no-constant-observation",
    "memory",
    "masks",
    "deterministic",
    "history",
    "seeds-matter",
    "global-generators",
    "truncation",
    "presets",
    "gymnasium",
    "pettingzoo",
    "independent-copies",
    "spawned-process",
    "vector-agrees",
    "vector-memory",
    "restores-state",
    "restores-vector-state",
    "game-rules",
    "by-hand",
    "baseline-beats-random",
    "trains",
    "policies-survive",
)
"""In the order of `sandbox.testing.suite.CHECKS`, which a test holds equal to these."""
