"""A register reads as if there were one copy of it: each read gives the latest value written.

Every attempt writes a value that nothing else writes; the initial value counts as written before all time. Per value,
its write and the reads that gave it form a cluster, with

    f  earliest return in the cluster        s  latest invoke in the cluster

    stale           two clusters exclude each other: each has an op that returned before one of the other was invoked.
                    If f < s, the value was current all through the forward zone [f, s]; else it need have been current
                    only at some moment of the backward zone [s, f]. Two clusters exclude each other if and only if
                    their forward zones overlap, or the one's backward zone lies inside the other's forward zone
    never written   a value that no attempt wrote, unless it is the first such value, which is the initial one
    failed write    a read gave the value of a write that provably failed
    before its write  a read returned its value before the write was invoked
    version forked  one version was answered with two values, so two changes that named one version were both accepted

Why this is exact: the order of the clusters is the order of the writes; it exists if and only if no two of them
exclude each other (Gibbons and Korach, Testing Shared Memories, 1997, section 4), and none has a read before its
write. The brute force of the tests confirms it.

`info`: a doubtful write that was never read has no cluster, one that was read returns at infinity; doubtful reads saw
nothing. Staleness, where the contract declares some, moves the invoke of every read earlier by as much.
Weaker on purpose: that a change was refused (412) although nothing had come between is not judged.

Cost: one aggregation by value. Forward zones are disjoint where all is well, so a window finds those that overlap, and
an ASOF join by register gives each backward zone the one forward zone that it could lie inside of. O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.judging.findings import Connection, Findings
from harness.judging.verdict import INF, NS, Result

NAME = "preference"
SENTENCE = "A user's preferences read as if there were one copy: each read gives the latest value written."

RULES = {
    "stale": "a value was read, or written, that another one had replaced",
    "never written": "a value was read that nobody wrote",
    "failed write": "a value was read whose write provably failed",
    "before its write": "a value was read before its write was sent",
    "version forked": "one version has two values, so that one change is lost",
}

_OPS = "own WHERE kind IN ('get', 'put')"
_GET = "kind = 'get' AND outcome = 'ok' AND value IS NOT NULL"

_EXAMINED = {
    "registers": "count(DISTINCT key)",
    "writes": "count(*) FILTER (kind = 'put' AND outcome = 'ok')",
    "refused": "count(*) FILTER (kind = 'put' AND class = 'mismatch')",
    "doubtful": "count(*) FILTER (kind = 'put' AND outcome = 'info')",
    "reads": f"count(*) FILTER ({_GET})",
}


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
        staleness_s: by how much a read may be behind the latest acknowledged write, in seconds; None: not at all.
    """

    name: str = NAME
    staleness_s: float | None = None


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(_EXAMINED, _OPS)
    _clusters(db, int((criteria.staleness_s or 0) * NS))
    _values(found)
    _zones(found)
    _versions(found)
    vacuous = None
    if not found.examined["writes"] or not found.examined["reads"]:
        vacuous = (
            f"{found.examined['writes']} writes and {found.examined['reads']} reads were answered: nothing to judge"
        )
    return found.conclude(vacuous=vacuous, among="own")


def _clusters(db: Connection, stale_ns: int) -> None:
    """Create the table `cluster`, one row for each value of each register.

    `wrote` is the outcome of the write (ok, info, fail), or NULL for a value that was only read. `first_op` and
    `last_op` are the ops that give f and s.
    """
    db.execute(f"""CREATE OR REPLACE TEMP TABLE cluster AS
        WITH event AS (
          SELECT id, key, arg AS value, outcome AS wrote, invoke_ns AS asked_ns, invoke_ns,
            CASE WHEN outcome = 'ok' THEN return_ns ELSE {INF} END AS return_ns
          FROM {_OPS} AND kind = 'put' AND arg IS NOT NULL
          UNION ALL
          SELECT id, key, value, NULL, invoke_ns, invoke_ns - {stale_ns}, return_ns FROM {_OPS} AND {_GET}),
        found AS (
          SELECT key, value, min(wrote) AS wrote, count(*) FILTER (wrote IS NULL) AS reads,
            min(asked_ns) FILTER (wrote IS NOT NULL) AS written_ns,
            min(return_ns) AS f, arg_min(id, return_ns) AS first_op,
            max(invoke_ns) AS s, arg_max(id, invoke_ns) AS last_op,
            min(return_ns) FILTER (wrote IS NULL) AS read_ns,
            arg_min(id, return_ns) FILTER (wrote IS NULL) AS read_op
          FROM event GROUP BY key, value)
        SELECT * REPLACE (CASE WHEN initial THEN {-INF} ELSE f END AS f) FROM (
          SELECT *, wrote IS NULL AND row_number() OVER (PARTITION BY key, wrote IS NULL ORDER BY read_ns, value) = 1
            AS initial FROM found)
        WHERE reads > 0 OR wrote = 'ok'""")


def _values(found: Findings) -> None:
    rules = {
        "never written": "wrote IS NULL AND NOT initial",
        "failed write": "wrote = 'fail'",
        "before its write": "read_ns < written_ns",
    }
    for rule, guilty in rules.items():
        found.add(
            rule,
            f"""SELECT key AS item, min(read_ns) AS at_ns, [arg_min(read_op, read_ns)] AS ops FROM cluster
            WHERE {guilty} GROUP BY key""",
        )


def _zones(found: Findings) -> None:
    found.db.execute("""CREATE OR REPLACE TEMP TABLE forward AS SELECT *,
          max(s) OVER before AS until, arg_max(last_op, s) OVER before AS until_op
        FROM cluster WHERE f < s
        WINDOW before AS (PARTITION BY key ORDER BY f, s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)""")
    found.add(
        "stale",
        """SELECT key AS item, min(at_ns) AS at_ns, arg_min(ops, at_ns) AS ops FROM (
          SELECT key, until AS at_ns, [first_op, until_op] AS ops FROM forward WHERE f < until
          UNION ALL
          SELECT b.key, b.f, [z.first_op, b.last_op, z.last_op]
          FROM (SELECT * FROM cluster WHERE f >= s) b ASOF JOIN forward z ON b.key = z.key AND b.s > z.f
          WHERE b.f < z.s)
        GROUP BY key""",
    )


def _versions(found: Findings) -> None:
    found.add(
        "version forked",
        f"""SELECT key AS item, min(at_ns) AS at_ns, arg_min(ops, at_ns) AS ops FROM (
          SELECT key, max(invoke_ns) AS at_ns, [arg_min(id, held), arg_max(id, held)] AS ops FROM (
            SELECT id, key, state, invoke_ns, CASE WHEN kind = 'put' THEN arg ELSE value END AS held
            FROM {_OPS} AND outcome = 'ok' AND state IS NOT NULL)
          GROUP BY key, state HAVING min(held) <> max(held))
        GROUP BY key""",
    )
