"""Which code made a result: distributions with their versions, and digests of sources."""

from __future__ import annotations

from sandbox.records.base import Record, Text


class CodeRecord(Record):
    """One piece of code that a result depends on.

    Attributes:
        name: ``domain NAME``, ``algorithm NAME``, ``extension NAME``, ``module NAME`` or, for what these
            require, the distribution.
        distribution: Which distribution holds it; None for a plugin given by path.
        version: The distribution's version.
        digest: SHA-256 over the sources; None for what a plugin requires, where it is not being edited:
            the version says what it is.
    """

    name: Text
    distribution: Text | None = None
    version: Text | None = None
    digest: Text | None = None


Code = tuple[CodeRecord, ...]


def differences(before: Code, now: Code) -> list[str]:
    """What differs between the code of two results, in words; empty where nothing does.

    Args:
        before: From an earlier record.
        now: The present code.
    """
    if not before:
        return ["which code made it was not recorded"] if now else []
    then, present = ({part.name: part for part in code} for code in (before, now))
    words = []
    for name in sorted(then.keys() | present.keys()):
        old, new = then.get(name), present.get(name)
        if old is None or new is None:
            words.append(f"{name} ({'added' if old is None else 'left out'})")
        elif (old.distribution, old.version) != (new.distribution, new.version):
            words.append(f"{name} ({_edition(old)} then, {_edition(new)} now)")
        elif old.digest != new.digest:
            words.append(f"{name} (its sources were changed)")
    return words


def _edition(part: CodeRecord) -> str:
    return " ".join(filter(None, (part.distribution, part.version))) or "given by path"
