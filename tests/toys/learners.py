"""The smallest algorithms that learn from a dataset, an expert, a model or a gradient, loaded by path.

    sandbox run toy/shelf --algo count --data datasets/toy/shelf-fill-v0 --plugin tests/toys/learners.py …

`count` repeats what was done most often, `ask` what an expert says, `solve` iterates values, `descend`
follows the gradient of the cost through the dynamics, `cheat` steps environments though it is offline.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from sandbox.api import Algorithm, Capabilities, TrainContext


class NoConfig(BaseModel):
    """Nothing can be set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TablePolicy:
    """The action of every observation that was seen, the commonest one elsewhere."""

    def __init__(self, table: dict[str, int], otherwise: int) -> None:
        self.table, self.otherwise = table, otherwise

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        pass

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        return np.array([self.table.get(key(row), self.otherwise) for row in observation])

    def save(self, directory: Path) -> None:
        document = {"algorithm": "count", "table": self.table, "otherwise": self.otherwise}
        (directory / "policy.json").write_text(json.dumps(document))


def key(row: Any) -> str:
    """An observation as text."""
    return np.asarray(row, np.float32).tobytes().hex()


def load(directory: Path) -> TablePolicy:
    """Read what ``save`` wrote."""
    document = json.loads((directory / "policy.json").read_text())
    return TablePolicy(document["table"], document["otherwise"])


def commonest(observations: Any, actions: Any) -> TablePolicy:
    """The policy that does what was done most often."""
    counts: dict[str, dict[int, int]] = {}
    for row, action in zip(observations, actions.tolist(), strict=True):
        seen = counts.setdefault(key(row), {})
        seen[action] = seen.get(action, 0) + 1
    best = {name: max(seen, key=lambda action: (seen[action], -action)) for name, seen in counts.items()}
    return TablePolicy(best, int(np.bincount(actions).argmax()))


def train_count(context: TrainContext) -> TablePolicy:
    """Count what the dataset's maker did."""
    dataset = context.dataset
    assert dataset is not None
    steps = dataset.batch(slice(None))
    policy = commonest(steps.observation, steps.action)
    context.update(context.steps, lambda: policy, {"episodes": float(dataset.num_episodes)})
    return policy


def train_ask(context: TrainContext) -> TablePolicy:
    """Play what the expert says, and remember it."""
    envs = context.make_envs(context.num_envs)
    observation, info = envs.reset()
    seen, done, steps = [], [], 0
    while steps < context.steps:
        seen.append(np.array(observation))
        done.append(np.array(info["expert_action"]))
        observation, _, _, _, info = envs.step(info["expert_action"])
        steps += envs.num_envs
    policy = commonest(np.concatenate(seen), np.concatenate(done))
    context.update(steps, lambda: policy)
    return policy


def train_cheat(context: TrainContext) -> TablePolicy:
    """Declare that nothing is stepped, and step."""
    context.make_envs(1).reset()
    raise AssertionError("never reached")


class PlannedPolicy:
    """The best action of every state; finds the state of an observation through the task's model."""

    def __init__(self, choices: list[int]) -> None:
        self.choices = np.array(choices)
        self.model: Any = None

    def bind(self, env: Any, models: Any) -> None:
        self.model = models.finite

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        pass

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        return self.model.actions[self.choices[self.model.state_index(observation)]]

    def save(self, directory: Path) -> None:
        document = {"algorithm": "solve", "choices": self.choices.tolist()}
        (directory / "policy.json").write_text(json.dumps(document))


def load_planned(directory: Path) -> PlannedPolicy:
    """Read what ``save`` wrote."""
    return PlannedPolicy(json.loads((directory / "policy.json").read_text())["choices"])


def train_solve(context: TrainContext) -> PlannedPolicy:
    """Value iteration."""
    assert context.models is not None
    model = context.models.finite
    values = np.zeros(model.num_states)
    for _ in range(1_000):
        values = model.action_values(values).max(axis=1)
    policy = PlannedPolicy(model.action_values(values).argmax(axis=1).tolist())
    policy.bind(None, context.models)
    context.update(context.steps, lambda: policy)
    return policy


class GainPolicy:
    """u = -K x."""

    def __init__(self, gain: float) -> None:
        self.gain = gain

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        pass

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        return (-self.gain * np.asarray(observation)).astype(np.float32)

    def save(self, directory: Path) -> None:
        (directory / "policy.json").write_text(json.dumps({"algorithm": "descend", "gain": self.gain}))


def load_gain(directory: Path) -> GainPolicy:
    """Read what ``save`` wrote."""
    return GainPolicy(json.loads((directory / "policy.json").read_text())["gain"])


def train_descend(context: TrainContext) -> GainPolicy:
    """Follow the gradient of the mean reward with respect to one gain, through 32 steps at a time."""
    import torch

    assert context.models is not None
    dynamics, reward = context.models.dynamics, context.models.reward
    rng = np.random.default_rng(context.seed)
    gain = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([gain], lr=0.05)
    for _ in range(200):
        state: Any = {name: torch.from_numpy(x) for name, x in dynamics.begin(rng, 64).items()}
        total: Any = torch.zeros(64, dtype=torch.float64)
        for noise in torch.from_numpy(dynamics.noise(rng, 64, dynamics.horizon)):
            action = -gain * dynamics.observe(state, torch)
            state, happened = dynamics.step(state, action, noise, torch)
            total = total + reward(happened).total
        optimizer.zero_grad()
        (-total.mean()).backward()
        optimizer.step()
    policy = GainPolicy(float(gain.detach()))
    context.update(context.steps, lambda: policy)
    return policy


def _algorithm(name: str, train: Any, capabilities: Capabilities, loader: Any = load) -> Algorithm:
    return Algorithm(name, "offline", "tests", capabilities, NoConfig, train, loader)


_BOX, _DISCRETE = frozenset({"Box"}), frozenset({"Discrete"})

count = _algorithm(
    "count",
    train_count,
    Capabilities(_BOX, _DISCRETE, masks=True, data="offline", needs=frozenset({"dataset"})),
)
ask = _algorithm(
    "ask",
    train_ask,
    Capabilities(_BOX, _DISCRETE, masks=True, needs=frozenset({"expert"}), accepts=frozenset({"dataset"})),
)
cheat = _algorithm("cheat", train_cheat, Capabilities(_BOX, _DISCRETE, masks=True, data="offline"))
solve = _algorithm(
    "solve",
    train_solve,
    Capabilities(_BOX, _DISCRETE, masks=True, data="offline", needs=frozenset({"model"})),
    load_planned,
)
descend = _algorithm(
    "descend",
    train_descend,
    Capabilities(_BOX, _BOX, data="offline", needs=frozenset({"gradient"})),
    load_gain,
)
