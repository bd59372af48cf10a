"""A filter with a proof: whatever the policy commands, the automated vehicle does not collide."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="gap-filter",
    sentence="Behind the gap filter neither random actions nor full throttle collide on the ring.",
    idea="7 · Systems",
    switch="The gap filter is off.",
    measure=f"{__name__}:measure",
    requires=("numba",),
    extra="mixed",
)


def measure(trial: Trial) -> Measured:
    """Share of episodes with a collision under the worst that a policy can command."""
    from sandbox_mixed.config import RingConfig
    from sandbox_mixed.ring.core import make_vec
    from sandbox_mixed.ring.reward import REWARDS

    config, rows = RingConfig(gap_filter=not trial.sabotaged), trial.settings["episodes"]
    rng, shares = np.random.default_rng(trial.seed), {}
    for name, low in (("random", -1.0), ("full throttle", 1.0 - 1e-9)):
        envs: Any = make_vec(config, REWARDS["smooth"], rows)
        envs.reset(seed=[trial.seed * rows + row for row in range(rows)])
        collided: dict[int, float] = {}
        while len(collided) < rows:
            actions = rng.uniform(low, 1.0, (rows, 1)).astype(np.float32)
            _, _, terminated, truncated, info = envs.step(actions)
            for row in np.flatnonzero(terminated | truncated):
                collided.setdefault(int(row), float(info["final_info"]["metrics"]["collisions"][row]))
        shares[name] = float(np.mean(list(collided.values())))
    plot = Plot("Episodes with a collision, share", bars=shares)
    return Measured({"collided": max(shares.values())}, plot)
