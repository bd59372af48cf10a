"""Finds domain and algorithm plugins, loads them lazily and keeps a broken one from harming the rest.

Plugins come from the entry-point groups ``sandbox.domains``, ``sandbox.algorithms``, ``sandbox.extensions``
and ``sandbox.claims`` of installed distributions, and from ``SANDBOX_PLUGINS`` (what ``--plugin``
sets): a comma-separated list of ``path/to/plugin.py``, ``path/to/plugin.py:attribute``, ``module`` or
``module:attribute``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from sandbox.api import API_VERSION
from sandbox.api.algorithm import Algorithm
from sandbox.api.claim import Claim, Claims
from sandbox.api.domain import Domain, Task
from sandbox.api.errors import PluginError, SandboxError, UnknownNameError
from sandbox.api.extension import Extension
from sandbox.external.names import SCHEMES
from sandbox.registry.allowed import MARK, PLUGINS_VARIABLE
from sandbox.registry.by_path import _absolute, _load_target, _plugins_of
from sandbox.registry.extend import extended
from sandbox.registry.relative import absolute

__all__ = [
    "PLUGINS_VARIABLE",
    "PluginSource",
    "PluginStatus",
    "Registry",
    "add_plugins",
    "registry",
    "use_plugins",
]

Kind = Literal["domain", "algorithm", "extension", "claims"]
GROUPS: dict[str, type] = {
    "sandbox.domains": Domain,
    "sandbox.algorithms": Algorithm,
    "sandbox.extensions": Extension,
    "sandbox.claims": Claims,
}

_FROM_A_FILE = f"One that is not installed is known with --plugin PATH, or {PLUGINS_VARIABLE}=PATH."


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """What became of one plugin: listed whether it works or not."""

    name: str
    group: Kind
    distribution: str
    version: str
    status: Literal["ok", "broken"]
    error: str | None = None


class Plugins:
    """One kind of plugin by name; loads each when it is first asked for, and finishes it.

    A plugin whose module raises, that was written for another contract, is of the wrong type or
    repeats a name that is taken, is kept as broken with the reason.
    """

    def __init__(self, group: str, finish: Callable[[Any], Any] = lambda plugin: plugin) -> None:
        self._group, self._finish = group, finish
        self._sources: dict[str, PluginSource] = {}
        self._rejected: list[PluginStatus] = []
        self._loaded: dict[str, Any] = {}
        self._errors: dict[str, str] = {}
        self._unlisted: set[str] = set()
        self._same: dict[str, list[str]] = {}
        self.asked: set[str] = set()
        """Names of those that were asked for, and not only listed."""

    @property
    def kind(self) -> Kind:
        """What these plugins are called."""
        kinds: dict[str, Kind] = {
            "sandbox.domains": "domain",
            "sandbox.algorithms": "algorithm",
            "sandbox.claims": "claims",
        }
        return kinds.get(self._group, "extension")

    def add(self, name: str, source: PluginSource) -> None:
        """Offer a plugin; the first of a name wins and later ones are rejected."""
        taken = self._sources.get(name)
        if taken is None:
            self._sources[name] = source
        elif taken != source and source.module_file() and taken.file() == source.module_file():
            self._same.setdefault(source.distribution, []).append(name)  # what is installed, by its path
        elif taken != source:
            self.reject(
                name,
                source,
                f"the name is already taken by {taken.distribution} {taken.version} ({taken.target})",
            )

    def add_unlisted(self, name: str, source: PluginSource) -> None:
        """Offer something of the core's own that listings leave out, unless the name is taken."""
        if name not in self._sources:
            self._sources[name] = source
            self._unlisted.add(name)

    def add_builtin(self, name: str, module: str, load: Callable[[], Any]) -> None:
        """Offer something of the core's own, made by ``load``, that listings leave out."""
        self.add_unlisted(name, PluginSource(module, "sandbox-rl", "", load))

    def reject(self, name: str, source: PluginSource, reason: str) -> None:
        """List a plugin as broken without ever offering it."""
        self._rejected.append(
            PluginStatus(name, self.kind, source.distribution, source.version, "broken", reason)
        )

    def names(self, listed: bool = True) -> list[str]:
        """Names of all plugins that may work; broken ones are found out when loaded.

        Args:
            listed: Whether those of the core that listings leave out are left out.
        """
        return sorted(set(self._sources) - self._unlisted) if listed else sorted(self._sources)

    def get(self, name: str) -> Any:
        """The plugin called ``name``.

        Raises:
            UnknownNameError: If nothing has that name.
            PluginError: If it is there but broken; carries the reason.
        """
        if name not in self._sources:
            for status in self._rejected:
                if status.name == name:
                    raise PluginError(f"The plugin '{name}' is broken: {status.error}", "See sandbox doctor.")
            raise UnknownNameError(self.kind, name, self.names())
        self._load(name)
        self.asked.add(name)
        if name in self._errors:
            source = self._sources[name]
            raise PluginError(
                f"The plugin '{name}' of {source.distribution} is broken: {self._errors[name]}",
                "See sandbox doctor; all other plugins still work.",
            )
        return self._loaded[name]

    def working(self) -> Iterator[Any]:
        """All plugins that load, in order of name."""
        for name in self.names():
            self._load(name)
            if name in self._loaded:
                yield self._loaded[name]

    def break_plugin(self, name: str, reason: str) -> None:
        """Take back a plugin that turned out to be broken when it was used."""
        self._loaded.pop(name, None)
        self._errors[name] = reason

    def statuses(self) -> list[PluginStatus]:
        """Every plugin with what became of it."""
        statuses = []
        for name in self.names():
            self._load(name)
            source, error = self._sources[name], self._errors.get(name)
            state: Literal["ok", "broken"] = "ok" if error is None else "broken"
            statuses.append(PluginStatus(name, self.kind, source.distribution, source.version, state, error))
        return sorted(statuses + self._rejected, key=lambda status: (status.name, status.status != "ok"))

    def source(self, name: str) -> PluginSource:
        """Where the plugin comes from."""
        return self._sources[name]

    def _load(self, name: str) -> None:
        if name in self._loaded or name in self._errors:
            return
        try:
            self._loaded[name] = self._checked(name, self._sources[name].load())
        except SandboxError as error:
            self._errors[name] = error.message
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # a plugin may even call sys.exit() when imported
            self._errors[name] = f"{type(error).__name__}: {error}"

    def _checked(self, name: str, plugin: Any) -> Any:
        wanted = GROUPS[self._group]
        version = getattr(plugin, "api_version", None)
        if isinstance(version, int) and version != API_VERSION:
            raise PluginError(f"it was written for API version {version}, this is version {API_VERSION}")
        if not isinstance(plugin, wanted):
            raise PluginError(
                f"it should be a sandbox.api.{wanted.__name__}, but is a {type(plugin).__name__}"
            )
        if plugin.name != name:  # type: ignore[attr-defined]
            raise PluginError(
                f"it calls itself '{plugin.name}', but is offered as '{name}'"  # type: ignore[attr-defined]
            )
        return self._finish(absolute(plugin, self._sources[name].package()))


