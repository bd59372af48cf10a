"""The names of the checks, which a task may give in ``expected_failures``."""

from __future__ import annotations

CHECK_NAMES = (
    "declaration",
    "parameters",
    "scenarios",
    "cheap-import",
    "plays",
    "coverage",
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
    "reward-varies",
    "parameters-matter",
    "outer-events",
    "played-scenarios",
    "locked",
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
    "baselines-only-look",
    "baseline-beats-random",
    "trains",
    "policies-survive",
)
"""In the order of `sandbox.testing.suite.CHECKS`, which a test holds equal to these."""

ALGORITHM_CHECK_NAMES = (
    "spaces-trained",
    "odd-spaces-decided",
    "same-again",
    "saved-policy",
    "masks-honoured",
    "environments-apart",
    "resumes-exactly",
    "dataset-not-stepped",
    "nan-refused",
)
"""In the order of `sandbox.testing.algorithms.ALGORITHM_CHECKS`, which a test holds equal to these."""
