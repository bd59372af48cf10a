"""Checks of branching: what a decision is worth is told by playing on from one state more than once."""

from __future__ import annotations

from typing import Any

from sandbox.api.types import Environment
from sandbox.envs.env_state import restore_counters, wrapper_counters
from sandbox.testing.play import Act, Answer, Chooser, Trace, difference, perform
from sandbox.testing.subjects import Subject
from sandbox.testing.verdicts import NotApplicable, Violation

LENGTH = 40
"""Steps of a branch."""

FUTURES = (11, 12)
"""Seeds of futures."""


def branches_exactly(subject: Subject) -> str:
    """Two branches from one state with the same actions stay equal to the last bit, whatever came between."""
    if subject.task.resume != "state":
        raise NotApplicable(f"the task does not claim to restore its state (resume='{subject.task.resume}')")
    with subject.env() as env:
        state = _decision(subject, env)
        first = _branch(env, state)
        if first.steps == 0:
            raise NotApplicable("no step was played")
        _wander(env, state)
        restore(env, state)
        parted = difference(env, first, subject.budget.seconds)
    if parted:
        raise Violation(
            f"of two branches from one state with the same actions {parted} differ: set_state() leaves "
            "something of the branch played before"
        )
    return f"{first.steps} steps, twice from one state"


def redraws_future(subject: Subject) -> str:
    """``redraw`` changes nothing that has been, and the same seed gives the same future."""
    with subject.env() as env:
        bare = _bare(env)
        if not callable(getattr(bare, "redraw", None)) or not getattr(bare, "can_redraw", True):
            raise NotApplicable("the environment cannot draw its future again")
        if subject.task.resume != "state":
            raise NotApplicable("the task does not claim to restore its state")
        state = _decision(subject, env)
        futures = [_branch(env, state, future) for future in (*FUTURES, FUTURES[0])]
        restore(env, state)
        bare.redraw(FUTURES[0])
        middle = bare.get_state()
        later = _branch(env, (middle, state[1], state[2]))
    if futures[0].digests != futures[2].digests:
        raise Violation("redraw() with the same seed gave two futures")
    if later.digests != futures[0].digests:
        raise Violation("get_state() after redraw() does not hold the future that was drawn")
    if futures[0].digests == futures[1].digests:
        return "two seeds gave the same future: nothing was left to chance in these steps"
    return f"{futures[0].steps} steps, another future for another seed"


State = tuple[Any, list[Any], Answer]
"""The environment's state, what wrappers count, and the last answer."""


def _decision(subject: Subject, env: Environment) -> State:
    """Play to the middle of the first episode: the state there."""
    part = max(1, subject.survey.first // 2)
    trace = subject.survey.trace.upto(part)
    answer: Answer | None = None
    for event in trace.events:
        answer = perform(env, event)
    assert answer is not None
    return (_bare(env).get_state(), wrapper_counters(env), answer)


def restore(env: Environment, state: State) -> None:
    """Bring an environment, which has been reset, into a state."""
    _bare(env).set_state(state[0])
    restore_counters(env, state[1])


def _branch(env: Environment, state: State, future: int | None = None) -> Trace:
    """Play on from a state with random actions that are the same every time."""
    restore(env, state)
    if future is not None:
        _bare(env).redraw(future)
    choose, answer, played = Chooser(env, seed=5), state[2], Trace()
    for _ in range(LENGTH):
        if answer.over:
            break
        event = Act(choose(answer))
        answer = perform(env, event)
        played.add(event, answer)
    return played


def _wander(env: Environment, state: State) -> None:
    """Play on from a state with other actions."""
    restore(env, state)
    choose, answer = Chooser(env, seed=6), state[2]
    for _ in range(LENGTH // 2):
        if answer.over:
            return
        answer = perform(env, Act(choose(answer)))


def _bare(env: Any) -> Any:
    return getattr(env, "parallel", env).unwrapped
