"""Makes pictures and videos of episodes, without a screen."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from sandbox.api.errors import InvalidValueError, MissingExtraError, RunFailedError, UnknownNameError
from sandbox.api.processes import one_thread
from sandbox.api.view import Moment, View, ViewAgent, ViewRequest
from sandbox.envs.single import EnvFactory
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.evaluation.named_agents import resolve_agents
from sandbox.evaluation.progress import Progress, Silent
from sandbox.evaluation.rollout import Episode, play
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.outputs.default_replay import draw_default_replay
from sandbox.registry.resolve import missing_modules, resolve
from sandbox.runs.atomic import storage_errors
from sandbox.runs.checksums import relist
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sandbox.api.policy import Policy
    from sandbox.runs.directory import Run

EPISODE = "episode"
"""Name of the view that every task with ``rgb_array`` has: the rendered episode."""

REPLAY = "replay"
"""Name of the view that every task has: data for the web page's player."""

FILMS = ("mp4", "gif")
STILLS = ("png",)
DEFAULT_FPS = 30.0


class _Enough(Exception):  # noqa: N818 - a signal, not an error
    """The film is as long as was asked for."""


@dataclass(frozen=True)
class Film:
    """How an episode becomes a film.

    Args:
        every: Shows every n-th step.
        frames: Most frames; the episode is ended there. All if absent.
        fps: Frames per second; what the environment's ``metadata["render_fps"]`` says if absent.
    """

    every: int = 1
    frames: int | None = None
    fps: float | None = None


def render(
    agents: Sequence[str | Path | Run | Policy],
    scenario: str | Path | ResolvedScenario,
    out: str | Path,
    *,
    view: str = EPISODE,
    changes: Sequence[str] = (),
    seed: int | None = None,
    episodes: int = 1,
    film: Film | None = None,
    progress: Progress | None = None,
) -> Path:
    """Draw agents on a scenario, without a screen.

    Args:
        agents: Run directories, names of baselines, ``random``, runs or policies; one for a film.
        scenario: Name, file or resolved scenario.
        out: File to write; its suffix picks the format: ``mp4``, ``gif`` or ``png`` (the last frame) for the
            episode, what the view offers otherwise.
        view: ``episode``, or the name of one of the task's views.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        seed: First episode seed; the scenario's first test seed if absent.
        episodes: Episodes a view may use.
        film: Speed and length of a film.
        progress: Receives the number of steps played.

    Returns:
        The file that was written.

    Raises:
        UnknownNameError: For a view that the task does not have.
        InvalidValueError: For a format that the view cannot write, or a task that cannot be rendered.
        StorageError: If the file cannot be written; an old file of that name is kept.
    """
    resolved = as_scenario(scenario, changes)
    path = Path(out)
    first = evaluation_seeds(resolved, 1)[0] if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="sandbox-agents-") as scratch, one_thread():
        players = resolve_agents(agents, resolved, Path(scratch))
        if view == EPISODE:
            _check_format(EPISODE, path, (*FILMS, *STILLS))
            if len(players) > 1:
                raise InvalidValueError(
                    f"One film shows one agent, not {len(players)}.", "Name one agent, or another --view."
                )
            _film(resolved, players[0], path, first, film or Film(), progress or Silent())
        else:
            seeds = range(first, first + episodes)
            _draw(resolved, players, path, view, seeds, progress or Silent())
    return path


def views(scenario: ResolvedScenario, render_modes: Sequence[str]) -> list[View]:
    """All that can be drawn of a scenario whose environment has ``render_modes``; the film first."""
    offered = _offered(scenario)
    if "rgb_array" in render_modes:
        offered.insert(
            0, View(EPISODE, _nothing, "the episode as it is rendered", (*FILMS, *STILLS), many=False)
        )
    return offered


def default_format(scenario: ResolvedScenario, view: str) -> str:
    """The first format of a view.

    Raises:
        UnknownNameError: For a view that the task does not have.
    """
    return FILMS[0] if view == EPISODE else view_of(scenario, view).formats[0]


