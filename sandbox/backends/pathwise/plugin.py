"""What the registry loads: cheap, without torch."""

from sandbox.api.algorithm import Algorithm, Capabilities

pathwise = Algorithm(
    name="pathwise",
    family="policy-gradient",
    backend="sandbox",
    capabilities=Capabilities(
        frozenset({"Box"}),
        frozenset({"Box"}),
        agents=frozenset({"single"}),
        data="offline",
        needs=frozenset({"gradient"}),
        exact_resume=True,
    ),
    config="sandbox.backends.pathwise.config:PathwiseConfig",
    train="sandbox.backends.pathwise.learner:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Follows the gradient of the reward itself, through the task's differentiable dynamics.",
    sources=(
        "Alvo, Russo & Kanoria (2023), Neural inventory control in networks via hindsight differentiable "
        "policy optimization, arXiv 2306.11246",
        "Glasserman & Tayur (1995), Sensitivity analysis for base-stock levels in multiechelon "
        "production-inventory systems, Management Science 41(2)",
    ),
)
