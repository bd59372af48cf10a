"""Environments of the domain, texts as tokens, and a user's own model and preferences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sandbox_language.config import LanguageConfig, TextsConfig
from sandbox_language.env import make, make_texts, make_texts_vec, make_vec
from sandbox_language.reward import REWARDS


def text_env(reward: str = "score", **config: Any) -> Any:
    """One text an episode."""
    return make(LanguageConfig(**config), REWARDS[reward])


def text_envs(num_envs: int, reward: str = "score", **config: Any) -> Any:
    """Many of them."""
    return make_vec(LanguageConfig(**config), REWARDS[reward], num_envs)


def several_env(**config: Any) -> Any:
    """Several texts an episode."""
    return make_texts(TextsConfig(**config), REWARDS["score"])


def several_envs(num_envs: int, **config: Any) -> Any:
    """Many of them."""
    return make_texts_vec(TextsConfig(**config), REWARDS["score"], num_envs)


def tokens_of(env: Any, text: str) -> list[int]:
    """Tokens of a text without what marks its beginning."""
    tokenizer = env.core.process.reference.model.tokenizer
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def play(envs: Any, policy: Any, seed: int = 0) -> dict[str, np.ndarray]:
    """Metrics of the first episode of every environment of a vector environment."""
    count = envs.num_envs
    observation, _ = envs.reset(seed=[seed + number for number in range(count)])
    rows = observation.reshape(-1, observation.shape[-1])
    policy.reset(len(rows), seed)
    left = np.ones(count, bool)
    metrics: dict[str, np.ndarray] = {}
    while left.any():
        actions = policy.act(observation.reshape(-1, observation.shape[-1]))
        observation, _, _, _, info = envs.step(np.asarray(actions).reshape(observation.shape[:-1]))
        ended = np.asarray(info.get("_final_info", np.zeros(count, bool))) & left
        for row in np.flatnonzero(ended):
            for name, values in info["final_info"]["metrics"].items():
                if not name.startswith("_"):
                    metrics.setdefault(name, np.zeros(count))[row] = values[row]
        left &= ~ended
    return metrics


def tiny_model(folder: Path, places: int = 24) -> Path:
    """A folder as transformers writes it: a Llama of 4,000 weights over a few words, never trained."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import LlamaConfig, LlamaForCausalLM

    words = ["</s>", "<unk>", "the", "cat", "dog", "sat", "ran", "well", "badly", "."]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=places,
                bos_token_id=None, eos_token_id=0, pad_token_id=None,
            )
        )  # fmt: skip
    network.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def preference_file(path: Path, count: int = 60) -> Path:
    """Comparisons in which ``well`` is preferred to ``badly``."""
    lines = []
    for number in range(count):
        animal, verb = ("cat", "dog")[number % 2], ("sat", "ran")[number // 2 % 2]
        pair = {"prompt": f"the {animal}", "chosen": f"{verb} well .", "rejected": f"{verb} badly ."}
        lines.append(json.dumps(pair))
    path.write_text("\n".join(lines))
    return path
