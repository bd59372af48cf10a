"""What an algorithm backend offers and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sandbox.api.version import API_VERSION

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sandbox.api.agents import Agents
    from sandbox.api.data import Dataset
    from sandbox.api.policy import Policy
    from sandbox.api.task_models import TaskModels
    from sandbox.api.types import Space, VectorEnvironment

Family = Literal[
    "policy-gradient", "value-based", "actor-critic", "model-based", "planning", "imitation", "offline"
]

Need = Literal["dataset", "expert", "model", "dynamics", "gradient", "simulator", "pretrained"]
"""What an algorithm may need beside an environment; see `Capabilities.needs`."""

MODELS: frozenset[Need] = frozenset({"model", "dynamics", "gradient", "simulator"})
"""What of these is a model of the task."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an algorithm can be trained on; a misfit is refused before anything starts.

    Args:
        observation_spaces: Names of Gymnasium space classes, for example ``"Box"``.
        action_spaces: Names of Gymnasium space classes, for example ``"Discrete"``.
        masks: Whether invalid actions are kept out of the policy's distribution while it learns.
            An algorithm without it may still be trained on a masked task: the environment must then
            treat a forbidden action as harmless.
        agents: Which settings it can be trained in. ``"single"`` is a task of one agent. ``"parallel"`` is a
            task of several by parameter sharing: every agent is a row, and rows know nothing of each other.
            ``"joint"`` is a task of several with the agents apart: `TrainContext.agents` says who they are
            and `sandbox.api.JointInteraction` steps them together. Of B environments with k agents its
            policies are given B · k rows, environment by environment, and never mix two environments.
        vectorised: Whether more than one environment can be used at a time.
        data: ``"online"`` for learning from interaction. An ``"offline"`` algorithm never steps an
            environment: its `TrainContext.make_envs` raises, and ``steps`` counts its own updates.
        needs: What it cannot learn without; the request is refused before anything starts where one is
            missing.

            - ``"dataset"``: logged episodes (``--data PATH``), in `TrainContext.dataset`.
            - ``"expert"``: somebody who knows what to do (``--expert NAME|RUN``): then
              ``info["expert_action"]`` of every reset and step holds what the expert would do now.
            - ``"model"``: the task's finite model, `TrainContext.models.finite <TaskModels.finite>`.
            - ``"dynamics"``: the task's dynamics as array operations, `TaskModels.dynamics`.
            - ``"gradient"``: the same, and differentiable.
            - ``"simulator"``: copies of the task to look ahead in, `TaskModels.simulator`.
            - ``"pretrained"``: the model that the task fine-tunes, `TaskModels.pretrained`.
        needs_any: Of these one has to be given, and any one is enough: ``{"dataset", "expert"}`` for an
            algorithm that learns from records of an expert, or watches one.
        accepts: What of these it also uses where it is given; a dataset or an expert that is neither
            needed nor accepted is refused.
        search: Whether it searches with the rules of a game (`Task.game <Task>`); a task without them is
            refused.
        on_policy: Whether it learns only of the policy that is playing, from that policy's own steps; False
            if it learns from whatever was played; None where nothing is played, or for plugins that do not
            say.
        rounds: Whether an update is a round of an exact solver: few, so that each has a record of its own in
            ``progress.jsonl`` and the first ones a line on the terminal.
        from_policy: Whether it can start from a policy (``--init-from``); refused before anything starts
            where it cannot.
        learns_model: Whether it learns a model of the task. What needs a model, or searches, is model-based
            as well.
        exact_resume: Whether going on from its saved state gives, over restored environments, what a run
            without a stop gives. Claimed by who has tested it, as ``sandbox plugin check NAME`` does; where
            it is not claimed, a resumed run says so, and a stopped cell of a comparison starts again.
    """

    observation_spaces: frozenset[str]
    action_spaces: frozenset[str]
    masks: bool = False
    agents: frozenset[str] = frozenset({"single", "parallel"})
    vectorised: bool = True
    data: Literal["online", "offline"] = "online"
    exact_resume: bool = False
    needs: frozenset[Need] = frozenset()
    accepts: frozenset[Need] = frozenset()
    needs_any: frozenset[Need] = frozenset()
    search: bool = False
    on_policy: bool | None = None
    learns_model: bool = False
    rounds: bool = False
    from_policy: bool = True

    @property
    def model_based(self) -> bool:
        """Whether it plans with a model, given or learned."""
        return self.learns_model or self.search or bool(self.needs & MODELS)

    @property
    def needed(self) -> list[str]:
        """All that it cannot learn without, in words: ``["dataset or expert"]``."""
        return sorted(self.needs) + ([" or ".join(sorted(self.needs_any))] if self.needs_any else [])

    @property
    def learning(self) -> str:
        """How it learns, for example ``online, off-policy, model-free``."""
        policy = {True: ["on-policy"], False: ["off-policy"], None: []}[self.on_policy]
        return ", ".join([self.data, *policy, "model-based" if self.model_based else "model-free"])

    def uses(self, need: Need) -> bool:
        """Whether it needs or accepts something."""
        return need in self.needs | self.accepts | self.needs_any


class StopTraining(Exception):  # noqa: N818 - a signal, not an error
    """Raised by `TrainContext.update` to end training early; algorithms let it pass."""


class WriteState(Protocol):
    """Writes all that an algorithm needs to go on exactly: weights, optimiser, counters, generators."""

    def __call__(self, folder: Path, before: Path | None) -> None:
        """Write the state of this moment.

        Args:
            folder: An empty folder to write into; see `sandbox.api.write_state`. No pickle.
            before: The state that was written last in this run, or None. Its files never change, so
                large ones that still hold may be hard-linked instead of being written again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Resume:
    """What a stopped training goes on from.

    The algorithm restores its state, begins with a call of `TrainContext.update` at the steps that it
    was written at (a validation may be due there), and goes on.

    Attributes:
        state: Folder with what the algorithm's `WriteState` wrote; every file has been checked.
        environments: Whether `TrainContext.make_envs` gives environments as they were at that
            moment: then they are in the middle of their episodes and must not be reset. Otherwise
            they are new and must be.
    """

    state: Path
    environments: bool


