"""Commands that domains add: ``sandbox <domain> <command>``."""

from __future__ import annotations

from typing import Any

import typer


def domain_group(name: str, cls: type[typer.core.TyperGroup]) -> Any:
    """The commands of a domain as one group; None for a name that is no domain, or one without commands.

    Args:
        name: Of the domain.
        cls: What the core's own groups are made of.
    """
    from sandbox.registry.discover import registry
    from sandbox.registry.resolve import require, resolve

    if name not in registry().domains.names():
        return None
    domain = registry().domain(name)
    if not domain.commands:
        return None
    require(domain)
    group = typer.Typer(
        cls=cls,
        help=f"{domain.title}: commands of the domain.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
    )
    group.callback()(lambda: None)  # keeps the command's name in front where there is but one
    for command in domain.commands:
        group.command(command.name, help=command.description)(resolve(command.run))
    return typer.main.get_command(group)
