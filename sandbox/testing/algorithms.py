"""The suite for algorithms: what an algorithm declares, it keeps, on tasks that are known to be sound."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sandbox.api.algorithm import Algorithm, TrainContext, WriteState
from sandbox.api.errors import MisfitError, SandboxError
from sandbox.api.policy import Policy
from sandbox.api.scenario import Scenario
from sandbox.api.types import Array, Bools, Element
from sandbox.envs.single import make_single
from sandbox.evaluation.agents import bound
from sandbox.evaluation.progress import Silent
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.outputs.record import record
from sandbox.registry.discover import registry
from sandbox.registry.policies import load_policy
from sandbox.registry.resolve import missing_modules, resolve
from sandbox.runs.directory import Run
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.scenarios.validation import validate
from sandbox.testing.agents import LESS, less_of
from sandbox.testing.odd_spaces import GAMES, SHARED
from sandbox.testing.odd_spaces import actions as odd_actions
from sandbox.testing.odd_spaces import observations as odd_observations
from sandbox.testing.play import digest
from sandbox.testing.probe import domain
from sandbox.testing.probe_models import WALKER
from sandbox.testing.probe_several import AGENTS, CHOICES
from sandbox.testing.survey import said
from sandbox.testing.verdicts import NotApplicable, Result, Status, Violation
from sandbox.training.fit import agents_of, space_misfits, spaces_of
from sandbox.training.plan import Plan, make_plan, plan_from_run
from sandbox.training.train import resume_plan, train_plan

Kind = Literal["free", "several", "game"]
"""What a trial is on: one agent, several, or two that play a game."""

STEPS = 192
"""Training steps of a trial."""

BRIEF = 64
"""Those of a trial in which nothing is compared."""

GIVEN = frozenset({"dataset", "expert", "model", "simulator", "dynamics", "gradient"})
"""What a trial gives to an algorithm that needs it."""

LONGER = 4
"""Times as many steps to be stopped in the middle of."""

LONGEST = 40
"""The same for those that have only one safe point in that time."""

ROWS = 16

PLANNED = 6
"""Steps of an episode that is played with one that plans."""


class Trial:
    """An algorithm under test, with a folder for what it leaves."""

    def __init__(self, algorithm: Algorithm, folder: Path) -> None:
        self.algorithm, self.folder = algorithm, folder
        self.can = algorithm.capabilities
        self.joint = "single" not in self.can.agents and "joint" in self.can.agents
        self.kind: Kind = "game" if self.can.search else "several" if self.joint else "free"
        self._count = 0

    def plan(self, observation: str, action: str, masked: bool = False, **config: Any) -> Plan:
        """A short training on a probe."""
        scenario = probe(observation, action, masked, self.kind, **config)
        data = self._dataset(scenario) if self.can.uses("dataset") else None
        expert = WALKER.name if "expert" in self.can.needs else None
        hp = less_of(self.algorithm, LESS)
        plan = make_plan(
            scenario, self.algorithm.name, steps=STEPS, hp=hp, data=data, expert=expert, checkpoint_every=1e9
        )
        return replace(plan, num_envs=min(plan.num_envs, 2))

    def first(self) -> tuple[str, str]:
        """A pair of spaces that it claims."""
        return sorted(self.can.observation_spaces)[0], sorted(self.can.action_spaces)[0]

    def train(self, plan: Plan) -> Run:
        """Carry out a plan in a folder of its own."""
        self._count += 1
        with EpisodeRunner(plan.scenario, num_workers=1) as runner:
            return train_plan(plan, self.folder / str(self._count), runner, Silent())

    def _dataset(self, scenario: ResolvedScenario) -> Path:
        self._count += 1
        made = record(scenario, "random", 8, root=self.folder / f"data-{self._count}")
        path: Path = made.path
        return path


def probe(
    observation: str, action: str, masked: bool = False, kind: Kind = "free", **config: Any
) -> ResolvedScenario:
    """A scenario of the probes: of one agent, of several, or a game."""
    known = registry().domains
    if "probe" not in known.names(listed=False):
        known.add_builtin("probe", "sandbox.testing.probe", lambda: domain)
    tasks = {"free": "masked", "several": "several-masked", "game": "game"}
    task = tasks[kind] if masked else kind
    values = {"observation": observation, "action": action, "masked": masked, **config}
    raw = {
        "id": f"probe/{task}",
        "title": "A probe",
        "task": f"probe/{task}",
        "metric": "score",
        "config": values,
        "evaluation": {"episodes": 2, "validations": 0},
    }
    return ResolvedScenario(validate(Scenario, raw, "the probe"), Path.cwd()).check()


def spaces_trained(trial: Trial) -> str:
    """Every pair of spaces that is claimed is trained, and the actions are in their space."""
    observations, actions = sorted(trial.can.observation_spaces), sorted(trial.can.action_spaces)
    pairs = [(each, actions[0]) for each in observations] + [(observations[0], each) for each in actions[1:]]
    for observation, action in pairs:
        try:
            plan = trial.plan(observation, action)
            policy = trial.train(plan)
        except Exception as error:
            text = error.message if isinstance(error, SandboxError) else said(error)
            raise Violation(f"claims {observation} observations and {action} actions, but: {text}") from error
        _require_own(_acts(policy, plan), plan)
    return f"{len(pairs)} pairs of spaces"


def odd_spaces_decided(trial: Trial) -> str:
    """Every other space is trained on, or refused before anything starts."""
    names = {"free": None, "several": SHARED, "game": GAMES}[trial.kind]
    observation, action = trial.first()
    cases = [(name, action) for name in odd_observations() if names is None or name in names]
    cases += [(observation, name) for name in odd_actions() if names is None or name in names]
    trained = 0
    for seen, done in cases:
        spaces = spaces_of(probe(seen, done, kind=trial.kind))
        if space_misfits(trial.algorithm, spaces.observation, spaces.action):
            continue
        try:
            plan = trial.plan(seen, done)
        except MisfitError:
            continue
        except Exception as error:
            raise Violation(
                f"{seen} observations and {done} actions are not refused: {said(error)}"
            ) from error
        try:
            run = trial.train(replace(plan, steps=BRIEF))
        except Exception as error:
            text = error.message if isinstance(error, SandboxError) else said(error)
            raise Violation(f"accepts {seen} observations and {done} actions, but: {text}") from error
        _require_own(_acts(run, plan), plan)
        trained += 1
    return f"{trained} of {len(cases)} are trained on, the others are refused"


def same_again(trial: Trial) -> None:
    """The same seed gives the same policy again, another seed need not."""
    plan = trial.plan(*trial.first())
    first, second = (_acts(trial.train(plan), plan) for _ in range(2))
    if digest(first) != digest(second):
        raise Violation("the same settings and seed gave two policies: draw everything from context.seed")


def saved_policy(trial: Trial) -> None:
    """A policy that is saved and loaded gives equal actions, sampled ones too."""
    plan = trial.plan(*trial.first())
    kept: list[Policy] = []
    run = trial.train(replace(plan, algorithm=_watched(plan.algorithm, kept)))
    for deterministic in (True, False):
        loaded = load_policy(run.path / "policy")
        first, second = (_actions(policy, plan, deterministic) for policy in (kept[0], loaded))
        if not np.array_equal(first, second):
            kind = "its mode" if deterministic else "a sampled action"
            raise Violation(f"saved and loaded, {kind} is another one")


def masks_honoured(trial: Trial) -> None:
    """Trained on masks, it never takes a forbidden action, sampled or not, whatever the observation."""
    if not trial.can.masks:
        raise NotApplicable("it claims no masks")
    action = next((kind for kind in ("Discrete", "MultiDiscrete") if kind in trial.can.action_spaces), None)
    if action is None:
        raise NotApplicable("it acts in no space that has masks")
    plan = trial.plan(trial.first()[0], action, masked=True)
    policy = load_policy(trial.train(plan).path / "policy")
    last = np.resize(np.array(CHOICES) - 1 if trial.joint and action == "Discrete" else 4, ROWS)
    mask: Bools = np.ones((ROWS, 5 if action == "Discrete" else 7), bool)
    mask[:, :5] = np.arange(5) == last[:, None]
    for deterministic in (True, False):
        for seed in range(8):
            actions = _actions(policy, plan, deterministic, mask, seed)
            actions = actions.reshape(len(actions), -1)
            if (actions[:, 0] != last[: len(actions)]).any():
                raise Violation(f"takes the action {actions[0].tolist()}, which the mask forbids")


def environments_apart(trial: Trial) -> None:
    """What the agents of an environment do depends on what they see, not on other environments."""
    if not trial.joint:
        raise NotApplicable("its rows are independent")
    plan = trial.plan(*trial.first())
    policy, k = load_policy(trial.train(plan).path / "policy"), len(AGENTS)
    policy.reset(ROWS, seed=0)
    together = np.asarray(policy.act(_rows(plan), None, True))
    for start in range(0, ROWS, k):
        policy.reset(k, seed=0)
        alone = np.asarray(policy.act(_rows(plan)[start : start + k], None, True))
        # Products of matrices of other sizes round otherwise.
        if not np.allclose(alone, together[start : start + k], rtol=1e-4, atol=1e-5):
            raise Violation(
                f"the agents of environment {start // k} do {together[start : start + k].tolist()} beside "
                f"others and {alone.tolist()} alone"
            )


def resumes_exactly(trial: Trial) -> str:
    """Interrupted and gone on with, it gives the policy of a run without a stop, where that is claimed."""
    if not trial.can.exact_resume:
        raise NotApplicable("it does not claim exact_resume")
    plan = replace(trial.plan(*trial.first()), steps=LONGER * STEPS)
    counter = _SafePoints(plan.algorithm)
    whole = _acts(trial.train(replace(plan, algorithm=counter.algorithm)), plan)
    if counter.seen < 2:  # its iterations are long
        plan = replace(plan, steps=LONGEST * STEPS)
        counter = _SafePoints(plan.algorithm)
        whole = _acts(trial.train(replace(plan, algorithm=counter.algorithm)), plan)
    if counter.seen < 2 and trial.can.rounds:
        raise NotApplicable("it is done before it can be interrupted")
    if counter.seen < 2:
        raise Violation(
            f"claims exact_resume, but calls update with a state {counter.seen} times in {plan.steps:,} steps"
        )
    stopper = _SafePoints(plan.algorithm, stop_at=counter.seen // 2)
    root = trial.folder / "stopped"
    with EpisodeRunner(plan.scenario, num_workers=1) as runner:
        with suppress(KeyboardInterrupt):
            train_plan(replace(plan, algorithm=stopper.algorithm), root, runner, Silent())
        path = next(root.rglob("run.json")).parent
        run = resume_plan(plan_from_run(Run.open(path)), RunWriter.reopen(path), runner, Silent())
    if not run.record.resumed or digest(_acts(run, plan)) != digest(whole):
        raise Violation("resumed, it gives another policy than without a stop: something is not in its state")
    return f"stopped at safe point {counter.seen // 2} of {counter.seen}"


def dataset_not_stepped(trial: Trial) -> None:
    """An offline algorithm trains without an environment."""
    if trial.can.data != "offline":
        raise NotApplicable("it learns online")
    trial.train(trial.plan(*trial.first()))


def nan_refused(trial: Trial) -> None:
    """A reward that is no number ends the training, or leaves a policy whose actions are in their space."""
    if trial.can.data == "offline":
        raise NotApplicable("it learns offline")
    plan = trial.plan(*trial.first(), nan_at=9)
    try:
        run = trial.train(plan)
    except Exception:
        return
    try:
        _require_own(_acts(run, plan), plan)
    except Violation as violation:
        raise Violation(f"after a reward that is no number {violation}; it must end with an error") from None


ALGORITHM_CHECKS: Mapping[str, Callable[[Trial], str | None]] = {
    "spaces-trained": spaces_trained,
    "odd-spaces-decided": odd_spaces_decided,
    "same-again": same_again,
    "saved-policy": saved_policy,
    "masks-honoured": masks_honoured,
    "environments-apart": environments_apart,
    "resumes-exactly": resumes_exactly,
    "dataset-not-stepped": dataset_not_stepped,
    "nan-refused": nan_refused,
}
"""Every check of an algorithm by name. The docstring of each is the promise that it checks."""


def check_algorithm(name: str, check: str) -> Result:
    """Run one check on an algorithm."""
    start = time.perf_counter()
    algorithm: Algorithm = registry().algorithm(name)
    result = partial(Result, f"algorithm {name}", check)
    missing = missing_modules(algorithm.requires)
    needs = sorted(algorithm.capabilities.needs - GIVEN)
    if missing or needs:
        why = (
            f"{', '.join(missing)}, which is not installed" if missing else f"{needs[0]}, which no probe has"
        )
        return result("skipped", f"it needs {why}", 0.0)
    status: Status
    with tempfile.TemporaryDirectory() as folder:
        try:
            note = ALGORITHM_CHECKS[check](Trial(algorithm, Path(folder)))
            status, message = "passed", note or ""
        except NotApplicable as skip:
            status, message = "skipped", str(skip)
        except Violation as violation:
            status, message = "failed", str(violation)
        except SandboxError as error:
            status, message = "failed", error.message.rstrip(".")
        except Exception as error:
            status, message = "failed", f"it raised {said(error)}"
    return result(status, message, round(time.perf_counter() - start, 3))


class _SafePoints:
    """Counts the safe points of a training, and interrupts it, as a user would, at one of them."""

    def __init__(self, algorithm: Algorithm, stop_at: int | None = None) -> None:
        self._train, self._stop_at = resolve(algorithm.train), stop_at
        self.seen = 0
        self.algorithm = replace(algorithm, train=self.train)

    def train(self, context: TrainContext) -> Policy:
        """Train; see `sandbox.api.Algorithm`."""

        def update(
            steps: int,
            policy: Callable[[], Policy],
            values: Mapping[str, float] | None = None,
            state: WriteState | None = None,
        ) -> None:
            self.seen += state is not None
            if state is not None and self.seen == self._stop_at:
                os.kill(os.getpid(), signal.SIGINT)
            context.update(steps, policy, values, state)

        policy: Policy = self._train(replace(context, update=update))
        return policy


def _watched(algorithm: Algorithm, kept: list[Policy]) -> Algorithm:
    """The algorithm, whose trained policy is kept."""
    inner = resolve(algorithm.train)

    def train(context: TrainContext) -> Policy:
        kept[:] = [inner(context)]
        return kept[0]

    return replace(algorithm, train=train)


def _acts(run: Run, plan: Plan) -> Array:
    """Actions of a run's final policy, mode and samples, shape ``(2 · ROWS, …)``."""
    policy = load_policy(run.path / "policy")
    return np.concatenate([_actions(policy, plan, deterministic) for deterministic in (True, False)])


