"""A role, an API key or a session lets in who may, and nobody once it was taken away.

Grants to a user are writes of a register that holds `plain` from the sign-up on; a key is the element of a set; an op
that ends all sessions of a user ends the sessions that were acknowledged before the op. Per op,

    forbidden admitted    a stranger's account is shown by a role that cannot have been `permitted` any more: let g be
                          the latest ok grant of `plain` that returned before (or the sign-up); no grant of `permitted`
                          that is not a failure may have taken effect after g and before the answer
    escalated             a user whose role cannot have been `permitted`, by the same reasoning, gave itself that role
    permitted refused     a user's own account is refused or missing; or a stranger's account is, to a session begun
                          when the role was `permitted` for certain, and no grant of `plain` may have taken effect since
    another's data        an account is shown as that of another user than was asked for
    revoked key accepted  an API key is accepted in a use that is invoked after its revoke returned `ok`
    key lost              a use is invoked after the key was given or accepted, answered as absent, and returns before
                          any revoke that may have worked is invoked, or before an accepted use is invoked
    outlived its end      a session is seen present by an op that is invoked after a `logout_all` of its user returned
                          `ok`, though the session's log-in had returned before the `logout_all` was invoked

Why this is right: an ok write takes effect between invoke and return, a doubtful one at any time after its invoke, a
failed one never. `forbidden admitted` and `escalated` leave out just the grants of `permitted` that cannot come after
g, and the latest g leaves out the most. Keys are judged as sessions are (see `harness.properties.session.check`), and
never expire.
`info`: doubtful writes as said above; doubtful reads saw nothing. Time limits: none; the check `session` judges expiry.
Weaker on purpose: a refusal to a session that was begun before the user got the permitted role is not judged, since the
session's token may hold the older role.

Cost: one aggregation by key; ASOF joins by user, each with the latest grant or end so far, or the one that reaches
furthest, so that a user with many grants costs no more than many users. O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.judging.findings import Connection, Findings
from harness.judging.verdict import INF, Result, Verdict

NAME = "access"
SENTENCE = "A role, an API key or a session lets in who may, and nobody once it was taken away."

RULES = {
    "forbidden admitted": "shown to a user whose role does not permit it",
    "escalated": "a user whose role does not permit it gave itself another",
    "permitted refused": "refused to a user who is permitted it",
    "another's data": "answered with the account of another user",
    "revoked key accepted": "an API key was accepted after its revocation was acknowledged",
    "key lost": "an API key was refused although it was given and not revoked",
    "outlived its end": "a session was accepted after all sessions of its user had been ended",
}

_EXAMINED = {
    "own_accounts": "count(*) FILTER (kind = 'see_own' AND class = 'ok')",
    "strangers_refused": "count(*) FILTER (kind = 'see_other' AND class IN ('refused', 'missing'))",
    "strangers_shown": "count(*) FILTER (kind = 'see_other' AND class = 'ok')",
    "own_grants_refused": "count(*) FILTER (kind = 'usurp' AND class IN ('refused', 'missing'))",
    "grants": "count(*) FILTER (kind = 'grant' AND outcome = 'ok')",
    "keys": "count(*) FILTER (kind = 'key_create' AND outcome = 'ok')",
    "key_uses": "count(*) FILTER (kind = 'key_use' AND class IN ('ok', 'absent'))",
    "keys_revoked": "count(*) FILTER (kind = 'key_revoke' AND outcome = 'ok')",
    "ends_of_all_sessions": "count(*) FILTER (kind = 'logout_all' AND outcome = 'ok')",
}

_GRANTS = """own WHERE kind = 'grant' AND outcome <> 'fail'"""


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
    """

    name: str = NAME


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(_EXAMINED, "own")
    _roles(found)
    _crossed(found)
    _keys(found)
    _ends(found)
    answered = found.examined["own_accounts"] + found.examined["strangers_refused"] + found.examined["strangers_shown"]
    vacuous = None
    if not (answered or found.examined["key_uses"]):
        vacuous = "no account was asked for and no API key used: nothing to judge"
    elif not found.examined["strangers_refused"] and not found.any():
        vacuous = "no account of a stranger was refused: whether roles count was not seen"
    result = found.conclude(vacuous=vacuous, among="own")
    if result.verdict is Verdict.VALID and not found.examined["own_grants_refused"]:
        told = "a role that one gives oneself: none was refused"
        return replace(result, could_have_missed=f"{told}; {result.could_have_missed}")
    return result


