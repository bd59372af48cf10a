"""Checks of what an episode is: how it plays, repeats, ends, and what it tells."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from sandbox.envs.fields import ONLY, misfit
from sandbox.envs.fields import observation_fields as observation_fields_of
from sandbox.registry.resolve import presets_of, resolve
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.scenarios.validation import validate
from sandbox.testing.play import Chooser, Reset, Trace, difference, digest, perform, steps
from sandbox.testing.subjects import Subject
from sandbox.testing.survey import SEEDS, outside, said
from sandbox.testing.verdicts import NotApplicable, Violation

HORIZONS = ("horizon", "max_steps", "max_episode_steps", "time_limit", "duration", "periods", "days")
"""Names under which a task's config may hold the limit of an episode."""


def plays(subject: Subject) -> None:
    """Random play raises nothing from make, reset, step and close."""
    subject.survey.tell("plays")


def _require_steps(subject: Subject) -> None:
    """Nothing seen is nothing proved."""
    if not subject.survey.trace.steps:
        raise NotApplicable("no step was played in the time there was")


def ends(subject: Subject) -> None:
    """Episodes end, and say so with booleans."""
    subject.survey.tell("ends")
    if not subject.survey.ended:
        raise NotApplicable(
            f"no episode ended in the time there was ({subject.budget.survey_seconds:g} s): Task.small can "
            "name parameters of a smaller instance"
        )


def observations(subject: Subject) -> None:
    """Every observation is finite and in its space, shape and dtype included."""
    subject.survey.tell("observations")
    _require_steps(subject)


def observation_fields(subject: Subject) -> None:
    """What the task says that the numbers of an observation are has their number, names, units and meanings.

    The same holds of its other observations, those of extensions included.
    """
    described = subject.task.observation_fields is not None
    if not described and all(other.fields is None for other in subject.task.observations):
        raise NotApplicable("the task does not say what the numbers are: Task.observation_fields")
    with subject.env() as env:
        if described:
            _require_fields(subject.scenario, env)
        bare = getattr(env, "parallel", env).unwrapped
        for other in subject.task.observations:
            if other.fields is None:
                continue
            fields = tuple(resolve(other.fields)(bare))
            if complaint := misfit(fields, resolve(other.make)(bare).space):
                raise Violation(f"the observation '{other.name}': {complaint}")


def _require_fields(scenario: ResolvedScenario, env: Any) -> None:
    parallel = getattr(env, "parallel", None)
    for agent, fields in observation_fields_of(scenario, parallel or env).items():
        space = env.observation_space if parallel is None else parallel.observation_space(agent)
        if complaint := misfit(fields, space):
            whose = "" if agent == ONLY else f"the agent '{agent}': "
            raise Violation(f"{whose}{complaint}")


def no_constant_observation(subject: Subject) -> None:
    """No number of an observation stays the same over a long random play.

    Exempt are numbers whose bounds say so (``low == high``); pictures, grids and the stacked rows of
    several agents are judged as a whole.
    """
    survey = subject.survey
    if survey.trace.steps < 20:
        raise NotApplicable(f"only {survey.trace.steps} steps were played")
    with subject.env() as env:
        space = env.observation_space
    still = []
    for path, low in survey.low.items():
        fixed = low == survey.high[path]
        part = space
        for key in path.replace("]", "").replace("'", "").split("[")[1:]:
            part = part[key] if key in getattr(part, "spaces", {}) else part[int(key)]
        if isinstance(bounds := getattr(part, "low", None), np.ndarray) and bounds.shape == fixed.shape:
            fixed = fixed & (part.low != part.high)
        if fixed.ndim >= 2:
            fixed = np.array([fixed.all()])
        indices = np.flatnonzero(fixed).tolist() if fixed.ndim else ([0] if fixed else [])
        if indices:
            shown = ", ".join(map(str, indices[:8])) + (", …" if len(indices) > 8 else "")
            still.append(f"observation{path}[{shown}] of {fixed.size}")
    if still:
        raise Violation(
            f"{' and '.join(still)} never changed in {survey.trace.steps:,} random steps: it tells an agent "
            "nothing, or it is not filled in"
        )


