"""What the registry loads: cheap, without torch."""

from __future__ import annotations

from sandbox.api.algorithm import Algorithm, Capabilities

_OBSERVATIONS = frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict"})


def _offline(actions: frozenset[str], masks: bool = True) -> Capabilities:
    return Capabilities(
        observation_spaces=_OBSERVATIONS,
        action_spaces=actions,
        masks=masks,
        data="offline",
        needs=frozenset({"dataset"}),
        on_policy=False,
        exact_resume=True,
    )


cql = Algorithm(
    name="cql",
    family="offline",
    backend="sandbox",
    capabilities=_offline(frozenset({"Discrete", "Box"})),
    config="sandbox.backends.offline.config:CQLConfig",
    train="sandbox.backends.offline.cql:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Conservative Q-learning: low values for what was never done; double Q or soft actor-critic.",
    sources=(
        "Kumar et al. (2020), Conservative Q-learning for offline reinforcement learning, arXiv 2006.04779",
        "van Hasselt et al. (2016), Deep reinforcement learning with double Q-learning, arXiv 1509.06461",
    ),
)
iql = Algorithm(
    name="iql",
    family="offline",
    backend="sandbox",
    capabilities=_offline(frozenset({"Discrete", "Box"})),
    config="sandbox.backends.offline.config:IQLConfig",
    train="sandbox.backends.offline.iql:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Implicit Q-learning: values of recorded actions alone, then imitation of the better ones.",
    sources=(
        "Kostrikov, Nair & Levine (2021), Offline reinforcement learning with implicit Q-learning, "
        "arXiv 2110.06169",
    ),
)
td3_bc = Algorithm(
    name="td3-bc",
    family="offline",
    backend="sandbox",
    capabilities=_offline(frozenset({"Box"}), masks=False),
    config="sandbox.backends.offline.config:TD3BCConfig",
    train="sandbox.backends.offline.td3_bc:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="TD3 on records, whose policy is also pulled to the recorded actions.",
    sources=(
        "Fujimoto & Gu (2021), A minimalist approach to offline reinforcement learning, arXiv 2106.06860",
    ),
)
decision_transformer = Algorithm(
    name="decision-transformer",
    family="offline",
    backend="sandbox",
    capabilities=_offline(frozenset({"Discrete", "Box"})),
    config="sandbox.backends.offline.config:DecisionTransformerConfig",
    train="sandbox.backends.offline.transformer:train",
    load="sandbox.backends.offline.transformer_policy:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="A causal transformer that says which action led to the return that is asked for.",
    sources=(
        "Chen et al. (2021), Decision transformer: Reinforcement learning via sequence modeling, "
        "arXiv 2106.01345",
    ),
)
lspi = Algorithm(
    name="lspi",
    family="offline",
    backend="sandbox",
    capabilities=_offline(frozenset({"Discrete"})),
    config="sandbox.backends.offline.config:LSPIConfig",
    train="sandbox.backends.offline.lspi:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Least-squares policy iteration: exact linear values of recorded steps, in seconds.",
    sources=("Lagoudakis & Parr (2003), Least-squares policy iteration, JMLR 4",),
)
