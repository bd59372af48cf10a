"""The files that a user's model consists of, read under guard before MuJoCo sees any of them.

MuJoCo resolves the files of a model by rules of its own: an include is looked for beside the main file and
then beside the including file, an asset in the compiler's ``meshdir``, ``texturedir`` or ``assetdir``, which
start at the main file, and an attached model has its own main file. All places that these rules can lead to
are read here if they lie within the model's folder, links resolved; MuJoCo is later given these contents and
no access to the disk (see `compiling`), so what it takes is what was checked.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_locomotion.models.repeats import check_repeats
from sandbox_locomotion.models.xml_elements import Element, parse_elements

if TYPE_CHECKING:
    from sandbox_locomotion.config import LocomotionConfig

MAX_XML_BYTES = 4_000_000
MAX_ASSET_BYTES = 200_000_000
MAX_TOTAL_BYTES = 500_000_000
MAX_XML_FILES = 200
MAX_ASSETS = 2_000

MOUNT = PurePosixPath("/model")
"""Where the model's folder appears to MuJoCo."""

FOLDER_ATTRIBUTES = ("meshdir", "texturedir", "assetdir")


@dataclass
class ModelFiles:
    """A model's files.

    Attributes:
        main: The main file, as MuJoCo is told it.
        urdf: Whether it is a URDF instead of an MJCF file.
        contents: Content of every file by its path below `MOUNT`.
        renamed: Paths below `MOUNT` of files that a URDF names by ``package://`` and the like.
    """

    main: str
    urdf: bool = False
    contents: dict[str, bytes] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)


def read_model_files(path: Path, folder: Path | None = None) -> ModelFiles:
    """All files of a model.

    Args:
        path: Its main file, MJCF or URDF.
        folder: Folder that holds all of its files; the main file's if absent.

    Raises:
        BrokenFileError: For a file that is missing, outside the folder, too large, no regular file, or not
            well-formed, with file and line.
        InvalidValueError: If the main file lies outside ``folder``.
    """
    main = path.resolve()
    root = _root_of(main, folder)
    if not main.is_relative_to(root):
        raise InvalidValueError(
            f"The model {path} lies outside its folder {folder}.",
            "config.model_folder must be a folder above the model.",
        )
    return _Reader(root).read(main)


def files_of(config: LocomotionConfig) -> list[Path]:
    """Paths of all files of the model that a config names."""
    path, folder = Path(config.model), Path(config.model_folder) if config.model_folder else None
    files = read_model_files(path, folder)
    root = _root_of(path.resolve(), folder)
    return [root / PurePosixPath(name).relative_to(MOUNT) for name in sorted(files.contents)]


def _root_of(main: Path, folder: Path | None) -> Path:
    return main.parent if folder is None else folder.resolve()


