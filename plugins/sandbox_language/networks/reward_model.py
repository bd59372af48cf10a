"""A reward model: what people would say of a text, fitted to pairs of which they preferred one.

With r the model's value, Bradley & Terry (1952) give the chance that the chosen text is preferred as
σ(r(chosen) − r(rejected)); its negative logarithm is the loss (Christiano et al. 2017, eq. 1; Stiennon et
al. 2020). The model begins as the language model, with a linear layer on what it makes of the last token.
Afterwards values are moved and scaled to mean 0 and standard deviation 1 over texts of the language model,
so that the weight of a KL penalty means the same everywhere.
"""

from __future__ import annotations

import copy
import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sandbox.api import BrokenFileError
from sandbox_language.config import WEIGHTS, LanguageConfig
from sandbox_language.networks.load import DATA, Material, material
from sandbox_language.networks.model import LanguageModel, Windows
from sandbox_language.preferences import Pairs

VERSION = 1
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 6, 32, 1e-3, 0.01
SCALING_TEXTS = 512
FILE = "reward.safetensors"


class RewardModel(nn.Module):
    """A value of a text.

    Args:
        model: The language model whose layers it begins with, copied.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.body: Any = copy.deepcopy(model.network.base_model)
        self.value = nn.Linear(int(model.network.config.hidden_size), 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.mean: Tensor
        self.scale: Tensor
        self._model = [model]  # in a list, so that it is no submodule

    def forward(self, windows: Tensor) -> Tensor:
        """Values of texts, shape ``(n,)``."""
        model = self._model[0]
        hidden = self.body(input_ids=model.shown(windows), use_cache=False).last_hidden_state
        last = (windows != model.blank).sum(dim=1) - 1
        value: Tensor = self.value(hidden[torch.arange(len(windows)), last])[:, 0]
        return (value - self.mean) / self.scale

    def values(self, windows: Windows) -> NDArray[np.float64]:
        """The same for arrays."""
        with torch.inference_mode():
            array: NDArray[np.float64] = self(torch.from_numpy(windows)).double().numpy()
        return array


def fit(shared: Material, pairs: Pairs, seed: int = 0, epochs: int = EPOCHS) -> RewardModel:
    """A reward model of some pairs.

    Args:
        shared: Of the task.
        pairs: What it is fitted to.
        seed: Of the order of pairs.
        epochs: Passes.
    """
    model = RewardModel(shared.model.model)
    model.requires_grad_(True)
    chosen, rejected = torch.from_numpy(pairs.chosen), torch.from_numpy(pairs.rejected)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(epochs):
        for rows in torch.split(torch.from_numpy(rng.permutation(len(chosen))), BATCH):
            values = model(torch.cat([chosen[rows], rejected[rows]]))
            apart = values[: len(rows)] - values[len(rows) :]
            loss = -nn.functional.logsigmoid(apart).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    model.eval().requires_grad_(False)
    scaling = model.values(pretrained_texts(shared, SCALING_TEXTS, seed=0))
    model.mean.fill_(float(scaling.mean()))
    model.scale.fill_(max(float(scaling.std()), 1e-6))
    return model


def pretrained_texts(shared: Material, count: int, seed: int) -> Windows:
    """Texts of the pre-trained model on random prompts, shape ``(count, W)``."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(shared.prompts), size=count)
    starts = shared.starts[chosen]
    limits = starts + shared.prompts.shape[1] - shared.starts.max()
    return shared.model.complete(shared.prompts[chosen], limits, rng)[0]


def accuracy(model: RewardModel, pairs: Pairs) -> float:
    """Share of pairs whose chosen text has the higher value."""
    return float((model.values(pairs.chosen) > model.values(pairs.rejected)).mean())


@lru_cache(maxsize=4)
def reward_model(config: LanguageConfig) -> RewardModel:
    """The reward model of a task: the one that ships, or one fitted at first use and kept.

    Kept ones lie below ``$SANDBOX_CACHE``, or the user's cache folder, under a name made of all they depend
    on.
    """
    return _cached(config, judge=False)


@lru_cache(maxsize=4)
def judge_model(config: LanguageConfig) -> RewardModel:
    """Another one, fitted to the comparisons that the reward model has not seen; takes no part in rewards."""
    return _cached(config, judge=True)


def _cached(config: LanguageConfig, judge: bool) -> RewardModel:
    shared = material(config)
    pairs = shared.held_out if judge else shared.pairs
    default = LanguageConfig()
    shipped = not judge and config.ships and config.pairs == default.pairs
    path = DATA / FILE if shipped else _cache_folder() / f"{_digest(config, pairs)}.safetensors"
    if path.is_file():
        model = RewardModel(shared.model.model)
        try:
            read_weights(model, path)
        except BrokenFileError:
            if shipped:
                raise
        else:
            return model
    model = fit(shared, pairs)
    _keep(model, path)
    return model


def read_weights(net: nn.Module, path: Path) -> None:
    """Load weights into a network, which is no longer trained.

    Raises:
        BrokenFileError: If they do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        net.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BrokenFileError(path, f"cannot be read as weights: {error}") from error
    net.eval().requires_grad_(False)


def write_weights(net: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Weights as a file of safetensors, which is complete or not there."""
    from safetensors.torch import save_file

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    save_file({name: value.to(dtype).clone() for name, value in net.state_dict().items()}, temporary)
    temporary.chmod(0o644)
    temporary.replace(path)


def _keep(model: RewardModel, path: Path) -> None:
    """Write it where it can be written; a cache that cannot be is done without."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_weights(model, path)
    except OSError:
        return


def _digest(config: LanguageConfig, pairs: Pairs) -> str:
    """Of all that a fitted model depends on."""
    weights = Path(config.model) if config.model else DATA / WEIGHTS
    total = hashlib.sha256(f"{VERSION} {EPOCHS} {BATCH} {LEARNING_RATE} {WEIGHT_DECAY}".encode())
    total.update(hashlib.sha256(weights.read_bytes()).digest())
    for part in (pairs.chosen, pairs.rejected, pairs.starts):
        total.update(f"{part.shape}".encode())
        total.update(np.ascontiguousarray(part).tobytes())
    return total.hexdigest()[:32]


def _cache_folder() -> Path:
    base = os.environ.get("SANDBOX_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "sandbox-rl" / "language"
