"""What the registry loads: cheap, without Ray and torch."""

from sandbox.api.algorithm import Algorithm, Capabilities

rllib_ppo = Algorithm(
    name="rllib-ppo",
    family="policy-gradient",
    backend="rllib",
    capabilities=Capabilities(
        observation_spaces=frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict"}),
        action_spaces=frozenset({"Discrete", "MultiDiscrete", "Box"}),
        agents=frozenset({"single"}),
        on_policy=True,
    ),
    config="sandbox.backends.rllib.config:RllibPPOConfig",
    train="sandbox.backends.rllib.train:train",
    load="sandbox.backends.rllib.policy:load",
    requires=("torch", "safetensors", "ray", "tree"),
    load_requires=("torch", "safetensors"),
    extra="rllib",
    description="PPO of RLlib: environments step on every machine of a Ray cluster, one policy learns.",
    sources=(
        "Schulman et al. 2017, arXiv 1707.06347",
        "Liang et al. 2018, RLlib: Abstractions for distributed reinforcement learning, arXiv 1712.09381",
    ),
)
