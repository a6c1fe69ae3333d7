"""A keyed request takes effect exactly once, and every repetition gets the same answer.

Judged are accepted effects (at the ledger, or as counted by the service's own listing), never attempts, which are
legal. Per key, within the declared retention counted from the first attempt:

    duplicate effect            more than one accepted effect for one body
    both bodies took effect     the key was reused with another body, and both had an effect
    ok without effect           an attempt was acknowledged, and there is no effect at the end
    effect of a failed request  every attempt provably failed, and there is an effect
    answers differ              two acknowledgements of one body with different answers or ids
    reuse accepted              two bodies were acknowledged under one key
    repetition refused          `mismatch` for the only body ever sent, or for one acknowledged before; `missing`
                                (the service does not know the key) after an acknowledgement
    unsettled                   after quiet and beyond the promised time still no definite answer

Why this is right: an effect is at or after the first attempt's invoke, so two of them before first invoke + retention
- 1 s are two of one promise. `ok` promises exactly one effect, and a set of answers to one request has one member.

`info`: a doubtful attempt excuses an effect, whenever the effect comes, and never demands one. So does `in_progress`,
which says that some attempt goes on. An op that is still open is doubtful. Time limits: answers later than the
retention are not judged (such keys are counted). `unsettled`: the last attempt of the settle or final phase got
`in_progress` with no other attempt beside it, and returned later than the promised time after the service had been
healed and the last doubtful attempt was given up; or all settle attempts of a key are doubtful over more than the
promised time.
Not testable: effects that can be seen nowhere; doubled effects where the provider does not deduplicate.
Weaker on purpose: a session refused (`absent`) at the final read is the session's matter, not the key's.

Cost: one aggregation by key over payments and effects together. O(n).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.judging.findings import Connection, Findings, one
from harness.judging.verdict import INF, NS, Result

NAME = "idempotency"
SENTENCE = "A keyed request takes effect exactly once, and every repetition gets the same answer."

RULES = {
    "duplicate effect": "one key took effect more than once",
    "both bodies took effect": "one key took effect with two bodies",
    "ok without effect": "acknowledged, but without any effect",
    "effect of a failed request": "took effect although every attempt was answered as failed",
    "answers differ": "the same request was acknowledged with different answers",
    "reuse accepted": "a key was acknowledged with two bodies",
    "repetition refused": "a repetition of the same request was refused",
    "unsettled": "no definite answer in the promised time after the faults were healed",
}

_KEY = "CASE WHEN suffix(reference, '~other') THEN left(reference, -6) ELSE reference END"
"""SQL for the key that an effect belongs to: a reuse of the key with another body sends another reference."""

_EXAMINED = {
    "attempts": "count(*)",
    "acknowledged": "count(*) FILTER (outcome = 'ok')",
    "doubtful": "count(*) FILTER (outcome = 'info')",
}


Effects = Literal["ledger", "listing", "nowhere"]


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
    found.count(_EXAMINED, "own WHERE kind = 'pay'")
    _suspects(db, criteria)
    found.examined["beyond_retention"] = int(one(db, "SELECT count(*) FROM suspect WHERE beyond")[0])
    _answers(found)
    if criteria.effects == "ledger":
        found.examined["effects"] = int(one(db, "SELECT count(*) FROM effect WHERE kind = 'payment'")[0])
        _ledger(found, criteria)
    elif criteria.effects == "listing":
        _listing(found, criteria)
    _refused(found)
    if criteria.definite_answer_s is not None:
        _unsettled(found, int(criteria.definite_answer_s * NS))
    vacuous = None if found.examined["acknowledged"] else "no payment was acknowledged: nothing to judge"
    evidence = {"effects_seen_at": criteria.effects, "provider_deduplicates": criteria.deduplicates}
    return found.conclude(
        vacuous=vacuous,
        evidence=evidence,
        among="(SELECT * FROM own WHERE kind IN ('pay', 'effects'))",
        effect_kind="payment",
    )


def _suspects(db: Connection, criteria: Criteria) -> None:
    """Create the table `suspect` of the keys that break a rule, or may, with what their attempts and effects show."""
    retention = criteria.retention_s
    limit = INF if retention is None else int(max(retention - 1, 0) * NS)
    db.execute(f"""CREATE OR REPLACE TEMP TABLE suspect AS
        WITH event AS (
          SELECT key, outcome, class, arg, value, given_id, invoke_ns, return_ns, NULL::BIGINT AS effect_ns,
            false AS other
          FROM own WHERE kind = 'pay'
          UNION ALL
          SELECT {_KEY}, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, at_ns, suffix(reference, '~other')
          FROM effect WHERE kind = 'payment')
        SELECT key AS item, count(outcome) AS attempts,
          count(*) FILTER (outcome = 'ok') AS oks,
          count(*) FILTER (outcome = 'info' OR class = 'in_progress') AS doubts,
          count(*) FILTER (class IN ('mismatch', 'missing')) AS refusals,
          min(arg) AS arg_low, max(arg) AS arg_high,
          min(arg) FILTER (outcome = 'ok') AS ok_low, max(arg) FILTER (outcome = 'ok') AS ok_high,
          min(value) FILTER (outcome = 'ok') AS value_low, max(value) FILTER (outcome = 'ok') AS value_high,
          min(given_id) FILTER (outcome = 'ok') AS id_low, max(given_id) FILTER (outcome = 'ok') AS id_high,
          min(invoke_ns) AS first, min(return_ns) FILTER (outcome = 'ok') AS ok_return,
          count(effect_ns) FILTER (NOT other) AS mains, count(effect_ns) FILTER (other) AS others,
          max(coalesce(return_ns, invoke_ns)) - first > {limit} AS beyond
        FROM event GROUP BY key
        HAVING attempts > 0 AND (beyond OR mains > 1 OR others > 1 OR (mains > 0 AND others > 0)
          OR (oks > 0 AND mains + others = 0) OR (oks = 0 AND doubts = 0 AND mains + others > 0)
          OR ok_low <> ok_high OR value_low <> value_high OR id_low <> id_high OR refusals > 0)""")


def _answers(found: Findings) -> None:
    oks = "FROM suspect s JOIN own o ON o.key = s.item AND o.kind = 'pay' AND o.outcome = 'ok' WHERE NOT s.beyond"
    found.add(
        "answers differ",
        f"""SELECT s.item, max(o.invoke_ns) AS at_ns, [min(o.id), max(o.id)] AS ops {oks}
        AND s.ok_low IS NOT DISTINCT FROM s.ok_high AND (s.value_low <> s.value_high OR s.id_low <> s.id_high)
        GROUP BY s.item""",
    )
    found.add(
        "reuse accepted",
        f"""SELECT s.item, max(o.invoke_ns) AS at_ns, [arg_min(o.id, o.arg), arg_max(o.id, o.arg)] AS ops {oks}
        AND s.ok_low <> s.ok_high GROUP BY s.item""",
    )


def _ledger(found: Findings, criteria: Criteria) -> None:
    retention = criteria.retention_s
    limit = INF if retention is None else int(max(retention - 1, 0) * NS)
    if criteria.deduplicates:
        within = f"""FROM suspect s JOIN (SELECT at_ns, reference, {_KEY} AS item FROM effect
            WHERE kind = 'payment') e USING (item)
          WHERE (mains > 1 OR others > 1 OR (mains > 0 AND others > 0)) AND e.at_ns - s.first <= {limit}
          GROUP BY item"""
        for rule, having in (
            ("duplicate effect", "count(*) > count(DISTINCT e.reference)"),
            ("both bodies took effect", "count(DISTINCT e.reference) = 2"),
        ):
            found.add(rule, f"SELECT item, max(e.at_ns) AS at_ns, []::BIGINT[] AS ops {within} HAVING {having}")
    found.add(
        "ok without effect",
        """SELECT item, ok_return AS at_ns, []::BIGINT[] AS ops FROM suspect
        WHERE oks > 0 AND mains + others = 0""",
    )
    found.add(
        "effect of a failed request",
        """SELECT item, first AS at_ns, []::BIGINT[] AS ops FROM suspect
        WHERE oks = 0 AND doubts = 0 AND mains + others > 0""",
    )


def _listing(found: Findings, criteria: Criteria) -> None:
    """Judge the rules on effects by the service's own count: by the highest count, and by the last one after an ok."""
    found.db.execute("""CREATE OR REPLACE TEMP TABLE listed AS
        SELECT key AS item, max(number) AS most, arg_max(id, number) AS most_id, max(invoke_ns) AS read_ns,
          arg_max(number, invoke_ns) AS last, arg_max(id, invoke_ns) AS last_id
        FROM own WHERE kind = 'effects' AND outcome = 'ok' AND number IS NOT NULL GROUP BY key""")
    found.db.execute("""CREATE OR REPLACE TEMP TABLE paid AS
        SELECT key AS item, min(return_ns) FILTER (outcome = 'ok') AS ok_return,
          count(*) FILTER (outcome <> 'fail' OR class = 'in_progress') AS possible, min(invoke_ns) AS first
        FROM own WHERE kind = 'pay' AND key IN (SELECT item FROM listed) GROUP BY key""")
    both = "FROM listed JOIN paid USING (item)"
    if criteria.deduplicates:
        found.add(
            "duplicate effect",
            f"""SELECT item, read_ns AS at_ns, [most_id] AS ops {both}
            WHERE most > 1 AND item NOT IN (SELECT item FROM suspect WHERE beyond)""",
        )
    found.add(
        "ok without effect",
        f"SELECT item, read_ns AS at_ns, [last_id] AS ops {both} WHERE read_ns > ok_return AND last = 0",
    )
    found.add(
        "effect of a failed request",
        f"SELECT item, read_ns AS at_ns, [most_id] AS ops {both} WHERE possible = 0 AND most > 0",
    )


