"""Rollouts of on-policy algorithms in which no environment waits for another; see `sandbox.envs.ahead`.

SB3 steps all environments together, and draws their actions from one stream of random numbers. Here every
environment plays its steps of a rollout by itself: with the policy as it is at the rollout's begin, and with
random numbers of its own, so that a training is the same however long each step takes. Then SB3 goes through
the rollout as always: values, log-probabilities, bootstrapping and the update are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import VecNormalize

from sandbox.api.ahead import RunsAhead, find_ahead
from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import InvalidValueError, MisfitError
from sandbox.api.types import Array, Element, Json, Space, VectorEnvironment
from sandbox.backends.sb3.normaliser import Normaliser, observation_statistics
from sandbox.backends.sb3.spaces import action_writer, observation_reader
from sandbox.backends.sb3.vec_env import VecEnvAdapter

Layer = Callable[[NDArray[np.float32]], NDArray[np.float32]]

ACTIVATIONS: dict[type[torch.nn.Module], Layer] = {
    torch.nn.Tanh: np.tanh,
    torch.nn.ReLU: lambda x: np.maximum(x, np.float32(0)),
    torch.nn.ELU: lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    torch.nn.LeakyReLU: lambda x: np.where(x > 0, x, np.float32(0.01) * x),
    torch.nn.SiLU: lambda x: x / (1 + np.exp(-x)),
}
"""Activations of actors that are computed here, as PyTorch defines them."""


def on_ray(context: TrainContext) -> VectorEnvironment:
    """A training's environments on a Ray cluster.

    Raises:
        MisfitError: If whoever trains offers none there.
    """
    if context.remote_envs is None or context.remote_envs.on_ray is None:
        raise MisfitError("run_ahead=ray needs environments on a Ray cluster, and there are none here.")
    return context.remote_envs.on_ray(context.num_envs)


def require_ahead(envs: Any) -> RunsAhead:
    """The layer that plays rollouts in which nobody waits, prepared for it; before the first reset.

    Raises:
        MisfitError: If the environments cannot be stepped one by one.
    """
    ahead = find_ahead(envs)
    if ahead is None:
        raise MisfitError(
            "run_ahead=true needs environments that can be stepped one by one, in processes of their own; "
            "these are stepped as one batch, in which none waits for another.",
            "Use run_ahead=false.",
        )
    ahead.set_apart()
    return ahead


class AheadPlayer:
    """Plays the rollouts of a model.

    Args:
        model: Whose rollouts; its method ``collect_rollouts`` is replaced.
        adapter: Its environments.
        ahead: The layer of theirs that plays.
        seed: Of the random numbers that choose actions.

    Raises:
        InvalidValueError: If the policy is not one of plain layers.
    """

    def __init__(self, model: OnPolicyAlgorithm, adapter: VecEnvAdapter, ahead: RunsAhead, seed: int) -> None:
        self._model, self._adapter, self._ahead = model, adapter, ahead
        self._rows = adapter.num_envs // ahead.num_envs
        self._normaliser: VecNormalize | None = model.get_vec_normalize_env()
        self._generators = [np.random.default_rng([seed, 2, index]) for index in range(ahead.num_envs)]
        _require_plain(model)
        self._collect = model.collect_rollouts
        model.collect_rollouts = self._collect_apart  # type: ignore[method-assign]

    def state(self) -> Json:
        """The generators, between two rollouts."""
        return {"generators": [generator.bit_generator.state for generator in self._generators]}

    def restore(self, state: Json) -> None:
        """Go on from a `state`."""
        for generator, saved in zip(self._generators, state["generators"], strict=True):
            generator.bit_generator.state = saved

    def _collect_apart(self, *arguments: Any, **options: Any) -> bool:
        """`OnPolicyAlgorithm.collect_rollouts` with a policy that repeats what has been played.

        The rollout is played at the first question, so that the state of the training can be saved before.
        """
        running = self._freeze()
        try:
            with self._repeating():
                return self._collect(*arguments, **options)
        finally:
            for statistics, seen in running:
                del statistics.update
                for batch in seen:
                    statistics.update(batch)

    @contextmanager
    def _repeating(self) -> Iterator[None]:
        """Let the model's policy, or the core that stands for it, choose what has been played."""
        policy: Any = self._model.policy
        core: Any = getattr(self._model, "core", None)
        played: list[torch.Tensor] = []

        def following(masks: Any) -> torch.Tensor:
            if not played:
                played.extend(reversed(self._play(masks)))
            return played.pop()

        def forward(
            observation: Any, deterministic: bool = False, action_masks: Any = None
        ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            action = following(action_masks)
            masks = {} if action_masks is None else {"action_masks": action_masks}
            values, log_probs, _ = policy.evaluate_actions(observation, action, **masks)
            return action, values, log_probs

        def choose(outputs: Array, masks: Array) -> tuple[Array, Array]:
            action = following(masks if masks.shape[1] else None).numpy().reshape(len(outputs), -1)
            return action, core.log_probs(outputs, action, masks)

        owner, name, repeat = (policy, "forward", forward) if core is None else (core, "choose", choose)
        setattr(owner, name, repeat)
        try:
            yield
        finally:
            delattr(owner, name)

    def _freeze(self) -> list[tuple[Any, list[Array]]]:
        """Keep what the observations' running statistics are shown until the rollout is over."""
        held: list[tuple[Any, list[Array]]] = []
        if self._normaliser is None or not self._normaliser.norm_obs:
            return held
        for statistics in observation_statistics(self._normaliser).values():
            seen: list[Array] = []
            _hold(statistics, seen)
            held.append((statistics, seen))
        return held

    def _play(self, masks: Any) -> list[torch.Tensor]:
        """Play a rollout.

        Returns:
            The actions of all rows in every step.
        """
        model, number = self._model, self._ahead.num_envs
        present = np.asarray(model._last_obs).reshape(number, self._rows, -1)
        allowed = None if masks is None else np.asarray(masks, dtype=np.bool_).reshape(number, self._rows, -1)
        inputs = Inputs(
            self._adapter.envs.single_observation_space,
            None if self._normaliser is None else Normaliser.of(self._normaliser),
        )
        written, actor = action_writer(self._adapter.envs.single_action_space), Actor(model)
        joint = self._adapter.envs.single_action_space != self._ahead.single_action_space
        players = [
            RolloutPlayer(actor, inputs, written, present[index], joint, generator)
            for index, generator in enumerate(self._generators)
        ]
        played: list[Any] = list(players)
        self._ahead.play(model.n_steps, present, allowed, played)
        self._generators = [player.generator for player in played]
        steps = zip(*(player.raw for player in played), strict=True)
        return [torch.as_tensor(np.concatenate(step)) for step in steps]


class Inputs:
    """The network's inputs from observations of one environment.

    Args:
        space: Of one row.
        normaliser: Scales them, if they are.
    """

    def __init__(self, space: Space, normaliser: Normaliser | None) -> None:
        self._shape, self._read, self._normaliser = space.shape or (), observation_reader(space), normaliser

    def __call__(self, observation: Element, rows: int) -> NDArray[np.float32]:
        """Shape ``(rows, inputs)``."""
        read: Any = self._read(np.asarray(observation).reshape(rows, *self._shape))
        if self._normaliser is not None and self._normaliser.statistics:
            read = self._normaliser(read)
        flat: NDArray[np.float32] = np.asarray(read, dtype=np.float32).reshape(rows, -1)
        return flat


class RolloutPlayer:
    """Chooses the actions of one environment in one rollout; see `sandbox.api.ahead.Player`.

    Args:
        actor: The policy as it is at the rollout's begin.
        inputs: Of observations.
        written: Turns SB3's actions into the task's.
        present: What the learner has seen at the rollout's begin, as inputs, shape ``(rows, inputs)``.
        joint: Whether an action is one of several agents.
        generator: Draws.

    Attributes:
        raw: The actions so far as SB3 has them.
    """

    def __init__(
        self,
        actor: Actor,
        inputs: Inputs,
        written: Callable[[Array], Array],
        present: Array,
        joint: bool,
        generator: np.random.Generator,
    ) -> None:
        self._actor, self._inputs, self._written, self._present = actor, inputs, written, present
        self._joint, self.generator, self.raw = joint, generator, list[Array]()

    def __call__(self, observation: Element, mask: NDArray[np.bool_] | None) -> Array:
        """The next action."""
        number = len(self._present)
        # What the learner has seen at the rollout's begin has been normalised already.
        rows = self._inputs(observation, number) if self.raw else self._present
        space = self._actor.space
        self.raw.append(self._actor(rows, None if mask is None else mask.reshape(number, -1), self.generator))
        action = self._written(_clipped(self.raw[-1], space).reshape(-1, *(space.shape or ())))
        return action if self._joint or number > 1 else action[0]


class Actor:
    """The actor of a policy of plain layers, in NumPy, with its weights as they are now.

    For the few rows of one environment, PyTorch would take ten times as long.
    """

    def __init__(self, model: OnPolicyAlgorithm) -> None:
        policy: Any = model.policy
        self._layers = [_layer(layer) for layer in (*policy.mlp_extractor.policy_net, policy.action_net)]
        self.space = model.action_space
        if isinstance(self.space, spaces.Box):
            self._std = np.exp(policy.log_std.detach().numpy())

    def __call__(self, rows: Array, mask: NDArray[np.bool_] | None, generator: np.random.Generator) -> Array:
        """Sample an action for every row.

        Args:
            rows: Shape ``(rows, inputs)``.
            mask: Allowed actions, shape ``(rows, actions)``.
            generator: Draws.
        """
        output = np.asarray(rows, dtype=np.float32)
        for layer in self._layers:
            output = layer(output)
        if isinstance(self.space, spaces.Box):
            noise = generator.standard_normal(output.shape, dtype=np.float32)
            drawn: Array = output + self._std * noise
            return drawn
        if mask is not None:
            output = np.where(mask, output, -np.inf)
        # The largest of logits with Gumbel noise is a sample of the softmax.
        gumbel = -np.log(generator.standard_exponential(output.shape))
        chosen: Array = (output + gumbel).argmax(axis=1)
        return chosen


def _layer(layer: torch.nn.Module) -> Layer:
    if not isinstance(layer, torch.nn.Linear):
        return ACTIVATIONS[type(layer)]
    weight = np.ascontiguousarray(layer.weight.detach().numpy().T)
    bias = layer.bias.detach().numpy().copy()
    return lambda rows: rows @ weight + bias


def _require_plain(model: OnPolicyAlgorithm) -> None:
    """Refuse policies that `Actor` cannot compute."""
    policy: Any = model.policy
    layers = getattr(getattr(policy, "mlp_extractor", None), "policy_net", None)
    plain = (
        isinstance(model.observation_space, spaces.Box)
        and isinstance(model.action_space, spaces.Discrete | spaces.Box)
        and type(policy.features_extractor) is FlattenExtractor
        and layers is not None
        and all(isinstance(layer, torch.nn.Linear) or type(layer) in ACTIVATIONS for layer in layers)
        and not getattr(model, "use_sde", False)
        and getattr(model, "_last_lstm_states", None) is None
    )
    if not plain:
        raise InvalidValueError(
            "run_ahead=true needs a policy of plain layers with one list of numbers as observation and "
            "discrete or continuous actions.",
            "Use run_ahead=false.",
        )


def _hold(statistics: RunningMeanStd, seen: list[Array]) -> None:
    def update(arr: NDArray[Any]) -> None:
        seen.append(np.copy(arr))

    statistics.update = update  # type: ignore[method-assign]


def _clipped(actions: Array, space: spaces.Space[Any]) -> Array:
    return np.clip(actions, space.low, space.high) if isinstance(space, spaces.Box) else actions
