"""From rows that broke a rule to a Result with witnesses: what every check does in the same way.

    found = Findings(db, check_name, sentence, rules, of="cart")
    found.count({"lines": "count(*) FILTER (kind = 'add')"})
    found.add("lost", "SELECT key AS item, min(invoke_ns) AS at_ns, [min(id)] AS ops FROM own WHERE ... GROUP BY key")
    return found.conclude(vacuous=None if found.examined["lines"] else "no line was acknowledged: nothing to judge")

`Findings` provides the view `own`, which holds the ops of one property. It collects the violations in the temporary
table `bad`(rule, item, at_ns, ops), one row for each violating item; `ops` holds the ids of the ops that show the
violation. The witnesses are the earliest violations: the first one of every rule comes before the second one of any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from harness.history.vocabulary import quoted
from harness.judging.verdict import INF, NS, Result, Verdict, Witness

Connection = duckdb.DuckDBPyConnection

MOST_WITNESSES = 5
MOST_OPS = 12

REPLICAS = ("replica fault", "NOT idle AND role = 'replica'")
"""What a check calls the faults that could have shown a violation, and the SQL condition on table `fault` for them."""
ANY_ROLE = ("replica or worker fault", "NOT idle")

_BAD = "CREATE OR REPLACE TEMP TABLE bad (rule VARCHAR, item VARCHAR, at_ns BIGINT, ops BIGINT[])"


def one(db: Connection, query: str) -> tuple[Any, ...]:
    """Return the single row of a query that always gives one, such as an aggregate."""
    row = db.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def counts(db: Connection, columns: Mapping[str, str], source: str) -> dict[str, int]:
    """Evaluate one SQL aggregate for each name, all in one pass over `source`.

    Args:
        db: the history.
        columns: the SQL aggregate of each name.
        source: what follows FROM in the query.

    Returns:
        The value of each name's aggregate; 0 where the aggregate is NULL.
    """
    aggregates = ", ".join(f"coalesce({sql}, 0)" for sql in columns.values())
    return dict(zip(columns, map(int, one(db, f"SELECT {aggregates} FROM {source}")), strict=True))


def origin_ns(db: Connection) -> int:
    """Return the time from which the seconds of a report count: the start of the load, else the begin of the run."""
    query = """SELECT coalesce((SELECT min(start_ns) FROM load_window), (SELECT min(at_ns) FROM declared),
        (SELECT min(invoke_ns) FROM op), 0)"""
    return int(one(db, query)[0])


def seconds(at_ns: int | None, origin: int) -> float | None:
    """Return the seconds from `origin` to `at_ns`, rounded to the millisecond; None when there is no `at_ns`."""
    return None if at_ns is None else round((at_ns - origin) / NS, 3)


class Findings:
    """What one check finds in one history."""

    def __init__(
        self, db: Connection, name: str, sentence: str, rules: Mapping[str, str], *, of: str | None = None
    ) -> None:
        """Begin with nothing found, and make the view `own`.

        Args:
            db: the history.
            name: name of the check.
            sentence: what holds when the check finds nothing.
            rules: what each violation means, by the name of the rule.
            of: name of the property whose ops `own` holds; None for all ops.
        """
        self.db, self._name, self._sentence, self._rules = db, name, sentence, rules
        self.examined: dict[str, int] = {}
        db.execute(_BAD)
        db.execute(f"CREATE OR REPLACE TEMP VIEW own AS SELECT * FROM op WHERE {_of(of)}")

    def count(self, columns: Mapping[str, str], source: str = "own") -> None:
        """Note under each name how much was examined.

        Args:
            columns: the SQL aggregate of each name.
            source: what follows FROM in the query.
        """
        self.examined |= counts(self.db, columns, source)

    def add(self, rule: str, query: str) -> None:
        """Add the rows (item, at_ns, ops) of a query as violations of a rule.

        Args:
            rule: name of the rule.
            query: the SQL query, one row for each violating item.

        Raises:
            KeyError: the check has no such rule.
        """
        if rule not in self._rules:
            raise KeyError(rule)
        self.db.execute(f"INSERT INTO bad SELECT {quoted(rule)}, item, at_ns, ops FROM ({query})")

    def any(self) -> bool:
        """Say whether any violation was found so far."""
        return bool(one(self.db, "SELECT count(*) FROM bad")[0])

    def conclude(
        self,
        *,
        vacuous: str | None = None,
        evidence: dict[str, Any] | None = None,
        item: str = "key",
        among: str = "own",
        effect_kind: str | None = None,
        trials: tuple[str, str] | None = REPLICAS,
    ) -> Result:
        """Return the result of the check.

        Args:
            vacuous: the reason for `unknown` where nothing was examined; None where something was.
            evidence: what the check adds to its result.
            item: the SQL expression over a row of `among` that names an item.
            among: the table or view whose ops may be witnesses.
            effect_kind: the ledger's kind of the effects that witnesses show; None when witnesses show no effect.
            trials: what the faults that could have shown a violation are called, and the SQL condition on table `fault`
                for them; None when a violation can show without a fault.
        """
        query = "SELECT rule, count(*) FROM bad GROUP BY rule ORDER BY rule"
        violations = {str(rule): int(found) for rule, found in self.db.execute(query).fetchall()}
        if violations:
            verdict, reason = Verdict.INVALID, None
        elif vacuous:
            verdict, reason = Verdict.UNKNOWN, vacuous
        else:
            verdict, reason = Verdict.VALID, None
        return Result(
            self._name,
            self._sentence,
            verdict,
            reason,
            self.examined,
            violations,
            evidence or {},
            _could_have_missed(self.db, verdict, trials),
            _witnesses(self.db, self._rules, item, among, effect_kind) if violations else [],
            _detected(self.db) if violations else None,
        )


def _of(name: str | None) -> str:
    return "true" if name is None else f"workload = {quoted(name)}"


def _detected(db: Connection) -> dict[str, float] | None:
    """Return when the earliest violation had shown: when the last of the ops that show it had returned."""
    shown = """SELECT min(greatest(b.at_ns, o.last)) FROM bad b LEFT JOIN (
        SELECT rule, item, max(coalesce(op.return_ns, op.invoke_ns)) AS last
        FROM (SELECT rule, item, unnest(ops) AS id FROM bad) JOIN op USING (id) GROUP BY rule, item) o
        ON o.rule = b.rule AND o.item IS NOT DISTINCT FROM b.item"""
    (at_ns,) = one(db, shown)
    if at_ns is None:
        return None
    first, begun = one(db, f"SELECT min(invoke_ns), count(*) FILTER (invoke_ns <= {int(at_ns)}) FROM op")
    return None if first is None else {"at_s": round(max(0, at_ns - first) / NS, 3), "ops": int(begun)}


def _could_have_missed(db: Connection, verdict: Verdict, trials: tuple[str, str] | None) -> str:
    """Return the text on what the check could have missed.

    The rule of three: no violation in n independent trials bounds the rate of violations by 3/n with a confidence of
    95 %. The text is empty when the verdict is `invalid`, or when a violation can show without a fault.
    """
    if verdict is Verdict.INVALID or trials is None:
        return ""
    if verdict is Verdict.UNKNOWN:
        return "any violation: see the reason"
    what, which = trials
    landed = int(one(db, f"SELECT count(*) FROM fault WHERE landed_ns IS NOT NULL AND failed IS NULL AND {which}")[0])
    if not landed:
        return f"no {what} landed: this says nothing about any"
    if landed < 4:
        return f"{landed} {what}{'s' * (landed > 1)} landed: too few to bound the rate of a violation"
    return f"no violation in {landed} independent {what}s: rate below {3 / landed:.2g} each with 95 %"


def _witnesses(
    db: Connection, rules: Mapping[str, str], item: str, among: str, effect_kind: str | None
) -> list[Witness]:
    chosen = db.execute(f"""
        SELECT rule, item, at_ns, ops FROM bad
        QUALIFY row_number() OVER (PARTITION BY rule ORDER BY at_ns, item) <= {MOST_WITNESSES}
        ORDER BY row_number() OVER (PARTITION BY rule ORDER BY at_ns, item), rule LIMIT {MOST_WITNESSES}""").fetchall()
    origin = origin_ns(db)
    found = []
    for rule, key, at_ns, ops in chosen:
        ids = [int(one_id) for one_id in ops or [] if one_id is not None]
        rows = _ops(db, str(key), int(at_ns or 0), ids, item, among)
        first = min((row[1] for row in rows), default=at_ns)
        last = max((INF if row[2] is None else row[2] for row in rows), default=at_ns)
        effects = _effects(db, str(key), effect_kind, origin) if effect_kind else []
        text = f"{key}: {rules[rule]}"
        found.append(
            Witness(rule, str(key), text, [_op(row, origin) for row in rows], effects, _faults(db, first, last))
        )
    return found


_SHOWN = (
    "id, invoke_ns, return_ns, client, kind, phase, outcome, class, status, replica, boot, arg, value, state, number"
)


def _ops(db: Connection, key: str, at_ns: int, ids: list[int], item: str, among: str) -> list[tuple[Any, ...]]:
    """Return the ops that show a violation, and the ops of the same item nearest in time, in the order of invokes."""
    listed = ", ".join(map(str, ids)) or "-1"
    rows = db.execute(
        f"""SELECT {_SHOWN} FROM op WHERE id IN ({listed}) OR id IN (SELECT id FROM {among} WHERE {item} = ?)
        ORDER BY id NOT IN ({listed}), abs(invoke_ns - {at_ns}), id LIMIT {MOST_OPS}""",
        [key],
    ).fetchall()
    return sorted(rows, key=lambda row: (row[1], row[0]))


def _op(row: tuple[Any, ...], origin: int) -> dict[str, Any]:
    (number, invoke, back, client, kind, phase, outcome, label, status, replica, boot, arg, value, state, num) = row
    return {
        "id": number,
        "client": client,
        "kind": kind,
        "phase": phase,
        "outcome": outcome,
        "class": label,
        "status": status,
        "replica": replica,
        "boot": boot,
        "invoke_s": seconds(invoke, origin),
        "return_s": seconds(back, origin),
        "arg": arg,
        "value": value,
        "state": state,
        "number": num,
    }


def _effects(db: Connection, key: str, kind: str, origin: int) -> list[dict[str, Any]]:
    rows = db.execute(
        f"""SELECT effect, at_ns, key, fence FROM effect
        WHERE kind = ? AND reference IN (?, ? || '~other') ORDER BY at_ns, line LIMIT {MOST_OPS}""",
        [kind, key, key],
    ).fetchall()
    return [
        {"effect": effect, "at_s": seconds(at_ns, origin), "key": under, "fence": fence}
        for effect, at_ns, under, fence in rows
    ]


def _faults(db: Connection, first: int, last: int) -> list[int]:
    rows = db.execute(
        f"""SELECT fault FROM fault WHERE injected_ns <= ? AND coalesce(healed_ns, {INF}) >= ?
        ORDER BY fault""",
        [last, first],
    ).fetchall()
    return [int(number) for (number,) in rows]
