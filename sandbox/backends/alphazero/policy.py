"""The trained policy: searches where it knows the game, else plays by its network alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.game import ActionValue, GameEnv, game_env
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.backends.alphazero.config import AlphaZeroConfig
from sandbox.backends.alphazero.network import Evaluator, Net, make_network
from sandbox.backends.alphazero.search import Found, Settings, search
from sandbox.backends.policy_files import PolicyFiles, read_policy, require_fit, write_policy

Array = NDArray[Any]
ALGORITHM = "alphazero"
KEPT = (
    "network",
    "channels",
    "blocks",
    "play_simulations",
    "considered",
    "c_visit",
    "c_scale",
    "decisive_moves",
)
"""What of the hyperparameters a saved policy needs."""


class AlphaZeroPolicy:
    """A network and, once `bind` has been called, a search with it; implements `sandbox.api.Policy`.

    Args:
        observation_space: Space of one row: the planes.
        action_space: Space of one row's action.
        config: Decides on the network and the search.
        seed: Seeds the first weights; the process's own torch generator is left as it was.

    Attributes:
        network: In training mode while it is trained.

    Raises:
        MisfitError: For spaces that it cannot work with.
    """

    def __init__(
        self,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
        config: AlphaZeroConfig,
        seed: int = 0,
    ) -> None:
        shape = observation_space.shape
        if shape is None or len(shape) != 3 or not isinstance(action_space, gym.spaces.Discrete):
            raise MisfitError(
                "alphazero takes observations of three dimensions (planes) and discrete actions."
            )
        self.observation_space, self.action_space, self.config = observation_space, action_space, config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            planes = (shape[0], shape[1], shape[2])
            self.network: Net = make_network(
                config.network, planes, int(action_space.n), config.channels, config.blocks
            )
        self._rng = np.random.default_rng(seed)
        self._evaluator: Evaluator | None = None
        self._env: GameEnv | None = None
        self._last: tuple[Array, Found] | None = None
        self._count = 0

    def bind(self, env: Any, models: Any = None) -> None:
        """From now on search from the positions of this environment, if it is one of a game.

        Raises:
            MisfitError: If the game is not the one that it was trained on.
        """
        searched = game_env(env)
        if searched is None:
            return
        game = searched.game
        if (game.observation_shape, game.num_actions) != (self.observation_space.shape, self._actions):
            raise MisfitError(
                f"The policy was trained on planes {self.observation_space.shape} and {self._actions} "
                f"actions, but {game.name} has {game.observation_shape} and {game.num_actions}."
            )
        self._env = searched

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator of stochastic actions."""
        self._rng = np.random.default_rng(seed)
        self._last = None

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> NDArray[Any]:
        """Actions for a batch; see `sandbox.api.Policy.act`.

        With search, rows that are not to move get the first action that their mask allows.
        """
        rows = np.asarray(observation, np.float32)
        self._count = len(rows)
        if self._env is None or self.config.play_simulations == 0:
            return self._by_network(rows, mask, deterministic)
        env = self._env
        status = env.game.status(env.positions)
        games = np.flatnonzero(~status.over)
        width = self._count // len(env.positions)  # 2 where both seats are rows
        seats = status.player[games].astype(np.int64) if width == 2 else 0
        actions = np.zeros(self._count, np.int64) if mask is None else np.asarray(mask, bool).argmax(1)
        if len(games):
            searched = self._search(env, games, deterministic)
            chosen = games * width + seats
            actions[chosen] = searched.actions
            self._last = (chosen, searched)
        return actions

    def explain(self) -> list[list[ActionValue]]:
        """Prior, visits and value of every legal action in the last call of `act` that searched."""
        table: list[list[ActionValue]] = [[] for _ in range(self._count)]
        if self._last is None:
            return table
        rows, searched = self._last
        for index, row in enumerate(rows.tolist()):
            for action in np.flatnonzero(searched.priors[index] > 0).tolist():
                figures = {
                    "prior": float(searched.priors[index, action]),
                    "visits": float(searched.visits[index, action]),
                    "policy": float(searched.policies[index, action]),
                }
                if searched.visits[index, action]:
                    figures["value"] = float(searched.q[index, action])
                table[row].append(ActionValue(action, figures))
        return table

    def evaluator(self) -> Evaluator:
        """The network for inference; the weights of the first call."""
        if self._evaluator is None:
            self._evaluator = Evaluator(self.network)
        return self._evaluator

    def snapshot(self) -> AlphaZeroPolicy:
        """A copy that further training does not change."""
        other = copy.copy(self)
        other.network = copy.deepcopy(self.network).eval()
        other._evaluator = None
        return other

    def module(self) -> nn.Module:
        """The network's own choice, without search, as one torch module, for `sandbox export`."""
        return NetworkChoice(self.network).eval()

    def save(self, directory: Path) -> None:
        """Write ``policy.json`` and ``weights.safetensors``.

        Raises:
            StorageError: If the folder cannot be written.
        """
        document = {
            "algorithm": ALGORITHM,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            **self.config.model_dump(mode="json", include=set(KEPT)),
        }
        write_policy(directory, document, self.network.state_dict())

    def take(self, saved: PolicyFiles, source: Path) -> None:
        """Start from a saved policy's weights.

        Raises:
            MisfitError: If it was made by another algorithm, or has other layers, which are named.
        """
        made_by = saved.document["algorithm"]
        if made_by != ALGORITHM:
            raise MisfitError(
                f"The policy in {source} was trained by {made_by}, which {ALGORITHM} cannot start from.",
                f"Continue with --algo {made_by}, or start from a run of {ALGORITHM}.",
            )
        expected = {name: tuple(tensor.shape) for name, tensor in self.network.state_dict().items()}
        require_fit(expected, {name: tuple(tensor.shape) for name, tensor in saved.tensors.items()}, source)
        self.network.load_state_dict(saved.tensors)

    @property
    def _actions(self) -> int:
        space: Any = self.action_space
        return int(space.n)

    def _by_network(self, rows: Array, mask: Array | None, deterministic: bool) -> Array:
        self._last = None
        logits: Array = self.evaluator()(rows)[0]
        if mask is not None:
            logits = np.where(np.asarray(mask, bool), logits, -np.inf)
        if not deterministic:
            logits = logits + self._rng.gumbel(size=logits.shape)
        chosen: Array = logits.argmax(1).astype(np.int64)
        return chosen

    def _search(self, env: GameEnv, games: Array, deterministic: bool) -> Found:
        shape = (len(games), self._actions)
        gumbel = np.zeros(shape) if deterministic else self._rng.gumbel(size=shape)
        config = self.config
        settings = Settings(
            config.play_simulations, config.considered, config.c_visit, config.c_scale, config.decisive_moves
        )
        return search(env.game, self.evaluator(), env.positions[games], settings, gumbel)


