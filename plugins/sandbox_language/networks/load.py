"""Language models from folders: the one that ships, or a user's own."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sandbox.api import BrokenFileError, InvalidValueError, MissingExtraError
from sandbox.api.files import read_regular
from sandbox.api.types import Array
from sandbox_language.config import WEIGHTS, LanguageConfig
from sandbox_language.grammar import CLASSES, OPENING
from sandbox_language.networks.model import LanguageModel, Reference
from sandbox_language.preferences import Comparison, Pairs, rated_comparisons, read_comparisons

DATA = Path(__file__).parent.parent / "data"
"""Folder of the model and the reward model that ship."""

MAX_TOKENIZER_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Material:
    """What a task's texts begin with, and what people think of some.

    Attributes:
        prompts: Tokens of every prompt, each a window of shape ``(W,)``; ``(p, W)``.
        starts: Tokens of each, shape ``(p,)``.
        pairs: Comparisons that the reward model is fitted to.
        held_out: Comparisons that it is not fitted to.
        model: The pre-trained model, never trained.
    """

    prompts: Array
    starts: Array
    pairs: Pairs
    held_out: Pairs
    model: Reference


def make_model(config: LanguageConfig) -> LanguageModel:
    """A new copy of the pre-trained model of a task: what `sandbox.api.Task.pretrained` gives.

    Raises:
        BrokenFileError: If the model's or the preferences' files cannot be read.
        InvalidValueError: If texts are longer than the model can see.
        MissingExtraError: Without transformers.
    """
    shared = material(config)
    model = shared.model.model
    network = copy.deepcopy(model.network).requires_grad_(True)
    return LanguageModel(network, model.tokenizer, model.end, model.window, lambda: shared.pairs)


@lru_cache(maxsize=4)
def material(config: LanguageConfig) -> Material:
    """Model, prompts and comparisons of a task; made once a process, as nothing changes them.

    Raises:
        BrokenFileError, InvalidValueError, MissingExtraError: See `make_model`.
    """
    return _material(config.model, config.preferences, config.pairs, config.tokens)


@lru_cache(maxsize=4)
def _material(path: str, preferences: str, count: int, tokens: int) -> Material:
    weights = Path(path) if path else DATA / WEIGHTS
    network = read_network(weights)
    tokenizer = read_tokenizer(weights.parent / "tokenizer.json")
    end = _end_token(weights.parent, network)
    training, held_out = _comparisons(preferences, count)
    if preferences:
        prompts = list(dict.fromkeys(pair.prompt for pair in [*training, *held_out]))
    else:
        prompts = [f"{first} {second}" for first in CLASSES[OPENING[0]] for second in CLASSES[OPENING[1]]]
    encoded = [_prompt(tokenizer, prompt, network) for prompt in prompts]
    window = max(map(len, encoded)) + tokens
    _require_room(network, window, weights)
    model = LanguageModel(network, tokenizer, end, window)
    return Material(
        prompts=np.stack([_window(prompt, model) for prompt in encoded]),
        starts=np.array([len(prompt) for prompt in encoded]),
        pairs=encode(model, training),
        held_out=encode(model, held_out),
        model=Reference(model),
    )


def _comparisons(preferences: str, count: int) -> tuple[list[Comparison], list[Comparison]]:
    """Comparisons to learn from, and others; of a file every other one."""
    if not preferences:
        return rated_comparisons(count, seed=0), rated_comparisons(1000, seed=0, held_out=True)
    pairs = read_comparisons(Path(preferences))
    return pairs[0::2][:count], pairs[1::2]


def read_network(weights: Path) -> Any:
    """A causal language model of transformers from the folder of its weights, in single precision.

    Raises:
        BrokenFileError: If it cannot be read as one. No pickle is read and no code of the folder is run.
        MissingExtraError: Without transformers.
    """
    transformers = _transformers()
    network: Any
    try:
        network, loading = transformers.AutoModelForCausalLM.from_pretrained(
            weights.parent,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises many kinds, those of its configs' checks included
        raise BrokenFileError(
            weights.parent, f"cannot be read as a causal language model: {error}"
        ) from error
    _require_whole(network, sorted(loading["missing_keys"]), weights)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network.eval()


def _require_whole(network: Any, missing: list[str], weights: Path) -> None:
    """Refuse weights with gaps, which transformers fills with random numbers, and with what is no number."""
    if missing:
        raise BrokenFileError(
            weights,
            f"lacks {len(missing)} of the model's tensors, such as {missing[0]}",
            hint="Take the config.json that belongs to the weights.",
        )
    for name, tensor in network.named_parameters():
        if not torch.isfinite(tensor).all():
            raise BrokenFileError(weights, f"its tensor {name} holds numbers that are not finite")


def _transformers() -> Any:
    try:
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise MissingExtraError("The language model", ["transformers"], "language") from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def read_tokenizer(path: Path) -> Any:
    """A tokeniser from ``tokenizer.json``.

    Raises:
        BrokenFileError: If it cannot be read.
    """
    from tokenizers import Tokenizer

    try:
        text = read_regular(path, MAX_TOKENIZER_BYTES).decode("utf-8")
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises plain exceptions
        raise BrokenFileError(path, f"cannot be read as a tokeniser: {error}") from error


def _end_token(folder: Path, network: Any) -> int | None:
    """The token that ends a text: of generation_config.json, or of the model's own config."""
    path = folder / "generation_config.json"
    end: Any = getattr(network.config, "eos_token_id", None)
    if path.is_file():
        try:
            end = json.loads(read_regular(path, 2**20)).get("eos_token_id", end)
        except (OSError, ValueError, AttributeError) as error:
            raise BrokenFileError(path, f"cannot be read: {error}") from error
    if isinstance(end, list):
        end = end[0] if end else None
    if end is None:
        return None
    if not isinstance(end, int) or not 0 <= end < network.config.vocab_size:
        raise BrokenFileError(folder, f"its end token {str(end)[:40]} is not in its vocabulary")
    return end


