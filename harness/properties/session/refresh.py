"""Each refresh token has one successor, and the newest of a session is never refused.

Tokens form a chain: a log-in gives the first, every ok refresh of R gives its successor. Per token R,

    forked             ok refreshes of R gave different successors
    ancestor accepted  an ok refresh of R is invoked after an ok refresh of R's successor returned: by then R is the
                       grandparent of the newest, which must be refused however recent R is
    newest refused     R is refused though no other attempt presented R before the refusal returned
    refused in grace   R is refused though all attempts on R lie within its grace, and nobody had presented its
                       successor before that answer: R was the newest or the immediate predecessor
    late reuse accepted   an ok refresh of R is invoked after an earlier one returned + grace + leeway
    family lives on       R was presented as late as that, definitely answered, and yet the session is seen present
                          afterwards

The last two rules apply only where the contract promises that a reuse revokes the session (`refresh_reuse_revokes`).

Why only these refusals are guilty: R is consumed by one of the attempts on it. If another attempt was invoked before
the refusal returned, R may have been consumed; R is then the immediate predecessor until its successor is presented,
and is promised the same successor until the first attempt + grace - 1 s. In all other cases the service may refuse.

Why late reuse is guilty: an ok answer to R says that R was rotated by then, so grace + leeway later R is neither the
newest nor within its grace, whoever presented what in between; the answer to it is given after the revocation. A
doubtful late attempt may never have arrived, so nothing is judged by it.

`info`: a doubtful attempt may have consumed its token at any time after its invoke, so every attempt counts as having
consumed its token from its invoke on. Doubtful log-outs count as log-outs. Time limits: no refusal is judged after the
session's log-in + refresh TTL - 1 s, nor from the moment on when a token presented twice may look like theft (first
attempt + grace - 1 s): the family may then be revoked.
Weaker on purpose: tokens whose issue nobody recorded are not judged.

Cost: one aggregation by token over the refreshes, and joins by token. O(n).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import INF, NS, Result

NAME = "refresh"
SENTENCE = "Each refresh token has one successor, and the newest of a session is never refused."

RULES = {
    "forked": "one refresh token gave different successors",
    "ancestor accepted": "a refresh token was accepted after its successor's successor had been given",
    "newest refused": "the newest refresh token of a live session was refused",
    "refused in grace": "a refresh token was refused within its grace, its successor never presented",
    "late reuse accepted": "a refresh token was accepted again after its grace was over",
    "family lives on": "the session went on after one of its spent refresh tokens had been presented",
}

_EXAMINED = {
    "refreshes": "count(*) FILTER (outcome = 'ok')",
    "refused": "count(*) FILTER (class IN ('refused', 'absent'))",
    "doubtful": "count(*) FILTER (outcome = 'info')",
}


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
        refresh_ttl_s: how long a refresh token lives, in seconds; None: nothing is promised.
        refresh_grace_s: how long a rotated refresh token still gets its successor, in seconds; None: nothing is
            promised.
        refresh_reuse_revokes: a refresh token that is presented after its grace ends the session.
        clock_leeway_s: by how much the service's clock may differ from ours, in seconds.
    """

    name: str = "session"
    refresh_ttl_s: float | None = None
    refresh_grace_s: float | None = None
    refresh_reuse_revokes: bool = False
    clock_leeway_s: float = 1.0


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(_EXAMINED, "op WHERE session_use = 'renew'")
    _tokens(db)
    found.add(
        "forked",
        """SELECT item, at_ns, [low, high] AS ops FROM (
          SELECT any_value(session) AS item, max(invoke_ns) AS at_ns, arg_min(id, value) AS low,
            arg_max(id, value) AS high FROM op
          WHERE session_use = 'renew' AND outcome = 'ok' AND arg IN (SELECT arg FROM token WHERE low <> high)
          GROUP BY arg)""",
    )
    found.add(
        "ancestor accepted",
        """SELECT r.item, r.last_ok AS at_ns, [r.last_ok_id, s.first_ok_id] AS ops
        FROM token r JOIN token s ON s.arg = r.low WHERE r.last_ok > s.ok_return
        UNION SELECT r.item, r.last_ok, [r.last_ok_id, s.first_ok_id]
        FROM token r JOIN token s ON s.arg = r.high WHERE r.low <> r.high AND r.last_ok > s.ok_return""",
    )
    if found.examined["refused"]:
        _refusals(found, criteria)
    if criteria.refresh_reuse_revokes and criteria.refresh_grace_s is not None:
        found.examined["late_reuses"] = _late(found, int((criteria.refresh_grace_s + criteria.clock_leeway_s) * NS))
    vacuous = None if found.examined["refreshes"] else "no refresh was accepted: nothing to judge"
    result = found.conclude(
        vacuous=vacuous,
        item="session",
        among="(SELECT * FROM op WHERE session_use IN ('begin', 'renew', 'end'))",
    )
    if found.examined.get("late_reuses") == 0:
        untried = "reuse after the grace, which never came: the run is too short for it"
        return replace(result, could_have_missed=f"{untried}; {result.could_have_missed}".removesuffix("; "))
    return result


