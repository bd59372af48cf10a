"""The program of the process that compiles a user's model; see `compiling`.

It is sent the files' contents, takes away its own access to the disk and all but a bounded amount of memory
and time, and answers with the compiled model or with what MuJoCo says about the file.
"""

from __future__ import annotations

import json
import sys
from multiprocessing.connection import Connection
from typing import Any

import mujoco
import numpy as np

from sandbox.api.processes import Parent, follow_parent
from sandbox_locomotion.models.limits import MAX_DATA_BYTES, MAX_DOFS, MAX_MODEL_BYTES, confine_this_process
from sandbox_locomotion.models.preparation import Preparation, UnusableModelError, prepare_and_compile
from sandbox_locomotion.mujoco_warnings import silence_mujoco, without_warnings


def main() -> None:
    """Compile one model; the arguments are the number of the open connection and the parent."""
    follow_parent(Parent.from_argument(sys.argv[-1]))
    silence_mujoco()
    with Connection(int(sys.argv[1])) as connection:
        request = json.loads(connection.recv_bytes())
        with mujoco.MjVfs() as vfs:
            for name in request["files"]:
                vfs[name] = connection.recv_bytes()
            confine_this_process()
            try:
                answer, model = without_warnings(lambda: _compile(request, vfs))
            except (UnusableModelError, ValueError, mujoco.FatalError) as error:
                answer, model = {"error": str(error) or type(error).__name__}, b""
            except MemoryError:
                answer, model = {"error": "", "memory": True}, b""
            connection.send_bytes(json.dumps(answer).encode())
            connection.send_bytes(model)


def _compile(request: dict[str, Any], vfs: mujoco.MjVfs) -> tuple[dict[str, Any], bytes]:
    spec = mujoco.MjSpec.from_file(request["main"], vfs=vfs)
    model, facts = prepare_and_compile(spec, Preparation(**request["preparation"]), vfs)
    _refuse_large(model)
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return facts, buffer.tobytes()


def _refuse_large(model: mujoco.MjModel) -> None:
    """Refuse a model that the process which simulates it cannot hold.

    Raises:
        UnusableModelError: With the limit.
    """
    if model.nv > MAX_DOFS:
        raise UnusableModelError(f"has {model.nv:,} degrees of freedom; at most {MAX_DOFS:,} are allowed")
    size = mujoco.mj_sizeModel(model)
    if size > MAX_MODEL_BYTES:
        raise UnusableModelError(
            f"has {size >> 20:,} MB when compiled; at most {MAX_MODEL_BYTES >> 20:,} MB are allowed"
        )
    data = mujoco.MjData(model)
    size = data.nbuffer + data.narena
    if size > MAX_DATA_BYTES:
        raise UnusableModelError(
            f"needs {size >> 20:,} MB for its state; at most {MAX_DATA_BYTES >> 20:,} MB are allowed "
            "(see <size memory>)"
        )
    mujoco.mj_forward(model, data)


if __name__ == "__main__":
    main()
