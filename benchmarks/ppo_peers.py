"""PPO's update in other libraries, on the data of `benchmarks.ppo`; what is missing raises ImportError."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def _timed(function: Callable[[], Any]) -> float:
    begun = time.process_time()
    function()
    return time.process_time() - begun


def torchrl(bench: Any) -> Callable[[], float]:
    """TorchRL's clipped loss with SB3's layers; discrete actions only where there are no masks."""
    import torch
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule
    from torchrl.modules import MaskedCategorical, ProbabilisticActor, ValueOperator
    from torchrl.objectives import ClipPPOLoss

    config, data = bench.config, {name: torch.from_numpy(part) for name, part in bench.flat().items()}
    policy = copy.deepcopy(bench.model.policy)
    masks = bench.plan.masks
    features = bench.model.policy.features_dim

    class Actor(torch.nn.Module):
        def forward(self, observation: Any) -> Any:
            out = policy.action_net(policy.mlp_extractor.policy_net(observation))
            return out if masks else (out, policy.log_std.exp().expand_as(out))

    class Critic(torch.nn.Module):
        def forward(self, observation: Any) -> Any:
            return policy.value_net(policy.mlp_extractor.value_net(observation))

    actor, critic = Actor(), Critic()
    actor.layers = torch.nn.ModuleList([policy.action_net, policy.mlp_extractor.policy_net])
    critic.layers = torch.nn.ModuleList([policy.value_net, policy.mlp_extractor.value_net])
    if masks:
        module = TensorDictModule(actor, ["observation"], ["logits"])
        kind, keys = MaskedCategorical, {"logits": "logits", "mask": "mask"}
    else:
        actor.log_std = policy.log_std
        module = TensorDictModule(actor, ["observation"], ["loc", "scale"])
        kind, keys = _independent_normal(torch), {"loc": "loc", "scale": "scale"}
    loss = ClipPPOLoss(
        ProbabilisticActor(module, in_keys=keys, distribution_class=kind, return_log_prob=True),
        ValueOperator(critic, in_keys=["observation"]),
        clip_epsilon=config.clip_range, entropy_coeff=config.ent_coef, entropy_bonus=config.ent_coef > 0,
        critic_coeff=config.vf_coef, loss_critic_type="l2", normalize_advantage=True,
    )  # fmt: skip
    loss.set_keys(sample_log_prob="old_log_prob")
    size = len(data["advantages"])
    actions = data["actions"].long().flatten() if masks else data["actions"]
    fields = {
        "observation": data["observations"].reshape(size, features), "action": actions,
        "old_log_prob": data["log_probs"], "advantage": data["advantages"][:, None],
        "value_target": data["returns"][:, None],
    }  # fmt: skip
    if masks:
        fields["mask"] = data["action_masks"] > 0
    batch = TensorDict(fields, batch_size=[size])
    parameters = [part for part in loss.parameters() if part.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=config.learning_rate, eps=1e-5)

    def update() -> None:
        for _ in range(config.n_epochs):
            order = torch.randperm(size)
            for start in range(0, size, config.batch_size):
                losses = loss(batch[order[start : start + config.batch_size]])
                total = sum(value for name, value in losses.items() if name.startswith("loss_"))
                optimizer.zero_grad()
                total.backward()
                torch.nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
                optimizer.step()

    return lambda: _timed(update)


def _independent_normal(torch: Any) -> Any:
    from torchrl.modules import IndependentNormal

    return IndependentNormal


def jax_loop(bench: Any) -> Callable[[], float]:
    """The same loss, differentiated and compiled by JAX; all passes are one call."""
    import jax
    import jax.numpy as jnp
    import optax

    config, masks = bench.config, bench.plan.masks
    data = {name: jnp.asarray(part) for name, part in bench.flat().items()}
    size = len(data["advantages"])
    data["observations"] = data["observations"].reshape(size, -1)
    activation = {"tanh": jnp.tanh, "relu": jax.nn.relu, "elu": jax.nn.elu}[config.activation or "tanh"]
    policy = bench.model.policy

    def layers(net: Any, last: Any) -> Any:
        linear = [layer for layer in net if hasattr(layer, "weight")] + [last]
        return [
            (jnp.asarray(x.weight.detach().numpy().T), jnp.asarray(x.bias.detach().numpy())) for x in linear
        ]

    def forward(net: Any, x: Any) -> Any:
        for weights, bias in net[:-1]:
            x = activation(x @ weights + bias)
        return x @ net[-1][0] + net[-1][1]

    extractor = policy.mlp_extractor
    first = {
        "actor": layers(extractor.policy_net, policy.action_net),
        "critic": layers(extractor.value_net, policy.value_net),
        "log_std": jnp.asarray([] if masks else policy.log_std.detach().numpy()),
    }

    def loss(weights: Any, batch: Any) -> Any:
        out = forward(weights["actor"], batch["observations"])
        if masks:
            logs = jax.nn.log_softmax(jnp.where(batch["action_masks"] > 0, out, -1e8))
            log_prob = jnp.take_along_axis(logs, batch["actions"].astype(int), 1)[:, 0]
            entropy = -(jnp.exp(logs) * logs).sum(1).mean()
        else:
            spread = weights["log_std"]
            distance = (batch["actions"] - out) * jnp.exp(-spread)
            log_prob = (-0.5 * distance**2 - spread - 0.5 * np.log(2 * np.pi)).sum(1)
            entropy = (spread + 0.5 + 0.5 * np.log(2 * np.pi)).sum()
        advantage = batch["advantages"]
        advantage = (advantage - advantage.mean()) / (advantage.std(ddof=1) + 1e-8)
        ratio = jnp.exp(log_prob - batch["log_probs"])
        clipped = jnp.clip(ratio, 1 - config.clip_range, 1 + config.clip_range)
        value = forward(weights["critic"], batch["observations"])[:, 0]
        policy_loss = -jnp.minimum(ratio * advantage, clipped * advantage).mean()
        return (
            policy_loss
            - config.ent_coef * entropy
            + config.vf_coef * ((value - batch["returns"]) ** 2).mean()
        )

    adam = optax.chain(
        optax.clip_by_global_norm(config.max_grad_norm), optax.adam(config.learning_rate, eps=1e-5)
    )

    @jax.jit
    def update(weights: Any, state: Any, orders: Any) -> Any:
        def step(carry: Any, rows: Any) -> Any:
            weights, state = carry
            gradient = jax.grad(loss)(weights, {name: part[rows] for name, part in data.items()})
            changes, state = adam.update(gradient, state)
            return (optax.apply_updates(weights, changes), state), None

        return jax.lax.scan(step, (weights, state), orders)[0]

    whole = size // config.batch_size * config.batch_size
    state = adam.init(first)

    def run() -> None:
        orders = np.stack([np.random.permutation(size)[:whole] for _ in range(config.n_epochs)])
        jax.block_until_ready(update(first, state, orders.reshape(-1, config.batch_size)))

    return lambda: _timed(run)


def sbx(bench: Any) -> Callable[[], float]:
    """SBX's update; it knows no masks, so that it has less to do on tasks that have them."""
    import gymnasium as gym
    from sbx import PPO
    from stable_baselines3.common.logger import Logger
    from stable_baselines3.common.vec_env import DummyVecEnv

    config, plan = bench.config, bench.plan

    class Still(gym.Env[Any, Any]):
        observation_space, action_space = plan.observation_space, plan.action_space

    model = PPO(
        "MlpPolicy", DummyVecEnv([Still] * bench.rows), n_steps=config.n_steps, batch_size=config.batch_size,
        n_epochs=config.n_epochs, learning_rate=config.learning_rate, ent_coef=config.ent_coef,
        policy_kwargs={"net_arch": list(config.net_arch)}, seed=0,
    )  # fmt: skip
    model.set_logger(Logger(folder=None, output_formats=[]))
    model._current_progress_remaining = 1.0
    buffer = model.rollout_buffer

    def run() -> float:
        buffer.reset()
        for name, part in bench.data.items():
            if name != "action_masks":
                setattr(buffer, name, part.copy().reshape(getattr(buffer, name).shape))
        buffer.pos, buffer.full = bench.steps, True
        return _timed(model.train)

    return run
