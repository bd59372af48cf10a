"""Plain loops over TorchRL's objectives: draw a batch, compute the losses, step, follow; see `speed`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from tensordict.nn import InteractionType, NormalParamExtractor, TensorDictModule
from torch import nn
from torchrl.data import Bounded
from torchrl.modules import Delta, IndependentNormal, ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.modules.models import DTActor
from torchrl.objectives import BCLoss, CQLLoss, DTLoss, IQLLoss, SoftUpdate, TD3BCLoss

from sandbox.api import Dataset

Loop = Callable[[int], None]
"""Makes so many updates."""


def mlp(inputs: int, config: Any, outputs: int) -> nn.Sequential:
    """Layers of the same sizes as ours."""
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[config.activation]
    sizes = [inputs, *config.net_arch]
    layers = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), activation())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


class Q(nn.Module):
    """Q(s, a)."""

    def __init__(self, inputs: int, actions: int, config: Any) -> None:
        super().__init__()
        self.net = mlp(inputs + actions, config, 1)

    def forward(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Shape ``(n, 1)``."""
        value: torch.Tensor = self.net(torch.cat((observation, action), -1))
        return value


def steps_of(dataset: Dataset) -> TensorDict:
    """All steps, standardised."""
    steps = dataset.batch(slice(None))
    mean, deviation = np.mean(steps.observation, 0), np.std(steps.observation, 0)
    seen, following = (
        torch.from_numpy(((np.asarray(rows) - mean) / deviation).astype(np.float32))
        for rows in (steps.observation, steps.next_observation)
    )
    count = len(dataset)
    ends = torch.from_numpy(steps.terminated)[:, None]
    reward = torch.from_numpy((steps.reward / steps.reward.std()).astype(np.float32))[:, None]
    return TensorDict(
        {
            "observation": seen,
            "action": torch.from_numpy(steps.action),
            "next": {"observation": following, "reward": reward, "terminated": ends, "done": ends.clone()},
        },
        [count],
    )


def normal_actor(data: TensorDict, config: Any, kind: Any) -> ProbabilisticActor:
    """A stochastic policy."""
    inputs, actions = data["observation"].shape[1], data["action"].shape[1]
    net = nn.Sequential(mlp(inputs, config, 2 * actions), NormalParamExtractor())
    module = TensorDictModule(net, ["observation"], ["loc", "scale"])
    return ProbabilisticActor(
        module, in_keys=["loc", "scale"], distribution_class=kind, return_log_prob=kind is TanhNormal,
        spec=Bounded(-torch.ones(actions), torch.ones(actions), (actions,)),
    )  # fmt: skip


def critic(data: TensorDict, config: Any) -> ValueOperator:
    """Q as TorchRL takes it."""
    q = Q(data["observation"].shape[1], data["action"].shape[1], config)
    return ValueOperator(q, in_keys=["observation", "action"])


def looped(loss: Any, data: TensorDict, config: Any, delays: dict[str, int], follow: bool = True) -> Loop:
    """A loop with an optimiser for each part.

    Args:
        loss: The objective.
        data: Records.
        config: Ours, for the sizes.
        delays: By name of a loss, every how many updates its network steps.
        follow: Whether there are target networks.
    """
    parts = {
        name: [weight for key, weight in loss.named_parameters() if weight.requires_grad and _of(name, key)]
        for name in delays
    }
    optimizers = {name: torch.optim.Adam(weights, config.learning_rate) for name, weights in parts.items()}
    targets = SoftUpdate(loss, tau=config.target_rate) if follow else None
    generator = torch.Generator().manual_seed(0)

    def run(updates: int) -> None:
        for update in range(updates):
            rows = torch.randint(len(data), (config.batch_size,), generator=generator)
            losses = loss(data[rows])
            due = [name for name, delay in delays.items() if update % delay == 0]
            total = sum(losses[key] for name in due for key in LOSSES[name] if key in losses)
            for name in due:
                optimizers[name].zero_grad()
            total.backward()
            for name in due:
                optimizers[name].step()
            if targets is not None:
                targets.step()

    return run


LOSSES = {
    "actor": ("loss_actor", "loss_bc", "loss"),
    "qvalue": ("loss_qvalue", "loss_cql"),
    "value": ("loss_value",),
    "alpha": ("loss_alpha",),
}
"""Losses of each network."""


