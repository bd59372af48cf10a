"""What plays: learned policies and classical baselines behind one protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sandbox.api.types import Array


@runtime_checkable
class Policy(Protocol):
    """Maps a batch of observations to a batch of actions; batch first, always.

    A row of the batch is one environment or, in a multi-agent task, one agent (in the order of
    ``possible_agents``, observations padded to a common shape). A policy owns its observation
    normaliser and its recurrent state. All rows start their episodes together: `reset` is called
    before the first step of a batch of episodes, and rows whose episode has ended are ignored.

    A policy may also have

    - ``bind(env, models)``, called once with the environment that will be played (as `Baseline.make` is
      given it) and the task's `TaskModels`, for one that plans;
    - ``module()``, its mode as one torch module, for ``sandbox export``; or ``networks()``, where it acts by
      several: parts with ``name``, ``module``, ``observation_space``, ``action_space``, and ``cut``, which
      takes observations, masks and actions of all rows and returns those of the part;
    - ``memoryless``, false where an action depends on more than the present observation (a recurrent
      state): such a policy cannot be asked in the middle of an episode, as an expert is;
    - ``replans``, true of one that searches for a whole episode (`Baseline.timed`) and does so again where it
      is in a state that its plan does not lead to: `sandbox.moves` can ask it what it would do.
    """

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all recurrent state and prepare for ``num_envs`` rows.

        Args:
            num_envs: Rows of the batches that follow.
            seed: Seeds the policy's own generator, used for stochastic actions.
        """
        ...

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> Array:
        """Choose an action for every row.

        Args:
            observation: Array of shape ``(num_envs, *observation_shape)``; a dict of such arrays for
                a Dict space.
            mask: Shape ``(num_envs, n)``, true where a discrete action is allowed, or None.
            deterministic: Take the mode of the policy's distribution instead of sampling.

        Returns:
            Actions of shape ``(num_envs, *action_shape)``, within the action space.
        """
        ...

    def save(self, directory: Path) -> None:
        """Write ``policy.json``, ``weights.safetensors`` and, if normalised, ``normaliser.npz``.

        ``policy.json`` holds at least ``{"algorithm": NAME}``, the algorithm whose ``load`` reads
        the directory back.
        """
        ...


@dataclass(frozen=True, slots=True)
class Baseline:
    """A classical method of the domain, played beside every learned agent.

    Args:
        name: The agent's name on the command line and in tables.
        make: ``"module:callable"`` (or the callable) from the environment to a `Policy`. It is given
            the unwrapped environment that will be played (``gymnasium.Env``,
            ``gymnasium.vector.VectorEnv`` or ``pettingzoo.ParallelEnv``) and may read its simulator.
            ``save`` of such a policy may raise ``NotImplementedError``.
        description: What it does, one sentence.
        source: Paper or handbook.
        timed: Whether it searches and can be given a time: ``make`` then also takes ``seconds``, the wall
            time (s) for each episode, or None for a fixed amount of work whose result repeats.
        memoryless: Whether an action depends on the present state alone. Only then can the baseline be
            asked for all rows of a native vector environment whose episodes begin at different times;
            as an expert it is otherwise played on single environments.
        optimal_in: Name of a metric in which no agent's expectation is better: a proven optimum. Where that
            metric ranks, the baseline is the limit that agents are measured by, and no rival that they
            lose to.
        offered: ``(config) -> bool`` or ``"module:callable"``: whether scenarios with these parameters show
            it; all do if absent. One that is named explicitly is made in any case and may refuse.
    """

    name: str
    make: str | Callable[..., Policy]
    description: str = ""
    source: str = ""
    timed: bool = False
    memoryless: bool = False
    optimal_in: str = ""
    offered: str | Callable[[Any], bool] | None = None