def _offered(scenario: ResolvedScenario) -> list[View]:
    """The task's views, with a replay where it has none of its own."""
    views = list(scenario.task.views)
    return views if any(view.name == REPLAY for view in views) else [*views, _default_replay(scenario)]


def _default_replay(scenario: ResolvedScenario) -> View:
    def draw(request: ViewRequest) -> None:
        draw_default_replay(request, rendered="rgb_array" in _render_modes(scenario))

    return View(REPLAY, draw, "pictures and rewards as data for the web page", ("json",))


def _nothing(request: ViewRequest) -> None:
    """Stands for the film, which is made here and not by the task."""


def _render_modes(scenario: ResolvedScenario) -> Sequence[str]:
    env = EnvFactory(scenario, evaluation=True)()
    try:
        return tuple(env.metadata.get("render_modes", ()))
    finally:
        env.close()


def view_of(scenario: ResolvedScenario, name: str) -> View:
    offered = _offered(scenario)
    for view in offered:
        if view.name == name:
            return view
    raise UnknownNameError("view", name, [EPISODE, *(view.name for view in offered)])


def _check_format(view: str, path: Path, formats: Sequence[str]) -> None:
    if path.suffix.removeprefix(".").lower() not in formats:
        raise InvalidValueError(
            f"The view '{view}' cannot write '{path.name}'.",
            f"The file's name must end in {' or '.join('.' + suffix for suffix in formats)}.",
        )


def _draw(
    scenario: ResolvedScenario,
    players: Sequence[Agent],
    path: Path,
    name: str,
    seeds: range,
    progress: Progress,
) -> None:
    view = view_of(scenario, name)
    _check_format(name, path, view.formats)
    if not view.many and len(players) > 1:
        raise InvalidValueError(f"The view '{name}' shows one agent, not {len(players)}.", "Name one agent.")
    agents = [
        ViewAgent(player.name, partial(_policy, scenario, player), player.deterministic) for player in players
    ]
    progress.start("render", f"{name} of {', '.join(player.name for player in players)}", 1, "file")
    try:
        with _moved_in(path) as temporary:
            request = ViewRequest(
                make_env=partial(make_env, scenario),
                agents=agents,
                seeds=list(seeds),
                path=temporary,
                play=partial(_play, scenario),
                scenario=scenario.spec.id,
                weights=scenario.reward.weights,
            )
            try:
                resolve(view.draw)(request)
            except ValidationError as error:
                raise RunFailedError(
                    f"The view '{name}' made no valid replay: {error}.", "That is a bug of the plugin."
                ) from error
            if not temporary.is_file():
                raise RunFailedError(f"The view '{name}' wrote no file.", "That is a bug of the plugin.")
        progress.advance("render", 1, {})
    finally:
        progress.finish("render")


def _film(
    scenario: ResolvedScenario, agent: Agent, path: Path, seed: int, film: Film, progress: Progress
) -> None:
    env = make_env(scenario, "rgb_array")
    bare = _bare(env)
    still = path.suffix.lower().removeprefix(".") in STILLS
    fps = film.fps or float(env.metadata.get("render_fps") or DEFAULT_FPS)
    title = f"{agent.name} on {scenario.spec.id}, seed {seed}"
    progress.start("render", title, 0, "steps")
    try:
        with _moved_in(path) as temporary, _writer(temporary, fps) as write:
            taken = 0
            last: NDArray[np.uint8] | None = None

            def watch(moment: Moment) -> None:
                nonlocal taken, last
                progress.advance("render", moment.step, {})
                if moment.step % film.every:
                    return
                frame = captioned(_frame(bare, scenario), f"{title}, step {moment.step:,}")
                last = frame
                if not still:
                    write(frame)
                taken += 1
                if film.frames is not None and taken >= film.frames:
                    raise _Enough

            with suppress(_Enough):
                play(env, _policy(scenario, agent, bare), agent.name, seed, agent.deterministic, watch)
            if still and last is not None:
                write(last)
    finally:
        env.close()
        progress.finish("render")


