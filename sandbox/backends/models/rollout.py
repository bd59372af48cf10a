"""Rollout: one-step look-ahead over a baseline, which is policy iteration in action.

    Q(s, a) = r(s, a) + E Σ_{t=1}^{H-1} γᵗ r(s_t, base(s_t)),   act by argmax over a of Q(s, a)

The new policy is nowhere worse than the baseline, up to the cut at H and the error of the mean (Bertsekas
2019, Reinforcement Learning and Optimal Control, section 2.4). All actions meet the same futures, so what is
compared is a mean of paired differences; the baseline's own action stays unless another one is better by more
than ``confidence`` standard errors of that mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete, MultiDiscrete
from numpy.typing import NDArray
from pydantic import ValidationError

from sandbox.api import TrainContext
from sandbox.api.errors import DamagedRunError, MisfitError, UnknownNameError
from sandbox.api.policy import Policy
from sandbox.api.simulator import Simulator
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Array, Space
from sandbox.backends.models.config import RolloutConfig
from sandbox.backends.models.lookahead import LookAhead, bound_look_ahead
from sandbox.backends.models.planning import read_settings, require_no_start, settings_document
from sandbox.backends.policy_files import write_policy
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.registry.simple_policy import as_policy

NAME = "rollout"

Integers = NDArray[np.int64]


class RolloutPolicy:
    """Tries every action once, goes on with a baseline, and takes the best; see `Policy`.

    Args:
        action_space: Discrete or MultiDiscrete, of one row.
        config: How far and how often it looks.
        base: Name of the task's baseline.
    """

    memoryless = True

    def __init__(self, action_space: Space, config: RolloutConfig, base: str) -> None:
        if not isinstance(action_space, Discrete | MultiDiscrete):
            raise MisfitError(f"{NAME} tries every action, and {action_space} has no list of them.")
        self.action_space, self.config, self.base = action_space, config, base
        self._look_ahead: LookAhead | None = None
        self._playing: Policy | None = None
        self._bases: dict[int, tuple[Simulator, Policy]] = {}
        self._rng = np.random.default_rng(0)

    def bind(self, env: Any, models: TaskModels) -> None:
        """Look ahead in copies of this environment from now on."""
        self._look_ahead = LookAhead(env, models)
        self._playing = make_base(self.base, env, models.task)
        self._bases = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the planner's own chance."""
        self._rng = np.random.default_rng(seed)
        if self._playing is not None:
            self._playing.reset(num_envs, seed)

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> Array:
        """The best action of every row."""
        look_ahead, config = bound_look_ahead(self._look_ahead, NAME), self.config
        assert self._playing is not None, "made together with the look-ahead"
        base = np.asarray(self._playing.act(observation, mask), np.int64)
        options, allowed = self._options(base, mask)
        rows, number = options.shape[:2]
        first = np.repeat(options.reshape(rows * number, *base.shape[1:]), config.scenarios, axis=0)

        def act(step: int, copies: Simulator) -> Array:
            if step == 0:
                return first.astype(self.action_space.dtype)
            return np.asarray(self._base_of(copies, len(first)).act(copies.observe()))

        returns = look_ahead.returns(
            rows, number, config.scenarios, act, config.horizon, config.gamma, self._rng
        )
        gain = returns - returns[:, :1]  # the baseline's action is the first option
        error = gain.std(axis=2, ddof=1) / np.sqrt(config.scenarios)
        worth = np.where(allowed, gain.mean(axis=2) - config.confidence * error, -np.inf)
        best = worth.argmax(axis=1)
        chosen: Array = options[np.arange(rows), best].astype(self.action_space.dtype)
        return chosen

    def _options(self, base: Integers, mask: NDArray[np.bool_] | None) -> tuple[Integers, NDArray[np.bool_]]:
        """Actions to try, ``(rows, options, *action_shape)``, the baseline's first, and which are allowed.

        Of a MultiDiscrete action one part at a time is changed.
        """
        starts = np.asarray(self.action_space.start).reshape(-1)
        sizes = [int(self.action_space.n)] if isinstance(self.action_space, Discrete) else self._parts()
        flat, rows = base.reshape(len(base), -1), len(base)
        options, allowed = [flat[:, None]], [np.ones((rows, 1), np.bool_)]
        begin = 0
        for part, (start, size) in enumerate(zip(starts.tolist(), sizes, strict=True)):
            values = np.arange(start, start + size)
            changed = np.repeat(flat[:, None], size, axis=1)
            changed[:, :, part] = values
            fits = values != flat[:, part : part + 1]
            if self.config.width is not None:
                fits &= np.abs(values - flat[:, part : part + 1]) <= self.config.width
            if mask is not None:
                fits &= mask[:, begin : begin + size]
            begin += size
            some = fits.any(axis=0)  # what no row may do is not tried
            options.append(changed[:, some])
            allowed.append(fits[:, some])
        joined = np.concatenate(options, axis=1)
        return joined.reshape(rows, joined.shape[1], *base.shape[1:]), np.concatenate(allowed, axis=1)

    def _parts(self) -> list[int]:
        assert isinstance(self.action_space, MultiDiscrete)
        return [int(size) for size in self.action_space.nvec.ravel()]

    def _base_of(self, copies: Simulator, number: int) -> Policy:
        """The baseline in the copies."""
        known = self._bases.get(number)
        if known is None or known[0] is not copies:
            look_ahead = bound_look_ahead(self._look_ahead, NAME)
            base = make_base(self.base, copies, look_ahead.models.task)
            base.reset(number, 0)
            self._bases = {number: (copies, base)}
            return base
        return known[1]

    def save(self, directory: Path) -> None:
        """Write the settings and the baseline's name; there are no weights."""
        document = settings_document(NAME, self.action_space, self.config) | {"base": self.base}
        write_policy(directory, document, {})


def make_base(name: str, env: Any, task: str) -> Policy:
    """A baseline of a task, made for an environment or a simulator.

    Raises:
        UnknownNameError: If the task has no such baseline.
    """
    baselines = registry().task(task).baselines
    for baseline in baselines:
        if baseline.name == name:
            return as_policy(resolve(baseline.make)(env))
    raise UnknownNameError("baseline", name, [baseline.name for baseline in baselines])


def train(context: TrainContext) -> RolloutPolicy:
    """The policy that looks ahead over a baseline; nothing is learned and no environment is stepped."""
    assert context.expert is not None, "an algorithm that needs an expert is given one"
    require_no_start(context, NAME)
    return RolloutPolicy(context.action_space, context.config, context.expert)


def load(directory: Path) -> RolloutPolicy:
    """Read what `RolloutPolicy.save` wrote."""
    document, space = read_settings(directory)
    try:
        config = RolloutConfig.model_validate(document["config"])
        return RolloutPolicy(space, config, str(document["base"]))
    except (KeyError, ValidationError, MisfitError) as error:
        raise DamagedRunError(f"The policy in {directory} is no rollout: {error}.") from error
