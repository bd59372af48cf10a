"""What the registry loads: cheap, without torch."""

from sandbox.api.algorithm import Algorithm, Capabilities

_OBSERVATIONS = frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict"})
_ACTIONS = frozenset({"Discrete", "MultiDiscrete", "MultiBinary", "Box"})

bc = Algorithm(
    name="bc",
    family="imitation",
    backend="sandbox",
    capabilities=Capabilities(
        _OBSERVATIONS,
        _ACTIONS,
        masks=True,
        data="offline",
        needs=frozenset({"dataset"}),
        on_policy=False,
        exact_resume=True,
    ),
    config="sandbox.backends.imitation.config:CloningConfig",
    train="sandbox.backends.imitation.cloning:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Behavioural cloning: the most likely policy behind recorded actions.",
    sources=("Pomerleau (1989), ALVINN: An autonomous land vehicle in a neural network, NIPS 1",),
)
dagger = Algorithm(
    name="dagger",
    family="imitation",
    backend="sandbox",
    capabilities=Capabilities(
        _OBSERVATIONS, _ACTIONS, masks=True, needs=frozenset({"expert"}), on_policy=False, exact_resume=True
    ),
    config="sandbox.backends.imitation.config:DaggerConfig",
    train="sandbox.backends.imitation.dagger:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Dataset aggregation: plays its own policy and asks an expert what it should have done.",
    sources=(
        "Ross, Gordon & Bagnell (2011), A reduction of imitation learning and structured prediction to "
        "no-regret online learning, AISTATS",
    ),
)
gail = Algorithm(
    name="gail",
    family="imitation",
    backend="sandbox",
    capabilities=Capabilities(
        _OBSERVATIONS,
        _ACTIONS,
        masks=True,
        needs_any=frozenset({"dataset", "expert"}),
        on_policy=True,
        exact_resume=True,
    ),
    config="sandbox.backends.imitation.config:GailConfig",
    train="sandbox.backends.imitation.gail:train",
    load="sandbox.backends.actors.plain:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Adversarial imitation: PPO, rewarded where its steps pass for the expert's.",
    sources=(
        "Ho & Ermon (2016), Generative adversarial imitation learning, arXiv 1606.03476",
        "Fu, Luo & Levine (2018), Learning robust rewards with adversarial inverse reinforcement learning, "
        "arXiv 1710.11248",
        "Gulrajani et al. (2017), Improved training of Wasserstein GANs, arXiv 1704.00028",
    ),
)