class _Reader:
    """Reads the files of one model; ``root`` is the folder that they may lie in."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._contents: dict[Path, bytes] = {}
        self._parsed: set[tuple[Path, Path]] = set()
        self._total = 0
        self._assets = 0

    def read(self, main: Path) -> ModelFiles:
        elements = self._xml(main)
        kind = elements[0].tag
        if kind not in ("mujoco", "mujocoinclude", "robot"):
            raise BrokenFileError(
                main, f"is neither an MJCF nor a URDF model: its root is <{kind}>, not <mujoco> or <robot>"
            )
        files = ModelFiles(self._mounted(main), urdf=kind == "robot")
        if files.urdf:
            self._read_urdf(main, elements, files)
        else:
            self._read_model(main, elements)
        files.contents = {self._mounted(path): content for path, content in self._contents.items()}
        return files

    def _read_model(self, main: Path, elements: list[Element]) -> None:
        """An MJCF file with its includes, assets and attached models."""
        documents = [(main, elements)]
        pending = [(main, element) for element in elements if element.tag == "include"]
        self._parsed.add((main, main))
        while pending:
            including, element = pending.pop()
            name = element.attributes.get("file", "")
            if not name:
                continue  # MuJoCo says what is missing
            for included in self._places(including, element, name, [main.parent, including.parent]):
                if (main, included) not in self._parsed:
                    self._parsed.add((main, included))
                    inner = self._xml(included)
                    documents.append((included, inner))
                    pending += [(included, part) for part in inner if part.tag == "include"]
        folders = self._asset_folders(main, documents)
        for document, parts in documents:
            check_repeats(document, parts)
            for element in parts:
                self._read_named(main, document, element, folders)

    def _read_named(self, main: Path, document: Path, element: Element, folders: list[Path]) -> None:
        """What an element names by an attribute that begins with ``file``."""
        if element.tag == "include":
            return
        for key, name in element.attributes.items():
            if not key.startswith("file") or not name:
                continue
            if element.tag == "model":
                for child in self._places(document, element, name, [main.parent]):
                    if (child, child) not in self._parsed:
                        self._read_model(child, self._xml(child))
            else:
                for asset in self._places(document, element, name, folders, bare_name=True):
                    self._asset(asset)

    def _asset_folders(self, main: Path, documents: list[tuple[Path, list[Element]]]) -> list[Path]:
        """Folders in which an asset may be looked for."""
        folders = [main.parent]
        for document, elements in documents:
            for element in elements:
                if element.tag == "compiler":
                    names = [element.attributes.get(key, "") for key in FOLDER_ATTRIBUTES]
                    folders += [self._inside(document, element, main.parent / name) for name in names if name]
        return list(dict.fromkeys(folders))

    def _read_urdf(self, main: Path, elements: list[Element], files: ModelFiles) -> None:
        folders = self._asset_folders(main, [(main, elements)])
        visual = False
        for element in elements:
            if element.tag in ("visual", "collision"):
                visual = element.tag == "visual"
            name = element.attributes.get("filename", "")
            if element.tag not in ("mesh", "texture") or not name:
                continue
            places = list(self._urdf_places(name, folders))
            mesh = next((place for place in places if _resolved(main, element, place).is_file()), None)
            if mesh is None:
                if visual:  # MuJoCo discards what is only drawn
                    continue
                looked = ", ".join(str(place) for place in places[:3])
                raise BrokenFileError(main, f"names '{name}', which is not at {looked}", element.line)
            resolved = self._inside(main, element, mesh)
            self._asset(resolved)
            files.renamed[name] = self._mounted(resolved)

    def _urdf_places(self, name: str, folders: list[Path]) -> Iterator[Path]:
        """Where a mesh of a URDF may lie: ``package://NAME/PATH`` is PATH in the folder of that name."""
        scheme, separator, rest = name.partition("://")
        if not separator:
            yield from (folder / name for folder in folders)
            return
        package, _, path = rest.partition("/")
        if scheme == "file":
            yield Path(f"/{path}")
        above = [folder for folder in (folders[0], *folders[0].parents) if folder.is_relative_to(self._root)]
        yield from (folder / path for folder in above)
        yield from (folder / package / path for folder in above)
        yield from (folder / PurePosixPath(path).name for folder in folders)

    def _places(
        self, document: Path, element: Element, name: str, folders: list[Path], bare_name: bool = False
    ) -> list[Path]:
        """The files within the model's folder that a name may stand for, at least one."""
        names = [name, PurePosixPath(name).name] if bare_name else [name]
        candidates = list(dict.fromkeys(folder / each for each in names for folder in folders))
        resolved = [_resolved(document, element, candidate) for candidate in candidates]
        present = [path for path in resolved if path.is_relative_to(self._root) and path.exists()]
        if present:
            return list(dict.fromkeys(present))
        for candidate in candidates[: len(folders)]:
            self._inside(document, element, candidate)
        raise BrokenFileError(
            document,
            f"<{element.tag}> names '{name}': no such file in {' or '.join(str(x) for x in folders)}",
            element.line,
        )

    def _inside(self, document: Path, element: Element, path: Path) -> Path:
        resolved = _resolved(document, element, path)
        if not resolved.is_relative_to(self._root):
            raise BrokenFileError(
                document,
                f"<{element.tag}> names '{os.path.relpath(path, self._root)}', which is outside the model's "
                f"folder {self._root}",
                element.line,
                hint="If you trust the model, name the folder that holds all of its files: "
                f"--set config.model_folder={_common_folder(self._root, resolved)}",
            )
        return resolved

    def _xml(self, path: Path) -> list[Element]:
        if path not in self._contents and len(self._contents) - self._assets >= MAX_XML_FILES:
            raise BrokenFileError(path, f"is one of more than {MAX_XML_FILES} XML files")
        return parse_elements(path, self._content(path, MAX_XML_BYTES))

    def _asset(self, path: Path) -> None:
        if path in self._contents:
            return
        self._assets += 1
        if self._assets > MAX_ASSETS:
            raise BrokenFileError(path, f"is one of more than {MAX_ASSETS:,} assets")
        self._content(path, MAX_ASSET_BYTES)

    def _content(self, path: Path, limit: int) -> bytes:
        if path not in self._contents:
            content = read_regular_file(path, limit)
            self._total += len(content)
            if self._total > MAX_TOTAL_BYTES:
                raise BrokenFileError(
                    path, f"brings the model's files to more than {MAX_TOTAL_BYTES:,} bytes"
                )
            self._contents[path] = content
        return self._contents[path]

    def _mounted(self, path: Path) -> str:
        return str(MOUNT / PurePosixPath(path.relative_to(self._root)))


def read_regular_file(path: Path, limit: int) -> bytes:
    """The content of a file that is neither a device nor a pipe, of at most ``limit`` bytes.

    Raises:
        BrokenFileError: If it is not that, or cannot be read.
    """
    try:
        # Opened without waiting, since opening a pipe waits for a writer, and examined once it is open.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BrokenFileError(path, "is not a regular file")
            content = file.read(limit + 1)
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise BrokenFileError(path, f"is larger than {limit:,} bytes")
    return content


def _resolved(document: Path, element: Element, path: Path) -> Path:
    """The path with its links resolved."""
    try:
        resolved = path.resolve()
        resolved.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a circle of links, a null character
        raise BrokenFileError(document, f"<{element.tag}> names no possible file", element.line) from None
    return resolved


def _common_folder(root: Path, target: Path) -> Path:
    return Path(os.path.commonpath([root, target]))
