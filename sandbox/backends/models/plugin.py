"""What the registry loads: cheap, without torch."""

from sandbox.api.algorithm import Algorithm, Capabilities

_OBSERVATIONS = frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict"})
_ONE = frozenset({"single"})

planning = Algorithm(
    name="planning",
    family="planning",
    backend="sandbox",
    capabilities=Capabilities(
        _OBSERVATIONS,
        frozenset({"Box"}),
        agents=_ONE,
        data="offline",
        needs=frozenset({"simulator"}),
    ),
    config="sandbox.backends.models.config:PlanningConfig",
    train="sandbox.backends.models.planning:train",
    load="sandbox.backends.models.planning:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Searches with the task's simulator before every action (CEM or MPPI); learns nothing.",
    sources=(
        "Williams et al. (2017), Information theoretic MPC for model-based reinforcement learning, ICRA",
        "Chua et al. (2018), Deep reinforcement learning in a handful of trials, arXiv 1805.12114",
        "Pinneri et al. (2020), Sample-efficient cross-entropy method for real-time planning, "
        "arXiv 2008.06389",
    ),
)
rollout = Algorithm(
    name="rollout",
    family="planning",
    backend="sandbox",
    capabilities=Capabilities(
        _OBSERVATIONS,
        frozenset({"Discrete", "MultiDiscrete"}),
        masks=True,
        agents=_ONE,
        data="offline",
        needs=frozenset({"simulator", "expert"}),
    ),
    config="sandbox.backends.models.config:RolloutConfig",
    train="sandbox.backends.models.rollout:train",
    load="sandbox.backends.models.rollout:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="One-step look-ahead over a baseline, with the task's simulator; learns nothing.",
    sources=(
        "Bertsekas (2019), Reinforcement Learning and Optimal Control, section 2.4",
        "Tesauro & Galperin (1996), On-line policy improvement using Monte-Carlo search, NIPS 9",
    ),
)
pets = Algorithm(
    name="pets",
    family="model-based",
    backend="sandbox",
    capabilities=Capabilities(
        _OBSERVATIONS,
        frozenset({"Box"}),
        agents=_ONE,
        on_policy=False,
        learns_model=True,
        exact_resume=True,
    ),
    config="sandbox.backends.models.config:PetsConfig",
    train="sandbox.backends.models.pets:train",
    load="sandbox.backends.models.pets:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Learns an ensemble of probabilistic networks and plans in it before every action.",
    sources=(
        "Chua et al. (2018), Deep reinforcement learning in a handful of trials using probabilistic dynamics "
        "models, arXiv 1805.12114",
    ),
)
mbpo = Algorithm(
    name="mbpo",
    family="model-based",
    backend="sandbox",
    capabilities=Capabilities(
        _OBSERVATIONS,
        frozenset({"Box"}),
        agents=_ONE,
        on_policy=False,
        learns_model=True,
        exact_resume=True,
    ),
    config="sandbox.backends.models.config:MbpoConfig",
    train="sandbox.backends.models.mbpo:train",
    load="sandbox.backends.models.mbpo:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Soft actor-critic on short rollouts in a learned ensemble of networks.",
    sources=(
        "Janner et al. (2019), When to trust your model: model-based policy optimization, arXiv 1906.08253",
        "Haarnoja et al. (2018), Soft actor-critic algorithms and applications, arXiv 1812.05905",
    ),
)
