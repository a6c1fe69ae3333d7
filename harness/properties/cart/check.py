"""An acknowledged line of a cart is there until it is removed, and never after.

A line is the element of a set: added once, however often its add is sent, and removed at most once. Per line, with
times of invoke and return,

    A  earliest invoke of an add that may have worked: before, it was not there
    U  earliest return of an ok add, a look that found it, or an ok remove: by then it was there
    R  invoke of the ok remove, else the earliest invoke of a doubtful one: before, it was not gone
    P  latest invoke of a look that found it: until then it was there
    G  return of the ok remove: from then on it is gone

    phantom        found, or removed, by an op that returned before A
    zombie         P > G
    lost           a look that did not find it, or a remove that found nothing to remove, is invoked after U and
                   returns before max(P, R), and before its life may end
    removed twice  two removes are ok
    present after failed add  found or removed, though every add of it provably failed

Why this is exact: a remove is ok only if it removed something, so an ok remove is the only one that worked, and
doubtful ones beside it did nothing. Let a be when it was added and g when it went. Late a and early g satisfy the most
looks, so a = U and g = max(P, R, U) are the best choice; what fails with them fails with all.

`info`: a doubtful add may work at any time after its invoke, or never; a doubtful remove puts R at its invoke but
never G; doubtful looks saw nothing. Time limits: not found is innocent from A + the promised life of a cart - 1 s on.
Weaker on purpose: what a line holds is not compared.

Cost: one aggregation by line, then a join of the suspects alone. O(n).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.judging.findings import Connection, Findings
from harness.judging.verdict import INF, NS, Result

NAME = "cart"
SENTENCE = "An acknowledged line of a cart is there until it is removed, and never after."

RULES = {
    "phantom": "found before its add was sent",
    "zombie": "still found after its remove was acknowledged",
    "lost": "not found although its add was acknowledged and no remove explains it",
    "removed twice": "removed by two requests",
    "present after failed add": "found although every add of it failed",
}

_OPS = "own WHERE kind IN ('add', 'look', 'remove')"
_FOUND = "kind = 'look' AND outcome = 'ok' AND value = 'present'"
_NOT_FOUND = "((kind = 'look' AND outcome = 'ok' AND value = 'absent') OR (kind = 'remove' AND class = 'missing'))"
_REMOVED = "kind = 'remove' AND outcome = 'ok'"

_EXAMINED = {
    "lines": "count(DISTINCT key) FILTER (kind = 'add' AND outcome = 'ok')",
    "found": f"count(*) FILTER ({_FOUND})",
    "not_found": f"count(*) FILTER ({_NOT_FOUND})",
    "removed": f"count(*) FILTER ({_REMOVED})",
}

_SUSPECT = f"""CREATE OR REPLACE TEMP TABLE suspect AS
SELECT key AS item,
  min(invoke_ns) FILTER (kind = 'add' AND outcome <> 'fail') AS begun,
  count(*) FILTER (kind = 'add' AND outcome = 'fail') AS failed,
  min(return_ns) FILTER ((kind = 'add' AND outcome = 'ok') OR ({_FOUND}) OR ({_REMOVED})) AS there,
  coalesce(min(invoke_ns) FILTER ({_REMOVED}),
    min(invoke_ns) FILTER (kind = 'remove' AND outcome = 'info'), {INF}) AS going,
  coalesce(max(invoke_ns) FILTER ({_FOUND}), 0) AS seen,
  min(return_ns) FILTER ({_REMOVED}) AS gone,
  count(*) FILTER ({_REMOVED}) AS removals,
  min(return_ns) FILTER (({_FOUND}) OR ({_REMOVED})) AS shown,
  max(invoke_ns) FILTER ({_NOT_FOUND}) AS missed_invoke, min(return_ns) FILTER ({_NOT_FOUND}) AS missed_return
FROM {_OPS} GROUP BY key
HAVING removals > 1 OR seen > gone OR shown < begun OR (begun IS NULL AND failed > 0 AND shown IS NOT NULL)
  OR (missed_invoke > there AND missed_return < greatest(seen, going))"""


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
        ttl_s: how long a line stays in its cart at least, in seconds; None: until it is removed.
    """

    name: str = NAME
    ttl_s: float | None = None


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(_EXAMINED, _OPS)
    db.execute(_SUSPECT)
    joined = f"FROM suspect s JOIN (SELECT * FROM {_OPS}) o ON o.key = s.item"
    end = "NULL" if criteria.ttl_s is None else f"s.begun + {int((criteria.ttl_s - 1) * NS)}"
    rules = {
        "phantom": f"(({_FOUND}) OR ({_REMOVED})) AND return_ns < s.begun",
        "zombie": f"{_FOUND} AND invoke_ns > s.gone",
        "lost": f"{_NOT_FOUND} AND invoke_ns > s.there AND return_ns < greatest(s.seen, s.going)"
        f" AND return_ns < coalesce({end}, {INF})",
        "present after failed add": f"(({_FOUND}) OR ({_REMOVED})) AND s.begun IS NULL AND s.failed > 0",
    }
    for rule, guilty in rules.items():
        first = f"SELECT s.item, min(invoke_ns) AS at_ns, [arg_min(id, invoke_ns)] AS ops {joined}"
        found.add(rule, f"{first} WHERE {guilty} GROUP BY s.item")
    found.add(
        "removed twice",
        f"""SELECT s.item, max(invoke_ns) AS at_ns, list(id ORDER BY invoke_ns)[:2] AS ops {joined}
        WHERE {_REMOVED} AND s.removals > 1 GROUP BY s.item""",
    )
    looks = found.examined["found"] + found.examined["not_found"]
    vacuous = None
    if not found.examined["lines"] or not looks:
        vacuous = f"{found.examined['lines']} lines were acknowledged and {looks} looks answered: nothing to judge"
    return found.conclude(vacuous=vacuous, among="own")
