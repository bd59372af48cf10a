"""The policy of a decision transformer: it remembers an episode and asks for a return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.types import Array, Observation, Space
from sandbox.backends.actors.distributions import Categorical, Gaussian, distribution_for
from sandbox.backends.actors.observations import Normaliser, flat_size, flatten
from sandbox.backends.policy_files import PolicyFiles, read_policy, require_fit, shapes, write_policy

ALGORITHM = "decision-transformer"
PER_STEP = 3
"""Tokens of a step: return-to-go, observation, action."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a transformer is like.

    Attributes:
        inputs: Numbers in an observation.
        actions: Numbers in an action; choices are one-hot.
        context: Steps that it sees.
        width: Numbers that stand for a token.
        layers: Layers of attention.
        heads: Heads of attention.
        dropout: Share of activations left out in training.
        longest: Steps of the longest recorded episode; later steps count as this one.
    """

    inputs: int
    actions: int
    context: int
    width: int
    layers: int
    heads: int
    dropout: float
    longest: int


class Transformer(nn.Module):
    """Causal attention over (return-to-go, observation, action) of the last steps.

    Chen et al. (2021), algorithm 1; a head for rewards is added.

    Args:
        shape: What it is like.
        gaussian: Whether actions are continuous: then outputs are means within (-1, 1).
    """

    def __init__(self, shape: Shape, gaussian: bool) -> None:
        super().__init__()
        self.gaussian, width = gaussian, shape.width
        self.of_return, self.of_reward = nn.Linear(1, width), nn.Linear(width, 1)
        self.of_observation, self.of_action = nn.Linear(shape.inputs, width), nn.Linear(shape.actions, width)
        self.of_time = nn.Embedding(shape.longest, width)
        self.norm = nn.LayerNorm(width)
        layer = nn.TransformerEncoderLayer(
            width, shape.heads, 4 * width, shape.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(
            layer, shape.layers, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.head = nn.Linear(width, shape.actions)
        self.log_std = nn.Parameter(torch.zeros(shape.actions)) if gaussian else None

    def forward(self, to_go: Tensor, seen: Tensor, action: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """What to do at every step, and what it earns.

        Args:
            to_go: Return from each step on, shape ``(n, t)``.
            seen: Observations, shape ``(n, t, inputs)``.
            action: Shape ``(n, t, actions)``; that of a step is seen only after it is chosen.
            time: Number of each step in its episode, shape ``(n, t)``.

        Returns:
            Logits, or means, of shape ``(n, t, actions)``, and expected rewards of shape ``(n, t)``.
        """
        rows, steps = to_go.shape
        when = self.of_time(time.clamp(max=self.of_time.num_embeddings - 1))
        parts = [self.of_return(to_go[..., None]), self.of_observation(seen), self.of_action(action)]
        tokens = torch.stack([part + when for part in parts], 2).reshape(rows, PER_STEP * steps, -1)
        future = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
        out = self.blocks(self.norm(tokens), mask=future).reshape(rows, steps, PER_STEP, -1)
        chosen = self.head(out[:, :, 1])
        return chosen.tanh() if self.gaussian else chosen, self.of_reward(out[:, :, 2]).squeeze(-1)

    def params(self, chosen: Tensor) -> Tensor:
        """Parameters of the action distribution, for outputs of shape ``(n, actions)``."""
        return chosen if self.log_std is None else torch.cat((chosen, self.log_std.expand_as(chosen)), 1)


class TransformerPolicy:
    """Implements `sandbox.api.Policy`.

    A policy is not told its rewards, so what remains of the return that was asked for is reduced by what
    the transformer expects an action to earn.

    Args:
        observation_space: Space of one row.
        action_space: Space of one row.
        shape: What the network is like; its first weights come from torch's global generator.
        target_return: Asked for at the beginning of an episode.
        scale: Returns are divided by it.
        reward_scale: Rewards are.

    Attributes:
        memoryless: False: it remembers the episode.
    """

    memoryless = False

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        shape: Shape,
        target_return: float = 0.0,
        scale: float = 1.0,
        reward_scale: float = 1.0,
    ) -> None:
        self.observation_space, self.action_space, self.shape = observation_space, action_space, shape
        self.target_return, self.scale, self.reward_scale = target_return, scale, reward_scale
        self.distribution = distribution_for(action_space)
        self.network = Transformer(shape, self.distribution.gaussian)
        self.normaliser = Normaliser(shape.inputs)
        self.reset(0)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget the episode and ask for the target return again."""
        self._rng = np.random.default_rng(seed)
        size, shape = self.shape.context, self.shape
        self._time = 0
        self._to_go = torch.zeros(num_envs, size)
        self._seen = torch.zeros(num_envs, size, shape.inputs)
        self._action = torch.zeros(num_envs, size, shape.actions)
        self._remaining = torch.full((num_envs,), self.target_return)

    @torch.inference_mode()
    def act(
        self, observation: Observation, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> Array:
        """Actions for a batch; see `sandbox.api.Policy.act`."""
        rows = torch.from_numpy(self.normaliser(flatten(self.observation_space, observation)))
        if len(rows) != len(self._remaining):
            self.reset(len(rows))
        self.network.eval()
        place = self._make_room()
        self._seen[:, place], self._to_go[:, place] = rows, self._remaining / self.scale
        self._action[:, place] = 0.0
        chosen, _ = self._look(place)
        params = self.network.params(chosen).numpy()
        raw = self.distribution.draw(params, mask, None if deterministic else self._rng)
        self._action[:, place] = torch.from_numpy(self.encode(raw))
        _, earned = self._look(place)
        self._remaining = self._remaining - earned * self.reward_scale
        self._time += 1
        return self.distribution.action(raw)

    def _make_room(self) -> int:
        """The place of the present step; the oldest one is forgotten where there is no other."""
        if self._time < self.shape.context:
            return self._time
        for kept in (self._to_go, self._seen, self._action):
            kept[:, :-1] = kept[:, 1:].clone()
        return self.shape.context - 1

    def _look(self, place: int) -> tuple[Tensor, Tensor]:
        """Outputs of the network at the present step."""
        steps = place + 1
        time = torch.arange(self._time - place, self._time + 1).expand(len(self._remaining), -1)
        chosen, earned = self.network(
            self._to_go[:, :steps], self._seen[:, :steps], self._action[:, :steps], time
        )
        return chosen[:, -1], earned[:, -1]

    def encode(self, raw: Array) -> NDArray[np.float32]:
        """Raw draws as inputs of the network: one-hot choices, or actions held within (-1, 1)."""
        if isinstance(self.distribution, Categorical):
            codes: NDArray[np.float32] = np.eye(self.shape.actions, dtype=np.float32)[
                raw[:, 0].astype(np.int64)
            ]
            return codes
        assert isinstance(self.distribution, Gaussian)
        numbers: NDArray[np.float32] = raw.astype(np.float32)
        return np.clip(numbers, -1, 1) if self.distribution.is_scaled else numbers

    def save(self, directory: Path) -> None:
        """Write ``policy.json``, ``weights.safetensors`` and ``normaliser.npz``.

        Raises:
            StorageError: If the folder cannot be written.
        """
        document = {
            "algorithm": ALGORITHM,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "shape": asdict(self.shape),
            "target_return": self.target_return,
            "scale": self.scale,
            "reward_scale": self.reward_scale,
        }
        write_policy(directory, document, self.network.state_dict(), self.normaliser.arrays())

    def load_weights(self, saved: PolicyFiles, source: Path) -> None:
        """Take over weights and normaliser.

        Raises:
            MisfitError: If another algorithm trained it, or the layers differ.
        """
        if saved.document["algorithm"] != ALGORITHM:
            raise MisfitError(
                f"The policy in {source} was trained by {saved.document['algorithm']}, which {ALGORITHM} "
                "cannot start from."
            )
        require_fit(shapes(self.network.state_dict()), shapes(saved.tensors), source)
        self.network.load_state_dict(saved.tensors)
        arrays: Mapping[str, Array] = saved.normaliser or {}
        self.normaliser = Normaliser.from_arrays(arrays, self.shape.inputs)


def load(directory: Path) -> TransformerPolicy:
    """Read back what `TransformerPolicy.save` wrote.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """
    saved = read_policy(directory)
    try:
        document = saved.document
        spaces = [space_from_json(document[key]) for key in ("observation_space", "action_space")]
        shape = Shape(**document["shape"])
        _require_size(shape, spaces[0], saved)
        numbers = [float(document[key]) for key in ("target_return", "scale", "reward_scale")]
        with torch.random.fork_rng(devices=[]):
            policy = TransformerPolicy(spaces[0], spaces[1], shape, *numbers)
        policy.load_weights(saved, directory)
    except (KeyError, ValueError, TypeError, AssertionError, MisfitError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
        ) from error
    return policy


def _require_size(shape: Shape, space: Space, saved: PolicyFiles) -> None:
    """A description may ask for more than any memory holds: it must agree with the weights."""
    held = shapes(saved.tensors)
    expected = {
        "of_time.weight": (shape.longest, shape.width),
        "of_observation.weight": (shape.width, flat_size(space)),
        "head.weight": (shape.actions, shape.width),
    }
    count = 1 + max(
        (int(name.split(".")[2]) for name in held if name.startswith("blocks.layers.")), default=-1
    )
    if any(held.get(name) != size for name, size in expected.items()) or count != shape.layers:
        raise ValueError("its description differs from its weights")
    if not 1 <= shape.context <= 256 or shape.inputs != flat_size(space):
        raise ValueError("its description is out of range")
