"""No forged, expired, unsigned or altered token is accepted.

Violation: an op of the hostile workload with class `ok`. Why this is right: each of its tokens is wrong in a respect
that the contract calls invalid, at any time and through any replica. `info` and refusals are innocent; no time limit
applies. Cost: one filtered scan. O(n).
"""

from __future__ import annotations

from harness.checks.findings import Connection, add_bad, conclude, counts, one, start_bad
from harness.checks.terms import Terms
from harness.checks.verdict import Result

NAME = "hostile"
PROPERTY = "No forged, expired, unsigned or altered token is accepted."

RULES = {"accepted": "a hostile token was accepted"}

_FORGED = "op WHERE workload = 'hostile' AND kind = 'forge'"


def check(db: Connection, terms: Terms) -> Result:
    """See the module."""
    columns = {
        "presented": "count(*)",
        "refused": "count(*) FILTER (outcome = 'fail' AND class <> 'no_effect')",
        "variants": "count(DISTINCT coalesce(arg, key)) FILTER (outcome <> 'info' AND class <> 'no_effect')",
    }
    examined = counts(db, columns, _FORGED)
    start_bad(db)
    accepted = f"{_FORGED} AND class = 'ok'"
    add_bad(
        db, "accepted", f"SELECT key AS item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM {accepted} GROUP BY key"
    )
    answered = int(one(db, f"SELECT count(*) FROM {_FORGED} AND class <> 'no_effect' AND outcome <> 'info'")[0])
    vacuous = None if answered else "no hostile token was answered: nothing to judge"
    return conclude(db, NAME, PROPERTY, RULES, examined, vacuous=vacuous, among="workload = 'hostile'")
