"""What the registry loads: cheap, without torch."""

from __future__ import annotations

from sandbox.api.algorithm import Algorithm, Capabilities, Family

_ONLINE = Capabilities(
    observation_spaces=frozenset({"MultiDiscrete"}),
    action_spaces=frozenset({"Discrete"}),
    needs=frozenset({"pretrained"}),
    on_policy=True,
    exact_resume=True,
)
_OFFLINE = Capabilities(
    observation_spaces=frozenset({"MultiDiscrete"}),
    action_spaces=frozenset({"Discrete"}),
    needs=frozenset({"pretrained"}),
    data="offline",
    exact_resume=True,
)


def _algorithm(
    name: str,
    module: str,
    config: str,
    family: Family,
    description: str,
    *sources: str,
    capabilities: Capabilities = _ONLINE,
) -> Algorithm:
    return Algorithm(
        name=name,
        family=family,
        backend="sandbox",
        capabilities=capabilities,
        config=f"sandbox.backends.language.config:{config}",
        train=f"sandbox.backends.language.{module}:train",
        load="sandbox.backends.language.policy:load",
        requires=("torch", "safetensors"),
        extra="torch",
        description=description,
        sources=sources,
    )


grpo = _algorithm(
    "grpo",
    "grpo",
    "GrpoConfig",
    "policy-gradient",
    "Group relative policy optimisation of a pre-trained language model: each text against others of "
    "its prompt.",
    "Shao et al. (2024), DeepSeekMath, arXiv 2402.03300",
    "Liu et al. (2025), Understanding R1-Zero-like training, arXiv 2503.20783 (dr_grpo)",
)
rlhf_ppo = _algorithm(
    "rlhf-ppo",
    "ppo",
    "PpoConfig",
    "policy-gradient",
    "PPO that begins as a pre-trained language model, with a value network of its own: RLHF as it was "
    "published.",
    "Ziegler et al. (2019), Fine-tuning language models from human preferences, arXiv 1909.08593",
    "Ouyang et al. (2022), Training language models to follow instructions, arXiv 2203.02155",
)
rejection_sampling = _algorithm(
    "rejection-sampling",
    "rejection",
    "RejectionConfig",
    "policy-gradient",
    "The best texts of every prompt are kept, and the model is fitted to them, again and again.",
    "Touvron et al. (2023), Llama 2, arXiv 2307.09288, section 3.2.3",
    "Dong et al. (2023), RAFT, arXiv 2304.06767",
)
dpo = _algorithm(
    "dpo",
    "dpo",
    "DpoConfig",
    "offline",
    "Direct preference optimisation: learns from compared pairs of texts, without a reward model.",
    "Rafailov et al. (2023), Direct preference optimization, arXiv 2305.18290",
    capabilities=_OFFLINE,
)