def reward(subject: Subject) -> None:
    """Every reward is a finite number."""
    subject.survey.tell("reward")
    _require_steps(subject)


def terms(subject: Subject) -> None:
    """``info["reward_terms"]`` holds every term of the reward, and weight · term sums to it."""
    subject.survey.tell("terms")
    _require_steps(subject)


def metrics(subject: Subject) -> None:
    """``info["metrics"]`` comes at the end and only there, complete and finite."""
    subject.survey.tell("metrics")
    if not subject.survey.ended:
        raise NotApplicable("no episode ended in the time there was")


def memory(subject: Subject) -> None:
    """An observation that was given away does not change afterwards."""
    subject.survey.tell("memory")
    _require_steps(subject)


def masks(subject: Subject) -> None:
    """Masks are booleans of the right shape, allow something, are honoured, and a forbidden action is
    harmless.
    """
    subject.survey.tell("masks")
    if not subject.task.masks:
        raise NotApplicable("the task has no masks")
    if not subject.survey.forbidding:
        raise NotApplicable(
            f"no mask forbade anything in {subject.survey.trace.steps:,} random steps: see Task.small"
        )
    with subject.env() as env:
        choose, step = Chooser(env, seed=1, masked=False), 0
        try:
            for _, answer in steps(env, choose, SEEDS[1], subject.budget.steps, subject.budget.seconds):
                step += 1
                if not np.isfinite(float(answer.reward)):
                    raise Violation(f"a forbidden action gives the reward {answer.reward}")
                complaint = outside(env.observation_space, answer.observation)
                if complaint:
                    raise Violation(f"after a forbidden action {complaint}")
        except Violation:
            raise
        except Exception as error:
            raise Violation(
                f"step {step} without heeding the mask raised {said(error)}: algorithms without masks need "
                "forbidden actions to be harmless"
            ) from error


def deterministic(subject: Subject) -> None:
    """A fresh environment with the same seed and actions gives the same bits, over episodes too."""
    with subject.env() as env:
        parted = difference(env, subject.survey.trace, subject.budget.survey_seconds)
    if parted:
        raise Violation(
            f"the same seed and actions did not give the same episode: {parted} differ. Draw everything at "
            "random from self.np_random, and do not depend on the order of sets or on time"
        )


def history(subject: Subject) -> None:
    """A seeded episode is the same whatever was played before in the same environment."""
    trace = subject.survey.trace.upto(subject.survey.first)
    with subject.env() as env:
        for _ in steps(env, Chooser(env, seed=5), SEEDS[1] + 1, 50, subject.budget.seconds / 2):
            pass
        parted = difference(env, trace, subject.budget.seconds)
    if parted:
        raise Violation(
            f"after another episode, {parted} differ from those in a fresh environment: reset(seed=…) must "
            "forget everything"
        )


def seeds_matter(subject: Subject) -> None:
    """Another seed gives another episode, and a reset without a seed goes on to a new one."""
    survey = subject.survey
    trace = survey.trace.upto(survey.first)
    if trace.steps < 2:
        raise NotApplicable("hardly a step was played in the time there was")
    compared = ("observation", "reward", "terminated", "truncated")

    def repeats(env: Any, seed: int | None) -> bool:
        again = Trace([Reset(seed), *trace.events[1:]], trace.digests)
        return difference(env, again, 10 * subject.budget.seconds, compared) is None

    # Two episodes may be alike by chance where little is random; four are not.
    with subject.env() as env:
        if all(repeats(env, seed) for seed in range(SEEDS[1], SEEDS[1] + 4)):
            raise Violation(f"seeds {SEEDS[0]} and {SEEDS[1]} give the same episode for the same actions")
        perform(env, Reset(SEEDS[0]))
        if all(repeats(env, None) for _ in range(4)):
            raise Violation("reset() without a seed plays the seeded episode again instead of a new one")


