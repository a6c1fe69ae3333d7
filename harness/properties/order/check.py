"""Of all who ask for an order one gets it, once, and none is left in processing.

Every racer has a key and one body, so `arg` names the racer. Judged per order, within the declared retention:

    two winners             two racers were acknowledged
    winner refused          a racer that was acknowledged was also told that another has the order
    taken by nobody         told to a racer that another has the order, before another's attempt that may have worked
                            was sent
    key refused             a racer's only body was refused as another body (`mismatch`), or its key as unknown
    answers differ          one racer's acknowledgements, or looks at the order, show different answers or ids
    lost                    not found by the winner's user after an acknowledgement
    shown to another        found by a user none of whose attempts may have worked
    processed no more       seen in processing by a look that was sent after an acknowledgement, or after the order was
                            seen processed
    processed twice         more than one accepted effect
    ok without effect       acknowledged, and no effect at the end
    effect of a refused one an effect, though every attempt provably failed
    stranded                beyond the promised time after the service was healed, still in processing

Why this is right: who has an order never changes. Choose as its owner b the acknowledged racer, else among those with
a doubtful attempt and no refusal the one that asked first; let b's first such attempt have worked when it was invoked.
Every refusal of another racer that returned later is explained; a refusal that returned earlier is explained by no
choice of b. Late effects and states are judged as those of a payment (see `harness.properties.idempotency.check`).

`info`: a doubtful attempt may have won, at any later time; it explains refusals and effects and demands neither. So
does `in_progress`, which says that some attempt goes on. Time limits: orders whose ops reach beyond the retention are
not judged (they are counted). `stranded`: the last op on the order in the settle or final phase got `in_progress`, or
a look that shows it in processing, with no other attempt beside it, later than the promised time after the service
had been healed and the last doubtful attempt was given up; or all settle attempts are doubtful for longer than that.
Not testable: effects that can be seen nowhere; doubled effects where the provider does not deduplicate.

Cost: one aggregation by racer, one by order. O(n).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import INF, NS, Result

NAME = "order"
SENTENCE = "Of all who ask for an order one gets it, once, and none is left in processing."

RULES = {
    "two winners": "acknowledged to two who asked for it",
    "winner refused": "acknowledged, and also refused as another's, to the same one",
    "taken by nobody": "refused as another's before anybody else can have had it",
    "key refused": "a key that was sent with one body only was refused as if there were another",
    "answers differ": "shown to the one who has it with different answers",
    "lost": "not found by its owner after it was acknowledged",
    "shown to another": "shown to a user who cannot have it",
    "processed no more": "in processing again after it was processed",
    "processed twice": "took effect more than once",
    "ok without effect": "acknowledged, but without any effect",
    "effect of a refused one": "took effect although every attempt was answered as failed",
    "stranded": "still in processing in spite of the promised time after the faults were healed",
}

_PLACE = "kind = 'place'"
_LOOK = "kind = 'inspect'"
_EXAMINED = {
    "attempts": f"count(*) FILTER ({_PLACE})",
    "acknowledged": f"count(*) FILTER ({_PLACE} AND outcome = 'ok')",
    "refused": f"count(*) FILTER ({_PLACE} AND class = 'refused')",
    "doubtful": f"count(*) FILTER ({_PLACE} AND outcome = 'info')",
    "looks": f"count(*) FILTER ({_LOOK} AND class IN ('ok', 'missing'))",
}

_RACER = f"""CREATE OR REPLACE TEMP TABLE racer AS
SELECT key AS item, arg, any_value("user") AS who,
  count(*) FILTER (outcome = 'ok') AS oks,
  count(*) FILTER (outcome = 'info' OR class = 'in_progress') AS doubts,
  count(*) FILTER (class = 'refused') AS refusals,
  min(invoke_ns) FILTER (outcome IN ('ok', 'info') OR class = 'in_progress') AS possible,
  min(return_ns) FILTER (outcome = 'ok') AS ok_return, min(id) FILTER (outcome = 'ok') AS ok_id,
  min(value) FILTER (outcome = 'ok') AS value_low, max(value) FILTER (outcome = 'ok') AS value_high,
  min(given_id) FILTER (outcome = 'ok') AS id_low, max(given_id) FILTER (outcome = 'ok') AS id_high,
  min(return_ns) FILTER (class = 'refused') AS refused_return,
  arg_min(id, return_ns) FILTER (class = 'refused') AS refused_id,
  min(id) FILTER (class IN ('mismatch', 'missing')) AS wrong_id,
  min(invoke_ns) FILTER (class IN ('mismatch', 'missing')) AS wrong_at
