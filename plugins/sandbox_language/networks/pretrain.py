"""Makes the files that ship: the language model, its tokeniser, and the reward model.

    python -m sandbox_language.networks.pretrain [--out FOLDER] [--reward-only]

The language model reads sentences of `sandbox_language.grammar`, the reward model pairs of them. It takes a
minute on one core. Another processor or version of torch gives slightly other weights, which is why the
files ship.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sandbox_language.config import WEIGHTS, LanguageConfig
from sandbox_language.grammar import draw_sentence, is_sentence
from sandbox_language.networks.load import DATA, material
from sandbox_language.networks.reward_model import FILE, accuracy, fit, pretrained_texts, write_weights
from sandbox_language.words import WORDS

SPECIAL = ("<bos>", "<eos>", "<unk>")
PLACES = 32
SENTENCES, EPOCHS, BATCH, LEARNING_RATE = 20_000, 6, 128, 3e-3


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(prog="python -m sandbox_language.networks.pretrain")
    parser.add_argument("--out", type=Path, default=DATA)
    parser.add_argument("--reward-only", action="store_true", help="leave the language model as it is")
    given = parser.parse_args(arguments)
    out: Path = given.out
    torch.set_num_threads(1)
    begun = time.process_time()
    if not given.reward_only:
        write_model(out)
        print(f"language model: {time.process_time() - begun:.0f} s of CPU", flush=True)
    config = LanguageConfig(model="" if out == DATA else str(out))
    shared, begun = material(config), time.process_time()
    reward = fit(shared, shared.pairs)
    write_weights(reward, out / FILE, torch.float16)
    right = accuracy(reward, shared.held_out)
    print(f"reward model: {time.process_time() - begun:.0f} s, right on {right:.3f} of held-out comparisons")
    texts = [shared.model.model.text(window).split() for window in pretrained_texts(shared, 2000, seed=1)]
    print(f"sentences among the model's texts: {np.mean([is_sentence(text) for text in texts]):.3f}")


def write_model(out: Path) -> None:
    """Pre-train the language model and write its folder."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    network = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=tokenizer.get_vocab_size(), n_positions=PLACES, n_embd=64, n_layer=2, n_head=4,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=1,
        )
    )  # fmt: skip
    rng = np.random.default_rng(0)
    texts = [[*tokenizer.encode(" ".join(draw_sentence(rng))).ids, 1] for _ in range(SENTENCES)]
    tokens = torch.full((SENTENCES, max(map(len, texts))), -100)
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = torch.tensor(text)
    pretrain(network, tokens, rng)
    out.mkdir(parents=True, exist_ok=True)
    network.half().save_pretrained(out)
    (out / WEIGHTS).chmod(0o644)
    tokenizer.save(str(out / "tokenizer.json"))


def pretrain(network: nn.Module, tokens: torch.Tensor, rng: np.random.Generator) -> None:
    """Fit by the likelihood of the next token; −100 marks what is no token."""
    updates = EPOCHS * -(-len(tokens) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, updates, pct_start=0.1)
    losses = []
    for _ in range(EPOCHS):
        for rows in torch.split(torch.from_numpy(rng.permutation(len(tokens))), BATCH):
            batch = tokens[rows]
            loss = network(input_ids=batch.clamp(min=0), labels=batch).loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"language model: loss {np.mean(losses[-100:]):.4f} nats a token", flush=True)


def make_tokenizer() -> object:
    """A token a word, ``<bos>`` before every text."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing

    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


if __name__ == "__main__":
    main()