class NetworkChoice(nn.Module):
    """Maps planes and masks to the most likely allowed action.

    Args:
        network: The trained network.
    """

    def __init__(self, network: Net) -> None:
        super().__init__()
        self.network: nn.Module = network.fused()

    def forward(self, observation: Tensor, mask: Tensor | None = None) -> Tensor:
        """Actions of shape ``(n,)``."""
        logits, _ = self.network(observation.float())
        if mask is not None:
            logits = logits.masked_fill(~mask, float("-inf"))
        return torch.argmax(logits, 1)


def load(directory: Path) -> AlphaZeroPolicy:
    """Read back what `AlphaZeroPolicy.save` wrote.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """
    saved = read_policy(directory)
    try:
        spaces = [space_from_json(saved.document[key]) for key in ("observation_space", "action_space")]
        config = AlphaZeroConfig(**{name: saved.document[name] for name in KEPT})
        held = sum(tensor.numel() for tensor in saved.tensors.values())
        if 2 * config.channels**2 * config.blocks > held:
            raise ValueError("it describes a larger network than its weights make")
        policy = AlphaZeroPolicy(spaces[0], spaces[1], config)
        policy.take(saved, directory)
    except (KeyError, ValueError, TypeError, MisfitError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
        ) from error
    policy.network.eval()
    return policy