FROM own WHERE {_PLACE} AND key NOT IN (SELECT item FROM beyond) GROUP BY key, arg"""

_RACE = """CREATE OR REPLACE TEMP TABLE race AS
SELECT item, count(*) FILTER (oks > 0) AS winners, sum(oks) AS oks, sum(doubts) AS doubts,
  arg_min(who, ok_return) FILTER (oks > 0) AS winner, min(ok_return) AS ok_return,
  coalesce(min(possible) FILTER (oks > 0), min(possible) FILTER (doubts > 0 AND refusals = 0)) AS possible,
  min(refused_return) AS refused_return, arg_min(refused_id, refused_return) AS refused_id,
  min(id_low) AS id_low, max(id_high) AS id_high
FROM racer GROUP BY item"""


Effects = Literal["ledger", "nowhere"]


@dataclass(frozen=True)
class Criteria:
    """What the check judges by.

    Attributes:
        name: name under which the property is declared; its ops bear it.
        effects: where effects can be seen.
        retention_s: how long a key is remembered, in seconds; None: for ever.
        definite_answer_s: how long a doubtful request may take to get a definite answer, in seconds; None: for ever.
        deduplicates: whether the provider of the effects deduplicates by key, so that one effect per key is promised.
    """

    name: str = NAME
    effects: Effects = "ledger"
    retention_s: float | None = None
    definite_answer_s: float | None = None
    deduplicates: bool = True


def check(db: Connection, criteria: Criteria) -> Result:
    """Judge the history in `db` by the rules of this module and by `criteria`, and return the result."""
    found = Findings(db, NAME, SENTENCE, RULES, of=criteria.name)
    found.count(_EXAMINED)
    retention = criteria.retention_s
    limit = INF if retention is None else int(max(retention - 1, 0) * NS)
    db.execute(f"""CREATE OR REPLACE TEMP TABLE beyond AS SELECT key AS item FROM own
        WHERE kind IN ('place', 'inspect') GROUP BY key
        HAVING max(coalesce(return_ns, invoke_ns)) - min(invoke_ns) > {limit}""")
    found.examined["beyond_retention"] = int(one(db, "SELECT count(*) FROM beyond")[0])
    db.execute(_RACER)
    db.execute(_RACE)
    _answers(found)
    _looks(found)
    if criteria.effects == "ledger":
        found.examined["effects"] = int(one(db, "SELECT count(*) FROM effect WHERE kind = 'order'")[0])
        _effects(found, criteria)
    if criteria.definite_answer_s is not None:
        _stranded(found, int(criteria.definite_answer_s * NS))
    raced = one(db, "SELECT count(*) FROM (SELECT item FROM racer GROUP BY item HAVING count(*) > 1)")[0]
    vacuous = None
    if not found.examined["acknowledged"]:
        vacuous = "no order was acknowledged: nothing to judge"
    elif not raced:
        vacuous = "no order was asked for by more than one: whether one alone gets it was not seen"
    return found.conclude(
        vacuous=vacuous,
        evidence={"effects_seen_at": criteria.effects, "orders_with_several_racers": int(raced)},
        among="(SELECT * FROM own WHERE kind IN ('place', 'inspect'))",
        effect_kind="order",
    )


def _answers(found: Findings) -> None:
    found.add(
        "two winners",
        """SELECT item, max(ok_return) AS at_ns, [min(ok_id), max(ok_id)] AS ops FROM racer WHERE oks > 0
        GROUP BY item HAVING count(*) > 1""",
    )
    found.add(
        "winner refused",
        """SELECT item, min(refused_return) AS at_ns, [min(ok_id), min(refused_id)] AS ops FROM racer
        WHERE oks > 0 AND refusals > 0 GROUP BY item""",
    )
    found.add(
        "taken by nobody",
        """SELECT item, refused_return AS at_ns, [refused_id] AS ops FROM race
        WHERE refused_return IS NOT NULL AND (possible IS NULL OR possible > refused_return)""",
    )
    found.add(
        "key refused",
        """SELECT item, min(wrong_at) AS at_ns, [min(wrong_id)] AS ops FROM racer WHERE wrong_id IS NOT NULL
        GROUP BY item""",
    )


def _looks(found: Findings) -> None:
    """Judge the looks at orders. The column `processed` is since when an order is known to be processed."""
    found.db.execute(f"""CREATE OR REPLACE TEMP TABLE look AS
        SELECT o.key AS item, o.id, o."user" AS who, o.class, o.state, o.given_id, o.invoke_ns, o.return_ns,
          r.winners, r.winner, r.ok_return, r.id_low, r.id_high
        FROM own o JOIN race r ON r.item = o.key WHERE {_LOOK} AND o.class IN ('ok', 'missing')""")
    found.add(
        "answers differ",
        """WITH shown AS (
          SELECT item, min(given_id) AS low, max(given_id) AS high, max(id) AS id FROM look WHERE class = 'ok'
          GROUP BY item)
        SELECT r.item, r.ok_return AS at_ns, [max(w.ok_id), max(s.id)] AS ops FROM race r
        JOIN racer w ON w.item = r.item AND w.oks > 0 LEFT JOIN shown s ON s.item = r.item
        WHERE r.winners = 1 AND (w.value_low <> w.value_high
          OR least(r.id_low, coalesce(s.low, r.id_low)) <> greatest(r.id_high, coalesce(s.high, r.id_high)))
        GROUP BY r.item, r.ok_return""",
    )
    found.add(
        "lost",
        """SELECT item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM look
        WHERE class = 'missing' AND winners = 1 AND who = winner AND invoke_ns > ok_return GROUP BY item""",
    )
    found.add(
        "shown to another",
        """SELECT l.item, min(l.invoke_ns) AS at_ns, [min(l.id)] AS ops FROM look l
        WHERE l.class = 'ok' AND NOT EXISTS (SELECT 1 FROM racer r WHERE r.item = l.item AND r.who = l.who
          AND (CASE WHEN l.winners > 0 THEN r.oks > 0 ELSE r.doubts > 0 AND r.refusals = 0 END)) GROUP BY l.item""",
    )
    found.add(
        "processed no more",
        """WITH since AS (
          SELECT item, least(min(return_ns) FILTER (state = 'done'), any_value(ok_return)) AS processed
          FROM look GROUP BY item)
        SELECT item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM look JOIN since USING (item)
        WHERE state = 'pending' AND invoke_ns > processed GROUP BY item""",
    )


def _effects(found: Findings, criteria: Criteria) -> None:
    found.db.execute("""CREATE OR REPLACE TEMP TABLE processed AS
        SELECT r.item, r.oks, r.doubts, r.ok_return, count(e.at_ns) AS effects, max(e.at_ns) AS at_ns,
          (SELECT min(id) FROM own WHERE key = r.item AND kind = 'place') AS id
        FROM race r LEFT JOIN effect e ON e.reference = r.item AND e.kind = 'order'
        GROUP BY r.item, r.oks, r.doubts, r.ok_return""")
    rules = {
        "ok without effect": ("ok_return", "oks > 0 AND effects = 0"),
        "effect of a refused one": ("at_ns", "oks = 0 AND doubts = 0 AND effects > 0"),
    }
    if criteria.deduplicates:
        rules["processed twice"] = ("at_ns", "effects > 1")
    for rule, (at, condition) in rules.items():
        found.add(rule, f"SELECT item, {at} AS at_ns, [id] AS ops FROM processed WHERE {condition}")


def _stranded(found: Findings, promised: int) -> None:
    """Judge the orders that stayed in processing too long, by the last op of each and the other ops beside it.

    `healed` is the time after which nothing but the service itself can have kept an order in processing.
    """
    healed = one(
        found.db,
        """SELECT greatest(coalesce((SELECT max(at_ns) FROM phase WHERE name = 'quiet'), 0),
          coalesce((SELECT max(healed_ns) FROM fault), 0))""",
    )[0]
    stuck = "(class = 'in_progress' OR (kind = 'inspect' AND outcome = 'ok' AND state = 'pending'))"
    found.add(
        "stranded",
        f"""WITH late AS (
          SELECT id, key AS item, kind, phase, outcome, class, state, invoke_ns, return_ns FROM own
          WHERE kind IN ('place', 'inspect') AND class NOT IN ('refused', 'missing')
            AND key IN (SELECT item FROM race) AND key IN (SELECT key FROM own
              WHERE phase IN ('settle', 'final') AND ({stuck} OR (kind = 'place' AND outcome = 'info')))),
        newest AS (SELECT item, max(invoke_ns) AS invoke_ns FROM late GROUP BY item),
        last AS (SELECT item, max(id) AS id FROM late JOIN newest USING (item, invoke_ns) GROUP BY item),
        beside AS (
          SELECT item,
            max(coalesce(return_ns, {INF})) FILTER (kind = 'place' AND late.id <> last.id) AS others,
            max(coalesce(return_ns, {INF}))
              FILTER (kind = 'place' AND outcome = 'info' AND late.id <> last.id) AS doubtful,
            min(invoke_ns) FILTER (phase = 'settle' AND kind = 'place') AS asked,
            count(*) FILTER (phase = 'settle' AND kind = 'place') AS settles,
            count(*) FILTER (phase = 'settle' AND kind = 'place' AND outcome = 'info') AS vain
          FROM late JOIN last USING (item) GROUP BY item)
        SELECT item, invoke_ns AS at_ns, [id] AS ops FROM late JOIN last USING (item, id) JOIN beside USING (item)
        WHERE phase IN ('settle', 'final') AND return_ns IS NOT NULL AND (
          ({stuck} AND coalesce(others, 0) < invoke_ns
            AND return_ns - greatest({healed}, coalesce(doubtful, 0)) >= {promised})
          OR (phase = 'settle' AND kind = 'place' AND settles > 1 AND settles = vain
            AND return_ns - greatest({healed}, asked) >= {promised}))""",
    )
