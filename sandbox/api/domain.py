"""Domains and the tasks they offer: frozen data, cheap to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sandbox.api.metric import Metric
from sandbox.api.policy import Baseline
from sandbox.api.version import API_VERSION

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sandbox.api.bound import Bound
    from sandbox.api.command import Command, InputPart
    from sandbox.api.extension import Extension, Observation
    from sandbox.api.lazy import Lazy
    from sandbox.api.observation_field import ObservationField
    from sandbox.api.reward import RewardSpec
    from sandbox.api.table import InfoTable
    from sandbox.api.view import View

    Fields = Sequence[ObservationField] | Mapping[str, Sequence[ObservationField]]


@dataclass(frozen=True, slots=True)
class Task:
    """A family of environments that share dynamics; a scenario picks one of them.

    Every ``str | …`` field may be a ``"module:attribute"`` string, resolved when it is needed;
    ``".env:make"`` means the module ``env`` beside the plugin's own.

    Args:
        name: Unique in its domain; ``<domain>/<name>`` is the task's full name.
        version: Raised whenever dynamics, observation or reward change.
        title: One line of what it is.
        config: Pydantic model of the task's parameters; every field has bounds, and a unit in its
            description. None if absent.
        make: ``(config, reward, render_mode) -> gymnasium.Env | pettingzoo.ParallelEnv``; see
            `sandbox.api.batched`, which gives this and ``make_vec``.
        rewards: Reward presets: `Rewards`, or a mapping from name to `RewardSpec`.
        default_reward: The preset used when a scenario names none; the first if absent.
        metrics: What ``info["metrics"]`` holds at the end of an episode.
        transition: Class of what the reward terms are functions of, a dataclass with a section
            ``Attributes`` in its docstring; for ``sandbox info`` and for who adds terms. If absent, what
            the ``step`` of a batched core says that it returns, or what the terms' functions are annotated
            with.
        agents: ``"single"`` for Gymnasium, ``"parallel"`` for PettingZoo's parallel API.
        make_vec: ``(config, reward, num_envs) -> gymnasium.vector.VectorEnv`` where the dynamics can
            be batched natively; its autoreset mode must be SAME_STEP or DISABLED, its ``reset`` takes
            a list of seeds, and environment i with seed s plays the episode of the single environment. In a
            parallel task each environment has its k agents as the rows of one action:
            observations ``(num_envs, k, …)``, padded as for a shared policy; attributes ``agents``,
            ``row_observation_space`` and ``row_action_space``; infos as those of
            `sandbox.envs.multiagent.JointEnv`.
        max_num_envs: Environments that evaluation plays at once in a native vector environment, and the
            most that training takes by default; few where each runs in a process of its own.
        cheap: Whether a step costs less than sending it to another process (some 100 µs) and any number
            of environments can live in one: then they are stepped in the training process.
        masks: Whether ``info["action_mask"]`` (boolean, see `sandbox.api.masks`) comes with every reset and
            step. In a parallel task each agent's info carries its own.
        game: Whether its environments are games for two in turn that give their rules and positions, for
            algorithms that search; see `sandbox.api.game`.
        play: ``(env) -> sandbox.api.hand.ByHand``: how a person plays the task; None where nobody can.
        resume: How an interrupted training run finds its environments again, bit by bit.

            - ``"state"``: the single environment, unwrapped, and the native vector environment have
              ``get_state() -> Json`` and ``set_state(state)``, after which every step and
              reset is what it would have been. A state is nested dicts with ``str`` keys whose values
              are NumPy arrays without objects, ``int``, ``float``, ``str``, ``bool``, ``None`` or lists
              of those; a generator's state is ``np_random.bit_generator.state``.
            - ``"replay"``: an episode is a function of its seed and its actions. They are logged, and
              the current episode is played again from them; no method is needed. A native vector
              environment must then be in DISABLED autoreset mode and begin, in
              ``reset(seed=[…], options={"reset_mask": mask})``, the masked environments' episodes from
              their seeds alone.
            - ``"none"``: environments start new episodes; training goes on, but not exactly.
            Branches: ``sandbox moves`` plays on from one state more than once where ``resume``
            is ``"state"``, and replays the episode's actions for every branch otherwise. The single
            environment, unwrapped, may help with

            - ``redraw(seed)``: draw again all that chance has still to decide, and nothing that has been:
              the present observation stays, and ``get_state`` holds the new future. ``can_redraw`` is
              false where some parameters forbid it. Without it a decision has one future.
            - ``action_text(action, row)``: what is done, in the domain's words.
            - ``hold()`` and ``go_on(held)``: keep a moment in a way that is faster than a state, for
              branches that end before the episode does; ``held.release()`` gives it up.

            The native vector environment may have ``branch(state, seeds) -> (observations, infos)``: row i
            plays on from a state of the single environment as that does after ``redraw(seeds[i])``.
            Where observations show only a part, environments, single and native, may have ``state_space`` and
            ``state()``: what a policy trained on it is shown as an expert that sees more than the learner.
        baselines: The classical methods, best-tuned form.
        bound: ``(env, metric, seeds) -> Bound | None``, a `sandbox.api.Bound` of the mean of that metric over
            the test episodes with these seeds; None, or `InvalidValueError`, where none is known. It is given
            the unwrapped single environment with the parameters of evaluation.
        sources: Papers, standards and simulators behind it.
        views: Pictures beyond the rendered episode.
        observations: Other ways to observe than the environment's own.
        observation_fields: What the numbers of the environment's own observation are, in their order, for
            ``sandbox info`` and wherever an observation is shown: ``(env) -> Sequence[ObservationField]`` of
            the unwrapped single environment; in a parallel task whose agents see different things a mapping
            from agent to such. The contract suite holds it to the length of the observation.
        finite_model: ``(config, reward) -> FiniteModel`` where states and actions are few enough to be
            written down; raises `InvalidValueError` for parameters with which they are not.
        dynamics: ``(config) -> Dynamics`` where the dynamics are written as array operations.
        simulator: ``(config, reward, num_envs) -> Simulator``: copies of the task for planners; raises
            `InvalidValueError` for parameters with which nobody can look ahead.
        tables: What was made of a scenario's parameters and files, ``(config) -> Sequence[InfoTable]``, for
            ``sandbox info``.
        picture: ``(config, path)`` draws the same to a PNG file, for ``sandbox info --picture``; if absent,
            the first rendered image of an episode is taken.
        inputs: What the files of a scenario hold and what of it is used, ``(config) -> Sequence[InputPart]``,
            for a task that reads files; ``sandbox info`` shows it.
        pretrained: ``(config) -> model``: a new copy of the model that policies of the task begin as, where
            the task is to fine-tune one. Its form is agreed by the task and the algorithms that need it.
        small: Parameters of a small instance whose episodes are short, for the contract suite.
        expected_failures: Checks of the contract suite that the task cannot pass, each with the reason.
        extensions: What others have added; set by the registry.

    At the end of an episode the environment's info holds ``metrics``; at every step it holds
    ``reward_terms``, the unweighted values of the reward's terms. In a parallel task the metrics
    concern the whole system and are given to every agent that is left.
    """

    name: str
    version: int = 1
    title: str = ""
    config: str | type[BaseModel] | Lazy = "sandbox.api.no_config:NoConfig"
    make: str | Callable[..., Any] = ""
    rewards: str | Mapping[str, RewardSpec] | Lazy = ""
    default_reward: str = ""
    metrics: tuple[Metric, ...] = ()
    agents: Literal["single", "parallel"] = "single"
    make_vec: str | Callable[..., Any] | None = None
    max_num_envs: int = 256
    cheap: bool = False
    masks: bool = False
    game: bool = False
    play: str | Callable[[Any], Any] | None = None
    resume: Literal["state", "replay", "none"] = "none"
    baselines: tuple[Baseline, ...] = ()
    bound: str | Callable[..., Bound | None] | None = None
    sources: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    observations: tuple[Observation, ...] = ()
    observation_fields: str | Callable[[Any], Fields] | None = None
    transition: str | type | None = None
    finite_model: str | Callable[..., Any] | None = None
    dynamics: str | Callable[..., Any] | None = None
    simulator: str | Callable[..., Any] | None = None
    tables: str | Callable[[Any], Sequence[InfoTable]] | None = None
    picture: str | Callable[[Any, Path], None] | None = None
    inputs: str | Callable[[Any], Sequence[InputPart]] | None = None
    pretrained: str | Callable[..., Any] | None = None
    small: Mapping[str, Any] = field(default_factory=dict, hash=False)
    expected_failures: Mapping[str, str] = field(default_factory=dict, hash=False)
    extensions: tuple[Extension, ...] = ()

    def __post_init__(self) -> None:
        missing = [name for name in ("make", "rewards") if not getattr(self, name)]
        if missing:
            raise TypeError(f"the task '{self.name}' is given no {' and no '.join(missing)}")


@dataclass(frozen=True, slots=True)
class Domain:
    """What an entry point of the group ``sandbox.domains`` points to.

    Args:
        name: Short and unique; first part of every scenario id.
        title: One line of what it is.
        tasks: At least one.
        default_scenario: What ``sandbox run <name>`` runs, as ``<name>/<scenario>``; that of the first task
            if absent. A task that no scenario file names is a scenario of its own name, with its default
            parameters, ranked by its first metric.
        scenarios: Folder with the domain's scenario files, for a plugin that ships its own: a path
            relative to the plugin's file. None where the files lie on the common search path.
        requires: Importable modules that the domain needs, to say what is missing without importing.
        extra: The extra of ``sandbox-rl`` that installs them.
        sources: Papers, standards and simulators behind it.
        commands: Commands of its own, ``sandbox <name> <command>``.
        api_version: The contract that the plugin was written for.
    """

    name: str
    title: str
    tasks: tuple[Task, ...]
    default_scenario: str = ""
    scenarios: str | None = None
    requires: tuple[str, ...] = ()
    extra: str | None = None
    sources: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    api_version: int = field(default=API_VERSION)

    def __post_init__(self) -> None:
        if not self.default_scenario and self.tasks:
            object.__setattr__(self, "default_scenario", f"{self.name}/{self.tasks[0].name}")
