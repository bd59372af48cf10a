"""How fast is PPO's update, and a whole training: the core beside Stable-Baselines3 and other libraries.

    python -m benchmarks.ppo [--repeats R] [--presets traffic,lost-sales,ant] [--steps N]

The update: all passes over one rollout of random numbers of the size of a preset, on the same data from the
same weights, in processor time. Stable-Baselines3, the core with and without Numba, and, where they are
installed, SBX (``pip install sbx-rl``), TorchRL's loss and a loop in JAX take turns within one run, so that
the ratios hold on a busy machine. How far the core's weights are from SB3's after the update is told, too.
The training: steps a second of processor time on lost sales in its native batch, from the first rollout to
the last update. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

SCENARIOS = {
    "traffic": "traffic/single-intersection",
    "lost-sales": "inventory/lost-sales",
    "ant": "locomotion/ant",
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--presets", default=",".join(SCENARIOS))
    parser.add_argument("--steps", type=int, default=500_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    result: dict[str, Any] = {
        name: update(SCENARIOS[name], arguments.repeats) for name in arguments.presets.split(",")
    }
    if arguments.steps:
        result["training on lost sales"] = training(arguments.steps, arguments.repeats)
    print(json.dumps(result, indent=2))
    return 0


def update(scenario: str, repeats: int) -> dict[str, Any]:
    """Milliseconds of processor time a minibatch of every side, and SB3's time over theirs."""
    bench = Bench(scenario)
    sides: dict[str, Callable[[], float]] = {"sb3": bench.sb3}
    result: dict[str, Any] = {}
    for name, prepare in (
        ("core", bench.core),
        ("core in NumPy", bench.core_in_numpy),
        ("torchrl", bench.torchrl),
        ("jax", bench.jax),
        ("sbx", bench.sbx),
    ):
        try:
            sides[name] = prepare()
            sides[name]()
        except ImportError as error:
            result[name] = f"not installed: {error}"
    times = [{name: measure() for name, measure in sides.items()} for _ in range(repeats)]
    result["minibatches"] = bench.minibatches
    for name in sides:
        ratios = [row["sb3"] / row[name] for row in times]
        result[name] = {
            "ms a minibatch": round(1e3 * min(row[name] for row in times) / bench.minibatches, 3),
            "sb3's time over it": round(statistics.median(ratios), 2),
            "range": [round(min(ratios), 2), round(max(ratios), 2)],
        }
    bench.sb3()
    theirs = bench.weights(bench.model)
    sides["core"]()
    result["core's largest difference from sb3's weights"] = float(
        np.abs(bench.weights(bench.fast) - theirs).max()
    )
    return result


