"""Scenarios from names such as ``gym:CartPole-v1`` and ``pettingzoo:package.module``."""

from __future__ import annotations

from typing import Any

SCHEMES = ("gym", "pettingzoo")


def is_external(name: str) -> bool:
    """Whether a scenario's name stands for an environment made elsewhere."""
    scheme, colon, rest = name.partition(":")
    return bool(colon) and scheme in SCHEMES and bool(rest)


def module_of(name: str) -> str | None:
    """The module that making such an environment imports beside the library itself; None for none."""
    scheme, _, rest = name.partition(":")
    if scheme == "pettingzoo":
        return rest
    module, colon, _ = rest.partition(":")
    return module if colon else None


def scenario_document(name: str, wrap: tuple[str, ...] = ()) -> dict[str, Any]:
    """A scenario as a file would state it; makes the environment to see whether it has masks.

    Raises:
        SandboxError: If the environment cannot be made.
    """
    scheme, _, rest = name.partition(":")
    config: dict[str, Any] = {"id" if scheme == "gym" else "module": rest}
    if wrap:
        config["wrap"] = list(wrap)
    masked = _has_masks(scheme, rest, wrap)
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in rest.lower()).strip("-")
    library = "Gymnasium" if scheme == "gym" else "PettingZoo"
    return {
        "id": f"{scheme}/{plain or 'env'}",
        "title": f"{rest} of {library}"[:200],
        "task": f"{scheme}/{'masked-env' if masked else 'env'}",
        "metric": "return",
        "config": config,
    }


def _has_masks(scheme: str, rest: str, wrap: tuple[str, ...]) -> bool:
    from sandbox.external.code import wrapped

    env: Any
    if scheme == "gym":
        from sandbox.external import single

        env, look, has = single.bare(rest, {}), single.has_masks, "observation_space"
    else:
        from sandbox.external import parallel

        env, look, has = parallel.bare(rest, {}), parallel.has_masks, "possible_agents"
    try:
        return look(wrapped(env, wrap, has))
    finally:
        env.close()