CAPTION_HEIGHT = 22
MIN_CAPTIONED = 240
"""Pixels of a strip below a frame that says what is seen, and across a frame that is wide enough for it."""


def captioned(frame: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """A frame with a line of text below it; a narrow frame is enlarged, each pixel to a square.

    Args:
        frame: Shape ``(height, width, 3)``.
        text: Cut off at the right edge.
    """
    if missing_modules(("PIL",)):
        return frame
    times = -(-MIN_CAPTIONED // frame.shape[1])
    frame = frame.repeat(times, axis=0).repeat(times, axis=1)
    width = frame.shape[1]
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (width, CAPTION_HEIGHT), "white")
    ImageDraw.Draw(strip).text((6, 4), text, fill="black")
    return np.concatenate([frame, np.asarray(strip, np.uint8)])


def _frame(env: Any, scenario: ResolvedScenario) -> NDArray[np.uint8]:
    frame = env.render()
    if not (isinstance(frame, np.ndarray) and frame.ndim == 3 and frame.shape[2] == 3):
        raise RunFailedError(
            f"The environment of {scenario.spec.task} rendered {type(frame).__name__}, not a picture.",
            "render() must return an array of shape (height, width, 3).",
        )
    return frame.astype(np.uint8, copy=False)


def make_env(scenario: ResolvedScenario, render_mode: str | None = None) -> Any:
    """The environment of evaluation, several agents as the rows of one."""
    if render_mode is not None and render_mode not in _render_modes(scenario):
        raise InvalidValueError(
            f"The task {scenario.spec.task} cannot render its episodes.",
            _other_views(scenario),
        )
    return EnvFactory(scenario, evaluation=True, render_mode=render_mode)()


def _other_views(scenario: ResolvedScenario) -> str:
    names = ", ".join(view.name for view in _offered(scenario))
    return f"It offers the views {names}: --view NAME."


def _bare(env: Any) -> Any:
    """The task's own environment, below wrappers."""
    return getattr(env, "parallel", env).unwrapped


def _policy(scenario: ResolvedScenario, agent: Agent, env: Any) -> Policy:
    if hasattr(env, "possible_agents"):
        from sandbox.envs.multiagent import JointEnv

        return policy_of(scenario, agent, env, JointEnv(env).row_action_space)
    return policy_of(scenario, agent, env, env.action_space)


def _play(
    scenario: ResolvedScenario,
    agent: ViewAgent,
    seed: int,
    watch: Callable[[Any, Moment], None],
    render_mode: str | None = None,
) -> Episode:
    env = make_env(scenario, render_mode)
    bare = _bare(env)
    try:
        return play(
            env, agent.make(bare), agent.name, seed, agent.deterministic, lambda moment: watch(bare, moment)
        )
    finally:
        env.close()


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image, ``(height, width, 3)``, to a PNG file."""
    with _writer(path, 1) as write:
        write(image)


@contextmanager
def _moved_in(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place once it is whole."""
    temporary = path.with_name(f".{secrets.token_hex(4)}.tmp{path.suffix}")
    with storage_errors(path, "--out"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
            relist(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _writer(path: Path, fps: float) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """Takes frames of one size and writes them as they come."""
    try:
        import imageio.v2 as imageio
    except ModuleNotFoundError as error:
        raise MissingExtraError("Films and pictures", ["imageio"], "video") from error
    options: dict[str, Any] = {}
    if path.suffix == ".mp4":
        # Software players want even sides and this pixel format.
        options = {
            "fps": fps,
            "codec": "libx264",
            "quality": 8,
            "macro_block_size": 1,
            "pixelformat": "yuv420p",
        }
    elif path.suffix == ".gif":
        options = {"duration": 1000 / fps, "loop": 0}
    writer: Any
    with imageio.get_writer(path, **options) as writer:
        yield lambda frame: writer.append_data(_even(frame))


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A frame whose sides are even, by repeating the last row and column."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
