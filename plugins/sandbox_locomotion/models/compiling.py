"""Compiles a user's model in a process of its own, with bounded memory and time and without the disk."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
from collections import OrderedDict
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

import mujoco

from sandbox.api import BrokenFileError, describe_exit, start_module, stop_child
from sandbox_locomotion.models.files import MOUNT, ModelFiles
from sandbox_locomotion.models.limits import (
    MAX_COMPILE_BYTES,
    MAX_COMPILE_SECONDS,
    MAX_COMPILE_WAIT,
    MAX_MODEL_BYTES,
)
from sandbox_locomotion.models.mujoco_errors import mujoco_error
from sandbox_locomotion.models.preparation import Preparation

KEPT = 4
"""Compiled models that are kept, since an evaluation makes several environments of the same model."""

_compiled: OrderedDict[str, tuple[dict[str, Any], bytes]] = OrderedDict()


@dataclass(frozen=True)
class CompiledModel:
    """A user's model.

    Attributes:
        mj_model: The compiled model.
        facts: What was added to the file, as `preparation.prepare` says it.
    """

    mj_model: mujoco.MjModel
    facts: dict[str, Any]


def compile_files(files: ModelFiles, preparation: Preparation, path: object) -> CompiledModel:
    """The compiled model.

    Args:
        files: Of the model.
        preparation: What is to be added to it.
        path: Named in messages.

    Raises:
        BrokenFileError: If MuJoCo cannot read it, or it exceeds the limits.
    """
    key = _digest(files, preparation)
    if key in _compiled:
        _compiled.move_to_end(key)
    else:
        _compiled[key] = _compile(files, preparation, path)
        while len(_compiled) > 1 and (len(_compiled) > KEPT or _kept_bytes() > MAX_MODEL_BYTES):
            _compiled.popitem(last=False)
    facts, binary = _compiled[key]
    return CompiledModel(mujoco.MjModel.from_binary_path("model.mjb", {"model.mjb": binary}), facts)


def _kept_bytes() -> int:
    return sum(len(binary) for _, binary in _compiled.values())


def _digest(files: ModelFiles, preparation: Preparation) -> str:
    digest = hashlib.sha256(json.dumps([files.main, asdict(preparation)], sort_keys=True).encode())
    for name, content in sorted(files.contents.items()):
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _compile(files: ModelFiles, preparation: Preparation, path: object) -> tuple[dict[str, Any], bytes]:
    near_end, far_end = socket.socketpair()
    with far_end:
        process = start_module(
            "sandbox_locomotion.models.compiler", [str(far_end.fileno())], [far_end.fileno()]
        )
    request = {"main": files.main, "files": list(files.contents), "preparation": asdict(preparation)}
    with Connection(near_end.detach()) as connection:
        try:
            connection.send_bytes(json.dumps(request).encode())
            for content in files.contents.values():
                connection.send_bytes(content)
            if not connection.poll(MAX_COMPILE_WAIT):
                process.kill()
                raise EOFError
            answer: dict[str, Any] = json.loads(connection.recv_bytes())
            binary = connection.recv_bytes()
        except (OSError, EOFError):
            raise _ended(path, process.wait()) from None
        finally:
            connection.close()
            stop_child(process)
    if answer.get("memory") or "allocate memory" in answer.get("error", ""):
        raise BrokenFileError(path, _too_large())
    if "error" in answer:
        raise mujoco_error(path, answer["error"].replace(f"{MOUNT}{os.sep}", ""))
    return answer, binary


def _ended(path: object, code: int) -> BrokenFileError:
    """Why the process gave no answer."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return BrokenFileError(
            path, f"takes more than {MAX_COMPILE_SECONDS} s of processor time to compile, the limit"
        )
    return BrokenFileError(
        path,
        f"cannot be compiled: MuJoCo's process ended ({describe_exit(code)}); {_too_large()}, or MuJoCo "
        "crashes on it",
    )


def _too_large() -> str:
    return f"it may need more than {MAX_COMPILE_BYTES >> 30} GB of memory to compile, the limit"
