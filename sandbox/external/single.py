"""A Gymnasium environment with the infos that the contract asks for."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import gymnasium as gym

from sandbox.api.derived import DerivedMetrics
from sandbox.api.errors import InvalidValueError, MissingExtraError, SandboxError, UnknownNameError
from sandbox.api.metric import Metric
from sandbox.api.reward import RewardSpec
from sandbox.api.types import Element, Environment, Info, Reset
from sandbox.external.code import first_line, wrapped
from sandbox.external.config import GymnasiumConfig
from sandbox.external.spaces import action_form, flat_mask, observation_form

AnyEnv: TypeAlias = Environment


@dataclass(frozen=True, slots=True)
class Step:
    """What reward terms of such a task are functions of.

    Attributes:
        observation: After the step, as the environment gives it.
        action: As the environment took it.
        reward: The environment's own reward.
        terminated: Whether the process itself ended.
        truncated: Whether a limit cut the episode off.
        info: The environment's own info.
    """

    observation: Element
    action: Element
    reward: float
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]


class ExternalEnv(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose reward is a sum of terms and that reports metrics when an episode ends.

    Masks are taken from ``info["action_mask"]``, a method ``action_masks()``, or the part
    ``action_mask`` of a Dict observation, which is then left out of the observation.

    Args:
        env: The environment.
        name: What messages call it.
        reward: Terms are functions of `Step`.
        metrics: All of them derived from terms or infos.
        masks: Whether it has action masks.
    """

    def __init__(
        self, env: AnyEnv, name: str, reward: RewardSpec, metrics: Sequence[Metric], masks: bool = False
    ) -> None:
        super().__init__(env)
        self._reward, self._masks = reward, masks
        space, self._mask_in_observation = env.observation_space, False
        if masks and isinstance(space, gym.spaces.Dict) and "action_mask" in space.spaces:
            self._mask_in_observation = True
            space = gym.spaces.Dict({key: part for key, part in space.items() if key != "action_mask"})
            if list(space.spaces) == ["observation"]:
                space = space["observation"]
        self._nested = isinstance(space, gym.spaces.Dict)
        self.observation_space, self._observe = observation_form(space, name)
        self.action_space, self._act = action_form(env.action_space, name)
        self._metrics = DerivedMetrics(metrics, 1)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> Reset:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._metrics.begin()
        return self._seen(observation), self._mask(observation, info)

    def step(self, action: Element) -> tuple[Any, float, bool, bool, Info]:
        """One step; the reward is the weighted sum of the task's terms."""
        taken = self._act(action)
        observation, reward, terminated, truncated, info = self.env.step(taken)
        happened = Step(observation, taken, float(reward), bool(terminated), bool(truncated), info)
        breakdown = self._reward(happened)
        terms = {name: float(value) for name, value in breakdown.terms.items()}
        self._metrics.add(terms, info)
        told: Info = {"reward_terms": terms, **self._mask(observation, info)}
        if happened.terminated or happened.truncated:
            told["metrics"] = {name: float(values[0]) for name, values in self._metrics.values().items()}
        return (
            self._seen(observation), float(breakdown.total), happened.terminated, happened.truncated, told
        )  # fmt: skip

    def render(self) -> Any:
        """A picture, in the way that the environment draws it.

        Raises:
            MissingExtraError: If a package that it draws with is not installed.
        """
        try:
            return self.env.render()
        except gym.error.DependencyNotInstalled as error:
            raise MissingExtraError("Rendering this environment", [_missing(error)], None) from error

    def _seen(self, observation: Element) -> Any:
        if self._mask_in_observation:
            rest = {key: part for key, part in observation.items() if key != "action_mask"}
            observation = rest if self._nested else rest["observation"]
        return self._observe(observation)

    def _mask(self, observation: Element, info: Mapping[str, Any]) -> Info:
        if not self._masks:
            return {}
        if self._mask_in_observation:
            mask = observation["action_mask"]
        elif "action_mask" in info:
            mask = info["action_mask"]
        else:
            mask = self.env.get_wrapper_attr("action_masks")()
        return {"action_mask": flat_mask(mask)}


def has_masks(env: AnyEnv) -> bool:
    """Whether an environment tells which actions are allowed."""
    space = env.observation_space
    if isinstance(space, gym.spaces.Dict) and "action_mask" in space.spaces:
        return True
    if env.has_wrapper_attr("action_masks"):
        return True
    try:
        _, info = env.reset(seed=0)
    except Exception as error:  # environments raise anything
        raise InvalidValueError(f"The environment cannot be reset: {first_line(error)}.") from error
    return "action_mask" in info


