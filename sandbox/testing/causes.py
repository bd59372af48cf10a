"""Checks of what has an effect and what has none: baselines, terms, parameters, actions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sandbox.api.errors import SandboxError
from sandbox.api.types import Element, Environment
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.registry.discover import registry
from sandbox.scenarios.listing import entries
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox.testing.episodes import changed, resolve_env
from sandbox.testing.play import Act, Answer, Chooser, Reset, Trace, difference, digest, steps
from sandbox.testing.subjects import Subject
from sandbox.testing.survey import SEEDS, outside, said
from sandbox.testing.verdicts import NotApplicable, Violation, cut

STEPS = 200
"""Most steps of an episode that is played for one of these checks."""

PARTS = 16
"""Most numbers of an action whose effect is looked for one at a time."""

Kind = Literal["low", "high", "random"]
PICKED = {"low": "min", "high": "max"}


def coverage(subject: Subject) -> str:
    """What random play saw, which is what most checks rest on: episodes, ends, masks, events."""
    survey = subject.survey
    if not survey.trace.steps:
        raise NotApplicable("no step was played")
    facts = [f"{survey.trace.steps:,} steps, {survey.ended} episodes to their end"]
    if survey.ended:
        facts.append(f"{survey.terminated} terminated, {survey.ended - survey.terminated} truncated")
    if subject.task.masks:
        facts.append(f"{survey.forbidding:,} masks that forbade something")
    still = [name for name, (low, high) in survey.terms.items() if low == high]
    facts.append(f"terms that never varied: {', '.join(still)}" if still else "every term varied")
    return "; ".join(facts)


def baselines_only_look(subject: Subject) -> None:
    """A baseline that acts leaves the environment as it is: its actions alone give the same episode."""
    names = [baseline.name for baseline in subject.task.baselines]
    if not names:
        raise NotApplicable("the task has no baselines")
    for name in names if subject.level == "full" else names[:3]:
        trace = Trace()
        with subject.env() as env:
            try:
                for event, answer in _acted(subject, env, name):
                    trace.add(event, answer)
            except SandboxError as refusal:
                if name in subject.scenario.baselines():
                    raise Violation(f"{name} cannot play: {refusal.message}") from refusal
                cut(f"{name} is not for this scenario, which does not name it: {refusal.message}")
                continue
            except Exception as error:
                raise Violation(f"{name} raised {said(error)}") from error
        with subject.env() as env:
            parted = difference(env, trace, 2 * subject.budget.seconds)
        if parted:
            raise Violation(
                f"the actions of {name} without {name} do not give its episode: {parted} differ. It must "
                "look at the environment and change nothing in it, its generator included"
            )


def reward_varies(subject: Subject) -> None:
    """The reward and its terms are not constant, unless the reward counts the steps of episodes that end."""
    survey = subject.survey
    if not survey.trace.steps:
        raise NotApplicable("no step was played")
    seen = {name: [low, high] for name, (low, high) in survey.terms.items()}
    for name in subject.scenario.baselines()[: None if subject.level == "full" else 3]:
        if name == "random":
            continue
        # Whether a baseline can play is asked by `baselines_only_look`.
        with subject.env() as env, suppress(SandboxError):
            for event, answer in _acted(subject, env, name):
                if isinstance(event, Act):
                    for term, value in answer.info.get("reward_terms", {}).items():
                        values = np.asarray(value, float)
                        if term in seen and values.size:
                            seen[term] = [min(seen[term][0], values.min()), max(seen[term][1], values.max())]
    weights = subject.scenario.reward.weights
    still = [name for name, (low, high) in seen.items() if low == high]
    counts_steps = any(seen[name][0] != 0.0 for name in still) and (
        survey.terminated > 0 or len(set(survey.lengths)) > 1
    )
    if not counts_steps and all(name in still for name in seen if weights.get(name)):
        raise Violation(
            f"the reward was the same in all of {survey.trace.steps:,} random steps and with every baseline: "
            "it tells an agent nothing"
        )
    unseen = [name for name in still if seen[name] == [0.0, 0.0]]
    if unseen:
        raise NotApplicable(f"nothing was seen of {', '.join(unseen)}, which stayed 0: see Task.small")


def parameters_matter(subject: Subject) -> str:
    """Every parameter has an effect on the small instance, or is at least read somewhere by the plugin."""
    trace = _first_steps(subject)
    sources = _sources(subject.domain.name)  # without any, nothing can be said of what is read
    fields = type(subject.scenario.config).model_fields
    unread = [name for name in fields if _is_only_declared(sources, name)]
    without = [name for name in unread if not _has_effect(subject, name, trace)]
    if without:
        raise Violation(
            f"config.{', config.'.join(without)} has no effect, and nothing in the plugin reads it"
        )
    silent = without_effect(subject, fields)
    return f"no effect seen of {', '.join(silent)}" if silent else ""


def parameters_with_effect(subject: Subject) -> list[str]:
    """Parameters of which another value changes something in the first steps that the survey played.

    In tasks that are not cheap these are few: a parameter without effect takes several episodes of them.
    """
    trace = _first_steps(subject, STEPS if subject.task.cheap else STEPS // 10)
    return [name for name in type(subject.scenario.config).model_fields if _has_effect(subject, name, trace)]


def without_effect(subject: Subject, names: Iterable[str]) -> list[str]:
    """Which of these parameters, as long as time lasts, have no such effect."""
    trace, clock, silent, untried = _first_steps(subject), subject.clock(), [], []
    for name in names:
        if clock.over:
            untried.append(name)
        elif name in type(subject.scenario.config).model_fields and not _has_effect(subject, name, trace):
            silent.append(name)
    if untried:
        cut(f"not tried: {', '.join(untried)}")
    return silent


def actions_matter(subject: Subject) -> str:
    """Unlike actions have unlike consequences; parts of an action of which none was seen are named."""
    compared = _consequences(subject)
    if compared is None:
        raise NotApplicable("no two unlike actions were allowed")
    if not compared:
        raise Violation(
            f"unlike sequences of actions after reset(seed={SEEDS[0]}) gave the same observations, rewards, "
            "ends, masks and metrics: what an agent does has no effect, or its actions are not passed on"
        )
    with subject.env() as env:
        shape: tuple[int, ...] = (getattr(env, "row_action_space", None) or env.action_space).shape or ()
    if len(shape) != 1 or shape[0] < 2:
        return ""
    clock, parts = subject.clock(), range(min(shape[0], PARTS))
    silent, untried = [], []
    for part in parts:
        if clock.over:
            untried.append(f"action[{part}]")
        elif _consequences(subject, part) is False:
            silent.append(f"action[{part}]")
    if untried:
        cut(f"not tried: {', '.join(untried)}")
    return f"no effect seen of {', '.join(silent)} of {shape[0]}" if silent else ""


def outer_events(subject: Subject) -> None:
    """What does not depend on actions is the same under two unlike sequences of actions.

    That is what ``info["exogenous"]`` holds (demand, arrivals, prices, weather), and of metrics that are
    means what ``info["denominators"]`` counts at the end of an episode.
    """
    first, second = ([answer.info for _, answer in _extreme(subject, kind)] for kind in ("low", "high"))
    seen = False
    for step, (one_way, other_way) in enumerate(zip(first, second, strict=False)):
        for key in ("exogenous", "denominators"):
            if key not in one_way or key not in other_way:
                continue
            seen = True
            if digest(one_way[key]) != digest(other_way[key]):
                raise Violation(
                    f"with other actions info['{key}'] of step {step} after reset(seed={SEEDS[0]}) is "
                    f"{other_way[key]} instead of {one_way[key]}: draw what does not depend on actions from "
                    "a generator that actions do not touch, and count also what has not been finished"
                )
    if not seen:
        raise NotApplicable("info holds neither 'exogenous' nor 'denominators'")


def played_scenarios(subject: Subject) -> str:
    """Every scenario of the task can be played, not only the default: observations and rewards fit."""
    if subject.level == "quick" and not subject.task.cheap:
        raise NotApplicable("scenarios of tasks that are not cheap are played by the full check only")
    clock, played, left = subject.clock(), 0, []
    for entry in entries():
        if entry.error is None and entry.task == subject.name:
            if clock.over:
                left.append(entry.id)
                continue
            _play(load_scenario(str(entry.path or entry.id)), entry.id)
            played += 1
    if not played:
        raise NotApplicable("no scenario file is of this task")
    if left:
        cut(f"not played: {', '.join(left)}")
    return f"{played} scenarios played"


def _play(scenario: ResolvedScenario, name: str) -> None:
    try:
        env = resolve_env(scenario)
    except Exception as error:
        raise Violation(f"the environment of {name} cannot be made: {said(error)}") from error
    try:
        for _, answer in steps(env, Chooser(env, seed=0), SEEDS[0], 20, 5.0):
            complaint = outside(env.observation_space, answer.observation)
            if complaint is None and not np.isfinite(np.asarray(answer.reward, float)).all():
                complaint = f"the reward is {answer.reward}"
            if complaint:
                raise Violation(f"in {name}: {complaint}")
    except Violation:
        raise
    except Exception as error:
        raise Violation(f"playing {name} raised {said(error)}") from error
    finally:
        env.close()


def _acted(subject: Subject, env: Environment, name: str) -> Iterator[tuple[Reset | Act, Answer]]:
    """A part of an episode as a baseline plays it."""
    joint = subject.task.agents == "parallel"
    space = getattr(env, "row_action_space", None) or env.action_space
    inner = getattr(env, "parallel", env).unwrapped  # what baselines may read
    policy = policy_of(subject.scenario, Agent(name, baseline=name), inner, space)
    begun = False

    def choose(answer: Answer) -> Element:
        nonlocal begun
        if not begun:
            policy.reset(len(answer.observation) if joint else 1, seed=0)
            begun = True
        mask = answer.info.get("action_mask")
        mask = None if mask is None else np.asarray(mask, bool) if joint else np.asarray(mask, bool)[None]
        rows = answer.observation if joint else _batched(answer.observation)
        actions = policy.act(rows, mask, True)
        if joint:
            return actions
        return int(actions[0]) if hasattr(space, "start") and not space.shape else actions[0]

    yield from steps(env, choose, SEEDS[0], STEPS, subject.budget.seconds)


def _batched(observation: Element) -> Element:
    if isinstance(observation, Mapping):
        return {key: _batched(part) for key, part in observation.items()}
    return np.asarray(observation)[None]


def _consequences(subject: Subject, part: int | None = None) -> bool | None:
    """Whether unlike sequences of actions gave unlike answers; None if no actions were unlike.

    Args:
        subject: What is played.
        part: The sequences differ in this number of an action only; in all of it if absent.
    """
    unlike = False
    for limit in (STEPS // 10, STEPS):  # most effects are seen at once
        first, *others = (_played(subject, kind, part, limit) for kind in ("low", "high", "random"))
        for other in others:
            pairs = list(zip(first, other, strict=False))
            if any(answers != others for (_, answers), (_, others) in pairs):
                return True
            unlike |= any(digest(action) != digest(acted) for (action, _), (acted, _) in pairs)
    return False if unlike else None


def _played(subject: Subject, kind: Kind, part: int | None, limit: int) -> list[tuple[Element, Any]]:
    """The action and the digests of each answer of such an episode."""
    episode = _extreme(subject, kind, part, limit)
    return [(getattr(event, "action", None), answer.digests()) for event, answer in episode]


def _extreme(
    subject: Subject, kind: Kind, part: int | None = None, limit: int = STEPS
) -> Iterator[tuple[Reset | Act, Answer]]:
    """An episode in which the least, the greatest or any of a few random allowed actions is always taken.

    Args:
        subject: What is played.
        kind: Which of them.
        part: Only this number of the action is chosen so, the others are those of the first action.
        limit: Most steps.
    """
    with subject.env() as env:
        choosers = [Chooser(env, seed=seed) for seed in range(8)]

        def choose(answer: Answer) -> Element:
            options = [chooser(answer) for chooser in choosers]
            if part is None:
                return options[1] if kind == "random" else sorted(options, key=_size)[-(kind == "high")]
            chosen = np.array(options[0])
            values = np.stack([np.asarray(option)[..., part] for option in options])
            chosen[..., part] = values[1] if kind == "random" else getattr(values, PICKED[kind])(axis=0)
            return chosen

        yield from steps(env, choose, SEEDS[0], limit, 2 * subject.budget.seconds)


def _is_only_declared(sources: str, name: str) -> bool:
    """Whether sources declare a field and never use its name as an attribute, a key or an argument.

    A config that the core declares, as of environments made elsewhere, is read by the core.
    """
    if re.search(rf"^\s+{name}\s*:", sources, re.MULTILINE) is None:
        return False
    return not re.search(rf"\.{name}\b|[\"']{name}[\"']|\b{name}\s*[=,)]", sources)


def _size(action: Element) -> float:
    return float(np.asarray(action).sum())


def _first_steps(subject: Subject, limit: int = STEPS) -> Trace:
    """What is played again with other parameters."""
    return subject.survey.trace.upto(min(subject.survey.first, limit))


def _has_effect(subject: Subject, name: str, trace: Trace) -> bool:
    """Whether some other value of a parameter changes anything in the spaces or in an episode."""
    present = getattr(subject.scenario.config, name)
    for value in _others(present):
        try:
            scenario = changed(subject.scenario, **{name: value})
        except (SandboxError, TypeError, ValueError):
            continue
        if getattr(scenario.config, name) == present:
            continue
        try:
            env = resolve_env(scenario)
        except Exception:  # whatever it raises, the parameter is looked at
            return True
        try:
            if difference(env, trace, subject.budget.seconds) is not None:
                return True
        except Exception:
            return True
        finally:
            env.close()
    return False


def _others(present: Any) -> list[Any]:
    """Values to try in place of the present one; which of them are valid the config says."""
    if isinstance(present, bool):
        return [not present]
    if isinstance(present, int):
        return [present * 2, present + 1, present // 2, present - 1]
    if isinstance(present, float):
        return [present * 2, present / 2, present + 0.1, present - 0.1, present + 1.0]
    if isinstance(present, list | tuple) and present:
        return [[*present[:-1]], *([*present[:-1], other] for other in _others(present[-1]))]
    return [0, 1, 0.5, True]


@lru_cache(maxsize=16)
def _sources(domain: str) -> str:
    """All Python sources beside a domain's plugin; none for a domain that is not registered."""
    known = registry().domains
    file = known.source(domain).module_file() if domain in known.names() else None
    if file is None:
        return ""
    folder = Path(file).parent
    own = sorted(folder.rglob("*.py")) if (folder / "__init__.py").exists() else sorted(folder.glob("*.py"))
    return "\n".join(source.read_text(encoding="utf-8", errors="replace") for source in own)
