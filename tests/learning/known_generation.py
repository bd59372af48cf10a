"""Fine-tuning of models that generate: images of two pixels, and texts of one word."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from answer import Answer
from torch import Tensor, nn

import sandbox
from sandbox.envs.models import models_of
from sandbox.scenarios.given import as_scenario

GREY = 0.7
BETA = 0.4


class TwoPixels(nn.Module):
    """Two normal pixels, whose noise is known; what is learned is linear in each, by the level."""

    image_shape = (1, 1, 2)

    def __init__(self) -> None:
        super().__init__()
        last = nn.Linear(16, 4)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.of_level = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), last)

    def forward(self, image: Tensor, timestep: Tensor) -> Tensor:
        level = (timestep / 1000.0).view(-1, 1)
        scale, offset = self.of_level(torch.cat([level, level**2], 1)).view(-1, 2, 1, 1, 2).unbind(1)
        noise: Tensor = (0.9 + scale) * image + offset
        return noise


def two_pixels() -> TwoPixels:
    """The pre-trained model."""
    return TwoPixels()


def greyness(images: Any) -> Any:
    """A goal whose best image is known: all pixels at `GREY`."""
    return -((images.mean(axis=(1, 2, 3)) - GREY) ** 2)


def generated_grey(steps: int, **hp: Any) -> Answer:
    """Brightness of what a fine-tuned model draws; the pre-trained one's is 0.5."""

    def reached(name: str) -> float:
        changes = ["config.model=known_generation:two_pixels", "config.goal=known_generation:greyness",
                   "config.steps=5", "config.images=32", "evaluation.config={}",
                   "evaluation.validations=0"]  # fmt: skip
        scenario = as_scenario("diffusion/eight", changes, ("goal",))
        run = sandbox.train(scenario, name, steps=steps, num_envs=4, hp=hp)
        policy = run.policy
        policy.bind(None, models_of(scenario))
        policy.reset(2_000, seed=1)
        images = np.random.default_rng(1).standard_normal((2_000, 2)).astype(np.float32)
        for step in range(5):
            level = np.full((2_000, 1), step / 5, np.float32)
            images = policy.act(np.concatenate([images, level], 1))
        return float(np.clip((images + 1) / 2, 0, 1).mean())

    return Answer("two pixels whose best grey is known", GREY, 0.04, reached, 0.5)


def language(folder: Path, beta: float) -> Any:
    """A scenario of texts of one word by a model of ten words; ``well`` is preferred to ``badly`` 3 to 1."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "plugins" / "language"))
    from language_support import tiny_model

    model, pairs = tiny_model(folder / "model"), folder / "pairs.jsonl"
    lines = []
    for number in range(64):
        better, worse = ("well", "badly") if number // 2 % 4 else ("badly", "well")
        lines.append(json.dumps({"prompt": "the cat sat", "chosen": better, "rejected": worse}))
    pairs.write_text("\n".join(lines))
    changes = [f"config.model={model}", f"config.preferences={pairs}", "config.tokens=1", "config.texts=32",
               "evaluation.config={}", "evaluation.validations=0"]  # fmt: skip
    return as_scenario("language/reviews", changes, (f"kl={-beta}",))


def words(scenario: Any, policy: Any) -> tuple[Any, Any, Any]:
    """Rewards of all words, and the log-probabilities of the pre-trained model and of a policy."""
    from sandbox_language.networks.load import material
    from sandbox_language.networks.reward_model import reward_model

    shared, models = material(scenario.config), models_of(scenario)
    prompt, start = shared.prompts[0], int(shared.starts[0])
    windows = np.tile(prompt, (models.pretrained.vocabulary, 1))
    windows[:, start] = np.arange(len(windows))
    rewards = np.asarray(reward_model(scenario.config).values(windows), float)
    policy.bind(None, models)
    before, after = models.pretrained, policy.model
    with torch.no_grad():
        said = [np.asarray(model.next_log_probs(torch.from_numpy(prompt[None])), float)[0]
                for model in (before, after)]  # fmt: skip
    return rewards, said[0], said[1]


def tuned(name: str, beta: float, steps: int, num_envs: int, **hp: Any) -> tuple[Any, Any, Any]:
    """Train, and look at all words that there are."""
    scenario = language(Path(), beta)
    run = sandbox.train(scenario, name, steps=steps, num_envs=num_envs, hp=hp)
    return words(scenario, run.policy)


def regularised(steps: int, **hp: Any) -> Answer:
    """Share of the way from π₀ to the optimum of E[r] − β KL, whose value is β log E₀[exp(r/β)]."""

    def reached(name: str) -> float:
        rewards, before, after = tuned(name, BETA, steps, 4, **hp)
        start = float((np.exp(before) * rewards).sum())
        best = BETA * float(np.log((np.exp(before) * np.exp(rewards / BETA)).sum()))
        value = float((np.exp(after) * (rewards - BETA * (after - before))).sum())
        return (value - start) / (best - start)

    return Answer("ten words: the policy is π₀ exp(r/β)/Z", 1.0, 0.05, reached, 0.0)


def kept_best(name: str) -> float:
    """Share of the way from the pre-trained model's mean reward to the largest, without a KL."""
    rewards, before, after = tuned(name, 0.0, 12_000, 4, keep=0.1, learning_rate=0.01)
    start = float((np.exp(before) * rewards).sum())
    return (float((np.exp(after) * rewards).sum()) - start) / (float(rewards.max()) - start)


def preferred(name: str) -> float:
    """β times by how much the log-odds of ``well`` against ``badly`` have moved."""
    scenario = language(Path(), BETA)
    run = sandbox.train(scenario, name, steps=300, hp={"beta": BETA, "learning_rate": 0.01})
    _, before, after = words(scenario, run.policy)
    models = models_of(scenario)
    pairs, start = models.pretrained.pairs(), 0
    start = int(pairs.starts[0])
    well = int(np.bincount(pairs.chosen[:, start]).argmax())
    badly = int(np.bincount(pairs.rejected[:, start]).argmax())
    moved = (after - before)[well] - (after - before)[badly]
    return float(BETA * moved)


ANSWERS: dict[str, Answer] = {
    "ddpo-is": generated_grey(60_000, learning_rate=0.01, clip_range=0.01),
    "ddpo-sf": generated_grey(40_000, learning_rate=0.01),
    "rwr": generated_grey(80_000, learning_rate=0.01, temperature=0.2),
    "grpo": regularised(12_000, learning_rate=0.01),
    "rlhf-ppo": regularised(12_000, learning_rate=0.01),
    "rejection-sampling": Answer("ten words: always the best", 1.0, 0.1, kept_best, 0.0),
    "dpo": Answer("a word preferred 3 to 1: β Δ log-odds = log 3", float(np.log(3)), 0.1, preferred, 0.0),
}
