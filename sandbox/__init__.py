"""sandbox-rl: applied reinforcement learning on real simulators, beside the classical methods.

>>> import sandbox
>>> env = sandbox.make("traffic/single-intersection")
>>> run = sandbox.train("traffic/single-intersection", "ppo", seed=0, steps=40_000)
>>> table = sandbox.evaluate([run.policy, "max-pressure"], run.scenario)

Names are loaded on first use, so importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "compare": "sandbox.comparison.api",
    "evaluate": "sandbox.evaluation.evaluate",
    "list_algorithms": "sandbox.registry.listing",
    "list_baselines": "sandbox.registry.listing",
    "list_domains": "sandbox.registry.listing",
    "list_plugins": "sandbox.registry.listing",
    "list_scenarios": "sandbox.scenarios.listing",
    "load": "sandbox.runs.directory",
    "make": "sandbox.envs.make",
    "make_vec": "sandbox.envs.make",
    "register_envs": "sandbox.envs.make",
    "render": "sandbox.outputs.render",
    "resume": "sandbox.workflow",
    "run": "sandbox.workflow",
    "train": "sandbox.training.train",
    "tune": "sandbox.tuning.api",
}

__all__ = [  # written out, so that type checkers see what is exported
    "__version__",
    "compare",
    "evaluate",
    "list_algorithms",
    "list_baselines",
    "list_domains",
    "list_plugins",
    "list_scenarios",
    "load",
    "make",
    "make_vec",
    "register_envs",
    "render",
    "resume",
    "run",
    "train",
    "tune",
]

if TYPE_CHECKING:
    from sandbox.comparison.api import compare
    from sandbox.envs.make import make, make_vec, register_envs
    from sandbox.evaluation.evaluate import evaluate
    from sandbox.outputs.render import render
    from sandbox.registry.listing import (
        list_algorithms,
        list_baselines,
        list_domains,
        list_plugins,
    )
    from sandbox.runs.directory import load
    from sandbox.scenarios.listing import list_scenarios
    from sandbox.training.train import train
    from sandbox.tuning.api import tune
    from sandbox.workflow import resume, run

    __version__: str


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version  # costs more than all else here

        try:
            return version("sandbox-rl")
        except PackageNotFoundError:  # used from a source tree that is not installed
            return "0+unknown"
    if name not in _HOMES:
        raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