@dataclass(frozen=True, slots=True)
class RemoteEnvs:
    """Environments in other processes or on other machines; see `TrainContext.remote_envs`.

    Attributes:
        make_envs: ``(num_envs, worker) -> VectorEnv``: a vector environment as `TrainContext.make_envs`
            gives, on training seeds of that worker; workers are numbered from 1. It can be pickled. The
            environment's ``drain()`` returns the episodes that have ended in it since the last call, as
            plain values.
        on_episodes: Takes what ``drain()`` returned, so that these episodes are logged like local ones.
        on_ray: ``(num_envs) -> VectorEnv``: the environments of `TrainContext.make_envs` on a Ray cluster,
            where they play whole rollouts (see `sandbox.api.ahead`); their episodes are logged as well.
    """

    make_envs: Callable[[int, int], VectorEnvironment]
    on_episodes: Callable[[Any], None]
    on_ray: Callable[[int], VectorEnvironment] | None = None


class Update(Protocol):
    """Reports the progress of a training; see `TrainContext.update`."""

    def __call__(
        self,
        steps: int,
        policy: Callable[[], Policy],
        values: Mapping[str, float] | None = None,
        state: WriteState | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class TrainContext:
    """All that training is given. An algorithm never sees the run directory.

    Attributes:
        make_envs: Vector environment with the given number of environments, in SAME_STEP autoreset mode; its
            first ``reset`` without a seed starts it on the run's training seeds. The caller of
            ``make_envs`` closes it. In a parallel task every agent of every environment is one of
            its ``num_envs`` rows, with padded spaces;
            ``info["active"]`` (boolean, shape ``(num_envs,)``) marks rows whose agent is present.
            On masked tasks ``info["action_mask"]`` has shape ``(num_envs, n)``. When a row's episode
            ends, ``info["final_obs"][row]`` is its true last observation and
            ``info["final_info"]`` the last info.
        observation_space: Space of one row.
        action_space: Space of one row.
        config: The algorithm's validated hyperparameters.
        steps: Environment steps to train for, counted over all rows; updates of an offline algorithm.
        seed: Seeds everything the algorithm draws at random.
        num_envs: Number of environments to use.
        masks: Whether the task gives action masks.
        update: To be called at least once an iteration with the number of steps done, a function
            that gives the current policy for inference, the algorithm's own scalar diagnostics, and
            a function that writes the full training state. It logs, validates, writes checkpoints
            and may raise `StopTraining` and, when the user interrupts, `KeyboardInterrupt`.
            ``state`` marks a safe point: it is called within ``update`` or not at all, so it need not
            be cheap to give. An algorithm that has such points gives it at every one of them, which
            must not depend on the clock, and leaves it out elsewhere (in the middle of a rollout);
            validation, checkpoints and interrupts then wait for the next one. Without ``state`` a
            stopped run starts again from its beginning.
        agents: The agents of an environment with their own spaces, in the order of its rows, for an algorithm
            that is ``"joint"``; None for others. See `sandbox.api.JointInteraction`.
        initial: Folder of a saved policy to start from, or None.
        dataset: Logged episodes that fit the spaces, where the algorithm uses one and one is given.
        expert: Name of the expert whose actions ``info["expert_action"]`` holds at every reset and step of
            the environments (shape ``(num_envs, *action_shape)``), or None.
        models: What the task tells of itself: its reward, and its finite model and dynamics where it
            offers them.
        remote_envs: Makes environments in other processes or on other machines; these are not restored
            when a stopped run is resumed.
        resume: What to go on from instead of starting, or None; ``initial`` then says only that the run
            once started from a policy.
    """

    make_envs: Callable[[int], VectorEnvironment]
    observation_space: Space
    action_space: Space
    config: Any
    steps: int
    seed: int
    num_envs: int
    update: Update
    masks: bool = False
    agents: Agents | None = None
    initial: Path | None = None
    dataset: Dataset | None = None
    expert: str | None = None
    models: TaskModels | None = None
    resume: Resume | None = None
    remote_envs: RemoteEnvs | None = None


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What an entry point of the group ``sandbox.algorithms`` points to.

    Every ``str | …`` field may be a ``"module:attribute"`` string, resolved when it is needed.

    Args:
        name: The name that ``--algo`` takes.
        family: Where it belongs in the taxonomy of methods.
        backend: The library that implements it.
        capabilities: What it can be trained on.
        config: Pydantic model of its hyperparameters, defaults included.
        train: ``(TrainContext) -> Policy``; returns the final policy.
        load: ``(directory) -> Policy``; reads what the policy's ``save`` wrote, without pickle.
        convert: ``(file, directory, name) -> None``; reads a model that the backend's own library saved,
            which may run code that the file holds, and writes it as a policy. Called only where the user
            says ``--trust-pickle``; None where there is no such thing.
        masked_by: The algorithm that takes over by itself when the task has action masks.
        requires: Importable modules that it needs.
        load_requires: Importable modules that playing its saved policies needs; ``requires`` if absent.
        extra: The extra of ``sandbox-rl`` that installs them.
        description: One sentence.
        sources: Papers.
        version: Raised whenever the same settings and seed give another result; runs record it.
        api_version: The contract that the plugin was written for.
    """

    name: str
    family: Family
    backend: str
    capabilities: Capabilities
    config: str | type[BaseModel]
    train: str | Callable[[TrainContext], Policy]
    load: str | Callable[[Path], Policy]
    convert: str | Callable[[Path, Path, str], None] | None = None
    masked_by: str | None = None
    requires: tuple[str, ...] = ()
    load_requires: tuple[str, ...] | None = None
    extra: str | None = None
    description: str = ""
    sources: tuple[str, ...] = ()
    version: int = 1
    api_version: int = field(default=API_VERSION)
