"""An acknowledged session is there until it is revoked or expires, and never after.

A session is the element of a set: added once, by the log-in that gave its token, and removed at most once. Every op
authenticated by it is a read: `present` or `absent`. Per session, with times of invoke and return,

    U  earliest return of the log-in, a present read or an ok revoke: by then it was there
    V  earliest invoke of a revoke that may have worked, or when its life may end: before, it was not gone. An op that
       ends all sessions of a user (`logout_all`, and `grant`, since tokens may hold a role) counts as a revoke of the
       sessions begun before the op
    P  latest invoke of a present read: until then it was there
    G  earliest return of an ok revoke: from then on it is gone

    phantom   a present read returns before the log-in is invoked
    zombie    P > G
    expired   a present read is invoked after the last log-in or refresh returned + TTL + leeway
    lost      an absent read is invoked after U and returns before max(P, V), and before its life may end
    present after failed log-in      the only log-ins failed, and yet a present read
    refused   a correct log-in is refused (of a user whose sign-up, if any, was acknowledged before)
    crossed   a read is answered as if another user had asked

Why this is exact: let a be when it was added and g when it went. Late a and early g satisfy the most reads, so a = U
and g = max(P, V, U) are the best choice; what still fails with them fails with all. The brute force of the tests
confirms it for histories without expiry.

`info`: a doubtful log-in may work at any time (its token is known to nobody, so an ok log-in beside it decides); a
doubtful revoke puts V at its invoke but never G; doubtful reads saw nothing. A failed revoke is no revoke.
Time limits: absent is innocent from the log-in's invoke + TTL - 1 s on. A refresh token presented twice may look like
theft once its grace may be over and revoke the session: V is then at the first attempt + grace - 1 s.
Weaker on purpose: sessions logged in twice under one name are counted as `ambiguous` and not judged, since which of
the two a read used is unknown; after a refresh the old token's life still bounds what absent reads may prove.

Cost: one aggregation by session, then a join of the suspects alone. O(n).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import INF, NS, Result

NAME = "session"
SENTENCE = "An acknowledged session is there until it is revoked or expires, and never after."

RULES = {
    "phantom": "answered as a session before its log-in was sent",
    "zombie": "still accepted after its log-out was acknowledged",
    "expired": "still accepted after its life had ended",
    "lost": "answered as absent although it was acknowledged, not revoked and not expired",
    "present after failed log-in": "accepted although no log-in gave it",
    "refused": "a correct log-in was refused",
    "crossed": "answered as another user",
}

_EXAMINED = {
    "sessions": "count(*) FILTER (session_use = 'begin' AND outcome = 'ok')",
    "present_reads": "count(*) FILTER (seen = 'present' AND session_use <> 'end')",
    "absent_reads": "count(*) FILTER (seen = 'absent')",
    "revokes": "count(*) FILTER (session_use = 'end' AND outcome = 'ok')",
}


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
        session_ttl_s: how long a session lives, in seconds; None: nothing is promised, and no expiry is judged.
        refresh_grace_s: how long a rotated refresh token still gets its successor, in seconds; None: nothing is
            promised.
        clock_leeway_s: by how much the service's clock may differ from ours, in seconds.
    """

    name: str = NAME
    session_ttl_s: float | None = None
    refresh_grace_s: float | None = None
    clock_leeway_s: float = 1.0


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(_EXAMINED, "op WHERE session IS NOT NULL")
    _suspects(db, criteria)
    found.examined["ambiguous"] = int(one(db, "SELECT count(*) FROM suspect WHERE logins > 1")[0])
    _judge(found, criteria)
    _lost(found, criteria)
    _refused(found)
    _crossed(found)
    reads = found.examined["present_reads"] + found.examined["absent_reads"]
    vacuous = None
    if not found.examined["sessions"] or not reads:
        vacuous = (
            f"{found.examined['sessions']} sessions were acknowledged and {reads} reads answered: nothing to judge"
        )
    return found.conclude(vacuous=vacuous, item="session", among="op")


def _suspects(db: Connection, criteria: Criteria) -> None:
    """Create the table `suspect` of the sessions that break a rule, or may.

    For the rule `lost` the condition here is necessary but not sufficient; `_lost` applies the exact rule.
    """
    renewed = _ns(criteria.session_ttl_s, criteria.clock_leeway_s)
    db.execute(f"""CREATE OR REPLACE TEMP TABLE suspect AS
        SELECT session AS item,
          count(*) FILTER (session_use = 'begin' AND outcome = 'ok') AS logins,
          count(*) FILTER (session_use = 'begin' AND outcome = 'info') AS doubtful,
          count(*) FILTER (session_use = 'begin' AND outcome = 'fail') AS failed,
          min(invoke_ns) FILTER (session_use = 'begin' AND outcome = 'ok') AS ok_invoke,
          min(invoke_ns) FILTER (session_use = 'begin' AND outcome = 'info') AS info_invoke,
          min(return_ns) FILTER (session_use = 'begin' AND outcome = 'ok') AS ok_return,
          max(return_ns) FILTER (session_use IN ('begin', 'renew') AND outcome = 'ok') AS renewed,
          min(return_ns) FILTER (seen = 'present' AND session_use <> 'end') AS seen_return,
          max(invoke_ns) FILTER (seen = 'present' AND session_use <> 'end') AS seen_invoke,
          min(invoke_ns) FILTER (session_use = 'end' AND outcome <> 'fail') AS revoke_invoke,
          min(return_ns) FILTER (session_use = 'end' AND outcome = 'ok') AS revoke_return,
          max(invoke_ns) FILTER (seen = 'absent') AS absent_invoke,
          min(return_ns) FILTER (seen = 'absent') AS absent_return
        FROM op WHERE session IS NOT NULL
          AND (seen IS NOT NULL OR session_use IN ('begin', 'end'))
        GROUP BY session
        HAVING logins > 1 OR seen_return < coalesce(ok_invoke, info_invoke) OR seen_invoke > revoke_return
          OR (logins = 0 AND doubtful = 0 AND failed > 0 AND seen_return IS NOT NULL)
          OR seen_invoke > renewed + {renewed}
          OR (absent_invoke > least(ok_return, seen_return, revoke_return)
              AND absent_return < greatest(coalesce(seen_invoke, 0), coalesce(revoke_invoke, {INF})))""")