class Bench:
    """One rollout of random numbers of a preset's size, and models of the preset's network."""

    def __init__(self, scenario: str) -> None:
        import torch
        from stable_baselines3.common.logger import Logger

        from sandbox.registry.resolve import resolve
        from sandbox.scenarios.resolve import load_scenario
        from sandbox.training.plan import make_plan

        self.plan = make_plan(load_scenario(scenario), "ppo")
        self.config = self.plan.config
        self.rows, self.steps = self.plan.num_envs, self.config.n_steps
        self.type = resolve("sb3_contrib:MaskablePPO" if self.plan.masks else "stable_baselines3:PPO")
        self.model, self.fast = self._model("sb3"), self._model("fast")
        for model in (self.model, self.fast):
            model.set_logger(Logger(folder=None, output_formats=[]))
            model._current_progress_remaining = 1.0
        torch.manual_seed(0)
        self._fill(np.random.default_rng(0))
        self.start = copy.deepcopy(self.model.policy.state_dict())
        self.optimizer = copy.deepcopy(self.model.policy.optimizer.state_dict())
        transitions = self.rows * self.steps
        self.minibatches = self.config.n_epochs * -(-transitions // self.config.batch_size)

    def _model(self, backend: str) -> Any:
        from sandbox.api import TrainContext
        from sandbox.backends.sb3.catalogue import MASKABLE_PPO, PPO
        from sandbox.backends.sb3.model import build_model
        from sandbox.backends.sb3.vec_env import VecEnvAdapter

        plan, config = self.plan, self.config.model_copy(update={"backend": backend})
        context = TrainContext(
            make_envs=lambda _: None, observation_space=plan.observation_space,
            action_space=plan.action_space, config=config, steps=10**9, seed=0, num_envs=self.rows,
            update=lambda *_: None, masks=plan.masks,
        )  # fmt: skip
        envs = VecEnvAdapter(_Spaces(plan.observation_space, plan.action_space, self.rows), plan.masks)
        return build_model(MASKABLE_PPO if plan.masks else PPO, context, envs)

    def _fill(self, rng: np.random.Generator) -> None:
        import torch

        buffer, rollout = self.model.rollout_buffer, self.fast.rollout_buffer
        buffer.reset()
        buffer.observations[:] = rng.normal(size=buffer.observations.shape)
        buffer.rewards[:] = rng.normal(size=buffer.rewards.shape)
        for step in range(self.steps):
            more = {}
            if self.plan.masks:
                mask = rng.random(buffer.action_masks[step].shape) < 0.7
                mask[:, 0] = True
                buffer.action_masks[step] = mask
                more = {"action_masks": mask}
            with torch.no_grad():
                actions, values, log_probs = self.model.policy(
                    torch.as_tensor(buffer.observations[step]), **more
                )
            buffer.actions[step] = actions.numpy().reshape(self.rows, -1)
            buffer.values[step], buffer.log_probs[step] = values.numpy()[:, 0], log_probs.numpy()
        buffer.pos, buffer.full = self.steps, True
        buffer.compute_returns_and_advantage(torch.zeros(self.rows), np.zeros(self.rows))
        self.names = ["observations", "actions", "values", "log_probs", "advantages", "returns"]
        self.names += ["action_masks"] if self.plan.masks else []
        self.data = {name: getattr(buffer, name).copy() for name in self.names}
        rollout.features[:] = self.data["observations"].reshape(rollout.features.shape)
        for name in self.names[1:6]:
            getattr(rollout, name)[:] = self.data[name]
        if self.plan.masks:
            rollout.masks[:] = self.data["action_masks"] > 0

    def flat(self) -> dict[str, Any]:
        """The data row after row, as SB3 shuffles it."""
        return {
            name: np.ascontiguousarray(part.swapaxes(0, 1).reshape(-1, *part.shape[2:]), np.float32)
            for name, part in self.data.items()
        }

    def weights(self, model: Any) -> Any:
        """All weights of a model, one vector."""
        return np.concatenate([part.detach().numpy().ravel() for part in model.policy.parameters()])

    def sb3(self) -> float:
        """Seconds of SB3's update, from the start."""
        for name, part in self.data.items():
            setattr(self.model.rollout_buffer, name, part.copy())
        self.model.rollout_buffer.generator_ready = False
        self.model.policy.load_state_dict(self.start)
        self.model.policy.optimizer.load_state_dict(copy.deepcopy(self.optimizer))
        return _timed(self.model.train)

    def core(self) -> Callable[[], float]:
        """The core's update, from the start; compiled where Numba is installed."""
        return lambda: self._core(self._kernels("compiled"))

    def core_in_numpy(self) -> Callable[[], float]:
        """The same without Numba."""
        return lambda: self._core(self._kernels("plain"))

    def _kernels(self, name: str) -> Any:
        import importlib

        return importlib.import_module(f"sandbox.backends.sb3.fast.{name}")

    def _core(self, kernels: Any) -> float:
        optimizer = self.fast.policy.optimizer
        self.fast.policy.load_state_dict(self.start)
        optimizer.weights.first[:] = optimizer.weights.second[:] = optimizer.steps = 0
        self.fast.core.kernels = kernels
        return _timed(self.fast.train)

    def torchrl(self) -> Callable[[], float]:
        """TorchRL's `ClipPPOLoss` and Adam over the same minibatches."""
        from benchmarks import ppo_peers

        return ppo_peers.torchrl(self)

    def jax(self) -> Callable[[], float]:
        """A compiled loop in JAX and Optax over the same minibatches."""
        from benchmarks import ppo_peers

        return ppo_peers.jax_loop(self)

    def sbx(self) -> Callable[[], float]:
        """SBX's own update."""
        from benchmarks import ppo_peers

        return ppo_peers.sbx(self)


class _Spaces:
    """Stands for a vector environment of which only the spaces are looked at."""

    def __init__(self, observation_space: Any, action_space: Any, num_envs: int) -> None:
        self.single_observation_space, self.single_action_space = observation_space, action_space
        self.num_envs, self.metadata = num_envs, {"autoreset_mode": "SameStep"}


def _timed(function: Callable[[], Any]) -> float:
    np.random.seed(1)
    begun = time.process_time()
    function()
    return time.process_time() - begun


def training(steps: int, repeats: int) -> dict[str, Any]:
    """Steps a second of processor time of whole trainings on lost sales, in turn."""
    rates = [{backend: _rate(backend, steps) for backend in ("sb3", "fast")} for _ in range(repeats)]
    return {
        backend: {"steps a second": round(statistics.median(row[backend] for row in rates))}
        for backend in ("sb3", "fast")
    } | {"ratio": round(statistics.median(row["fast"] / row["sb3"] for row in rates), 2)}


def _rate(backend: str, steps: int) -> float:
    import sandbox
    from sandbox.api import TrainContext
    from sandbox.backends.sb3.catalogue import PPO
    from sandbox.scenarios.resolve import load_scenario
    from sandbox.training.plan import make_plan

    scenario = SCENARIOS["lost-sales"]
    plan = make_plan(load_scenario(scenario), "ppo", steps=steps, hp={"backend": backend})
    context = TrainContext(
        make_envs=lambda num_envs: sandbox.make_vec(scenario, num_envs),
        observation_space=plan.observation_space, action_space=plan.action_space, config=plan.config,
        steps=steps, seed=0, num_envs=plan.num_envs, update=lambda *_: None,
    )  # fmt: skip
    begun = time.process_time()
    PPO.train(context)
    return steps / (time.process_time() - begun)


if __name__ == "__main__":
    sys.exit(main())
