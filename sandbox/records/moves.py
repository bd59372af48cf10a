"""``moves.json``, the documents that its jobs leave, and the jobs themselves."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from sandbox.records.base import Count, Figure, Interval, Number, OpenRecord, Plain, Record, Text, Whole
from sandbox.records.jobs import ScenarioRequest
from sandbox.records.status import Better

FORMAT = 1
MOVES = "moves.json"

Measure = Literal["metric", "return"]
"""What a branch is measured by: the scenario's metric at the end, or the return until branches end."""

MoveVerdict = Literal["confirmed", "refuted", "unclear", "exact"]
"""``exact`` where chance is not drawn again, so that one branch of each action says all."""


class AgentRequest(Record):
    """An agent that plays or is asked: a baseline, or a saved policy."""

    name: Text
    baseline: Text | None = None
    folder: Text | None = None
    deterministic: bool = True


class Moment(Record):
    """A decision in which the agent does what no classical method does.

    Attributes:
        step: Steps taken before it.
        row: Which agent decides, in a task with several.
        observation: Sketch or entries of what it sees.
        action: What the agent does.
        advice: What each classical method would do; null where that is not allowed.
        novelty: Distance to the nearest of them.
        prior: Probability that the agent's own network gives to its action, where it tells.
        words: All these actions in the domain's words, by `sandbox.moves.actions.key`.
    """

    step: Count
    row: Count = 0
    observation: tuple[Number, ...] = ()
    action: JsonValue
    advice: dict[Text, JsonValue]
    novelty: Number
    prior: Figure = None
    words: dict[Text, Text] = {}


class ScanRecord(Record):
    """A played test episode: ``scan-<seed>.json``.

    Attributes:
        actions: Actions of all rows, one entry a step: the prefix of every branch.
        decisions: Decisions in which there was a choice.
    """

    seed: Whole
    actions: tuple[JsonValue, ...]
    decisions: Count
    metric: Figure
    moments: tuple[Moment, ...]


class Branch(Record):
    """A branch: the first action, who goes on, and which future.

    Attributes:
        action: First action of the row that decides.
        follow: Name of the agent that goes on.
        future: Seed of what chance decides from here on; null for what the episode's seed says.
    """

    action: JsonValue
    follow: Text
    future: Whole | None = None


class BranchesOf(Record):
    """A decision and its branches."""

    seed: Whole
    step: Count
    row: Count
    branches: tuple[Branch, ...]


class BranchResult(Record):
    """What a branch came to: higher is better, whatever the metric; sums of reward terms."""

    value: Figure
    steps: Count
    terms: dict[Text, Figure] = {}


class BranchesRecord(Record):
    """What the branches of a job came to, in their order: ``branches-<digest>.json``."""

    results: tuple[tuple[BranchResult, ...], ...]


class MovesJob(Record):
    """A job: play a test episode and ask everybody, or play branches.

    Attributes:
        folder: Where scans lie and the result goes.
        file: Name of the result.
        agents: The agent first, then those who are asked.
        window: Steps that a branch has; to the episode's end if null.
        seed: Episode to play; null where branches are to be played.
        points: Decisions to branch from.
    """

    folder: Text
    file: Text
    scenario: ScenarioRequest
    agents: tuple[AgentRequest, ...]
    measure: Measure
    window: Count | None = None
    seed: Whole | None = None
    points: tuple[BranchesOf, ...] = ()


class Alternative(Record):
    """A classical method's action against the agent's, from the same state.

    Attributes:
        methods: Who would take it.
        action: As the environment takes it.
        text: In the domain's words.
        difference: What the agent's action is worth more, the agent going on after both.
        ci95: Interval of that, corrected for all candidates; both ends the difference where it is exact.
    """

    methods: tuple[Text, ...]
    action: JsonValue
    text: Text
    difference: Figure
    ci95: Interval


class FollowUp(Record):
    """The same difference where another method goes on after both actions."""

    method: Text
    difference: Figure
    ci95: Interval


class Kind(Record):
    """How often such a decision occurs: the same actions in a similar observation."""

    episodes: Count
    of: Count
    occurrences: Count


class Find(Record):
    """A decision and what it is worth.

    Attributes:
        id: ``<seed>.<step>`` or ``<seed>.<step>.<row>``.
        agent: Who decides, in a task with several.
        observation: Names and values.
        text: The action in the domain's words.
        screened: Advantage over the best classical action in the branches that chose it.
        advantage: The same on fresh branches that did not; of the alternative that was best in choosing.
        ci95: Its interval at the level 1 − 0.05/m for m candidates.
        p: Two-sided, corrected for all candidates; null where it is exact.
        fresh: Fresh futures, each played once with every action.
        terms: Mean difference of the summed reward terms.
        alternatives: Every classical action.
        classical_follow_up: The difference where the method that was best in choosing goes on.
        replay: File with the film of both branches.
    """

    id: Text
    seed: Whole
    step: Count
    row: Count
    agent: Text | None = None
    observation: tuple[tuple[Text, Number], ...] = ()
    action: JsonValue
    text: Text
    novelty: Number
    prior: Figure = None
    screened: Figure
    advantage: Figure
    ci95: Interval
    p: Figure
    fresh: Count
    verdict: MoveVerdict
    terms: dict[Text, Figure] = {}
    alternatives: tuple[Alternative, ...]
    classical_follow_up: FollowUp | None = None
    kind: Kind
    replay: Text | None = None


class MovesRecord(OpenRecord):
    """What an agent does that no classical method does, and what it is worth: ``moves.json``.

    Attributes:
        measure: What differences are measured in.
        unit: Of the differences; a positive one is better, also where the metric is to be small.
        window: Steps of a branch; null for the whole rest.
        redrawn: Whether chance after a decision is drawn again for every branch; if not, differences are
            those of the episode as its seed has it.
        decisions: Decisions with a choice in the episodes.
        different: Those in which the agent did what no classical method would have done.
        screened: Decisions that branches were played from to choose candidates.
        candidates: Those that fresh branches were played from: the number that intervals are corrected for.
        futures: Futures of a screened decision.
        best: Decisions with the highest novelty × advantage.
        worst: The opposite: where the agent's own action is worse than a classical one.
        branches: Branches played in all.
        seconds: Wall time.
    """

    format: Literal[1]
    scenario: Text
    scenario_hash: Text
    agent: Text
    against: tuple[Text, ...]
    refused: dict[Text, Text] = {}
    measure: Measure
    metric: Text
    unit: Text
    better: Better
    window: Count | None
    redrawn: bool
    seeds: tuple[Whole, ...]
    decisions: Count
    different: Count
    screened: Count
    candidates: Count
    futures: Count
    best: tuple[Find, ...]
    worst: tuple[Find, ...]
    branches: Count
    seconds: Figure
    seed: Whole
    settings: Plain = {}
    command: tuple[Text, ...] | None = None
