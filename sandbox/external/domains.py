"""The domains ``gym`` and ``pettingzoo``: any environment that is named, ranked by its return.

Importing this loads neither Gymnasium nor PettingZoo. The registry knows both without an entry point and
leaves them out of listings: they have no scenarios until somebody names one.
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.api.domain import Domain
from sandbox.api.external import gymnasium_task, pettingzoo_task

_gym = replace(gymnasium_task("CartPole-v1", name="env"), title="An environment of Gymnasium")
gym = Domain(
    name="gym",
    title="Environments of Gymnasium, named as gym:ID",
    tasks=(_gym, replace(gymnasium_task("CartPole-v1", name="masked-env", masks=True), title=_gym.title)),
    requires=("gymnasium",),
)

_parallel = replace(pettingzoo_task(None, name="env"), title="A parallel environment of PettingZoo")
pettingzoo = Domain(
    name="pettingzoo",
    title="Parallel environments of PettingZoo, named as pettingzoo:module",
    tasks=(
        _parallel,
        replace(pettingzoo_task(None, name="masked-env", masks=True), title=_parallel.title),
    ),
    requires=("pettingzoo", "supersuit"),
    extra="multi-agent",
)

DOMAINS = {"gym": gym, "pettingzoo": pettingzoo}