def _ns(limit_s: float | None, more_s: float) -> str:
    """Return the SQL for a time limit in nanoseconds; NULL without a limit, so that no comparison with it holds.

    Args:
        limit_s: the limit in seconds; None for no limit.
        more_s: seconds to add to the limit.
    """
    return "NULL" if limit_s is None else str(int((limit_s + more_s) * NS))


def _judge(found: Findings, criteria: Criteria) -> None:
    reads = "JOIN op o ON o.session = s.item AND o.seen = 'present' AND o.session_use <> 'end'"
    clear = "s.logins <= 1"
    shown = "SELECT s.item, min(o.invoke_ns) AS at_ns, [min(o.id)] AS ops FROM suspect s"
    rules = {
        "phantom": (f"{clear} AND s.logins + s.doubtful > 0", "o.return_ns < coalesce(s.ok_invoke, s.info_invoke)"),
        "zombie": (clear, "o.invoke_ns > s.revoke_return"),
        "expired": (clear, f"o.invoke_ns > s.renewed + {_ns(criteria.session_ttl_s, criteria.clock_leeway_s)}"),
        "present after failed log-in": ("s.logins = 0 AND s.doubtful = 0 AND s.failed > 0", "true"),
    }
    for rule, (which, guilty) in rules.items():
        found.add(rule, f"{shown} {reads} WHERE {which} AND {guilty} GROUP BY s.item")


def _lost(found: Findings, criteria: Criteria) -> None:
    """Judge the rule `lost`.

    `end` is when a session's life may end by itself, `theft` when a repeated refresh may have ended the session.
    """
    end = "NULL" if criteria.session_ttl_s is None else f"start + {int((criteria.session_ttl_s - 1) * NS)}"
    if criteria.refresh_grace_s is None:
        theft = "min(second)"
    else:
        theft = f"min(first) + {int(max(criteria.refresh_grace_s - 1, 0) * NS)}"
    found.add(
        "lost",
        f"""WITH span AS (
          SELECT item, coalesce(ok_invoke, info_invoke) AS start, least(ok_return, seen_return, revoke_return) AS u,
            coalesce(seen_invoke, 0) AS p, coalesce(revoke_invoke, {INF}) AS v
          FROM suspect WHERE logins = 1 OR (logins = 0 AND doubtful > 0)),
        repeated AS (
          SELECT session AS item, min(invoke_ns) AS first, min(invoke_ns, 2)[2] AS second FROM op
          WHERE session_use = 'renew' AND class <> 'no_effect' AND session IN (SELECT item FROM span)
          GROUP BY session, arg HAVING count(*) > 1),
        replayed AS (SELECT item, {theft} AS theft FROM repeated GROUP BY item),
        begun AS (SELECT session AS item, any_value("user") AS who, min(invoke_ns) AS since FROM op
          WHERE session_use = 'begin' AND session IN (SELECT item FROM span) GROUP BY session),
        ended AS (SELECT b.item, min(e.invoke_ns) AS ended FROM begun b JOIN op e ON e."user" = b.who
          WHERE e.session_use = 'end_all' AND e.outcome <> 'fail'
            AND (e.outcome = 'info' OR e.return_ns > b.since) GROUP BY b.item)
        SELECT item, min(o.invoke_ns) AS at_ns, [min(o.id)] AS ops
        FROM span LEFT JOIN replayed USING (item) LEFT JOIN ended USING (item)
          JOIN op o ON o.session = item AND o.seen = 'absent'
        WHERE o.invoke_ns > u AND o.return_ns < coalesce({end}, {INF})
          AND o.return_ns < greatest(p, least(v, coalesce(theft, {INF}), coalesce(ended, {INF})))
        GROUP BY item""",
    )


def _refused(found: Findings) -> None:
    found.add(
        "refused",
        """SELECT o.session AS item, min(o.invoke_ns) AS at_ns, [min(o.id)] AS ops FROM op o
        LEFT JOIN (SELECT key AS name, min(return_ns) FILTER (outcome = 'ok') AS there
          FROM op WHERE kind = 'signup' GROUP BY key) u ON u.name = o."user"
        WHERE o.session_use = 'begin' AND o.class = 'refused' AND (u.name IS NULL OR u.there < o.invoke_ns)
        GROUP BY o.session""",
    )


def _crossed(found: Findings) -> None:
    found.add(
        "crossed",
        """SELECT session AS item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM own
        WHERE kind = 'read' AND class = 'ok' AND want <> value AND session IS NOT NULL
        GROUP BY session""",
    )
