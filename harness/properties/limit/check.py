"""No window of time sees more requests of a user admitted than promised, and nobody who has a turn is refused.

    too many       more than `limit_most` requests of one user were admitted in one window of `limit_window_s`
    refused early  a request was refused although fewer than `limit_least` of the user's can have been admitted in the
                   window before it

Why this is right: a request was admitted or refused at some moment between its invoke and its return. For too many,
only requests count that lie wholly in the window, so that they were admitted in the window whatever their moments were.
It suffices to look at windows that begin with an invoke: any other window holds no more than the next such window. For
refused early, every request counts that was under way at any time from one window before the refused request's invoke
until its return.

`info`: a doubtful request counts in the service's favour: as not admitted for too many, and from its invoke on for
ever as admitted for refused early. Time limits: the service's clock is not ours; windows are taken 1 % shorter for too
many, and 1 % longer for refused early, which is more than a clock is ever slewed. A store whose clock is stepped
while a run lasts may be judged wrongly.
Weaker on purpose: a moment for each request such that no window holds too many need not exist although no window is
guilty; finding one is a scheduling problem, and what it would add is a request or two.

Cost: ASOF joins with running counts, one for too many, two for refused early. A request that took longer than a window
lies wholly in none. Of the others, those that began before a window have ended by its end. So the number of requests
wholly in a window is the difference of two counts, however full the window is. O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.judging.findings import Connection, Findings
from harness.judging.verdict import INF, NS, Result, Verdict

NAME = "limit"
SENTENCE = "A rate limit holds over all replicas, and refuses nobody who has a turn."

RULES = {
    "too many": "was admitted more often in one window than is promised",
    "refused early": "was refused although it had a turn",
}

SLEW = 0.01
MOST_SHOWN = 12

_HITS = "own WHERE kind = 'hit'"

_EXAMINED = {
    "users": "count(DISTINCT key)",
    "admitted": "count(*) FILTER (outcome = 'ok')",
    "refused": "count(*) FILTER (class = 'limited')",
    "doubtful": "count(*) FILTER (outcome = 'info')",
}


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
        window_s: length of the window, in seconds.
        most: how many requests one window admits at most; None: nothing is promised.
        least: how many requests one window admits at least; None: nothing is promised.
    """

    name: str = NAME
    window_s: float | None = None
    most: int | None = None
    least: int | None = None


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(_EXAMINED, _HITS)
    window_s = criteria.window_s or 0.0
    if criteria.most is not None:
        _too_many(found, int(window_s * (1 - SLEW) * NS), criteria.most)
    if criteria.least is not None:
        _refused_early(found, int(window_s * (1 + SLEW) * NS), criteria.least)
    vacuous = None
    admitted, refused = found.examined["admitted"], found.examined["refused"]
    if not admitted or not refused:
        vacuous = f"{admitted} requests were admitted and {refused} refused: nothing to judge"
    result = found.conclude(vacuous=vacuous, among="own")
    if criteria.least is None and result.verdict is not Verdict.INVALID:
        told = "requests refused early: the contract names no limit_least"
        return replace(result, could_have_missed=f"{told}; {result.could_have_missed}")
    return result


def _too_many(found: Findings, window_ns: int, most: int) -> None:
    """Judge the rule `too many`.

    The number of requests wholly in a window is the number that had ended by its end, less the number that had begun
    before it, since the table `admitted` holds no request that outlasts a window.
    """
    found.db.execute(f"""CREATE OR REPLACE TEMP TABLE admitted AS
        SELECT id, key, invoke_ns, return_ns FROM {_HITS} AND outcome = 'ok'
          AND return_ns - invoke_ns <= {window_ns}""")
    found.add(
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


def _refused_early(found: Findings, window_ns: int, least: int) -> None:
    """Judge the rule `refused early`.

    The number of requests that may count against a refused one is the number that had begun by its return, less the
    number that had ended by one window before its invoke.
    """
    found.db.execute(f"""CREATE OR REPLACE TEMP TABLE possible AS SELECT key, invoke_ns,
        CASE WHEN outcome = 'ok' THEN return_ns ELSE {INF} END AS return_ns
        FROM {_HITS} AND outcome IN ('ok', 'info')""")
    found.add(
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