def make_gymnasium(
    config: GymnasiumConfig,
    reward: RewardSpec,
    render_mode: str | None = None,
    *,
    metrics: Sequence[Metric],
    masks: bool = False,
    wrap: Sequence[Callable[[AnyEnv], AnyEnv] | str] = (),
) -> ExternalEnv:
    """The environment that a config names, as a task.

    Raises:
        UnknownNameError: If nothing of that name is registered.
        MissingExtraError: If a package that it needs is not installed.
        InvalidValueError: If it cannot be made with these arguments.
        MisfitError: If its spaces cannot be used.
    """
    env = bare(config.id, config.kwargs, config.max_episode_steps, render_mode)
    env = wrapped(env, (*wrap, *config.wrap), "observation_space")
    return ExternalEnv(env, config.id, reward, metrics, masks)


def bare(
    name: str, kwargs: Mapping[str, Any], max_episode_steps: int | None = None, render_mode: str | None = None
) -> AnyEnv:
    """What ``gymnasium.make`` gives, its errors as sentences; raises as `make_gymnasium`."""
    module, _, attribute = name.partition(":")
    if attribute and (make := _maker(module, attribute)) is not None:
        return _limited(_made(make, name, kwargs, render_mode), max_episode_steps)
    try:
        env: AnyEnv = gym.make(
            name,
            max_episode_steps=max_episode_steps,
            render_mode=render_mode,
            disable_env_checker=True,
            **dict(kwargs),
        )
    except gym.error.DependencyNotInstalled as error:
        raise MissingExtraError(f"gym:{name}", [_missing(error)], None) from error
    except (gym.error.NameNotFound, gym.error.NamespaceNotFound, gym.error.VersionNotFound) as error:
        if attribute:
            what = f"environment of the module {module}"
            raise UnknownNameError(what, attribute, _offered(module)) from error
        raise UnknownNameError("environment of Gymnasium", name, list(gym.registry)) from error
    except ModuleNotFoundError as error:
        raise InvalidValueError(
            f"gym:{name} cannot be made: there is no module {error.name}.", f"pip install {error.name}"
        ) from error
    except SandboxError:
        raise
    except Exception as error:  # constructors of environments raise anything
        raise InvalidValueError(f"gym:{name} cannot be made: {first_line(error)}") from error
    return env


def _offered(module: str) -> list[str]:
    """Environments that a module holds or registers, by name."""
    held = [
        name
        for name, value in vars(importlib.import_module(module)).items()
        if inspect.isclass(value) and issubclass(value, gym.Env)
    ]
    return held + [name for name, spec in gym.registry.items() if str(spec.entry_point).startswith(module)]


def _maker(module: str, attribute: str) -> Callable[..., AnyEnv] | None:
    """The class or function of that name in a module; None where the name is one that is registered."""
    try:
        found: Any = importlib.import_module(module)
    except ImportError:
        return None  # Gymnasium says what is missing
    except Exception as error:  # what a module does when it is imported raises anything
        raise InvalidValueError(
            f"gym:{module} cannot be imported: {type(error).__name__}: {first_line(error)}."
        ) from error
    for part in attribute.split("."):
        found = getattr(found, part, None)
    return found if callable(found) else None


def _made(
    make: Callable[..., AnyEnv], name: str, kwargs: Mapping[str, Any], render_mode: str | None
) -> AnyEnv:
    given = dict(kwargs) if render_mode is None else {"render_mode": render_mode, **kwargs}
    try:
        env = make(**given)
    except SandboxError:
        raise
    except Exception as error:  # constructors of environments raise anything
        raise InvalidValueError(f"gym:{name} cannot be made: {first_line(error)}") from error
    if not isinstance(env, gym.Env):
        raise InvalidValueError(f"gym:{name} is a {type(env).__name__}, not a gymnasium.Env.")
    return env


def _limited(env: AnyEnv, max_episode_steps: int | None) -> AnyEnv:
    return env if max_episode_steps is None else gym.wrappers.TimeLimit(env, max_episode_steps)


def _missing(error: Exception) -> str:
    """The package that is not installed; Gymnasium's messages begin with its name."""
    return first_line(error).partition(" is not installed")[0]
