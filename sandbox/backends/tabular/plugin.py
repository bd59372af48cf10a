"""What the registry loads: cheap, without NumPy."""

from typing import Any

from sandbox.api.algorithm import Algorithm, Capabilities

_SUTTON_BARTO = "Sutton & Barto (2018), Reinforcement Learning, 2nd edition, section {}"
_ANY = frozenset({"Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict"})


def _planner(name: str, description: str, section: str) -> Algorithm:
    return Algorithm(
        name=name,
        family="value-based",
        backend="sandbox",
        capabilities=Capabilities(
            observation_spaces=_ANY,
            action_spaces=_ANY - {"Dict"},
            masks=True,
            agents=frozenset({"single"}),
            data="offline",
            needs=frozenset({"model"}),
            rounds=True,
            from_policy=False,
            exact_resume=True,
        ),
        train=f"sandbox.backends.tabular.planning:train_{name.replace('-', '_')}",
        description=description,
        sources=(_SUTTON_BARTO.format(section), "Puterman (1994), Markov Decision Processes"),
        **_common("PlanningConfig"),
    )


def _learner(name: str, config: str, description: str, *sources: str) -> Algorithm:
    return Algorithm(
        name=name,
        family="model-based" if name == "dyna-q" else "value-based",
        backend="sandbox",
        capabilities=Capabilities(
            observation_spaces=_ANY,
            action_spaces=frozenset({"Discrete"}),
            masks=True,
            exact_resume=True,
            on_policy=name == "sarsa",
            learns_model=name == "dyna-q",
        ),
        train=f"sandbox.backends.tabular.temporal_difference:train_{name.replace('-', '_')}",
        description=description,
        sources=sources,
        **_common(config),
    )


def _common(config: str) -> dict[str, Any]:
    return {
        "config": f"sandbox.backends.tabular.config:{config}",
        "load": "sandbox.backends.tabular.policy:load",
        "requires": ("torch", "safetensors", "scipy"),
        "load_requires": ("torch", "safetensors"),
        "extra": "torch",
    }


value_iteration = _planner(
    "value-iteration",
    "Sweeps V(s) = max over a of Q(s, a) over a task's finite model until it stands still.",
    "4.4",
)
policy_iteration = _planner(
    "policy-iteration",
    "Evaluates a policy exactly and improves it by the argmax of Q, round by round, on a finite model.",
    "4.3",
)
q_learning = _learner(
    "q-learning",
    "TabularConfig",
    "Off-policy: moves Q(s, a) towards r + γ max over a' of Q(s', a'), whatever is played next.",
    "Watkins & Dayan (1992), Q-learning, Machine Learning 8:279-292",
    _SUTTON_BARTO.format("6.5"),
)
sarsa = _learner(
    "sarsa",
    "TabularConfig",
    "On-policy: moves Q(s, a) towards r + γ Q(s', a') of the action that is played next.",
    "Rummery & Niranjan (1994), On-line Q-learning using connectionist systems",
    _SUTTON_BARTO.format("6.4"),
)
dyna_q = _learner(
    "dyna-q",
    "DynaConfig",
    "Q-learning that also learns a model from its steps and repeats updates from it.",
    "Sutton (1990), Integrated architectures for learning, planning, and reacting, ICML",
    _SUTTON_BARTO.format("8.2"),
)
