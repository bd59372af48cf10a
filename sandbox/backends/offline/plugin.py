"""What the registry loads: cheap, without torch."""

from sandbox.api.algorithm import Algorithm, Capabilities

cql = Algorithm(
    name="cql",
    family="offline",
    backend="sandbox",
    capabilities=Capabilities(
        observation_spaces=frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict"}),
        action_spaces=frozenset({"Discrete"}),
        masks=True,
        data="offline",
        needs=frozenset({"dataset"}),
        on_policy=False,
        exact_resume=True,
    ),
    config="sandbox.backends.offline.config:CQLConfig",
    train="sandbox.backends.offline.cql:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Conservative Q-learning: double Q-learning on records, low values for what was never done.",
    sources=(
        "Kumar et al. (2020), Conservative Q-learning for offline reinforcement learning, arXiv 2006.04779",
        "van Hasselt et al. (2016), Deep reinforcement learning with double Q-learning, arXiv 1509.06461",
    ),
)
