"""What the four algorithms share: networks, optimiser, generators, and their state."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sandbox.api import Interaction, MisfitError, RunFailedError, TrainContext
from sandbox.api.types import Json
from sandbox.backends.language.model import CausalModel, model_of, token_log_probs
from sandbox.backends.language.policy import LanguagePolicy
from sandbox.backends.language.writing import Written, tensor, write
from sandbox.backends.policy_files import read_policy
from sandbox.backends.task_network import take_weights
from sandbox.backends.tensors import load_module, load_optimizer, packed


class LanguageLearner:
    """The task's pre-trained model, to be fine-tuned; the rest of a `sandbox.api.Learner` is `iterate`.

    Args:
        context: Of the training.
        algorithm: Its name.
        online: Whether it writes texts in environments.

    Attributes:
        model: What is trained.
        reference: The model before, for the KL.
        trained: All modules with weights that change, by name.

    Raises:
        MisfitError: If the task has no language model, or a policy to start from is another network's.
    """

    def __init__(self, context: TrainContext, algorithm: str, online: bool = True) -> None:
        self.context = context
        self.config: Any = context.config
        spaces = context.observation_space, context.action_space
        self._policy = LanguagePolicy(algorithm, *spaces, self.config.stochastic)
        self.model: CausalModel = model_of(context.models)
        self.reference: CausalModel = copy.copy(self.model)
        self.reference.network = copy.deepcopy(self.model.network).requires_grad_(False)
        self.model.network.requires_grad_(True)
        self._policy.model = self.model
        if context.initial is not None and context.resume is None:
            take_weights(self.model.network, read_policy(context.initial).tensors, context.initial)
        self.trained: dict[str, nn.Module] = {"network": self.model.network}
        self._policy.reset(0, context.seed)
        self.order = np.random.default_rng([context.seed, 1])
        self._texts = self._steps = 0
        self.interaction = Interaction(context) if online else None
        if self.interaction is not None:
            self._policy.bind(task_envs(self.interaction.envs), context.models)

    def start(self) -> None:
        """Make the optimiser, once all that is trained is there."""
        weights = [weight for module in self.trained.values() for weight in module.parameters()]
        self.optimizer = torch.optim.AdamW(
            weights, self.config.learning_rate, weight_decay=self.config.weight_decay
        )

    def write(self) -> tuple[int, Written, dict[str, float]]:
        """A text of every row: steps taken, the texts, and figures of them."""
        assert self.interaction is not None
        steps, written = write(self.interaction, self._policy, self.model.blank)
        self._texts += len(written.windows)
        self.count(steps)
        reference = self.known(self.reference, tensor(written.windows))
        ratio = (written.log_probs - reference.double().numpy()) * written.places
        return (
            steps,
            written,
            {
                "texts": float(self._texts),
                "mean_return": float(written.returns.mean()),
                "kl": float(ratio.sum(axis=1).mean()),
                "mean_length": float(written.places.sum(axis=1).mean()),
            },
        )

    def count(self, steps: int) -> None:
        """Note steps that were taken; the learning rate falls with them."""
        if self.config.anneal:
            left = max(1.0 - self._steps / self.context.steps, 0.0)
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.learning_rate * left
        self._steps += steps

    def known(self, model: CausalModel, windows: Tensor) -> Tensor:
        """Log-probabilities of tokens without their gradient, ``(n, W)``."""
        with torch.no_grad():
            return token_log_probs(model, windows)

    def step(self, loss: Tensor) -> float:
        """A step of the optimiser along a loss; the gradient's norm before clipping."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        weights = [weight for module in self.trained.values() for weight in module.parameters()]
        norm = float(nn.utils.clip_grad_norm_(weights, self.config.max_grad_norm))
        self.optimizer.step()
        return norm

    def minibatches(self, count: int) -> tuple[Tensor, ...]:
        """Numbers 0 to ``count`` − 1 in random order, in groups of ``batch_size``."""
        return torch.split(torch.from_numpy(self.order.permutation(count)), self.config.batch_size)

    def checked(self, figures: Mapping[str, float]) -> Mapping[str, float]:
        """The figures, if all are finite.

        Raises:
            RunFailedError: Otherwise.
        """
        if not np.isfinite(list(figures.values())).all():
            raise RunFailedError("The loss is no longer a finite number.", "Lower learning_rate.")
        return figures

    def policy(self) -> LanguagePolicy:
        """The policy of this moment."""
        return self._policy.snapshot()

    def get_state(self) -> Json:
        """Weights, optimiser, generators, and what the environments showed last."""
        return {
            "trained": {name: packed(module.state_dict()) for name, module in self.trained.items()},
            "optimizer": packed(self.optimizer.state_dict()),
            "draws": self._policy.generator.bit_generator.state,
            "order": self.order.bit_generator.state,
            "interaction": None if self.interaction is None else self.interaction.get_state(),
            "texts": self._texts,
            "steps": self._steps,
        }

    def set_state(self, state: Json) -> None:
        """Go on from a state."""
        for name, module in self.trained.items():
            load_module(module, state["trained"][name])
        load_optimizer(self.optimizer, state["optimizer"])
        self._policy.generator.bit_generator.state = state["draws"]
        self.order.bit_generator.state = state["order"]
        if self.interaction is not None:
            self.interaction.set_state(state["interaction"])
        self._texts, self._steps = state["texts"], state["steps"]


def task_envs(envs: Any) -> Any:
    """The task's own vector environment below all wrappers, whose core is told probabilities.

    Raises:
        MisfitError: If there is none: the reward's KL would be wrong without a word.
    """
    bare = envs.unwrapped
    bare = getattr(bare, "joint_envs", bare).unwrapped
    if not hasattr(getattr(bare, "core", None), "declare"):
        raise MisfitError(
            "The environments take no log-probabilities of tokens, which the KL penalty needs.",
            "Take a task of the domain language as it is, without wrappers of another kind.",
        )
    return bare
