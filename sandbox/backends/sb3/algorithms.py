"""What Stable-Baselines3 and sb3-contrib offer, as data: nothing heavy is imported here."""

from __future__ import annotations

from sandbox.api.algorithm import Algorithm, Capabilities, Family

_FLAT = frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary"})
_ANY = _FLAT | {"Dict"}
_BOX = frozenset({"Box"})
_DISCRETE = frozenset({"Discrete"})

_SB3 = "Raffin et al. 2021, Stable-Baselines3, JMLR 22:268"


def _algorithm(
    name: str,
    family: Family,
    capabilities: Capabilities,
    description: str,
    source: str,
    *,
    contrib: bool = False,
    masked_by: str | None = None,
) -> Algorithm:
    config = "".join(part.capitalize() for part in name.split("-")) + "Config"
    return Algorithm(
        name=name,
        family=family,
        backend="sb3-contrib" if contrib else "stable-baselines3",
        capabilities=capabilities,
        config=f"sandbox.backends.sb3.config:{config}",
        train="sandbox.backends.sb3.train:train",
        load="sandbox.backends.sb3.policy:load",
        convert="sandbox.backends.sb3.foreign:convert",
        masked_by=masked_by,
        requires=("torch", "safetensors", "stable_baselines3", *(("sb3_contrib",) if contrib else ())),
        extra="sb3",
        description=description,
        sources=(source, _SB3),
    )


ppo = _algorithm(
    "ppo",
    "policy-gradient",
    Capabilities(_ANY, _FLAT),
    "Proximal policy optimisation: clipped policy-gradient steps on fresh rollouts; the robust default.",
    "Schulman et al. 2017, arXiv 1707.06347",
    masked_by="maskable-ppo",
)
a2c = _algorithm(
    "a2c",
    "policy-gradient",
    Capabilities(_ANY, _FLAT),
    "Advantage actor-critic: one synchronous policy-gradient step per short rollout.",
    "Mnih et al. 2016, arXiv 1602.01783",
)
dqn = _algorithm(
    "dqn",
    "value-based",
    Capabilities(_ANY, _DISCRETE),
    "Deep Q-network: Q-learning with a replay buffer and a target network.",
    "Mnih et al. 2015, Nature 518:529",
)
qr_dqn = _algorithm(
    "qr-dqn",
    "value-based",
    Capabilities(_ANY, _DISCRETE),
    "Quantile-regression DQN: learns the distribution of the return instead of its mean.",
    "Dabney et al. 2018, arXiv 1710.10044",
    contrib=True,
)
sac = _algorithm(
    "sac",
    "actor-critic",
    Capabilities(_ANY, _BOX),
    "Soft actor-critic: off-policy, maximises return plus the entropy of its actions.",
    "Haarnoja et al. 2018, arXiv 1812.05905",
)
td3 = _algorithm(
    "td3",
    "actor-critic",
    Capabilities(_ANY, _BOX),
    "Twin delayed DDPG: off-policy with a deterministic actor and two critics.",
    "Fujimoto et al. 2018, arXiv 1802.09477",
)
tqc = _algorithm(
    "tqc",
    "actor-critic",
    Capabilities(_ANY, _BOX),
    "Truncated quantile critics: SAC with distributional critics whose highest quantiles are dropped.",
    "Kuznetsov et al. 2020, arXiv 2005.04269",
    contrib=True,
)
trpo = _algorithm(
    "trpo",
    "policy-gradient",
    Capabilities(_ANY, _FLAT),
    "Trust-region policy optimisation: natural-gradient steps within a bound on the KL divergence.",
    "Schulman et al. 2015, arXiv 1502.05477",
    contrib=True,
)
crossq = _algorithm(
    "crossq",
    "actor-critic",
    Capabilities(_FLAT, _BOX),
    "CrossQ: SAC with batch-normalised critics and no target networks.",
    "Bhatt et al. 2024, CrossQ, ICLR",
    contrib=True,
)
ars = _algorithm(
    "ars",
    "policy-gradient",
    # A candidate is scored on whole episodes of one environment; further rows would only be wasted.
    Capabilities(_FLAT, _BOX | _DISCRETE, agents=frozenset({"single"}), vectorised=False),
    "Augmented random search: finite differences in the weights of a linear policy, no gradients.",
    "Mania et al. 2018, arXiv 1803.07055",
    contrib=True,
)
recurrent_ppo = _algorithm(
    "recurrent-ppo",
    "policy-gradient",
    Capabilities(_ANY, _FLAT),
    "PPO with an LSTM, for tasks whose observation does not tell the state.",
    "Schulman et al. 2017, arXiv 1707.06347; Hausknecht & Stone 2015, arXiv 1507.06527",
    contrib=True,
)
maskable_ppo = _algorithm(
    "maskable-ppo",
    "policy-gradient",
    Capabilities(_ANY, frozenset({"Discrete", "MultiDiscrete", "MultiBinary"}), masks=True),
    "PPO that never proposes an action the task forbids.",
    "Huang & Ontañón 2020, arXiv 2006.14171",
    contrib=True,
)
