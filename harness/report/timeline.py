"""What happened when: rates, errors and latencies in slices of time, the members that were ready, and the faults.

All times are seconds since the load began. The picture ends with the load, or a little later when a fault healed or an
answer came after the load. An op is counted where its answer came; an op without an answer where its client gave up.
The latency of an op runs from the moment the op was due, when the load declares one, else from its begin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.report.history import History
from harness.report.records import Record, moment, text

BINS_MS = (100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 3_600_000)
"""The lengths that a slice of time can have, in milliseconds."""

MOST_BINS = 240
"""How many slices the picture has at most."""

MOST_ROWS = 40
"""How many slices the table has at most."""

_ASIDE = "('steady', 'settle', 'final')"


@dataclass(frozen=True)
class Bin:
    """One slice of time, with counts of ops (not rates) and latencies in milliseconds.

    Attributes:
        start_s: Where the slice begins.
        ok: Ops that took effect and said so.
        fail: Ops that provably took no effect.
        info: Ops of which nobody knows whether they took effect.
        timeout: Those of `info` for which no answer came in time.
        broken: Those of `info` whose connection broke.
        p50_ms: The median latency; None when nothing was answered.
        p95_ms: The latency that 95 % of the answers did not exceed.
        p99_ms: The latency that 99 % of the answers did not exceed.
    """

    start_s: float
    ok: int = 0
    fail: int = 0
    info: int = 0
    timeout: int = 0
    broken: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None

    @property
    def total(self) -> int:
        """The number of ops in the slice."""
        return self.ok + self.fail + self.info

    @property
    def answered(self) -> int:
        """The number of doubtful ops whose answer proves nothing, such as 500 or a status outside the contract."""
        return self.info - self.timeout - self.broken


@dataclass(frozen=True)
class Step:
    """How many members were ready from `at_s` on."""

    at_s: float
    replicas: int
    workers: int


@dataclass(frozen=True)
class Band:
    """A fault as a stretch of time.

    Attributes:
        number: The fault's number in the schedule.
        label: What was done to what, such as `kill replica-2`.
        detail: How the harness saw that the fault landed and healed.
        start_s: When the fault was injected.
        end_s: When the fault was seen to be over; None when it was not.
        landed_s: When the fault was seen to take effect; None when it was not.
    """

    number: int
    label: str
    detail: str
    start_s: float
    end_s: float | None
    landed_s: float | None = None


@dataclass(frozen=True)
class Timeline:
    """Everything that the time line shows.

    Attributes:
        start_s: Where the picture begins.
        end_s: Where the picture ends.
        load_end_s: Where the load ended.
        bin_s: The length of a slice of `bins`.
        bins: The ops in fine slices, to be drawn; empty when no op is known.
        row_s: The length of a slice of `rows`.
        rows: The same ops in few, coarse slices, to be read as a table.
        steps: How many members were ready over time.
        bands: The faults.
        workers: Whether there ever was a worker.
        aside: How many ops are not in the picture, because they came before or after it.
    """

    start_s: float
    end_s: float
    load_end_s: float
    bin_s: float
    bins: list[Bin]
    row_s: float
    rows: list[Bin]
    steps: list[Step]
    bands: list[Band]
    workers: bool
    aside: int


@dataclass(frozen=True)
class Frame:
    """The stretch of time that is drawn.

    Attributes:
        origin_ns: The moment of 0 s, where the load began: CLOCK_MONOTONIC in nanoseconds.
        load_end_s: Where the load ended.
        whole: Whether every op of the run is drawn, because no load window is known.
    """

    origin_ns: int
    load_end_s: float
    whole: bool = False


def frame(run: Iterable[Record], history: History) -> Frame | None:
    """Return the stretch of time to draw.

    Args:
        run: The events of `run.jsonl`.
        history: The ops.

    Returns:
        The declared load window; without one the span of all ops; None when there are no ops either.
    """
    for record in run:
        start, end = moment(record, "start_ns"), moment(record, "end_ns")
        if text(record, "e") == "window" and start is not None and end is not None and end > start:
            return Frame(start, (end - start) / 1e9)
    found = history.ask("SELECT min(invoke_ns), max(coalesce(return_ns, invoke_ns)) FROM op")
    if not found or found[0][0] is None:
        return None
    start, end = found[0]
    return Frame(start, max((end - start) / 1e9, 0.1), whole=True)


def build(frame: Frame, history: History, members: Iterable[Record], bands: list[Band]) -> Timeline:
    """Return the time line of a run.

    Args:
        frame: The stretch of time to draw.
        history: The ops.
        members: The events of `metrics.jsonl`.
        bands: The faults.
    """
    end_s = _end(frame, history, bands)
    bin_ms, row_ms = fitting(end_s, MOST_BINS), fitting(end_s, MOST_ROWS)
    bins = slices(history, frame, end_s, bin_ms)
    steps = ready(members, frame.origin_ns, end_s)
    total = history.ask("SELECT count(*) FROM op")
    return Timeline(
        start_s=0.0,
        end_s=end_s,
        load_end_s=frame.load_end_s,
        bin_s=bin_ms / 1000,
        bins=bins,
        row_s=row_ms / 1000,
        rows=slices(history, frame, end_s, row_ms),
        steps=steps,
        bands=[band for band in bands if band.start_s < end_s],
        workers=any(step.workers for step in steps),
        aside=(total[0][0] if total else 0) - sum(part.total for part in bins),
    )


def fitting(length_s: float, most: int) -> int:
    """Return the finest slice, in milliseconds, that cuts a length of time into at most `most` slices."""
    return next((size for size in BINS_MS if length_s * 1000 <= size * most), BINS_MS[-1])


def _end(frame: Frame, history: History, bands: list[Band]) -> float:
    """Return where the picture ends: a single fault that never healed must not squeeze the load into a corner."""
    late = history.ask(
        "SELECT max(return_ns) FROM op WHERE phase = 'load' AND invoke_ns >= ?",
        [frame.origin_ns],
    )
    ends = [frame.load_end_s, *(band.end_s for band in bands if band.end_s is not None)]
    if late and late[0][0] is not None:
        ends.append((late[0][0] - frame.origin_ns) / 1e9 + 0.001)
    return min(max(ends), frame.load_end_s * 1.5 + 2)


def slices(history: History, frame: Frame, end_s: float, bin_ms: int) -> list[Bin]:
    """Return the ops of the picture in slices of equal length, without a hole; no slices when no op is known.

    Args:
        history: The ops.
        frame: The stretch of time to draw.
        end_s: Where the picture ends.
        bin_ms: The length of a slice, in milliseconds.
    """
    found = history.ask(
        f"""
        WITH seen AS (
          SELECT (coalesce(return_ns, invoke_ns) - $1) // ($2 * 1000000) AS slice, outcome, error,
                 CASE WHEN return_ns IS NOT NULL
                      THEN (return_ns - coalesce(intended_ns, invoke_ns)) / 1e6 END AS ms
          FROM op
          WHERE coalesce(return_ns, invoke_ns) BETWEEN $1 AND $1 + $3
            AND ($4 OR phase IS NULL OR phase NOT IN {_ASIDE})
        )
        SELECT slice, count(*) FILTER (outcome = 'ok'), count(*) FILTER (outcome = 'fail'),
               count(*) FILTER (outcome = 'info'),
               count(*) FILTER (outcome = 'info' AND error IN ('timeout', 'open')),
               count(*) FILTER (outcome = 'info' AND error NOT IN ('timeout', 'open')),
               quantile_disc(ms, [0.5, 0.95, 0.99])
        FROM seen GROUP BY slice ORDER BY slice
        """,
        [frame.origin_ns, bin_ms, int(end_s * 1e9) - 1, frame.whole],
    )
    if not found:
        return []
    size = bin_ms / 1000
    bins = [Bin(round(n * size, 3)) for n in range(max(1, -(-int(end_s * 1000) // bin_ms)))]
    for slice_, ok, fail, info, timeout, broken, quantiles in found:
        if 0 <= slice_ < len(bins):
            low, mid, high = quantiles or (None, None, None)
            bins[slice_] = Bin(bins[slice_].start_s, ok, fail, info, timeout, broken, low, mid, high)
    return bins


def ready(members: Iterable[Record], origin_ns: int, end_s: float) -> list[Step]:
    """Return how many members of each role were ready over time.

    Args:
        members: The events of `metrics.jsonl`.
        origin_ns: The moment of 0 s, CLOCK_MONOTONIC in nanoseconds.
        end_s: Where the picture ends; later events are left out.

    Returns:
        One step for each moment of a change; what was ready when the load began is the step at 0 s.
    """
    states: dict[str, tuple[str, str]] = {}
    steps: list[Step] = []
    for record in members:
        when = moment(record)
        if text(record, "e") != "member" or when is None:
            continue
        states[text(record, "name")] = (text(record, "role"), text(record, "state"))
        at_s = max(0.0, (when - origin_ns) / 1e9)
        if at_s > end_s:
            break
        alive = [role for role, state in states.values() if state == "ready"]
        step = Step(round(at_s, 3), alive.count("replica"), alive.count("worker"))
        if steps and steps[-1].at_s == step.at_s:
            steps.pop()
        steps.append(step)
    return steps
