"""Checks of several environments at once: in one process, in another, batched, and restored."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from copy import deepcopy
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np

from sandbox.api.masks import first_allowed, random_allowed
from sandbox.api.processes import Parent, follow_parent, kill_on_terminate, starting_children
from sandbox.api.types import Array, Element, Environment, Info, Space, VectorEnvironment
from sandbox.envs.env_state import restore_counters, wrapper_counters
from sandbox.envs.infos import final_metrics
from sandbox.envs.single import EnvFactory
from sandbox.envs.wrappers import reset_with
from sandbox.registry.discover import PLUGINS_VARIABLE
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.testing.play import Answer, Chooser, Reset, Trace, difference, digest, perform
from sandbox.testing.subjects import Subject
from sandbox.testing.survey import SEEDS, said
from sandbox.testing.verdicts import Clock, NotApplicable, Violation

NUM_ENVS = 3


def independent_copies(subject: Subject) -> None:
    """Two environments in one process do not touch each other, played turn by turn."""
    trace = subject.survey.trace.upto(min(subject.survey.first, 60 if subject.level == "quick" else 500))
    clock = subject.clock()
    with subject.env() as first, subject.env() as second:
        choose = Chooser(second, seed=9)
        theirs = perform(second, Reset(SEEDS[1]))
        for index, (event, expected) in enumerate(zip(trace.events, trace.digests, strict=True)):
            answer = perform(first, event)
            digests = answer.digests()
            parted = [name for name in expected if digests.get(name) != expected[name]]
            if parted:
                raise Violation(
                    f"beside a second environment {', '.join(parted)} of step {index} differ: the two share "
                    "something that should be each one's own"
                )
            if _share(answer.observation, theirs.observation):
                raise Violation("the observations of two environments share memory")
            theirs = perform(second, Reset(None)) if theirs.over else _step(second, choose(theirs))
            if clock.over:
                return


def spawned_process(subject: Subject) -> None:
    """The environment can be made in a spawned process, where it plays the same episode."""
    trace = subject.survey.trace.upto(min(subject.survey.first, 100))
    try:
        with starting_children():
            pool = _worker(os.environ.get(PLUGINS_VARIABLE, ""))
            future = pool.submit(_replay, subject.scenario, trace, subject.budget.seconds)
            kill_on_terminate((pool._processes or {}).values())
        parted = future.result(timeout=120)
    except BrokenProcessPool as error:
        _worker.cache_clear()
        raise Violation("a spawned process died while playing it") from error
    except Exception as error:
        raise Violation(f"in a spawned process it raised {said(error)}") from error
    if parted:
        raise Violation(
            f"in a spawned process {parted} differ: nothing may depend on the hash seed or globals"
        )


def vector_agrees(subject: Subject) -> None:
    """Environment i of the native vector environment with seed s plays the episode of the single one."""
    seeds = [SEEDS[0] + 7 * index for index in range(NUM_ENVS)]
    clock = subject.clock()
    with subject.vector(NUM_ENVS) as envs:
        singles = [EnvFactory(subject.scenario)() for _ in seeds]
        try:
            _lockstep(envs, singles, seeds, clock, subject.budget.steps)
        finally:
            for single in singles:
                single.close()


def vector_memory(subject: Subject) -> None:
    """What the native vector environment gave away does not change with the next step."""
    with subject.vector(NUM_ENVS) as envs:
        observation, info = reset_with(envs, list(range(NUM_ENVS)), None)
        chooser = _RowChooser(envs, seed=3)
        clock = subject.clock()
        for _ in range(50):
            before = digest(observation)
            given = observation
            observation, _, _, _, info = envs.step(chooser(observation, info))
            if digest(given) != before:
                raise Violation("a step of the vector environment changes the observation given before")
            if clock.over:
                return


def restores_state(subject: Subject) -> None:
    """``set_state(get_state())`` on a fresh environment goes on bit by bit, where the task claims it."""
    claimed = subject.task.resume
    if claimed == "none":
        raise NotApplicable("the task does not claim it (resume='none')")
    if claimed == "replay":
        raise NotApplicable("resume='replay' rests on the check 'deterministic'")
    trace = subject.survey.trace
    # At least the reset: where time has cut the survey short, a third of its first episode is nothing.
    for part in (max(1, subject.survey.first // 3), max(1, subject.survey.first - 2)):
        with subject.env() as env:
            difference(env, trace.upto(part), subject.budget.survey_seconds)
            state, layers = _bare(env).get_state(), wrapper_counters(env)
            complaint = _not_plain(state)
            if complaint:
                raise Violation(f"get_state(): {complaint}")
            noted = digest(state)
            parted = difference(env, trace.since(part), subject.budget.seconds)
            if digest(state) != noted:
                raise Violation(
                    "get_state() gives the environment's own arrays: later steps change the state"
                )
        with subject.env() as fresh:
            _bare(fresh).set_state(state)
            restore_counters(fresh, layers)
            parted = difference(fresh, trace.since(part), subject.budget.seconds)
        if parted:
            raise Violation(
                f"after set_state() in a fresh environment {parted} differ: the state is incomplete"
            )


def restores_vector_state(subject: Subject) -> None:
    """The same for the native vector environment."""
    if subject.task.resume != "state":
        raise NotApplicable(f"the task does not claim it (resume='{subject.task.resume}')")
    if subject.task.make_vec is None:
        raise NotApplicable("the task has no vector environment of its own")
    config, spec = subject.scenario.config, subject.scenario.reward
    envs, fresh = (resolve(subject.task.make_vec)(config, spec, NUM_ENVS) for _ in range(2))
    try:
        observation, info = envs.reset(seed=list(range(NUM_ENVS)))
        chooser = _RowChooser(envs, seed=3)
        for _ in range(7):
            observation, info = _vector_step(envs, chooser(observation, info))[:2]
        state = envs.unwrapped.get_state()
        complaint = _not_plain(state)
        if complaint:
            raise Violation(f"get_state() of the vector environment: {complaint}")
        fresh.unwrapped.set_state(state)
        clock = subject.clock()
        for step in range(subject.budget.steps):
            actions = chooser(observation, info)
            observation, info, digests = _vector_step(envs, actions)
            if _vector_step(fresh, actions)[2] != digests:
                raise Violation(
                    f"step {step + 1} after set_state() of the vector environment differs: the state is "
                    "incomplete"
                )
            if clock.over:
                return
    finally:
        envs.close()
        fresh.close()


def _vector_step(envs: VectorEnvironment, actions: Element) -> tuple[Element, Info, list[bytes]]:
    """Step, and reset what ended where the environment does not do so itself."""
    observation, reward, terminated, truncated, info = envs.step(actions)
    done = np.asarray(terminated) | np.asarray(truncated)
    digests = [digest(part) for part in (observation, reward, terminated, truncated)]
    if done.any() and "final_obs" not in info:
        observation, info = envs.reset(options={"reset_mask": done})
        digests.append(digest(observation))
    return observation, info, digests


def _lockstep(
    envs: VectorEnvironment, singles: list[Environment], seeds: list[int], clock: Clock, limit: int
) -> None:
    observation, info = reset_with(envs, seeds, None)
    answers = [perform(single, Reset(seed)) for single, seed in zip(singles, seeds, strict=True)]
    choosers = [Chooser(single, seed=20 + row) for row, single in enumerate(singles)]
    running = set(range(len(seeds)))
    for row in running:
        _compare(
            f"reset(seed={seeds[row]})", _pick(observation, row), answers[row].observation, "observation"
        )
        _compare_mask(f"reset(seed={seeds[row]})", info, row, answers[row])
    actions: list[Element] = [choose(answer) for choose, answer in zip(choosers, answers, strict=True)]
    for step in range(1, limit + 1):
        for row in running:
            actions[row] = choosers[row](answers[row])
        # A row whose episode has ended goes on with its last action until all have.
        batch = _batched_actions(envs, actions, info, running)
        observation, rewards, terminated, truncated, info = envs.step(batch)
        for row in sorted(running):
            answers[row] = answer = _step(singles[row], actions[row])
            where = f"environment {row}, step {step} after seed {seeds[row]}"
            _compare(where, rewards[row], answer.reward, "reward")
            _compare(where, bool(terminated[row]), bool(answer.terminated), "terminated")
            _compare(where, bool(truncated[row]), bool(answer.truncated), "truncated")
            if answer.over:
                running.discard(row)
                _compare(where, info["final_obs"][row], answer.observation, "final_obs")
                _compare_terms(where, info.get("final_info", {}), row, answer)
                theirs = {name: float(value) for name, value in answer.info.get("metrics", {}).items()}
                ours = final_metrics(info, row)
                if set(ours) != set(theirs):
                    raise Violation(
                        f"{where}: metrics {sorted(ours)} against {sorted(theirs)} of the single one"
                    )
                for name, value in theirs.items():
                    _compare(where, ours[name], value, f"metric '{name}'")
            else:
                _compare(where, _pick(observation, row), answer.observation, "observation")
                _compare_terms(where, info, row, answer)
                _compare_mask(where, info, row, answer)
        if not running or clock.over:
            return


def _batched_actions(envs: VectorEnvironment, actions: list[Element], info: Info, running: set[int]) -> Array:
    space = _row_space(envs)
    batch = np.array(actions, dtype=space.dtype)
    mask = info.get("action_mask")
    if mask is not None:
        for row in set(range(len(actions))) - running:
            batch[row] = first_allowed(space, np.asarray(mask)[row])
    return batch


def _compare(where: str, ours: Element, theirs: Element, what: str) -> None:
    if isinstance(theirs, Mapping):
        for key in theirs:
            _compare(where, ours[key], theirs[key], f"{what}['{key}']")
        return
    batched, single = np.asarray(ours), np.asarray(theirs)
    if batched.shape != single.shape or (what.startswith("obs") and batched.dtype != single.dtype):
        raise Violation(
            f"{where}: {what} of the vector environment is {batched.dtype}{list(batched.shape)}, of the "
            f"single one {single.dtype}{list(single.shape)}"
        )
    if not np.allclose(batched.astype(np.float64), single.astype(np.float64), rtol=1e-5, atol=1e-6):
        raise Violation(f"{where}: {what} of the vector environment differs from that of the single one")


def _compare_terms(where: str, info: Info, row: int, answer: Answer) -> None:
    theirs, ours = answer.info.get("reward_terms", {}), info.get("reward_terms", {})
    for name, value in theirs.items():
        if name not in ours:
            raise Violation(f"{where}: the vector environment gives no reward term '{name}'")
        _compare(where, ours[name][row], value, f"reward term '{name}'")


def _compare_mask(where: str, info: Info, row: int, answer: Answer) -> None:
    theirs = answer.info.get("action_mask")
    if theirs is not None:
        if info.get("action_mask") is None:
            raise Violation(f"{where}: the vector environment gives no action_mask")
        _compare(where, info["action_mask"][row], theirs, "action_mask")


class _RowChooser:
    """Random allowed actions for every row of a vector environment."""

    def __init__(self, envs: VectorEnvironment, seed: int) -> None:
        self._space, self._row_space = deepcopy(envs.single_action_space), _row_space(envs)
        self._space.seed(seed)
        self._rows = envs.num_envs
        self._rng = np.random.default_rng(seed)

    def __call__(self, observation: Element, info: Info) -> Array:
        mask = info.get("action_mask")
        if mask is not None:  # of shape (num_envs, n), or (num_envs, agents, n) where there are several
            return random_allowed(self._row_space, np.asarray(mask, bool), self._rng)
        return np.stack([self._space.sample() for _ in range(self._rows)])


def _row_space(envs: VectorEnvironment) -> Space:
    """The action space that a mask belongs to: an agent's where there are several."""
    space: Space = getattr(envs.unwrapped, "row_action_space", envs.single_action_space)
    return space


