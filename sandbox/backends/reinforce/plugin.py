"""What the registry loads: cheap, without torch."""

from sandbox.api.algorithm import Algorithm, Capabilities

reinforce = Algorithm(
    name="reinforce",
    family="policy-gradient",
    backend="sandbox",
    capabilities=Capabilities(
        observation_spaces=frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict"}),
        action_spaces=frozenset({"Discrete", "MultiDiscrete", "MultiBinary", "Box"}),
        masks=True,
        exact_resume=True,
        on_policy=True,
    ),
    config="sandbox.backends.reinforce.config:ReinforceConfig",
    train="sandbox.backends.reinforce.train:train",
    load="sandbox.backends.reinforce.policy:load",
    requires=("torch", "safetensors"),
    extra="torch",
    description="Policy gradient over whole episodes; reward-to-go, baseline and GAE are switches.",
    sources=(
        "Williams (1992), Simple statistical gradient-following algorithms, Machine Learning 8:229-256",
        "Sutton & Barto (2018), Reinforcement Learning, 2nd edition, chapter 13",
        "Schulman et al. (2016), High-dimensional continuous control using GAE, arXiv 1506.02438",
    ),
)
