"""Runs the contract suite on one plugin in this process, with limits; started by `sandbox.testing.outside`.

    python -m sandbox.testing.worker DESCRIPTOR '{"plugin": "fishing", "level": "full", …}' PARENT

Results go to the file descriptor as JSON lines, so that what a plugin prints does not mix with them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from sandbox.api.errors import SandboxError
from sandbox.api.processes import Parent, follow_parent


def main(arguments: list[str]) -> int:
    """Run the checks and report each as it begins and as it ends."""
    descriptor, asked = int(arguments[0]), json.loads(arguments[1])
    follow_parent(Parent.from_argument(arguments[2]))
    _limit(asked["memory"], asked["cpu"])
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        try:
            _run(asked, stream)
        except SandboxError as error:
            _tell(stream, error={"kind": error.kind, "message": error.message, "hint": error.hint})
    return 0


def _run(asked: dict[str, Any], stream: Any) -> None:
    from sandbox.registry.discover import registry
    from sandbox.testing.lock import write_lock
    from sandbox.testing.subjects import subjects
    from sandbox.testing.suite import CHECKS, offers, run_check

    domains, algorithms = offers(asked["plugin"])
    for name in domains:
        chosen = subjects(registry().domain(name), asked["level"])
        if asked["lock"]:
            write_lock(chosen)
        for subject in chosen:
            for check in _chosen(CHECKS, asked):
                _tell(stream, begin=[subject.name, check])
                _tell(stream, result=run_check(subject, check).to_json())
    if algorithms:
        from sandbox.testing.algorithms import ALGORITHM_CHECKS, check_algorithm

        for name in algorithms:
            for check in _chosen(ALGORITHM_CHECKS, asked):
                _tell(stream, begin=[f"algorithm {name}", check])
                _tell(stream, result=check_algorithm(name, check).to_json())


def _chosen(checks: Iterable[str], asked: dict[str, Any]) -> list[str]:
    return [check for check in checks if not asked["only"] or check in asked["only"]]


def _tell(stream: Any, **message: Any) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def _limit(memory: int, cpu: int) -> None:
    """Bound memory (bytes), processor time (s) and the size of files; each process on its own."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limits; the time limit still holds
        return
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 2**30),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