def _step(env: Environment, action: Element) -> Answer:
    return Answer(*env.step(action))


def _pick(observation: Element, row: int) -> Element:
    if isinstance(observation, Mapping):
        return {key: _pick(part, row) for key, part in observation.items()}
    return observation[row]


def _share(first: Element, second: Element) -> bool:
    if isinstance(first, Mapping):
        return any(_share(first[key], second[key]) for key in first)
    return (
        isinstance(first, np.ndarray) and isinstance(second, np.ndarray) and np.shares_memory(first, second)
    )


def _bare(env: Any) -> Any:
    """What the plugin made, without any wrapper."""
    return getattr(env, "parallel", env).unwrapped


def _not_plain(value: object, path: str = "state") -> str | None:  # noqa: PLR0911 - one per kind
    """Why a state is not plain data, or None if it is."""
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                return f"{path} has the key {key!r}, which is not text"
            complaint = _not_plain(part, f"{path}['{key}']")
            if complaint:
                return complaint
        return None
    if isinstance(value, list):
        return next(filter(None, (_not_plain(part, f"{path}[…]") for part in value)), None)
    if isinstance(value, np.ndarray):
        return f"{path} is an array of objects" if value.dtype.hasobject else None
    if value is None or isinstance(value, bool | int | float | str):
        return None
    return f"{path} is a {type(value).__name__}; allowed are arrays, numbers, text, lists and dicts of these"


@cache
def _worker(plugins: str) -> ProcessPoolExecutor:
    """One spawned process for all checks with the same ``plugins``; starting it costs half a second.

    A process knows the plugins that were named in its environment when it began, and no later ones.
    """
    pool = ProcessPoolExecutor(1, get_context("spawn"), follow_parent, (Parent.current(),))
    atexit.register(pool.shutdown, wait=False, cancel_futures=True)
    return pool


def _replay(scenario: ResolvedScenario, trace: Trace, seconds: float) -> str | None:
    env = EnvFactory(scenario)()
    try:
        return difference(env, trace, seconds)
    finally:
        env.close()
