"""What a task tells of itself to algorithms that plan, solve or differentiate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.api.dynamics import Dynamics
from sandbox.api.errors import MisfitError
from sandbox.api.finite_model import FiniteModel
from sandbox.api.reward import RewardSpec
from sandbox.api.simulator import Simulator


@dataclass(frozen=True, eq=False)
class TaskModels:
    """The models of a task with a scenario's parameters and weights; each is made when it is first read.

    Attributes:
        task: Full name of the task.
        config: Its parameters.
        reward: Its reward, a function of what `Dynamics.step` returns.
    """

    task: str
    config: Any
    reward: RewardSpec
    make_finite: Callable[[Any, RewardSpec], FiniteModel] | None = None
    make_dynamics: Callable[[Any], Dynamics] | None = None
    make_pretrained: Callable[[Any], Any] | None = None
    make_simulator: Callable[[Any, RewardSpec, int], Simulator] | None = None

    @cached_property
    def finite(self) -> FiniteModel:
        """The task as a finite Markov decision process.

        Raises:
            MisfitError: If the task offers none.
            PluginError: If what it offers is wrong.
        """
        if self.make_finite is None:
            raise MisfitError(f"The task {self.task} offers no finite model.")
        return self.make_finite(self.config, self.reward).check()

    @cached_property
    def dynamics(self) -> Dynamics:
        """The task's dynamics as array operations.

        Raises:
            MisfitError: If the task offers none.
        """
        if self.make_dynamics is None:
            raise MisfitError(f"The task {self.task} offers no dynamics.")
        return self.make_dynamics(self.config)

    def simulator(self, num_envs: int) -> Simulator:
        """So many copies of the task to look ahead in, with the parameters of training.

        Raises:
            MisfitError: If the task offers none.
        """
        if self.make_simulator is None:
            raise MisfitError(f"The task {self.task} offers no simulator to plan with.")
        return self.make_simulator(self.config, self.reward, num_envs)

    @property
    def pretrained(self) -> Any:
        """A new copy of the model that the task fine-tunes.

        Raises:
            MisfitError: If the task has none.
        """
        if self.make_pretrained is None:
            raise MisfitError(f"The task {self.task} has no pre-trained model.")
        return self.make_pretrained(self.config)
