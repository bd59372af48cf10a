"""Decision transformer (Chen et al. 2021): which action was followed by the return that is asked for?

    minimise E -log π(a_t | R_{t-K+1}, s_{t-K+1}, a_{t-K+1}, …, R_t, s_t),  R_t = Σ_{i ≥ t} r_i

over pieces of K recorded steps; squared error of the mean for continuous actions. In play R_0 is a
return that the user names, or a high quantile of the recorded ones. There is no value function and
nothing is bootstrapped, so a return that no piece of an episode earned cannot be put together from
several (Brandfonbrener et al. 2022).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sandbox.api import TrainContext, driven
from sandbox.api.data import Dataset
from sandbox.api.errors import RunFailedError
from sandbox.backends.actors.distributions import Categorical, distribution_for
from sandbox.backends.actors.labels import MIN_LOG_STD
from sandbox.backends.actors.observations import Normaliser, flat_size, flatten
from sandbox.backends.offline.config import DecisionTransformerConfig
from sandbox.backends.offline.critics import allowed
from sandbox.backends.offline.records import recorded_actions
from sandbox.backends.offline.transformer_policy import Shape, TransformerPolicy
from sandbox.backends.policy_files import read_policy
from sandbox.backends.tensors import load_module, load_optimizer, packed

CHUNK = 50
"""Updates between two reports."""

MAX_STEPS = 4096
"""Steps of an episode after which time is no longer told apart."""


class DecisionTransformer:
    """See `sandbox.api.Learner`; a step is an update."""

    def __init__(self, context: TrainContext) -> None:
        assert context.dataset is not None, "an algorithm that needs a dataset is given one"
        config: DecisionTransformerConfig = context.config
        self.config, self.total, self.updates, self.seed = config, context.steps, 0, context.seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.learned = _new_policy(context, context.dataset, config)
        if context.initial is not None and context.resume is None:
            self.learned.load_weights(read_policy(context.initial), context.initial)
        self._take(context.dataset, fit_normaliser=context.initial is None)
        self.optimizer = torch.optim.AdamW(
            self.learned.network.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.rng = np.random.default_rng(context.seed)

    def _take(self, dataset: Dataset, fit_normaliser: bool) -> None:
        """Records, by step."""
        policy, steps = self.learned, dataset.batch(slice(None))
        self._rows = flatten(policy.observation_space, steps.observation)
        if fit_normaliser:
            policy.normaliser.update(self._rows)
        self._raw = recorded_actions(policy.distribution, steps.action)
        self._codes = policy.encode(self._raw)
        self._to_go = (returns_to_go(dataset) / policy.scale).astype(np.float32)
        self._reward = (dataset.rewards / policy.reward_scale).astype(np.float32)
        self._time = np.arange(len(dataset)) - dataset.starts[dataset.episode_of]
        self._end = (dataset.starts + dataset.lengths)[dataset.episode_of]
        self._mask = steps.mask

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Some updates."""
        updates = min(CHUNK, self.total - self.updates)
        sums = np.zeros(2)
        self.learned.network.train()
        with torch.random.fork_rng(devices=[]):  # of dropout
            torch.manual_seed(int(self.rng.integers(2**31)))
            for _ in range(updates):
                starts = self.rng.integers(len(self._rows), size=self.config.batch_size)
                imitation, error = self.losses(starts)
                self.optimizer.zero_grad()
                (imitation + error).backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self.learned.network.parameters(), 0.25)
                self.optimizer.step()
                sums += [imitation.item(), error.item()]
        if not np.isfinite(sums).all():
            raise RunFailedError("The loss is no longer a finite number.", "Lower learning_rate.")
        self.updates += updates
        return updates, {"loss": sums[0] / updates, "reward_error": sums[1] / updates}

    def losses(self, starts: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Of the actions and of the expected rewards, over the pieces that begin at these steps."""
        policy = self.learned
        steps = starts[:, None] + np.arange(self.config.context)
        inside = steps < self._end[starts][:, None]
        steps = np.minimum(steps, len(self._rows) - 1)
        inputs = policy.normaliser(self._rows[steps.ravel()]).reshape(*steps.shape, -1)
        chosen, earned = policy.network(
            torch.from_numpy(self._to_go[steps]),
            torch.from_numpy(inputs),
            torch.from_numpy(self._codes[steps.ravel()].reshape(*steps.shape, -1)),
            torch.from_numpy(self._time[steps]),
        )
        places = steps[inside]
        present = torch.from_numpy(inside)
        mask = None if self._mask is None else torch.from_numpy(self._mask[places])
        imitation = self._imitation(chosen[present], torch.from_numpy(self._raw[places]), mask)
        error = (earned[present] - torch.from_numpy(self._reward[places])) ** 2
        return imitation, 0.5 * error.mean()

    def _imitation(self, chosen: Tensor, raw: Tensor, mask: Tensor | None) -> Tensor:
        distribution, log_std = self.learned.distribution, self.learned.network.log_std
        if log_std is None:
            permitted = mask
            if mask is not None:
                permitted = mask.clone().scatter_(1, raw, True)
            return -distribution.log_prob(allowed(chosen, permitted), raw, None).mean()
        error = (raw - chosen) ** 2
        held = log_std.clamp(min=MIN_LOG_STD)
        spread = held + 0.5 * error.detach() * torch.exp(-2 * held)
        return (0.5 * error + spread).sum(1).mean()

    def policy(self) -> TransformerPolicy:
        """The policy of this moment."""
        return copy.deepcopy(self.learned)

    def get_state(self) -> dict[str, Any]:
        """Network, optimiser, normaliser and generator; the dataset is read again."""
        return {
            "network": packed(self.learned.network.state_dict()),
            "optimizer": packed(self.optimizer.state_dict()),
            "normaliser": self.learned.normaliser.arrays(),
            "rng": self.rng.bit_generator.state,
            "updates": self.updates,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.learned.network, state["network"])
        load_optimizer(self.optimizer, state["optimizer"])
        arrays = state["normaliser"]
        self.learned.normaliser = Normaliser.from_arrays(arrays, len(arrays["mean"]))
        self.rng.bit_generator.state = state["rng"]
        self.updates = int(state["updates"])


def returns_to_go(dataset: Dataset) -> NDArray[np.float64]:
    """Undiscounted return from each step to the end of its episode, shape ``(N,)``."""
    earned_before = np.concatenate(([0.0], np.cumsum(dataset.rewards)))
    ends = (dataset.starts + dataset.lengths)[dataset.episode_of]
    remaining: NDArray[np.float64] = earned_before[ends] - earned_before[:-1]
    return remaining


def _new_policy(
    context: TrainContext, dataset: Dataset, config: DecisionTransformerConfig
) -> TransformerPolicy:
    distribution = distribution_for(context.action_space)
    discrete = isinstance(distribution, Categorical)
    shape = Shape(
        inputs=flat_size(context.observation_space),
        actions=distribution.size if discrete else distribution.size // 2,
        context=config.context,
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        dropout=config.dropout,
        longest=int(min(dataset.lengths.max(), MAX_STEPS)),
    )
    target = config.target_return
    if target is None:
        target = float(np.quantile(dataset.returns, config.target_quantile))
    scales = [float(np.abs(values).max()) or 1.0 for values in (dataset.returns, dataset.rewards)]
    return TransformerPolicy(context.observation_space, context.action_space, shape, target, *scales)


train = driven(DecisionTransformer)
