"""The losses by hand and against TRL, and what is taken from a batch of texts."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sandbox.backends.language.grpo import group_advantages
from sandbox.backends.language.losses import clipped, direct_preference, k3, reduced
from sandbox.backends.language.ppo import estimated_advantages
from sandbox.backends.language.rejection import best
from sandbox.backends.language.writing import Written

BLANK = 9


def batch(rewards: list[list[float]], prompts: list[int], lengths: list[int]) -> Written:
    """Texts of one prompt token and some drawn ones, all the same token."""
    width = len(rewards[0])
    windows = np.full((len(prompts), width), BLANK)
    windows[:, 0] = prompts
    places = np.zeros(windows.shape, bool)
    for row, length in enumerate(lengths):
        windows[row, 1 : 1 + length], places[row, 1 : 1 + length] = 5, True
    return Written(windows, np.ones(len(prompts), int), places, np.zeros(windows.shape), np.array(rewards))


def test_clipping_by_hand() -> None:
    now, before = (
        torch.tensor([[math.log(0.6), math.log(0.6)]]),
        torch.tensor([[math.log(0.4), math.log(0.4)]]),
    )
    # ρ = 1.5: a good token's ratio counts as 1.2, a bad one's in full.
    loss = clipped(now, before, torch.tensor([[2.0, -2.0]]), 0.2)
    torch.testing.assert_close(loss, torch.tensor([[-2.4, 3.0]]))


def test_k3_has_the_divergence_as_its_mean_and_is_never_negative() -> None:
    policy, reference = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.3, 0.3, 0.4])
    estimates = k3(policy.log(), reference.log())
    assert (estimates >= 0).all()
    exact = float((policy * (policy / reference).log()).sum())
    assert float((policy * estimates).sum()) == pytest.approx(exact, rel=1e-5)


def test_reductions_by_hand() -> None:
    losses = torch.tensor([[1.0, 3.0, 9.0], [4.0, 9.0, 9.0]])
    places = torch.tensor([[True, True, False], [True, False, False]])
    assert float(reduced(losses, places, "grpo", 4)) == pytest.approx((2.0 + 4.0) / 2)
    assert float(reduced(losses, places, "bnpo", 4)) == pytest.approx(8.0 / 3)
    assert float(reduced(losses, places, "dr_grpo", 4)) == pytest.approx(8.0 / (2 * 4))


def test_dpo_by_hand() -> None:
    loss = direct_preference(torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0]), 0.5)
    assert loss.tolist() == pytest.approx([math.log(1 + math.exp(-1.0)), math.log(2.0)])


@pytest.mark.parametrize("loss_type", ["grpo", "bnpo", "dr_grpo"])
@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_the_loss_of_grpo_is_trls(loss_type: str, beta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = pytest.importorskip("trl.trainer.grpo_trainer").GRPOTrainer
    generator = torch.Generator().manual_seed(0)
    now, before, reference = (-torch.rand(4, 6, generator=generator) - 0.1 for _ in range(3))
    advantages = torch.randn(4, generator=generator)
    places = torch.arange(6) < torch.tensor([[6], [3], [1], [4]])
    stub = trls_trainer(now, loss_type, beta)
    inputs = {
        "prompt_ids": torch.zeros(4, 1, dtype=torch.long),
        "prompt_mask": torch.ones(4, 1, dtype=torch.long),
        "completion_ids": torch.zeros(4, 6, dtype=torch.long),
        "completion_mask": places.long(),
        "advantages": advantages,
        "old_per_token_logps": before,
        "ref_per_token_logps": reference,
    }
    theirs = trainer._compute_loss(stub, SimpleNamespace(training=True), inputs)
    each = clipped(now, before, advantages[:, None], 0.2) + beta * k3(now, reference)
    ours = reduced(each, places, loss_type, 6)  # type: ignore[arg-type]
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def trls_trainer(log_probs: torch.Tensor, loss_type: str, beta: float) -> Any:
    """What TRL's loss needs of its trainer, with these log-probabilities of tokens."""
    from collections import defaultdict

    gathered = SimpleNamespace(gather=lambda value: value, reduce=lambda value, **_: value, num_processes=1)
    return SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (log_probs, torch.zeros_like(log_probs), None),
        aux_loss_enabled=False, top_entropy_quantile=1.0, off_policy_mask_threshold=None,
        importance_sampling_level="token", beta=beta, epsilon_low=0.2, epsilon_high=0.2, loss_type=loss_type,
        use_vllm=False, _entropy_bonus_enabled=False,
        model=SimpleNamespace(training=True), current_gradient_accumulation_steps=1.0,
        max_completion_length=6, accelerator=gathered,
        args=SimpleNamespace(use_bias_correction_kl=False, delta=None),
        _metrics={"train": defaultdict(list)},
    )  # fmt: skip


def test_advantages_are_against_the_texts_of_the_same_prompt() -> None:
    written = batch([[0, 0, 3.0], [0, 1.0, 0], [0, 0, 5.0]], prompts=[1, 1, 2], lengths=[2, 1, 2])
    advantages = group_advantages(written, "none")
    # Prompt 2 has one text, compared with all: means over the three are (3 + 1 + 5) / 3 and (3 + 0 + 5) / 3.
    # Prompt 1: texts earn 3 and 1 in all. At the second place the other text has ended and earns nothing.
    np.testing.assert_allclose(advantages, [[0, 1.0, 1.5], [0, -1.0, 0], [0, 2.0, 7 / 3]])
    scaled = group_advantages(written, "group")
    np.testing.assert_allclose(scaled[0, 1], 1.0 / (math.sqrt(2) + 1e-4))


def test_texts_whose_prompt_nobody_shares_are_compared_with_all() -> None:
    advantages = group_advantages(batch([[0, 1.0], [0, 4.0]], prompts=[1, 2], lengths=[1, 1]), "none")
    np.testing.assert_allclose(advantages, [[0, -1.5], [0, 1.5]])
    alone = group_advantages(batch([[0, 1.0]], prompts=[1], lengths=[1]), "group")
    np.testing.assert_allclose(alone, [[0, 0]])


def test_estimated_advantages_by_hand() -> None:
    written = batch([[0, 1.0, 2.0]], prompts=[1], lengths=[2])
    values = np.array([[0.0, 0.5, 1.0]])
    # δ₁ = 1 + 1 − 0.5, δ₂ = 2 − 1
    np.testing.assert_allclose(estimated_advantages(written, values, 0.5), [[0, 1.5 + 0.5 * 1.0, 1.0]])
    np.testing.assert_allclose(estimated_advantages(written, values, 1.0), [[0, 3.0 - 0.5, 2.0 - 1.0]])


def test_the_best_texts_of_every_prompt_are_kept() -> None:
    written = batch([[0, 3.0], [0, 9.0], [0, 1.0], [0, 2.0]], prompts=[1, 2, 1, 1], lengths=[1, 1, 1, 1])
    assert best(written, 0.1).tolist() == [0, 1]
    assert best(written, 0.67).tolist() == [0, 3, 1]