def _tokens(db: Connection) -> None:
    db.execute("""CREATE OR REPLACE TEMP TABLE token AS
        SELECT arg, any_value(session) AS item, min(invoke_ns) AS first,
          min(value) FILTER (outcome = 'ok') AS low, max(value) FILTER (outcome = 'ok') AS high,
          min(return_ns) FILTER (outcome = 'ok') AS ok_return, max(invoke_ns) FILTER (outcome = 'ok') AS last_ok,
          arg_min(id, return_ns) FILTER (outcome = 'ok') AS first_ok_id,
          arg_max(id, invoke_ns) FILTER (outcome = 'ok') AS last_ok_id, count(*) AS attempts
        FROM op WHERE session_use = 'renew' AND class <> 'no_effect' AND arg IS NOT NULL GROUP BY arg""")


def _late(found: Findings, limit_ns: int) -> int:
    """Judge the tokens that were presented long after they had been rotated.

    Args:
        found: what the check finds.
        limit_ns: the grace and the leeway together, in nanoseconds, after which a reuse is late.

    Returns:
        How many late reuses got a definite answer.
    """
    found.db.execute(f"""CREATE OR REPLACE TEMP TABLE late AS SELECT o.id, o.session, o.class, o.invoke_ns, o.return_ns
        FROM op o JOIN token t ON t.arg = o.arg WHERE o.session_use = 'renew'
          AND o.class IN ('ok', 'refused', 'absent') AND o.invoke_ns > t.ok_return + {limit_ns}""")
    found.add(
        "late reuse accepted",
        """SELECT session AS item, min(invoke_ns) AS at_ns, [arg_min(id, invoke_ns)] AS ops FROM late
        WHERE class = 'ok' GROUP BY session""",
    )
    found.add(
        "family lives on",
        """SELECT l.session AS item, min(p.invoke_ns) AS at_ns, [any_value(l.id), arg_min(p.id, p.invoke_ns)] AS ops
        FROM (SELECT session, min(return_ns) AS caught, arg_min(id, return_ns) AS id FROM late GROUP BY session) l
        JOIN op p ON p.session = l.session AND p.seen = 'present' AND p.invoke_ns > l.caught GROUP BY l.session""",
    )
    return int(one(found.db, "SELECT count(*) FROM late")[0])


def _refusals(found: Findings, criteria: Criteria) -> None:
    """Judge the refusals of tokens.

    The table `judged` holds the refusals that no end of the session explains. `others` is when another attempt first
    presented the refused token, `successor` when the token's successor was first presented.
    """
    grace = int(max((criteria.refresh_grace_s or 0) - 1, 0) * NS)
    theft = f"min(first) + {grace}" if criteria.refresh_grace_s is not None else "min(first)"
    life = "NULL" if criteria.refresh_ttl_s is None else f"login + {int((criteria.refresh_ttl_s - 1) * NS)}"
    in_session = "session IN (SELECT session FROM refusal)"
    found.db.execute("""CREATE OR REPLACE TEMP TABLE refusal AS SELECT id, session, arg, invoke_ns, return_ns FROM op
        WHERE session_use = 'renew' AND class IN ('refused', 'absent') AND arg IS NOT NULL""")
    found.db.execute(f"""CREATE OR REPLACE TEMP TABLE judged AS WITH
        life AS (SELECT session, min(invoke_ns) FILTER (session_use = 'begin') AS login,
            coalesce(min(invoke_ns) FILTER (session_use = 'end'), {INF}) AS revoked
          FROM op WHERE session_use IN ('begin', 'end') AND outcome <> 'fail' AND {in_session} GROUP BY session),
        replay AS (SELECT item AS session, {theft} AS theft FROM token WHERE attempts > 1 GROUP BY item),
        issued AS (SELECT value AS arg, min(return_ns) AS issued FROM op
          WHERE session_use IN ('begin', 'renew') AND outcome = 'ok' AND value IN (SELECT arg FROM refusal)
          GROUP BY value),
        two AS (SELECT arg, min(invoke_ns, 2) AS earliest FROM op
          WHERE session_use = 'renew' AND class <> 'no_effect' AND arg IN (SELECT arg FROM refusal) GROUP BY arg)
        SELECT r.id, r.session, r.invoke_ns, r.return_ns, earliest[1] AS first,
          CASE WHEN r.invoke_ns = earliest[1] THEN coalesce(earliest[2], {INF}) ELSE earliest[1] END AS others,
          least(coalesce(low.first, {INF}), coalesce(high.first, {INF})) AS successor
        FROM refusal r JOIN two USING (arg) JOIN issued ON issued.arg = r.arg AND issued.issued < r.invoke_ns
        JOIN life ON life.session = r.session LEFT JOIN replay ON replay.session = r.session
        JOIN token t ON t.arg = r.arg LEFT JOIN token low ON low.arg = t.low LEFT JOIN token high ON high.arg = t.high
        WHERE r.return_ns < least(revoked, coalesce({life}, {INF}), coalesce(theft, {INF}))""")
    found.add(
        "newest refused",
        "SELECT session AS item, invoke_ns AS at_ns, [id] AS ops FROM judged WHERE others >= return_ns",
    )
    found.add(
        "refused in grace",
        f"""SELECT session AS item, invoke_ns AS at_ns, [id] AS ops FROM judged
        WHERE others < return_ns AND return_ns <= first + {grace} AND successor >= return_ns""",
    )
