"""Jobs of a search for moves, wherever they are sent; each leaves one file."""

from __future__ import annotations

from pathlib import Path

from sandbox.comparison.work import scenario_of
from sandbox.evaluation.agents import Agent
from sandbox.launch.base import OnProgress, Payload
from sandbox.moves.branching import Brancher
from sandbox.moves.scan import scan
from sandbox.moves.stage import Stage
from sandbox.records.jobs import JobResult
from sandbox.records.moves import AgentRequest, BranchesRecord, MovesJob, ScanRecord
from sandbox.registry.discover import use_plugins
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.scenarios.resolve import ResolvedScenario

FUNCTION = "sandbox.moves.work:run_job"


def run_job(payload: Payload, on_progress: OnProgress) -> Payload:
    """Play a test episode, or branches, and write what came of it.

    Args:
        payload: A `sandbox.records.moves.MovesJob`.
        on_progress: Not called: jobs are short.

    Returns:
        A `sandbox.records.jobs.JobResult`.

    Raises:
        SandboxError: If an episode cannot be played, or the file not be written.
    """
    job = MovesJob.model_validate(payload)
    use_plugins(job.scenario.plugins)
    place = _place(job)
    result: ScanRecord | BranchesRecord
    if job.seed is not None:
        result = scan(place.scenario, place.stage, place.agents, job.seed)
    else:
        result = BranchesRecord(
            results=tuple(
                tuple(place.brancher.play(point, read_scan(Path(job.folder), point.seed).actions))
                for point in job.points
            )
        )
    file = Path(job.folder) / job.file
    with storage_errors(file):
        write_atomically(file, result.encode())
    return JobResult(status="done").to_json()


def scan_file(seed: int) -> str:
    """Name of the file of a test episode."""
    return f"scan-{seed}.json"


_scans: dict[Path, ScanRecord] = {}


def read_scan(folder: Path, seed: int) -> ScanRecord:
    """A test episode that was played."""
    file = folder / scan_file(seed)
    if file not in _scans:
        while len(_scans) >= 32:
            _scans.pop(next(iter(_scans)))
        _scans[file] = ScanRecord.read(file)
    return _scans[file]


class _Place:
    """What a worker keeps from one job to the next."""

    def __init__(self, scenario: ResolvedScenario, job: MovesJob) -> None:
        self.scenario = scenario
        self.agents = [agent_of(request) for request in job.agents]
        self.stage = Stage(scenario)
        self.brancher = Brancher(scenario, self.stage, self.agents, job.measure, job.window)

    def close(self) -> None:
        """Close the environments."""
        self.brancher.close()
        self.stage.close()


_places: dict[str, _Place] = {}


def _place(job: MovesJob) -> _Place:
    scenario = scenario_of(job.scenario)
    key = repr((scenario.hash, job.agents, job.measure, job.window))
    if key not in _places:
        for name in list(_places):
            _places.pop(name).close()
        _places[key] = _Place(scenario, job)
    return _places[key]


def agent_of(request: AgentRequest) -> Agent:
    """The agent that a request names."""
    folder = None if request.folder is None else Path(request.folder)
    return Agent(request.name, request.baseline, folder, request.deterministic)


def request_of_agent(agent: Agent) -> AgentRequest:
    """An agent as jobs hold it."""
    folder = None if agent.folder is None else str(agent.folder.resolve())
    return AgentRequest(
        name=agent.name, baseline=agent.baseline, folder=folder, deterministic=agent.deterministic
    )
