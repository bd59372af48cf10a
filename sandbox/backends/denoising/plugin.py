"""What the registry loads: cheap, without torch."""

from __future__ import annotations

from sandbox.api.algorithm import Algorithm, Capabilities

_CAPABILITIES = Capabilities(
    observation_spaces=frozenset({"Box"}),
    action_spaces=frozenset({"Box"}),
    needs=frozenset({"pretrained"}),
    on_policy=True,
    exact_resume=True,
)
_DDPO = "Black et al. (2023), Training diffusion models with reinforcement learning, arXiv 2305.13301"


def _algorithm(name: str, config: str, train: str, description: str, *sources: str) -> Algorithm:
    return Algorithm(
        name=name,
        family="policy-gradient",
        backend="sandbox",
        capabilities=_CAPABILITIES,
        config=f"sandbox.backends.denoising.config:{config}",
        train=f"sandbox.backends.denoising.learner:{train}",
        load="sandbox.backends.denoising.policy:load",
        requires=("torch", "safetensors"),
        extra="torch",
        description=description,
        sources=(_DDPO, *sources),
    )


ddpo_is = _algorithm(
    "ddpo-is",
    "ImportanceConfig",
    "train_importance",
    "Denoising diffusion policy optimisation with importance sampling: several clipped steps a batch.",
    "Schulman et al. (2017), Proximal policy optimization algorithms, arXiv 1707.06347",
)
ddpo_sf = _algorithm(
    "ddpo-sf",
    "ScoreConfig",
    "train_score",
    "Denoising diffusion policy optimisation by the score function: REINFORCE, one step a batch.",
)
rwr = _algorithm(
    "rwr",
    "RegressionConfig",
    "train_regression",
    "Reward-weighted regression: the model's own training loss on its images, the good ones weighted more.",
    "Peters & Schaal (2007), Reinforcement learning by reward-weighted regression, ICML",
    "Lee et al. (2023), Aligning text-to-image models using human feedback, arXiv 2302.12192",
)
