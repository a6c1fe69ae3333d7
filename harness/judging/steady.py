"""Before any fault the service answers correctly.

Violation: an op of the steady phase whose class is not among those that it expects. Why this is right: nothing was
injected yet and the service said that it is ready, so whatever is wrong is its own. A time-out counts as wrong;
an op that was never sent, or was open when the agent stopped, says nothing. Cost: one filtered scan. O(n).
"""

from __future__ import annotations

from harness.judging.criteria import Terms
from harness.judging.findings import Connection, add_bad, conclude, counts, one, start_bad
from harness.judging.verdict import Result

NAME = "steady"
PROPERTY = "Before any fault the service answers correctly."

RULES = {"unexpected": "answered otherwise than expected before any fault"}

_ASKED = """op WHERE phase = 'steady' AND expect IS NOT NULL AND class <> 'no_effect'
    AND error IS DISTINCT FROM 'open'"""


def check(db: Connection, terms: Terms) -> Result:
    """See the module."""
    examined = counts(db, {"ops": "count(*)", "kinds": "count(DISTINCT workload || '/' || kind)"}, _ASKED)
    start_bad(db)
    add_bad(
        db,
        "unexpected",
        f"""SELECT key AS item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM {_ASKED}
        AND NOT list_contains(string_split(expect, ','), class) GROUP BY key""",
    )
    kinds = one(
        db,
        f"""SELECT string_agg(kind, ', ' ORDER BY kind)
        FROM (SELECT DISTINCT workload || '/' || kind AS kind FROM {_ASKED})""",
    )[0]
    vacuous = None if examined["ops"] else "no op of the steady phase was answered: nothing to judge"
    return conclude(
        db,
        NAME,
        PROPERTY,
        RULES,
        examined,
        vacuous=vacuous,
        evidence={"kinds": kinds or "none"},
        among="phase = 'steady'",
        trials=None,
    )