@dataclass(frozen=True)
class PluginSource:
    """Where a plugin comes from and how to get it."""

    target: str
    distribution: str
    version: str
    load: Callable[[], Any]

    def __eq__(self, other: object) -> bool:
        # The same entry point is seen twice when a distribution is found by two metadata folders.
        return isinstance(other, PluginSource) and (self.target, self.distribution) == (
            other.target,
            other.distribution,
        )

    def __hash__(self) -> int:
        return hash((self.target, self.distribution))

    def package(self) -> str:
        """The package of the module that defines the plugin, once it is loaded."""
        module = sys.modules.get(self.target.partition(":")[0])
        return getattr(module, "__package__", None) or ""

    def file(self) -> Path | None:
        """The file that would define the plugin, which is not loaded for it."""
        try:
            spec = find_spec(self.target.partition(":")[0])
        except (ImportError, ValueError):
            return None
        return Path(spec.origin).resolve() if spec is not None and spec.origin else None

    def module_file(self) -> Path | None:
        """The file that defines the plugin."""
        module = sys.modules.get(self.target.partition(":")[0])
        file = getattr(module, "__file__", None)
        return Path(file) if file else None


class Registry:
    """All domains, algorithms and extensions that this process can see."""

    def __init__(self) -> None:
        self.domains = Plugins("sandbox.domains", self._extended)
        self.algorithms = Plugins("sandbox.algorithms")
        self.extensions = Plugins("sandbox.extensions")
        self.claims = Plugins("sandbox.claims")
        self._unloadable: list[PluginStatus] = []
        declared = entry_points()
        for plugins in (self.domains, self.algorithms, self.extensions, self.claims):
            for entry in declared.select(group=plugins._group):
                plugins.add(entry.name, _from_entry_point(entry))
        for target in filter(None, os.environ.get(PLUGINS_VARIABLE, "").split(",")):
            if not target.startswith(MARK):
                self._add_target(target.strip())
        for name in SCHEMES:
            external = PluginSource("sandbox.external.domains", "sandbox-rl", "", partial(_external, name))
            self.domains.add_unlisted(name, external)

    def domain(self, name: str) -> Domain:
        """The domain called ``name``; see `Plugins.get` for what is raised."""
        domain: Domain = self._get(self.domains, name)
        return domain

    def algorithm(self, name: str) -> Algorithm:
        """The algorithm called ``name``; see `Plugins.get` for what is raised."""
        algorithm: Algorithm = self._get(self.algorithms, name)
        return algorithm

    def _get(self, plugins: Plugins, name: str) -> Any:
        try:
            return plugins.get(name)
        except UnknownNameError as error:
            # What was looked for may be in a file that could not be loaded.
            broken = " ".join(f"The plugin '{bad.name}' is broken: {bad.error}." for bad in self._unloadable)
            error.hint = f"{error.hint} {_FROM_A_FILE} {broken}".strip()
            raise

    def task(self, full_name: str) -> Task:
        """The task called ``<domain>/<task>``."""
        domain_name, _, name = full_name.partition("/")
        domain = self.domain(domain_name)
        for task in domain.tasks:
            if task.name == name:
                return task
        raise UnknownNameError("task", full_name, [f"{domain.name}/{task.name}" for task in domain.tasks])

    def scenario_folder(self, domain: Domain) -> Path | None:
        """The folder of scenario files that a domain plugin ships itself, if it does."""
        if domain.scenarios is None:
            return None
        file = self.domains.source(domain.name).module_file()
        return (file.parent / domain.scenarios).resolve() if file else None

    def offered_by(self, target: str) -> tuple[list[str], list[str]]:
        """Names of the domains and of the algorithms that a plugin given by path or module offers.

        Raises:
            PluginError: If it cannot be loaded, or a name that it offers is taken; carries the reason.
        """
        target = _absolute(target)
        for status in self._unloadable:
            if status.name == target:
                raise PluginError(f"The plugin '{target}' is broken: {status.error}")
        offered = []
        for plugins in (self.domains, self.algorithms):
            for status in plugins._rejected:
                if status.distribution == target:
                    raise PluginError(f"The plugin '{target}' is broken: {status.error}")
            from_there = [name for name in plugins.names() if plugins.source(name).distribution == target]
            offered.append([*from_there, *plugins._same.get(target, [])])
        return offered[0], offered[1]

    def statuses(self, *, claims: bool = True) -> list[PluginStatus]:
        """Every plugin, working or not.

        Args:
            claims: Whether collections of claims are loaded, too, which takes NumPy.
        """
        domains = self.domains.statuses()  # loading them tells which extensions fit
        for extension in list(self.extensions.working()):
            domain = extension.task.partition("/")[0]
            if domain not in self.domains.names():
                self.extensions.break_plugin(extension.name, f"there is no domain '{domain}' to extend")
        others = (self.algorithms, self.extensions, *((self.claims,) if claims else ()))
        return [
            *domains,
            *(status for plugins in others for status in plugins.statuses()),
            *self._unloadable,
        ]

    def claim(self, claim_id: str) -> Claim:
        """The claim with that id, whichever collection has it.

        Raises:
            UnknownNameError: If none has.
        """
        known: dict[str, Claim] = {
            claim.id: claim for collection in self.claims.working() for claim in collection.claims
        }
        if claim_id not in known:
            raise UnknownNameError("claim", claim_id, sorted(known))
        return known[claim_id]

    def _extended(self, domain: Domain) -> Domain:
        """A domain with what extensions add to its tasks."""
        whole, errors = extended(domain, list(self.extensions.working()))
        for name, reason in errors.items():
            self.extensions.break_plugin(name, reason)
        return whole

    def _add_target(self, target: str) -> None:
        try:
            module, attributes = _load_target(target)
            declared = [getattr(module, name) for name in attributes] if attributes else _plugins_of(module)
            if not declared:
                raise PluginError("it defines no Domain, no Algorithm, no Extension and no Claims")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = error.message if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
            self._unloadable.append(PluginStatus(target, "domain", target, "", "broken", reason))
            return
        for plugin in declared:
            source = PluginSource(module.__name__, target, "", partial(_itself, plugin))
            kinds = {Algorithm: self.algorithms, Extension: self.extensions, Claims: self.claims}
            plugins = kinds.get(type(plugin), self.domains)
            plugins.add(getattr(plugin, "name", target), source)


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The registry of this process; made once."""
    return Registry()


def add_plugins(targets: list[str]) -> None:
    """Make plugins visible to this process and, through the environment, to its workers."""
    if not targets:
        return
    known = [name for name in os.environ.get(PLUGINS_VARIABLE, "").split(",") if name]
    fresh = [_absolute(target) for target in targets]
    os.environ[PLUGINS_VARIABLE] = ",".join(dict.fromkeys([*known, *fresh]))
    registry.cache_clear()


def use_plugins(plugins: str) -> None:
    """Load the plugins that another process was given by path, also on another machine.

    Args:
        plugins: That process's value of `PLUGINS_VARIABLE`.
    """
    if plugins and os.environ.get(PLUGINS_VARIABLE) != plugins:
        os.environ[PLUGINS_VARIABLE] = plugins
        registry.cache_clear()


def _external(name: str) -> Any:
    from sandbox.external.domains import DOMAINS

    return DOMAINS[name]


def _itself(plugin: Any) -> Any:
    return plugin


def _from_entry_point(entry: EntryPoint) -> PluginSource:
    name, version = _name_and_version(entry.dist)
    return PluginSource(entry.value, name, version, entry.load)


@cache
def _name_and_version(distribution: Distribution | None) -> tuple[str, str]:
    # Each of the two parses the distribution's whole metadata, README included.
    return (distribution.name, distribution.version) if distribution else ("?", "")