def _refused(found: Findings) -> None:
    found.add(
        "repetition refused",
        """SELECT s.item, min(o.invoke_ns) AS at_ns, [min(o.id)] AS ops FROM suspect s
        JOIN own o ON o.key = s.item AND o.kind = 'pay'
        WHERE NOT s.beyond AND s.refusals > 0 AND (
          (o.class = 'mismatch' AND s.arg_low = s.arg_high)
          OR (o.class IN ('mismatch', 'missing') AND o.invoke_ns > s.ok_return AND s.ok_low = s.ok_high
            AND o.arg = s.ok_low))
        GROUP BY s.item""",
    )


def _unsettled(found: Findings, promised: int) -> None:
    """Judge the keys that got no definite answer in time.

    `healed` is the time after which nothing but the service itself can have delayed a definite answer.
    """
    healed = one(
        found.db,
        """SELECT greatest(coalesce((SELECT max(at_ns) FROM phase WHERE name = 'quiet'), 0),
          coalesce((SELECT max(healed_ns) FROM fault), 0))""",
    )[0]
    found.db.execute("""CREATE OR REPLACE TEMP TABLE late AS
        SELECT id, key AS item, phase, outcome, class, invoke_ns, return_ns FROM own WHERE kind = 'pay' AND key IN (
          SELECT key FROM own WHERE kind = 'pay' AND phase IN ('settle', 'final')
            AND (class = 'in_progress' OR outcome = 'info'))""")
    found.add(
        "unsettled",
        f"""WITH ranked AS (
          SELECT *, row_number() OVER (PARTITION BY item ORDER BY invoke_ns DESC, id DESC) AS back,
            max(coalesce(return_ns, {INF})) OVER before AS others,
            max(CASE WHEN outcome = 'info' THEN coalesce(return_ns, {INF}) ELSE 0 END) OVER before AS doubtful,
            min(CASE WHEN phase = 'settle' THEN invoke_ns END) OVER (PARTITION BY item) AS asked,
            count(*) FILTER (phase = 'settle') OVER (PARTITION BY item) AS settles,
            count(*) FILTER (phase = 'settle' AND outcome = 'info') OVER (PARTITION BY item) AS vain
          FROM late WINDOW before AS (PARTITION BY item ORDER BY invoke_ns, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
        SELECT item, invoke_ns AS at_ns, [id] AS ops FROM ranked
        WHERE back = 1 AND phase IN ('settle', 'final') AND return_ns IS NOT NULL AND (
          (class = 'in_progress' AND coalesce(others, 0) < invoke_ns
            AND return_ns - greatest({healed}, coalesce(doubtful, 0)) >= {promised})
          OR (phase = 'settle' AND settles > 1 AND settles = vain
            AND return_ns - greatest({healed}, asked) >= {promised}))""",
    )
