"""Both branches of a decision side by side, drawn by the task's own view ``replay``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from sandbox.api.view import Moment, ViewAgent, ViewRequest
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.evaluation.rollout import Episode
from sandbox.moves.stage import Stage
from sandbox.outputs.render import REPLAY, make_env, view_of
from sandbox.records.moves import Find
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario

WHOLE = 300
"""Episodes of at most so many steps are shown from the beginning to the end."""

BEFORE, AFTER = 12, 60
"""Steps shown before and after the decision of a longer one."""


def film(
    scenario: ResolvedScenario,
    agent: Agent,
    find: Find,
    actions: Sequence[Any],
    future: int | None,
    file: Path,
) -> bool:
    """Write a replay of the agent's branch and the best classical one.

    Args:
        scenario: What is played.
        agent: Who goes on after both.
        find: The decision.
        actions: Of its episode: all rows, for each step.
        future: Seed of the future that is shown.
        file: Where to write it.

    Returns:
        Whether the task's view could draw a part of an episode.
    """
    other = min(find.alternatives, key=lambda each: each.difference or 0.0)
    # Two names for the same agent: what differs is the first action.
    first: dict[str, JsonValue] = {
        f"{agent.name}: {find.text}": find.action,
        f"{other.methods[0]}: {other.text}": other.action,
    }
    play = partial(_play, scenario, agent, find, actions, future, first)
    request = ViewRequest(
        make_env=partial(make_env, scenario),
        agents=[ViewAgent(name, _nobody, agent.deterministic) for name in first],
        seeds=[find.seed],
        path=file,
        play=play,
        scenario=scenario.spec.id,
        weights=scenario.reward.weights,
    )
    try:
        resolve(view_of(scenario, REPLAY).draw)(request)
    except Exception:  # views are written for whole episodes; the figures stand without a film
        file.unlink(missing_ok=True)
    return file.is_file()


def _nobody(env: Any) -> Any:
    """Stands for a policy: `_play` makes the one that goes on."""
    return None


def _play(
    scenario: ResolvedScenario,
    agent: Agent,
    find: Find,
    actions: Sequence[Any],
    future: int | None,
    first: dict[str, JsonValue],
    shown: ViewAgent,
    seed: int,
    watch: Callable[[Any, Moment], None],
    render_mode: str | None = None,
) -> Episode:
    """Play the episode with another action at the decision, and show what is around it."""
    stage = Stage(scenario, render_mode)
    try:
        policy = policy_of(scenario, agent, stage.bare, stage.space, stage.seen)
        stage.reset(seed)
        policy.reset(stage.rows, seed)
        whole = len(actions) <= WHOLE
        begin, end = (0, WHOLE * 10) if whole else (max(0, find.step - BEFORE), find.step + AFTER)
        step, total, sums = 0, 0.0, dict[str, float]()

        def show(action: Any, reward: float) -> None:
            if step >= begin:
                seen = stage.observation if stage.names else _first_row(stage.observation)
                watch(stage.bare, Moment(step - begin, seen, action, reward, stage.info))

        show(None, 0.0)
        while not stage.over and step < end:
            if step == find.step and future is not None:
                stage.redraw(future)
            chosen = stage.act(policy, agent.deterministic)
            if step < find.step:
                chosen = np.asarray(actions[step], stage.space.dtype)
            elif step == find.step:
                chosen = chosen.copy()
                chosen[find.row] = np.asarray(first[shown.name], stage.space.dtype)
            rewards, terms = stage.step(chosen)
            step += 1
            total += float(rewards.mean())
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value
            show(chosen if stage.names else chosen[0], float(rewards.sum()))
        metrics = {name: float(value) for name, value in stage.info.get("metrics", {}).items()}
        return Episode(shown.name, seed, total, step, False, not stage.over, sums, metrics)
    finally:
        stage.close()


def _first_row(observation: Any) -> Any:
    if isinstance(observation, dict):
        return {key: _first_row(part) for key, part in observation.items()}
    return observation[0]
