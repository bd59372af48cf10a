"""Everything a plugin author imports.

A domain plugin describes itself with frozen data (`Domain`, `Task`, `RewardSpec`, `Metric`,
`Baseline`), an algorithm plugin with an `Algorithm`; both name their heavy parts as
``"module:attribute"`` strings so that listing plugins stays cheap.

Names are resolved on first use: a ``plugin.py`` that needs only `Domain` and `Task` does not pay
for importing NumPy or pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sandbox.api.version import API_VERSION

_HOMES = {
    "Algorithm": "algorithm",
    "Capabilities": "algorithm",
    "Resume": "algorithm",
    "StopTraining": "algorithm",
    "TrainContext": "algorithm",
    "Domain": "domain",
    "Task": "domain",
    "BrokenFileError": "errors",
    "DamagedRunError": "errors",
    "InvalidValueError": "errors",
    "MisfitError": "errors",
    "MissingExtraError": "errors",
    "PluginError": "errors",
    "RunBusyError": "errors",
    "RunFailedError": "errors",
    "SandboxError": "errors",
    "StorageError": "errors",
    "UnknownNameError": "errors",
    "Metric": "metric",
    "Baseline": "policy",
    "Policy": "policy",
    "Parent": "processes",
    "describe_exit": "processes",
    "follow_parent": "processes",
    "start_module": "processes",
    "stop_child": "processes",
    "usable_cores": "processes",
    "RewardBreakdown": "reward",
    "RewardSpec": "reward",
    "RewardTerm": "reward",
    "EvaluationSettings": "scenario",
    "InputFile": "scenario",
    "Preset": "scenario",
    "Reference": "scenario",
    "RewardChoice": "scenario",
    "Scenario": "scenario",
    "Seeds": "scenario",
    "Tunable": "tuning",
    "Moment": "view",
    "View": "view",
    "ViewAgent": "view",
    "ViewRequest": "view",
    "read_state": "state",
    "write_state": "state",
}

__all__ = [  # written out, so that type checkers see what is exported
    "API_VERSION",
    "Algorithm",
    "Baseline",
    "BrokenFileError",
    "Capabilities",
    "DamagedRunError",
    "Domain",
    "EvaluationSettings",
    "InputFile",
    "InvalidValueError",
    "Metric",
    "MisfitError",
    "MissingExtraError",
    "Moment",
    "Parent",
    "PluginError",
    "Policy",
    "Preset",
    "Reference",
    "Resume",
    "RewardBreakdown",
    "RewardChoice",
    "RewardSpec",
    "RewardTerm",
    "RunBusyError",
    "RunFailedError",
    "SandboxError",
    "Scenario",
    "Seeds",
    "StopTraining",
    "StorageError",
    "Task",
    "TrainContext",
    "Tunable",
    "UnknownNameError",
    "View",
    "ViewAgent",
    "ViewRequest",
    "describe_exit",
    "follow_parent",
    "read_state",
    "start_module",
    "stop_child",
    "usable_cores",
    "write_state",
]

if TYPE_CHECKING:
    from sandbox.api.algorithm import Algorithm, Capabilities, Resume, StopTraining, TrainContext
    from sandbox.api.domain import Domain, Task
    from sandbox.api.errors import (
        BrokenFileError,
        DamagedRunError,
        InvalidValueError,
        MisfitError,
        MissingExtraError,
        PluginError,
        RunBusyError,
        RunFailedError,
        SandboxError,
        StorageError,
        UnknownNameError,
    )
    from sandbox.api.metric import Metric
    from sandbox.api.policy import Baseline, Policy
    from sandbox.api.processes import (
        Parent,
        describe_exit,
        follow_parent,
        start_module,
        stop_child,
        usable_cores,
    )
    from sandbox.api.reward import RewardBreakdown, RewardSpec, RewardTerm
    from sandbox.api.scenario import (
        EvaluationSettings,
        InputFile,
        Preset,
        Reference,
        RewardChoice,
        Scenario,
        Seeds,
    )
    from sandbox.api.state import read_state, write_state
    from sandbox.api.tuning import Tunable
    from sandbox.api.view import Moment, View, ViewAgent, ViewRequest


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sandbox.api' has no attribute {name!r}")
    return getattr(import_module(f"sandbox.api.{home}"), name)


def __dir__() -> list[str]:
    return __all__