def global_generators(subject: Subject) -> None:
    """Neither Python's nor NumPy's global generator is used."""
    trace = subject.survey.trace.upto(min(subject.survey.first, 200))
    before = _generators()
    with subject.env() as env:
        difference(env, trace, subject.budget.seconds)
    for name, state in _generators().items():
        if state != before[name]:
            raise Violation(f"it draws from the global generator of {name}: use self.np_random")


def _generators() -> dict[str, bytes]:
    legacy = np.random.get_state(legacy=False)
    return {"random": digest(repr(random.getstate())), "numpy.random": digest(repr(legacy))}


def truncation(subject: Subject) -> None:
    """A time limit truncates: with a shorter one, an episode that would go on is not terminated.

    The limit is a field of the config called horizon, max_steps, time_limit, duration, periods or days.
    """
    survey, config = subject.survey, subject.scenario.config
    name = next((name for name in HORIZONS if name in type(config).model_fields), None)
    if name is None:
        raise NotApplicable("the config has no field for the limit of an episode")
    if not survey.ended:
        raise NotApplicable("no episode ended in the time there was")
    shorter = _with_shorter(subject, name)
    trace = survey.trace.upto(survey.first)
    env = resolve_env(shorter)
    try:
        perform(env, trace.events[0])
        for step, event in enumerate(trace.events[1:], 1):
            answer = perform(env, event)
            if answer.over:
                if step < survey.lengths[0] and answer.terminated:
                    raise Violation(
                        f"with config.{name}={getattr(shorter.config, name)} the episode terminates in step "
                        f"{step}, though with a later limit it goes on: a time limit is truncated=True, "
                        "terminated=False"
                    )
                return
    finally:
        env.close()
    raise NotApplicable(f"config.{name} does not shorten the episode")


def resolve_env(scenario: ResolvedScenario) -> Any:
    """The environment of a changed scenario."""
    from sandbox.envs.single import EnvFactory

    return EnvFactory(scenario)()


def changed(scenario: ResolvedScenario, **config: Any) -> ResolvedScenario:
    """A scenario with other parameters, in training and evaluation."""
    from sandbox.api.scenario import Scenario

    raw = scenario.spec.model_dump(mode="json")
    raw["config"] |= config
    raw["evaluation"]["config"] |= config
    return ResolvedScenario(validate(Scenario, raw, "the changed instance"), scenario.folder).check()


def _with_shorter(subject: Subject, name: str) -> ResolvedScenario:
    from sandbox.api.errors import SandboxError

    present = getattr(subject.scenario.config, name)
    if not isinstance(present, int | float):
        raise NotApplicable(f"config.{name} is not a number")
    kind = type(present)
    for part in (0.5, 0.75, 0.9):
        try:
            return changed(subject.scenario, **{name: kind(present * part)})
        except SandboxError:
            continue
    raise NotApplicable(f"config.{name} has no shorter valid value")


def presets(subject: Subject) -> None:
    """The reward is only looked at: another preset changes neither the course nor the terms' values."""
    survey, task = subject.survey, subject.task
    rewards, default = presets_of(task)
    if default not in rewards:
        raise Violation(f"default_reward='{default}' is not among {sorted(rewards)}")
    quick = subject.level == "quick"
    trace = survey.trace.upto(min(survey.first, 20 if quick else 100))
    for name, spec in list(rewards.items())[: 3 if quick else None]:
        env = resolve(task.make)(subject.scenario.config, spec, None)
        if task.agents == "parallel":
            from sandbox.envs.multiagent import JointEnv

            env = JointEnv(env)
        try:
            parted = difference(
                env, trace, subject.budget.seconds, ("observation", "terminated", "truncated")
            )
            if parted:
                raise Violation(f"with the reward preset '{name}' {parted} differ: the reward must not act")
            perform(env, Reset(SEEDS[0]))
            if len(trace.events) > 1:
                answer = perform(env, trace.events[1])
                got, wanted = set(answer.info.get("reward_terms", {})), set(spec.weights)
                if got != wanted:
                    raise Violation(
                        f"with the preset '{name}' info names the terms {sorted(got)}, not {sorted(wanted)}"
                    )
        finally:
            env.close()
