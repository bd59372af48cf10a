"""What the registry loads: cheap, without torch."""

from __future__ import annotations

from sandbox.api.algorithm import Algorithm, Capabilities, Family

_HERE = "sandbox.backends.multi_agent"
_OBSERVATIONS = frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary"})
_ANY = frozenset({"Discrete", "MultiDiscrete", "MultiBinary", "Box"})


def _algorithm(
    name: str, family: Family, config: str, train: str, description: str, sources: tuple[str, ...]
) -> Algorithm:
    on_policy = config == "PPOConfig"
    return Algorithm(
        name=name,
        family=family,
        backend="sandbox",
        capabilities=Capabilities(
            observation_spaces=_OBSERVATIONS,
            action_spaces=_ANY if on_policy else frozenset({"Discrete"}),
            masks=True,
            agents=frozenset({"joint"}),
            exact_resume=True,
            on_policy=on_policy,
        ),
        config=f"{_HERE}.config:{config}",
        train=f"{_HERE}.{train}",
        load=f"{_HERE}.policy:load",
        requires=("torch", "safetensors"),
        extra="torch",
        description=description,
        sources=sources,
    )


ippo = _algorithm(
    "ippo",
    "actor-critic",
    "PPOConfig",
    "on_policy:train_ippo",
    "Independent PPO: agents learn from their own observation and reward, with one network or one each.",
    ("de Witt et al. (2020), Is independent learning all you need in SMAC?, arXiv 2011.09533",),
)
mappo = _algorithm(
    "mappo",
    "actor-critic",
    "PPOConfig",
    "on_policy:train_mappo",
    "Multi-agent PPO: agents act on their own observation, the critic sees what all of them see.",
    ("Yu et al. (2022), The surprising effectiveness of PPO in cooperative games, arXiv 2103.01955",),
)
iql = _algorithm(
    "iql-marl",
    "value-based",
    "IQLConfig",
    "off_policy:train_iql",
    "Independent Q-learning: each agent has its own values and takes the others for part of the environment.",
    (
        "Tan (1993), Multi-agent reinforcement learning: independent vs. cooperative agents, ICML",
        "van Hasselt et al. (2016), Deep reinforcement learning with double Q-learning, arXiv 1509.06461",
    ),
)
vdn = _algorithm(
    "vdn",
    "value-based",
    "QConfig",
    "off_policy:train_vdn",
    "Value decomposition: the team's value is the sum of the agents' utilities.",
    ("Sunehag et al. (2018), Value-decomposition networks, arXiv 1706.05296",),
)
qmix = _algorithm(
    "qmix",
    "value-based",
    "QMixConfig",
    "off_policy:train_qmix",
    "QMIX: the team's value rises with every agent's utility, by a mixing network that depends on the state.",
    ("Rashid et al. (2018), QMIX: monotonic value function factorisation, arXiv 1803.11485",),
)
