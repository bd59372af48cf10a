"""Training with RLlib's PPO, an update at a time."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sandbox.api import DamagedRunError, Resume, read_state, write_state
from sandbox.api.algorithm import TrainContext
from sandbox.api.types import Json
from sandbox.backends.actors.observations import Normaliser, flat_size
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.policy_files import read_policy
from sandbox.backends.rllib.config import RllibPPOConfig
from sandbox.backends.rllib.policy import new_policy
from sandbox.backends.rllib.session import Session
from sandbox.backends.tensors import generators, load_module, load_optimizer, packed, restore_generators

if TYPE_CHECKING:
    from sandbox.backends.rllib.runner import Report

NAME = "rllib"


def train(context: TrainContext) -> ActorPolicy:
    """Train with RLlib's PPO; see `sandbox.api.Algorithm.train`.

    Stops at the first update that ends at or after ``context.steps``.

    Raises:
        MisfitError: If the spaces are not supported, or the initial policy differs.
        InvalidValueError: If the environments cannot be shared out evenly.
        RunFailedError: If the Ray cluster cannot be reached.
    """
    policy = new_policy(context.observation_space, context.action_space, context.config)
    session = Session(context, policy)
    try:
        learning = _Learning(context, policy, session)
        learning.run()
        return learning.policy()
    finally:
        session.close()


class _Learning:
    def __init__(self, context: TrainContext, policy: ActorPolicy, session: Session) -> None:
        self._context, self._policy, self._session = context, policy, session
        self.steps = 0
        if context.resume is not None:
            self._restore(context.resume)
        elif context.initial is not None:
            policy.load_weights(read_policy(context.initial), context.initial)
            session.module.actor.load_state_dict(policy.actor.state_dict())
            session.share_weights()
        if policy.normaliser is not None:
            session.set_normaliser(policy.normaliser.arrays())

    def run(self) -> None:
        """Update until the steps are done."""
        context, config = self._context, self._context.config
        if context.resume is not None:
            context.update(self.steps, self.policy, None, self.write)
        while self.steps < context.steps:
            figures = self._session.learn(self._rate(config))
            for report in self._session.reports():
                self._add(report)
            if self._policy.normaliser is not None:
                self._session.set_normaliser(self._policy.normaliser.arrays())
            more = self.steps < context.steps
            context.update(self.steps, self.policy, figures, self.write if more else None)

    def policy(self) -> ActorPolicy:
        """The policy as it is now; further training does not change it."""
        policy = copy.deepcopy(self._policy)
        policy.actor.load_state_dict(self._session.module.actor.state_dict())
        return policy

    def write(self, folder: Path, before: Path | None) -> None:
        """See `sandbox.api.WriteState`."""
        session, normaliser = self._session, self._policy.normaliser
        runner = session.local_runner
        state: Json = {
            "steps": self.steps,
            "module": packed(session.module.state_dict()),
            "optimizer": packed(session.optimizer.state_dict()),
            "normaliser": None if normaliser is None else normaliser.arrays(),
            "position": None if runner is None else runner.position(),
            "generators": generators(),
        }
        write_state(folder, NAME, state)

    def _restore(self, resume: Resume) -> None:
        state, session = read_state(resume.state, NAME), self._session
        try:
            load_module(session.module, state["module"])
            load_optimizer(session.optimizer, state["optimizer"])
            if state["normaliser"] is not None:
                size = flat_size(self._context.observation_space)
                arrays = {name: np.asarray(value) for name, value in state["normaliser"].items()}
                self._policy.normaliser = Normaliser.from_arrays(arrays, size)
            runner = session.local_runner
            if resume.environments and runner is not None and state["position"] is not None:
                runner.resume_from(state["position"])
            self.steps = state["steps"]
            session.share_weights()
            restore_generators(state["generators"])
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise DamagedRunError(f"The training state in {resume.state} does not fit: {error}.") from error

    def _rate(self, config: RllibPPOConfig) -> float:
        remaining = 1 - self.steps / self._context.steps if config.schedule == "linear" else 1.0
        return config.learning_rate * remaining

    def _add(self, report: Report) -> None:
        self.steps += report.steps
        if report.episodes and self._context.remote_envs is not None:
            self._context.remote_envs.on_episodes(report.episodes)
        if report.moments is not None and self._policy.normaliser is not None:
            self._policy.normaliser.merge(*report.moments)