def _actions(
    policy: Policy, plan: Plan, deterministic: bool, mask: Bools | None = None, seed: int = 3
) -> Array:
    if "simulator" in plan.algorithm.capabilities.needs:
        return _planned(policy, plan, deterministic, None if mask is None else mask[:1], seed)
    policy.reset(ROWS, seed=seed)
    return np.asarray(policy.act(_rows(plan), mask, deterministic))


def _planned(policy: Policy, plan: Plan, deterministic: bool, mask: Bools | None, seed: int) -> Array:
    """Actions of one that plans from the environment's state, in an episode with this mask or its own."""
    env: Any = make_single(plan.scenario)
    try:
        planner = bound(policy, plan.scenario, env.unwrapped)
        seen, info = env.reset(seed=seed)
        planner.reset(1, seed=seed)
        taken = []
        for _ in range(PLANNED):
            row = {key: part[None] for key, part in seen.items()} if isinstance(seen, Mapping) else seen
            batch = row if isinstance(row, dict) else np.asarray(row)[None]
            own = info["action_mask"][None] if plan.masks else None
            taken.append(planner.act(batch, own if mask is None else mask, deterministic)[0])
            seen, _, _, _, info = env.step(_element(taken[-1], plan))
        return np.stack(taken)
    finally:
        env.close()


def _rows(plan: Plan) -> Element:
    """Observations to act on, the same every time."""
    space = plan.observation_space
    space.seed(1)
    samples = [space.sample() for _ in range(ROWS)]
    if isinstance(samples[0], Mapping):
        return {key: np.stack([sample[key] for sample in samples]) for key in samples[0]}
    return np.stack(samples)


def _require_own(actions: Array, plan: Plan) -> None:
    """Every action is in its own space; of several agents each has one, and padding is ignored.

    Raises:
        Violation: With the first that is not.
    """
    agents = agents_of(plan.scenario, plan.algorithm)
    spaces = [plan.action_space] if agents is None else agents.action_spaces
    for number, row in enumerate(actions):
        space = spaces[number % len(spaces)]
        part = row[tuple(slice(size) for size in space.shape)] if agents and space.shape else row
        if not space.contains(_element(part, plan)):
            raise Violation(f"the action {part} is not in {space}")


def _element(row: Array, plan: Plan) -> Element:
    return np.int64(row) if hasattr(plan.action_space, "start") and not plan.action_space.shape else row