def _roles(found: Findings) -> None:
    """Judge the rules on roles.

    The table `latest` holds, by user and role, when the latest of the sure grants returned by `at_ns` was sent. The
    table `reach` holds until when the grants sent by `at_ns` may take effect.
    """
    found.db.execute(f"""CREATE OR REPLACE TEMP TABLE given AS SELECT "user" AS who, arg, invoke_ns AS invoke,
        CASE WHEN outcome = 'ok' THEN return_ns ELSE {INF} END AS until, outcome = 'ok' AS sure FROM {_GRANTS}""")
    found.db.execute("""CREATE OR REPLACE TEMP TABLE latest AS SELECT DISTINCT who, arg, until AS at_ns,
        max(invoke) OVER (PARTITION BY who, arg ORDER BY until) AS since FROM given WHERE sure""")
    found.db.execute("""CREATE OR REPLACE TEMP TABLE reach AS SELECT DISTINCT who, arg, invoke AS at_ns,
        max(until) OVER (PARTITION BY who, arg ORDER BY invoke) AS until FROM given""")
    found.db.execute("""CREATE OR REPLACE TEMP TABLE shown AS SELECT id, kind, key, "user" AS who, session, class,
        invoke_ns AS invoke, return_ns AS back FROM own
        WHERE kind IN ('see_other', 'usurp') AND class IN ('ok', 'refused', 'missing')""")
    for rule, kind in (("forbidden admitted", "see_other"), ("escalated", "usurp")):
        found.add(
            rule,
            f"""SELECT s.key AS item, min(s.invoke) AS at_ns, [arg_min(s.id, s.invoke)] AS ops
            FROM (SELECT * FROM shown WHERE kind = '{kind}' AND class = 'ok') s
            ASOF LEFT JOIN (SELECT * FROM latest WHERE arg = 'plain') p ON p.who = s.who AND s.invoke > p.at_ns
            ASOF LEFT JOIN (SELECT * FROM reach WHERE arg = 'permitted') u ON u.who = s.who AND s.back >= u.at_ns
            WHERE u.until IS NULL OR u.until < p.since GROUP BY s.key""",
        )
    found.add(
        "permitted refused",
        """WITH begun AS (SELECT session, min(invoke_ns) AS since FROM own
            WHERE session_use = 'begin' AND outcome = 'ok' GROUP BY session),
          asked AS (SELECT s.*, b.since AS begun FROM shown s JOIN begun b ON b.session = s.session
            WHERE s.kind = 'see_other' AND s.class <> 'ok'),
          wrong AS (SELECT s.id, s.key, s.invoke FROM asked s
            ASOF JOIN (SELECT * FROM latest WHERE arg = 'permitted') u ON u.who = s.who AND s.begun > u.at_ns
            ASOF LEFT JOIN (SELECT * FROM reach WHERE arg = 'plain') d ON d.who = s.who AND s.back >= d.at_ns
            WHERE d.until IS NULL OR d.until < u.since
            UNION ALL SELECT id, key, invoke_ns FROM own
              WHERE kind = 'see_own' AND class IN ('refused', 'missing'))
        SELECT key AS item, min(invoke) AS at_ns, [arg_min(id, invoke)] AS ops FROM wrong GROUP BY key""",
    )


def _crossed(found: Findings) -> None:
    found.add(
        "another's data",
        """SELECT key AS item, min(invoke_ns) AS at_ns, [arg_min(id, invoke_ns)] AS ops FROM own
        WHERE kind IN ('see_own', 'see_other') AND class = 'ok' AND want <> value GROUP BY key""",
    )


def _keys(found: Findings) -> None:
    found.db.execute(f"""CREATE OR REPLACE TEMP TABLE apikey AS
        SELECT key,
          min(return_ns) FILTER (kind <> 'key_revoke' AND outcome = 'ok') AS u,
          max(invoke_ns) FILTER (kind = 'key_use' AND outcome = 'ok') AS p,
          coalesce(min(invoke_ns) FILTER (kind = 'key_revoke' AND outcome <> 'fail'), {INF}) AS v,
          min(return_ns) FILTER (kind = 'key_revoke' AND outcome = 'ok') AS gone
        FROM own WHERE kind IN ('key_create', 'key_use', 'key_revoke') GROUP BY key""")
    found.add(
        "revoked key accepted",
        """SELECT o.key AS item, min(o.invoke_ns) AS at_ns, [arg_min(o.id, o.invoke_ns)] AS ops
        FROM apikey k JOIN own o ON o.key = k.key
        WHERE k.p > k.gone AND o.kind = 'key_use' AND o.outcome = 'ok' AND o.invoke_ns > k.gone GROUP BY o.key""",
    )
    found.add(
        "key lost",
        """SELECT o.key AS item, min(o.invoke_ns) AS at_ns, [arg_min(o.id, o.invoke_ns)] AS ops
        FROM apikey k JOIN own o ON o.key = k.key WHERE o.kind = 'key_use' AND o.class = 'absent'
          AND o.invoke_ns > least(k.u, k.gone) AND o.return_ns < greatest(coalesce(k.p, 0), k.v) GROUP BY o.key""",
    )


def _ends(found: Findings) -> None:
    """Judge the sessions that outlived the end of all sessions of their user.

    The table `ended` holds, for each time at which such an end was sent, the earliest return among this end and later
    ones.
    """
    found.add(
        "outlived its end",
        """WITH begun AS (SELECT session, any_value("user") AS who, min(return_ns) AS since FROM own
            WHERE session_use = 'begin' AND outcome = 'ok' GROUP BY session HAVING count(*) = 1),
          ended AS (SELECT DISTINCT "user" AS who, invoke_ns AS at_ns, min(return_ns) OVER later AS over,
              arg_min(id, return_ns) OVER later AS by_op
            FROM own WHERE kind = 'logout_all' AND outcome = 'ok'
            WINDOW later AS (PARTITION BY "user" ORDER BY invoke_ns DESC)),
          over AS (SELECT b.session, e.over, e.by_op
            FROM begun b ASOF JOIN ended e ON e.who = b.who AND b.since < e.at_ns)
        SELECT o.session AS item, min(o.invoke_ns) AS at_ns, [any_value(v.by_op), arg_min(o.id, o.invoke_ns)] AS ops
        FROM over v JOIN own o ON o.session = v.session AND o.seen = 'present' AND o.invoke_ns > v.over
        GROUP BY o.session""",
    )
