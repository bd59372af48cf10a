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
    "ParallelCore": "batch",
    "Batched": "batch",
    "BatchedCore": "batch",
    "batched": "batch",
    "Capabilities": "algorithm",
    "Claim": "claim",
    "Claims": "claim",
    "Measured": "claim",
    "Plot": "claim",
    "Trial": "claim",
    "Dataset": "data",
    "Transitions": "data",
    "Dynamics": "dynamics",
    "ObservedDynamics": "dynamics",
    "FiniteModel": "finite_model",
    "TaskModels": "task_models",
    "Resume": "algorithm",
    "StopTraining": "algorithm",
    "TrainContext": "algorithm",
    "WriteState": "algorithm",
    "Bound": "bound",
    "Command": "command",
    "InputPart": "command",
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
    "Interaction": "interaction",
    "Agents": "agents",
    "JointInteraction": "joint",
    "JointStep": "joint",
    "Extension": "extension",
    "Observation": "extension",
    "Observer": "extension",
    "ObservationField": "observation_field",
    "Learner": "learner",
    "driven": "learner",
    "gymnasium_task": "external",
    "pettingzoo_task": "external",
    "first_allowed": "masks",
    "is_allowed": "masks",
    "mask_size": "masks",
    "only_first": "masks",
    "random_allowed": "masks",
    "Metric": "metric",
    "Baseline": "policy",
    "Policy": "policy",
    "Parent": "processes",
    "describe_exit": "processes",
    "follow_parent": "processes",
    "start_module": "processes",
    "stop_child": "processes",
    "usable_cores": "processes",
    "Simulator": "simulator",
    "RewardBreakdown": "reward",
    "Rewards": "reward",
    "RewardSpec": "reward",
    "RewardTerm": "reward",
    "EvaluationSettings": "scenario",
    "CodeName": "scenario",
    "InputFile": "scenario",
    "Preset": "scenario",
    "Reference": "scenario",
    "RewardChoice": "scenario",
    "Scenario": "scenario",
    "Seeds": "scenario",
    "InfoTable": "table",
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
    "Agents",
    "Algorithm",
    "Baseline",
    "Batched",
    "BatchedCore",
    "Bound",
    "BrokenFileError",
    "Capabilities",
    "Claim",
    "Claims",
    "CodeName",
    "Command",
    "DamagedRunError",
    "Dataset",
    "Domain",
    "Dynamics",
    "EvaluationSettings",
    "Extension",
    "FiniteModel",
    "InfoTable",
    "InputFile",
    "InputPart",
    "Interaction",
    "InvalidValueError",
    "JointInteraction",
    "JointStep",
    "Learner",
    "Measured",
    "Metric",
    "MisfitError",
    "MissingExtraError",
    "Moment",
    "Observation",
    "ObservationField",
    "ObservedDynamics",
    "Observer",
    "ParallelCore",
    "Parent",
    "Plot",
    "PluginError",
    "Policy",
    "Preset",
    "Reference",
    "Resume",
    "RewardBreakdown",
    "RewardChoice",
    "RewardSpec",
    "RewardTerm",
    "Rewards",
    "RunBusyError",
    "RunFailedError",
    "SandboxError",
    "Scenario",
    "Seeds",
    "Simulator",
    "StopTraining",
    "StorageError",
    "Task",
    "TaskModels",
    "TrainContext",
    "Transitions",
    "Tunable",
    "UnknownNameError",
    "View",
    "ViewAgent",
    "ViewRequest",
    "WriteState",
    "batched",
    "describe_exit",
    "driven",
    "first_allowed",
    "follow_parent",
    "gymnasium_task",
    "is_allowed",
    "mask_size",
    "only_first",
    "pettingzoo_task",
    "random_allowed",
    "read_state",
    "start_module",
    "stop_child",
    "usable_cores",
    "write_state",
]

if TYPE_CHECKING:
    from sandbox.api.agents import Agents
    from sandbox.api.algorithm import (
        Algorithm,
        Capabilities,
        Resume,
        StopTraining,
        TrainContext,
        WriteState,
    )
    from sandbox.api.batch import Batched, BatchedCore, ParallelCore, batched
    from sandbox.api.bound import Bound
    from sandbox.api.command import Command, InputPart
    from sandbox.api.data import Dataset, Transitions
    from sandbox.api.domain import Domain, Task
    from sandbox.api.dynamics import Dynamics, ObservedDynamics
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
    from sandbox.api.extension import Extension, Observation, Observer
    from sandbox.api.external import gymnasium_task, pettingzoo_task
    from sandbox.api.finite_model import FiniteModel
    from sandbox.api.interaction import Interaction
    from sandbox.api.joint import JointInteraction, JointStep
    from sandbox.api.learner import Learner, driven
    from sandbox.api.masks import first_allowed, is_allowed, mask_size, only_first, random_allowed
    from sandbox.api.metric import Metric
    from sandbox.api.observation_field import ObservationField
    from sandbox.api.policy import Baseline, Policy
    from sandbox.api.processes import (
        Parent,
        describe_exit,
        follow_parent,
        start_module,
        stop_child,
        usable_cores,
    )
    from sandbox.api.reward import RewardBreakdown, Rewards, RewardSpec, RewardTerm
    from sandbox.api.scenario import (
        CodeName,
        EvaluationSettings,
        InputFile,
        Preset,
        Reference,
        RewardChoice,
        Scenario,
        Seeds,
    )
    from sandbox.api.simulator import Simulator
    from sandbox.api.state import read_state, write_state
    from sandbox.api.table import InfoTable
    from sandbox.api.task_models import TaskModels
    from sandbox.api.tuning import Tunable
    from sandbox.api.view import Moment, View, ViewAgent, ViewRequest


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sandbox.api' has no attribute {name!r}")
    return getattr(import_module(f"sandbox.api.{home}"), name)


def __dir__() -> list[str]:
    return __all__