def _of(part: str, key: str) -> bool:
    if part == "alpha":
        return key == "log_alpha"
    return key.startswith({"actor": "actor_network", "qvalue": "qvalue", "value": "value_network"}[part])


def bc(config: Any, dataset: Dataset) -> Loop:
    """Cloning."""
    data = steps_of(dataset)
    return looped(BCLoss(normal_actor(data, config, IndependentNormal)), data, config, {"actor": 1}, False)


def iql(config: Any, dataset: Dataset) -> Loop:
    """Implicit Q-learning."""
    data = steps_of(dataset)
    value = ValueOperator(mlp(data["observation"].shape[1], config, 1), in_keys=["observation"])
    loss = IQLLoss(
        normal_actor(data, config, IndependentNormal), critic(data, config), value, loss_function="l2",
        temperature=config.temperature, expectile=config.expectile,
    )  # fmt: skip
    loss.make_value_estimator(gamma=config.gamma)
    return looped(loss, data, config, {"actor": 1, "qvalue": 1, "value": 1})


def cql(config: Any, dataset: Dataset) -> Loop:
    """Conservative Q-learning."""
    data = steps_of(dataset)
    loss = CQLLoss(
        normal_actor(data, config, TanhNormal), critic(data, config), loss_function="l2",
        num_random=config.sampled_actions, min_q_weight=config.alpha,
    )  # fmt: skip
    loss.make_value_estimator(gamma=config.gamma)
    return looped(loss, data, config, {"actor": 1, "qvalue": 1, "alpha": 1})


def td3_bc(config: Any, dataset: Dataset) -> Loop:
    """TD3 with imitation."""
    data = steps_of(dataset)
    actions = data["action"].shape[1]
    net = nn.Sequential(mlp(data["observation"].shape[1], config, actions), nn.Tanh())
    loss = TD3BCLoss(
        TensorDictModule(net, ["observation"], ["action"]), critic(data, config), loss_function="l2",
        bounds=(-1.0, 1.0), alpha=config.alpha, policy_noise=config.target_noise,
        noise_clip=config.noise_clip,
    )  # fmt: skip
    loss.make_value_estimator(gamma=config.gamma)
    return looped(loss, data, config, {"qvalue": 1, "actor": config.policy_delay})


def decision_transformer(config: Any, dataset: Dataset) -> Loop:
    """A transformer of the same width, layers, heads and context."""
    data, length = steps_of(dataset), int(dataset.lengths[0])
    togo = np.stack([np.cumsum(r[::-1])[::-1] for r in dataset.rewards.reshape(-1, length)])
    whole = TensorDict(
        {
            "observation": data["observation"].reshape(-1, length, data["observation"].shape[1]),
            "action": data["action"].reshape(-1, length, data["action"].shape[1]),
            "return_to_go": torch.from_numpy(togo.astype(np.float32))[:, :, None],
        },
        [len(togo), length],
    )
    sizes = DTActor.default_config()
    sizes.n_embd, sizes.n_layer, sizes.n_head = config.width, config.layers, config.heads
    sizes.n_inner, sizes.resid_pdrop, sizes.attn_pdrop = 4 * config.width, config.dropout, config.dropout
    actor = DTActor(whole["observation"].shape[2], whole["action"].shape[2], transformer_config=sizes)
    keys = ["observation", "action", "return_to_go"]
    module = ProbabilisticActor(
        TensorDictModule(actor, keys, ["param"]), in_keys=["param"], out_keys=["action"],
        distribution_class=Delta, default_interaction_type=InteractionType.RANDOM,
    )  # fmt: skip
    loss = DTLoss(module, loss_function="l2")
    optimizer = torch.optim.AdamW(loss.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    generator = torch.Generator().manual_seed(0)

    def run(updates: int) -> None:
        for _ in range(updates):
            rows = torch.randint(len(whole), (config.batch_size,), generator=generator)
            begins = torch.randint(length - config.context + 1, (config.batch_size,), generator=generator)
            places = begins[:, None] + torch.arange(config.context)
            optimizer.zero_grad()
            loss(whole[rows[:, None], places])["loss"].backward()
            optimizer.step()

    return run


LOOPS: dict[str, Callable[[Any, Dataset], Loop]] = {
    "bc": bc, "iql": iql, "cql": cql, "td3-bc": td3_bc, "decision-transformer": decision_transformer,
}  # fmt: skip
