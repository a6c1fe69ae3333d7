"""No id is given twice.

Violation: within one workload, one id was given in ok answers to two different keys.
Why this is right: an id names one item; repetitions of one key may well answer with the same id.
`info` ops gave nothing away. No time limit applies. Cost: one aggregation by id. O(n).
"""

from __future__ import annotations

from harness.judging.criteria import Terms
from harness.judging.findings import Connection, add_bad, conclude, counts, one, start_bad
from harness.judging.verdict import Result

NAME = "unique_ids"
PROPERTY = "No id is given twice."

RULES = {"given twice": "its id was given to another item too"}


def check(db: Connection, terms: Terms) -> Result:
    """See the module."""
    given = "op WHERE given_id IS NOT NULL AND outcome = 'ok'"
    examined = counts(db, {"ids_given": "count(*)"}, given)
    start_bad(db)
    add_bad(
        db,
        "given twice",
        f"""SELECT min(key) AS item, max(invoke_ns) AS at_ns, [arg_min(id, key), arg_max(id, key)] AS ops FROM {given}
        AND (workload, given_id) IN (
          SELECT (workload, given_id) FROM {given} GROUP BY workload, given_id HAVING min(key) <> max(key))
        GROUP BY workload, given_id""",
    )
    vacuous = None if examined["ids_given"] else "no id was given: nothing to judge"
    row = one(db, f"SELECT count(DISTINCT (workload, given_id)), count(DISTINCT replica) FROM {given}")
    return conclude(
        db,
        NAME,
        PROPERTY,
        RULES,
        examined,
        vacuous=vacuous,
        evidence={"ids": int(row[0]), "replicas_that_gave_them": int(row[1])},
        among="given_id IS NOT NULL",
    )