def _prompt(tokenizer: Any, prompt: str, network: Any) -> list[int]:
    """Tokens of a prompt, at least one."""
    tokens = list(tokenizer.encode(prompt).ids)
    if not tokens:
        begin = getattr(network.config, "bos_token_id", None)
        tokens = [] if begin is None else [int(begin)]
    if not tokens:
        raise InvalidValueError(
            f"The prompt {prompt[:40]!r} has no token, and the model no token to begin with."
        )
    _require_known(tokens, prompt, network)
    return tokens


def _require_known(tokens: list[int], text: str, network: Any) -> None:
    if max(tokens, default=0) >= network.config.vocab_size:
        raise InvalidValueError(
            f"The text {text[:40]!r} has token {max(tokens)}, but the model has {network.config.vocab_size}.",
            "Take the tokenizer.json that belongs to the model.",
        )


def encode(model: LanguageModel, comparisons: list[Comparison]) -> Pairs:
    """Comparisons as windows; texts are cut where the window ends."""
    windows: dict[str, list[Array]] = {"chosen": [], "rejected": []}
    starts = []
    for pair in comparisons:
        prompt = _prompt(model.tokenizer, pair.prompt, model.network)
        starts.append(len(prompt))
        for name, text in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            tokens = list(model.tokenizer.encode(text, add_special_tokens=False).ids)
            _require_known(tokens, text, model.network)
            ended = tokens if model.end is None else [*tokens, model.end]
            windows[name].append(_window([*prompt, *ended], model))
    return Pairs(np.stack(windows["chosen"]), np.stack(windows["rejected"]), np.array(starts))


def _window(tokens: list[int], model: LanguageModel) -> Array:
    window = np.full(model.window, model.blank, np.int64)
    cut = tokens[: model.window]
    window[: len(cut)] = cut
    return window


def _require_room(network: Any, window: int, weights: Path) -> None:
    places = getattr(network.config, "max_position_embeddings", None)
    if places is not None and window > places:
        raise InvalidValueError(
            f"Prompt and text take up to {window} tokens, but the model in {weights.parent} sees {places}.",
            "Lower config.tokens, or shorten the prompts.",
        )
