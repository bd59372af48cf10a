"""Episodes as a table: a row an episode, in a Parquet file."""

from __future__ import annotations

import io
from collections.abc import Iterable

from sandbox.evaluation.rollout import Episode


def episodes_parquet(episodes: Iterable[tuple[str, Episode]], column: str) -> bytes:
    """The content of ``episodes.parquet``.

    Args:
        episodes: Every episode with its entry in the first column.
        column: What that column is: ``agent`` in a run directory, ``policy`` in a cell.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            column: entry,
            "seed": episode.seed,
            "return": episode.ret,
            "length": episode.length,
            "terminated": episode.terminated,
            "truncated": episode.truncated,
            **{f"term/{name}": value for name, value in episode.reward_terms.items()},
            **{f"metric/{name}": value for name, value in episode.metrics.items()},
        }
        for entry, episode in episodes
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()
