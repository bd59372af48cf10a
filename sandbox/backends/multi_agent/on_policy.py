"""IPPO and MAPPO: PPO by several agents; `estimates` has the mathematics.

The two differ in the critic alone. In IPPO agent i's value is V(o_i); in MAPPO it is V_i(o_1, …, o_k),
which is needed in training only, so that agents still act on what they see themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sandbox.api import TrainContext, driven
from sandbox.api.joint import JointInteraction, JointStep
from sandbox.api.types import Array, Bools, Floats
from sandbox.backends.actors.observations import Normaliser
from sandbox.backends.multi_agent import estimates
from sandbox.backends.multi_agent.config import PPOConfig
from sandbox.backends.multi_agent.learning import (
    begin_from,
    clip_gradients,
    generators,
    gradient_groups,
    layout_of,
    load_state,
    packed_state,
    require_finite,
    set_learning_rate,
)
from sandbox.backends.multi_agent.networks import AgentNetworks, CentralCritic
from sandbox.backends.multi_agent.policy import JointPolicy

CRITIC = "critic"


@dataclass(frozen=True)
class Rollout:
    """What was played: T steps of n environments with k agents.

    Attributes:
        inputs: Normalised observations, shape ``(T, n, k, D)``.
        raw: Raw draws, shape ``(T, n, k, r)``.
        log_prob: Of these, shape ``(T, n, k)``.
        masks: Allowed actions, shape ``(T, n, k, m)``, or None.
        present: Who took part, shape ``(T, n, k)``.
        advantage: Shape ``(T, n, k)``.
        target: What the critic is to predict, shape ``(T, n, k)``.
    """

    inputs: Tensor
    raw: Array
    log_prob: Tensor
    masks: Bools | None
    present: Bools
    advantage: Floats
    target: Floats


class JointPPO:
    """See `sandbox.api.Learner`.

    Args:
        context: Of the training.
        name: Of the algorithm.
        central: Whether the critic sees what all agents see.
    """

    def __init__(self, context: TrainContext, name: str, central: bool) -> None:
        config: PPOConfig = context.config
        layout = layout_of(context)
        self.config, self.layout, self.central, self.total = config, layout, central, context.steps
        self.per_agent = not config.share_parameters
        self.learned = JointPolicy(
            name, layout, config, greedy=False, seed=context.seed, log_std=config.log_std_init
        )
        self.critic = self._critic(context.seed + 1)
        self.learned.others[CRITIC] = self.critic
        begin_from(context, self.learned)
        networks = (self.learned.actors, self.critic)
        self.optimizer = torch.optim.Adam(
            [weight for network in networks for weight in network.parameters()],
            config.learning_rate,
            eps=1e-5,
        )
        self._groups = gradient_groups(*networks, shared=not self.per_agent)
        self._returns = Normaliser(len(layout) if self.per_agent else 1)
        self.draws, self.order = generators(context.seed, 2)
        self.play = JointInteraction(context)
        self.steps = 0

    def _critic(self, seed: int) -> CentralCritic | AgentNetworks:
        config, layout = self.config, self.layout
        hidden = config.net_arch if config.value_net_arch is None else config.value_net_arch
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if self.central:
                return CentralCritic(len(layout), layout.inputs, hidden, config.activation)
            return AgentNetworks(
                layout.columns,
                [np.zeros(1, np.int64)] * len(layout),
                (layout.inputs, 1),
                hidden,
                config.activation,
                config.share_parameters,
                config.agent_id,
                last_gain=1.0,
            )

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Play, then learn from it some times over."""
        rate = set_learning_rate(self.optimizer, self.config, self.steps / self.total)
        rollout, seen = self.collect()
        figures = self.learn(rollout)
        if self.learned.normaliser is not None:
            self.learned.normaliser.update(
                seen.reshape(-1, *seen.shape[2:]), rollout.present.reshape(-1, len(self.layout))
            )
        taken = rollout.present.size
        self.steps += taken
        require_finite(dict(figures), self.steps)
        absent = float(1 - rollout.present.mean())
        return taken, {**figures, "learning_rate": rate, "absent": absent}

    def collect(self) -> tuple[Rollout, Array]:
        """Play `n_steps` steps of every environment; also the observations before they were normalised."""
        policy, layout = self.learned, self.layout
        rows, raws, masks, steps = [], [], [], []
        for _ in range(self.config.n_steps):
            flat, mask = layout.flat(self.play.observation), self.play.mask
            raw = policy.draw(policy.inputs(flat), mask, self.draws)
            steps.append(self.play.step(layout.actions(raw)))
            rows.append(flat)
            raws.append(raw)
            masks.append(mask)
        seen, raw = np.stack(rows), np.stack(raws)
        inputs = torch.stack([policy.inputs(flat) for flat in rows])
        mask = None if masks[0] is None else np.stack([m for m in masks if m is not None])
        present = np.stack([step.present for step in steps])
        with torch.inference_mode():
            log_prob, _ = self._log_prob(
                inputs.flatten(0, 1), _merged(raw), None if mask is None else _merged(mask)
            )
        advantage, target = self._estimates(inputs, steps, present)
        shaped = log_prob.clone().reshape(present.shape)
        return Rollout(inputs, raw, shaped, mask, present, advantage, target), seen

    def _estimates(self, inputs: Tensor, steps: list[JointStep], present: Bools) -> tuple[Floats, Floats]:
        config = self.config
        rewards = np.stack([step.reward for step in steps])
        if config.reward == "team":
            rewards = estimates.team_mean(rewards, present)
        values = self.values(inputs.flatten(0, 1), _merged(present)).reshape(present.shape)
        after = self.learned.inputs(self.layout.flat(self.play.observation))
        following = self.values(after, self.play.present)
        cut_off = np.zeros_like(values)
        for t, step in enumerate(steps):
            if step.truncated.any():
                last = self.learned.inputs(self.layout.flat(step.next_observation))
                cut_off[t] = np.where(step.truncated, self.values(last, step.present), 0.0)
        done = np.stack([step.terminated | step.truncated for step in steps])
        advantage = estimates.advantages(
            rewards, values, following, cut_off, done, present, config.gamma, config.gae_lambda
        )
        return advantage, advantage + values

    def values(self, inputs: Tensor, present: Bools) -> Floats:
        """V of every agent, shape ``(n, k)``, in units of the reward."""
        with torch.inference_mode():
            predicted = self._predicted(inputs, torch.from_numpy(np.ascontiguousarray(present)))
        values: Floats = predicted.numpy().astype(np.float64)
        if self.config.normalize_value:
            values = values * np.sqrt(self._returns.var + 1e-8) + self._returns.mean
        return values

    def _predicted(self, inputs: Tensor, present: Tensor) -> Tensor:
        if isinstance(self.critic, CentralCritic):
            return self.critic(inputs, present)  # type: ignore[no-any-return]
        out: Tensor = self.critic(inputs)
        return out.squeeze(-1)

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Passes over what was played, in shuffled minibatches of whole steps."""
        config, k = self.config, len(self.layout)
        present = _merged(rollout.present)
        advantage = estimates.standardised(_merged(rollout.advantage), present, self.per_agent)
        target = self._scaled(_merged(rollout.target), present)
        inputs, raw = rollout.inputs.flatten(0, 1), _merged(rollout.raw)
        masks = None if rollout.masks is None else _merged(rollout.masks)
        before = rollout.log_prob.reshape(-1, k)
        sums, batches = np.zeros(5), 0
        for _ in range(config.n_epochs):
            order = self.order.permutation(len(present))
            for start in range(0, len(order), config.batch_size):
                chosen = order[start : start + config.batch_size]
                mask = None if masks is None else masks[chosen]
                there = torch.from_numpy(present[chosen])
                if not there.any():
                    continue
                log_prob, entropy = self._log_prob(inputs[chosen], raw[chosen], mask)
                predicted = self._predicted(inputs[chosen], there)
                sums += self._update(
                    log_prob, entropy, predicted, before[chosen], advantage[chosen], target[chosen], there
                )
                batches += 1
        names = ("policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction")
        return dict(zip(names, (sums / max(batches, 1)).tolist(), strict=True))

    def _update(
        self,
        log_prob: Tensor,
        entropy: Tensor,
        predicted: Tensor,
        before: Tensor,
        advantage: Floats,
        target: Floats,
        present: Tensor,
    ) -> Floats:
        """One step along the gradient of a minibatch."""
        config = self.config
        weights = estimates.presence_weights(present, self.per_agent)
        gain, wanted = (torch.as_tensor(x, dtype=torch.float32) for x in (advantage, target))
        policy_loss = estimates.mean_over(
            estimates.clipped_loss(log_prob, before, gain, config.clip_range), weights
        )
        value_loss = estimates.mean_over((predicted - wanted).square(), weights)
        spread = estimates.mean_over(entropy, weights)
        loss = policy_loss + config.vf_coef * value_loss - config.ent_coef * spread
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        clip_gradients(self._groups, config.max_grad_norm)
        self.optimizer.step()
        with torch.no_grad():
            change = log_prob - before
            divergence = estimates.mean_over(change.exp() - 1 - change, weights)
            clipped = estimates.mean_over(((change.exp() - 1).abs() > config.clip_range).float(), weights)
        return np.array([x.item() for x in (policy_loss, value_loss, spread, divergence, clipped)])

    def _scaled(self, target: Floats, present: Bools) -> Floats:
        """What the critic is to predict, in its units, which follow the targets first."""
        if not self.config.normalize_value:
            return target
        if self.per_agent:
            # Agents that were there for fewer steps keep their own count by their own mean.
            mean = np.divide(
                (target * present).sum(0),
                present.sum(0),
                where=present.any(0),
                out=np.zeros(len(self.layout)),
            )
            filled = np.where(present, target, mean)
            self._returns.update(filled)
        else:
            self._returns.update(target[present][:, None])
        scaled: Floats = (target - self._returns.mean) / np.sqrt(self._returns.var + 1e-8)
        return scaled

    def _log_prob(self, inputs: Tensor, raw: Array, mask: Bools | None) -> tuple[Tensor, Tensor]:
        """log π and entropy of ``(m, k)`` samples."""
        m, k = inputs.shape[:2]
        params = self.learned.actors(inputs).reshape(m * k, -1)
        draws = torch.from_numpy(raw.reshape(m * k, -1))
        draws = draws.to(params.dtype) if draws.is_floating_point() else draws
        allowed = None if mask is None else torch.from_numpy(mask.reshape(m * k, -1))
        distribution = self.layout.distribution
        log_prob = distribution.log_prob(params, draws, allowed).reshape(m, k)
        return log_prob, distribution.entropy(params, allowed).reshape(m, k)

    def policy(self) -> JointPolicy:
        """The policy of this moment."""
        return self.learned.snapshot()

    def get_state(self) -> dict[str, Any]:
        """Networks, optimiser, normalisers, generators, and where the environments are."""
        return {
            **packed_state(self.learned, self.optimizer, (self.draws, self.order)),
            "returns": self._returns.arrays(),
            "play": self.play.get_state(),
            "steps": self.steps,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_state(dict(state), self.learned, self.optimizer, (self.draws, self.order))
        arrays = {name: np.asarray(values) for name, values in state["returns"].items()}
        self._returns = Normaliser.from_arrays(arrays, len(arrays["mean"]))
        self.play.set_state(state["play"])
        self.steps = int(state["steps"])


def _merged(values: Any) -> Any:
    """``(T, n, …)`` as ``(T · n, …)``."""
    return values.reshape(-1, *values.shape[2:])


def ippo(context: TrainContext) -> JointPPO:
    """Independent PPO."""
    return JointPPO(context, "ippo", central=False)


def mappo(context: TrainContext) -> JointPPO:
    """PPO with a central critic."""
    return JointPPO(context, "mappo", central=True)


train_ippo, train_mappo = driven(ippo), driven(mappo)
