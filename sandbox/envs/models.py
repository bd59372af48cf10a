"""The models that a scenario's task offers to algorithms."""

from __future__ import annotations

from sandbox.api.task_models import TaskModels
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario


def models_of(scenario: ResolvedScenario) -> TaskModels:
    """What the task offers of models, with the scenario's training parameters and weights."""
    task = scenario.task
    return TaskModels(
        scenario.spec.task,
        scenario.config,
        scenario.reward,
        None if task.finite_model is None else resolve(task.finite_model),
        None if task.dynamics is None else resolve(task.dynamics),
        None if task.pretrained is None else resolve(task.pretrained),
        None if task.simulator is None else resolve(task.simulator),
    )
