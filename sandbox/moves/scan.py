"""Plays a test episode and asks the classical methods at every decision what they would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sandbox.api.policy import Policy
from sandbox.api.types import Element
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.moves.actions import allowed, as_json, in_words, key, novelty
from sandbox.moves.stage import Stage
from sandbox.records.moves import Moment, ScanRecord
from sandbox.scenarios.resolve import ResolvedScenario

MAX_ENTRIES = 512
"""Observations with more numbers are kept as a sketch, for telling similar ones apart."""

SKETCH = 64
"""Length of a sketch: a random projection, the same for all."""

NOVEL = 1e-6
"""Continuous actions that are closer than this are the same."""


def scan(scenario: ResolvedScenario, stage: Stage, agents: Sequence[Agent], seed: int) -> ScanRecord:
    """Play the episode of a seed.

    Args:
        scenario: What is played.
        stage: Where.
        agents: Who plays, then the classical methods.
        seed: The episode's seed.
    """
    policies = [policy_of(scenario, agent, stage.bare, stage.space, stage.seen) for agent in agents]
    stage.reset(seed)
    for policy in policies:
        policy.reset(stage.rows, seed)
    player, *others = zip(agents, policies, strict=True)
    actions: list[Any] = []
    moments: list[Moment] = []
    decisions = 0
    while not stage.over:
        chosen = stage.act(player[1], player[0].deterministic)
        advice = {agent.name: stage.act(policy, agent.deterministic) for agent, policy in others}
        for row in range(stage.rows):
            if stage.choices(row):
                decisions += 1
                moment = _moment(stage, player[1], len(actions), row, chosen[row], advice)
                if moment is not None:
                    moments.append(moment)
        actions.append(as_json(chosen))
        stage.step(chosen)
    metric = stage.metric() if "metrics" in stage.info else float("nan")
    return ScanRecord(
        seed=seed, actions=tuple(actions), decisions=decisions, metric=metric, moments=tuple(moments)
    )


def sketch(observation: Element, row: int) -> tuple[float, ...]:
    """A row's observation as numbers; a projection of it where there are too many."""
    values = _flat(observation, row)
    if len(values) > MAX_ENTRIES:
        matrix = np.random.default_rng(0).standard_normal((len(values), SKETCH)) / np.sqrt(len(values))
        values = values @ matrix
    return tuple(np.nan_to_num(values, posinf=1e9, neginf=-1e9).tolist())


def _flat(observation: Element, row: int) -> Any:
    if isinstance(observation, dict):
        return np.concatenate([_flat(part, row) for part in observation.values()])
    return np.asarray(observation[row], np.float64).ravel()


def _moment(
    stage: Stage, policy: Policy, step: int, row: int, action: Any, advice: Mapping[str, Any]
) -> Moment | None:
    mask = stage.mask
    of_row = None if mask is None else mask[row]
    advised = {
        name: actions[row] if allowed(stage.space, actions[row], of_row) else None
        for name, actions in advice.items()
    }
    new = novelty(stage.space, action, advised)
    if new <= NOVEL:
        return None
    known = {name: None if other is None else as_json(other) for name, other in advised.items()}
    # Words may depend on the state, which is at hand now.
    named = [as_json(action), *(other for other in known.values() if other is not None)]
    return Moment(
        step=step,
        row=row,
        observation=sketch(stage.observation, row),
        action=as_json(action),
        advice=known,
        novelty=new,
        prior=_prior(policy, row, action),
        words={key(each): in_words(stage.bare, row, stage.space, each) for each in named},
    )


def _prior(policy: Policy, row: int, action: Any) -> float | None:
    """What the agent's network alone thinks of its action, for agents that search and explain themselves."""
    explain = getattr(policy, "explain", None)
    if not callable(explain):
        return None
    for value in explain()[row]:
        if value.action == int(action) and "prior" in value.figures:
            return float(value.figures["prior"])
    return None
