"""No window of time sees more requests of a user admitted than promised, and nobody who has a turn is refused.

    too many       more than `limit_most` requests of one user were admitted in one window of `limit_window_s`
    refused early  a request was refused although fewer than `limit_least` of the user's can have been admitted in the
                   window before it

Why this is right: a request was admitted or refused at some moment between its invoke and its return. For too many,
only requests count that lie in the window whole, so they were admitted in it wherever their moments were. It suffices
to look at windows that begin with an invoke: any other one holds no more than the next of these. For refused early,
every request counts that was under way at any time from a window before the refused one's invoke to its return.

`info`: a doubtful request counts in the service's favour: as not admitted for too many, and from its invoke on for
ever as admitted for refused early. Time limits: the service's clock is not ours; windows are taken 1 % shorter for too
many, and 1 % longer for refused early, which is more than a clock is ever slewed. A store whose clock is stepped
while a run lasts may be judged wrongly.
Weaker on purpose: a moment for each request such that no window holds too many need not exist although no window is
guilty; finding one is a scheduling problem, and what it would add is a request or two.

Cost: ASOF joins with running counts, one for too many, two for refused early. What took longer than a window lies in
none; of the others, those that began before a window have ended by its end, so that how many lie in it whole is the
difference of two counts, however full it is. O(n log n).
"""

from __future__ import annotations

from dataclasses import replace

from harness.judging.criteria import Terms
from harness.judging.findings import Connection, add_bad, conclude, counts, start_bad
from harness.judging.verdict import INF, NS, Result, Verdict

NAME = "rate_limit"
PROPERTY = "A rate limit holds over all replicas, and refuses nobody who has a turn."

RULES = {
    "too many": "was admitted more often in one window than is promised",
    "refused early": "was refused although it had a turn",
}

SLEW = 0.01
MOST_SHOWN = 12

_HITS = "op WHERE workload = 'limits' AND kind = 'hit'"

_EXAMINED = {
    "users": "count(DISTINCT key)",
    "admitted": "count(*) FILTER (outcome = 'ok')",
    "refused": "count(*) FILTER (class = 'limited')",
    "doubtful": "count(*) FILTER (outcome = 'info')",
}


def check(db: Connection, terms: Terms) -> Result:
    """See the module."""
    examined = counts(db, _EXAMINED, _HITS)
    start_bad(db)
    window_s = terms.limit_window_s or 0.0
    if terms.limit_most is not None:
        _too_many(db, int(window_s * (1 - SLEW) * NS), terms.limit_most)
    if terms.limit_least is not None:
        _refused_early(db, int(window_s * (1 + SLEW) * NS), terms.limit_least)
    vacuous = None
    if not examined["admitted"] or not examined["refused"]:
        vacuous = f"{examined['admitted']} requests were admitted and {examined['refused']} refused: nothing to judge"
    result = conclude(db, NAME, PROPERTY, RULES, examined, vacuous=vacuous, among="workload = 'limits'")
    if terms.limit_least is None and result.verdict is not Verdict.INVALID:
        told = "requests refused early: the contract names no limit_least"
        return replace(result, could_have_missed=f"{told}; {result.could_have_missed}")
    return result


def _too_many(db: Connection, window_ns: int, most: int) -> None:
    """Those that had ended by the end of the window, less those that had begun before it: none outlasts a window."""
    db.execute(f"""CREATE OR REPLACE TEMP TABLE admitted AS
        SELECT id, key, invoke_ns, return_ns FROM {_HITS} AND outcome = 'ok'
          AND return_ns - invoke_ns <= {window_ns}""")
    add_bad(
        db,
        "too many",
        f"""WITH begun AS (
          SELECT key, invoke_ns, rank() OVER (PARTITION BY key ORDER BY invoke_ns) - 1 AS before FROM admitted),
        ended AS (
          SELECT key, return_ns AS at_ns, count(*) OVER (PARTITION BY key ORDER BY return_ns) AS n FROM admitted),
        full_window AS (
          SELECT b.key, min(b.invoke_ns) AS at_ns FROM begun b
          ASOF JOIN ended e ON b.key = e.key AND b.invoke_ns + {window_ns} >= e.at_ns
          WHERE e.n - b.before > {most} GROUP BY b.key)
        SELECT w.key AS item, w.at_ns, list(a.id ORDER BY a.return_ns, a.id)[:{min(most + 1, MOST_SHOWN)}] AS ops
        FROM full_window w JOIN admitted a ON a.key = w.key AND a.invoke_ns >= w.at_ns
          AND a.return_ns <= w.at_ns + {window_ns}
        GROUP BY w.key, w.at_ns""",
    )


def _refused_early(db: Connection, window_ns: int, least: int) -> None:
    """Those that had begun by the end of the refused one, less those that had ended a window before its begin."""
    db.execute(f"""CREATE OR REPLACE TEMP TABLE possible AS SELECT key, invoke_ns,
        CASE WHEN outcome = 'ok' THEN return_ns ELSE {INF} END AS return_ns
        FROM {_HITS} AND outcome IN ('ok', 'info')""")
    add_bad(
        db,
        "refused early",
        f"""WITH begun AS (
          SELECT key, invoke_ns AS at_ns, count(*) OVER (PARTITION BY key ORDER BY invoke_ns) AS n FROM possible),
        ended AS (
          SELECT key, return_ns AS at_ns, count(*) OVER (PARTITION BY key ORDER BY return_ns) AS n FROM possible),
        refused AS (
          SELECT id, key, invoke_ns, return_ns, invoke_ns - {window_ns} AS before_ns
          FROM {_HITS} AND class = 'limited'),
        counted AS (
          SELECT r.*, coalesce(b.n, 0) AS begun FROM refused r
          ASOF LEFT JOIN begun b ON r.key = b.key AND r.return_ns >= b.at_ns)
        SELECT c.key AS item, min(c.invoke_ns) AS at_ns, [arg_min(c.id, c.invoke_ns)] AS ops FROM counted c
        ASOF LEFT JOIN ended e ON c.key = e.key AND c.before_ns > e.at_ns
        WHERE c.begun - coalesce(e.n, 0) < {least} GROUP BY c.key""",
    )
