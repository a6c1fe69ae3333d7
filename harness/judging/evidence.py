"""What must be shown before `valid` means anything: that the faults happened, and that something could have broken.

    faults landed        every fault of the schedule was seen to take effect while the load ran
    faults healed        every injected fault was seen to be undone
    killed boots silent  no killed replica's boot id answers an op that was invoked after its end was seen
    new version answers  after a rollout landed, no boot id of the old version answers, and another boot id does
    items: <check>       items acknowledged before a landed fault, and read after it through another replica
    covered: <check>     share of the landed faults with at least one such item
    ops in windows       ops of every kind in the mix within each fault's window
    final reads          every item acknowledged under load, and not given up, was read in the final phase
    files whole          no damage within the journals or the ledger's record
    problem: <kind>      what the run itself reported: a crashed agent, a guard, no quiet, a lost store

An item counts for a fault if two things hold: the item was acknowledged before the injection, and its latest answered
read through a replica other than the one that acknowledged it was invoked after the landing. So one aggregation by item
serves all faults. The check says what an item is (`harness.judging.check.Items`). A scenario without faults needs only
the last three proofs, and its evidence says that the run proves only steady behaviour.
Cost: one aggregation by item per property. O(n).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.history.vocabulary import quoted
from harness.judging.check import FinalReads, Items, Question
from harness.judging.criteria import Criteria
from harness.judging.findings import Connection, counts, one
from harness.judging.verdict import INF, NS, Proof

NOT_GATHERED = "evidence"
"""Name of the only proof of a run whose evidence could not be gathered because of an error."""

_UNNAMED = ": no answer said which replica gave it; name the header that does, `identity.replica` in the contract"

_NOTICED_S = 5.0

_LANDED = "landed_ns IS NOT NULL AND injected_ns IS NOT NULL AND failed IS NULL"


def gather(db: Connection, criteria: Criteria, questions: Sequence[Question] = ()) -> list[Proof]:
    """Return every proof that the run owes, met or not, in a fixed order.

    Args:
        db: the history.
        criteria: the scenario's thresholds.
        questions: the checks that were judged, each with what counts as an item of it.
    """
    proofs: list[Proof] = []
    scheduled = int(one(db, "SELECT count(*) FROM fault")[0])
    if criteria.expects_faults or scheduled:
        proofs += [_landed(db, criteria, scheduled), _healed(db), _silent(db), *_renewed(db)]
        for each in questions:
            if each.items:
                proofs += _items(db, criteria, each, each.items)
        proofs.append(_windows(db, criteria))
    else:
        proofs.append(Proof("faults", 0, 0, True, "no fault was declared: this proves only steady behaviour"))
    proofs += [_final(db, each, each.final) for each in questions if each.final]
    proofs.append(_whole(db))
    return proofs + _problems(db)


def _landed(db: Connection, criteria: Criteria, scheduled: int) -> Proof:
    row = one(
        db,
        f"""SELECT count(*), coalesce(string_agg(coalesce(failed, CASE WHEN landed_ns IS NULL
            THEN 'fault ' || fault || ' was not seen to land'
            ELSE 'fault ' || fault || ' landed outside of the load' END), '; ' ORDER BY fault), '') FROM fault
        WHERE NOT ({_LANDED}) OR injected_ns > coalesce((SELECT end_ns FROM load_window), {INF})
          OR injected_ns < coalesce((SELECT start_ns FROM load_window), 0)""",
    )
    found = scheduled - int(row[0])
    share = found / scheduled if scheduled else 0.0
    needed = round(criteria.faults_landed * scheduled, 3) if scheduled else 1
    text = f"{found} of {scheduled} faults landed while the load ran" if scheduled else "no fault was injected"
    met = scheduled > 0 and found > 0 and share >= criteria.faults_landed
    return Proof("faults landed", needed, found, met, f"{text}{': ' + row[1] if row[1] else ''}")


def _healed(db: Connection) -> Proof:
    injected, healed, open_ones = one(
        db,
        """SELECT count(*), count(healed_ns), coalesce(string_agg(fault::VARCHAR, ', ' ORDER BY fault)
            FILTER (healed_ns IS NULL), '') FROM fault WHERE injected_ns IS NOT NULL""",
    )
    text = f"{healed} of {injected} injected faults were seen healed"
    if open_ones:
        text += f"; not {open_ones}"
    return Proof("faults healed", injected, healed, injected == healed, text)


def _silent(db: Connection) -> Proof:
    """Return the proof that no killed replica answered again.

    A worker answers no client, so that the silence of a killed worker shows nothing.
    """
    killed = f"ends_life AND role = 'replica' AND {_LANDED}"
    alive = db.execute(f"""SELECT f.fault, f.boot, count(*) FROM (SELECT * FROM fault WHERE {killed}) f
        JOIN op o ON o.boot = f.boot WHERE o.invoke_ns > f.landed_ns
        GROUP BY f.fault, f.boot ORDER BY f.fault""").fetchall()
    landed, kills = map(int, one(db, f"SELECT count(*), count(boot) FROM fault WHERE {killed}"))
    if landed and not kills:
        text = f"no boot id of {landed} killed replicas is known, so none was seen to be silent"
        return Proof("killed boots silent", landed, 0, False, text)
    text = f"none of {kills} killed boots answered again"
    if kills < landed:
        text += f"; of {landed - kills} more killed replicas no boot id is known"
    if alive:
        text = "; ".join(f"boot {boot} answered {ops} ops after kill {fault}" for fault, boot, ops in alive)
    return Proof("killed boots silent", kills, kills - len(alive), not alive, text)


def _renewed(db: Connection) -> list[Proof]:
    """Return the proof that after each rollout only the new version answered; [] when no replica was rolled out.

    That a rollout of the schedule did not land is reported by the proof `faults landed`.
    """
    rows = db.execute(f"""WITH landed AS (
          SELECT fault, landed_ns FROM fault
          WHERE renews AND role = 'replica' AND {_LANDED}),
        known AS (SELECT name, max(boot) AS boot FROM member WHERE boot IS NOT NULL GROUP BY name),
        old AS (SELECT l.fault, l.landed_ns, k.boot FROM landed l
          JOIN fault_member m ON m.fault = l.fault JOIN known k ON k.name = m.name),
        answer AS (SELECT l.fault, o.boot IN (SELECT boot FROM old WHERE old.fault = l.fault) AS is_old
          FROM landed l JOIN op o ON o.invoke_ns > l.landed_ns WHERE o.boot IS NOT NULL)
        SELECT l.fault, (SELECT count(boot) FROM old WHERE old.fault = l.fault),
          (SELECT count(*) FROM answer a WHERE a.fault = l.fault AND a.is_old),
          (SELECT count(*) FROM answer a WHERE a.fault = l.fault AND NOT a.is_old)
        FROM landed l ORDER BY l.fault""").fetchall()
    if not rows:
        return []
    wrong = [f"no boot id of the old version of fault {fault} is known" for fault, boots, *_ in rows if not boots]
    wrong += [f"{old} ops were answered by the old version after fault {fault}" for fault, _, old, _ in rows if old]
    wrong += [f"no op was answered by the new version after fault {fault}" for fault, *_, new in rows if not new]
    met = sum(bool(boots and not old and new) for _, boots, old, new in rows)
    text = "; ".join(wrong) or f"{len(rows)} old versions were not heard of again, and the new ones were"
    return [Proof("new version answers", len(rows), met, met == len(rows), text)]


def _among(question: Question, everywhere: bool) -> str:
    """Return the SQL for the ops that a question looks at: the ops of its property, or all ops."""
    if everywhere or question.of is None:
        return "op"
    return f"(SELECT * FROM op WHERE workload = {quoted(question.of)})"


def _item_rows(items: Items, among: str) -> str:
    given = items.acknowledged_in or items.column
    rows = f"""SELECT {given} AS item, replica, invoke_ns, return_ns, true AS ack FROM {among}
          WHERE {items.acknowledged}
          UNION ALL SELECT {items.column}, replica, invoke_ns, return_ns, false FROM {among} WHERE {items.read}"""
    return f"""SELECT item, min(return_ns) FILTER (ack) AS given, arg_min(replica, return_ns) FILTER (ack) AS giver,
          max(invoke_ns) AS latest FROM ({rows}) WHERE item IS NOT NULL GROUP BY item HAVING given IS NOT NULL"""


def _items(db: Connection, criteria: Criteria, question: Question, items: Items) -> list[Proof]:
    """Return the proofs that enough items met a fault, and that enough faults met an item.

    The column `elsewhere` is the latest read through another replica than the one that acknowledged the item.
    """
    name, among = question.name, _among(question, items.everywhere)
    db.execute(f"CREATE OR REPLACE TEMP TABLE owned AS {_item_rows(items, among)}")
    db.execute(f"""CREATE OR REPLACE TEMP TABLE moved AS
        SELECT item, any_value(given) AS given, max(o.invoke_ns) AS elsewhere FROM owned
        JOIN {among} o ON o.{items.column} = item
        WHERE {items.read} AND replica <> giver AND o.invoke_ns >= given GROUP BY item""")
    landed = int(one(db, f"SELECT count(*) FROM fault WHERE {_LANDED} AND NOT idle")[0])
    joined = f"""FROM (SELECT * FROM fault WHERE {_LANDED} AND NOT idle) f
        JOIN moved m ON m.given <= f.injected_ns AND m.elsewhere >= f.landed_ns"""
    found, faults = one(db, f"SELECT count(DISTINCT item), count(DISTINCT fault) {joined}")
    share = round(faults / landed, 3) if landed else 0.0
    unnamed = found == 0 and not one(db, "SELECT count(replica) FROM op")[0]
    return [
        Proof(
            f"items: {name}",
            criteria.items_per_property,
            found,
            found >= criteria.items_per_property,
            f"{found} items of {name}, {criteria.items_per_property} needed, were acknowledged before a fault "
            "and read after it through another replica" + (_UNNAMED if unnamed else ""),
        ),
        Proof(
            f"covered: {name}",
            criteria.faults_covered,
            share,
            share >= criteria.faults_covered,
            f"{faults} of {landed} landed faults, {criteria.faults_covered:.0%} needed, have such an item of {name}",
        ),
    ]


def _windows(db: Connection, criteria: Criteria) -> Proof:
    """Return the proof that every fault window holds enough ops of each kind.

    A fault's window lasts from the injection to the heal, and two seconds at least: a shorter window would not hold a
    fair share of the rarer kinds. A window of which the end of the load leaves less than a second is left out.
    """
    windows = db.execute(f"""SELECT fault, greatest(injected_ns, start_ns) AS a,
        least(greatest(coalesce(healed_ns, 0), injected_ns + {2 * NS}), end_ns) AS b
        FROM fault, load_window WHERE {_LANDED} AND b - a >= {NS} ORDER BY fault""").fetchall()
    columns = {str(fault): f"count(*) FILTER (invoke_ns BETWEEN {a} AND {b})" for fault, a, b in windows}
    fewest, short = None, []
    for kind in criteria.kinds if windows else ():
        workload, _, name = (part.replace("'", "''") for part in kind.partition("/"))
        found = counts(db, columns, f"op WHERE workload = '{workload}' AND kind = '{name}'")
        for fault, ops in found.items():
            fewest = ops if fewest is None else min(fewest, ops)
            if ops < criteria.ops_per_window:
                short.append(f"{ops} of {kind} in the window of fault {fault}, {criteria.ops_per_window} needed")
    text = f"at least {fewest or 0} ops of each of {len(criteria.kinds)} kinds in each of {len(windows)} fault windows"
    if short:
        text = "; ".join(short[:6]) + (f"; and {len(short) - 6} more" if len(short) > 6 else "")
    met = (bool(windows) and not short) or not criteria.ops_per_window
    return Proof("ops in windows", criteria.ops_per_window, fewest or 0, met, text if windows else "no fault window")


def _final(db: Connection, question: Question, final: FinalReads) -> Proof:
    """Return the proof that every acknowledged item was read in the final phase.

    An item that was given up, or that may have ended by itself before, need not be read.
    """
    column = final.column
    own = "true" if question.of is None else f"workload = {quoted(question.of)}"
    given = f"({final.acknowledged}) AND {own}"
    expired = "NULL" if final.life_s is None else str(int((final.life_s - 1) * NS))
    needed, found = one(
        db,
        f"""WITH item AS (
          SELECT {column} AS item, bool_or(phase = 'load' AND {given}) AS given, bool_or({final.given_up}) AS over,
            min(invoke_ns) FILTER ({given}) AS since, bool_or(phase = 'final' AND {final.read}) AS seen_again
          FROM {_among(question, final.everywhere)}
          WHERE {column} IS NOT NULL AND (({given}) OR ({final.given_up}) OR ({final.read})) GROUP BY {column})
        SELECT count(*), count(*) FILTER (seen_again) FROM item
        WHERE given AND NOT coalesce(over, false)
          AND (seen_again OR since + {expired} IS NULL
            OR since + {expired} > coalesce((SELECT min(at_ns) FROM phase WHERE name = 'final'), 0))""",
    )
    text = f"{found} of {needed} acknowledged items of {question.name} were read again after the faults were healed"
    return Proof(f"final reads: {question.name}", needed, found, found >= needed, text)


def of_check(proofs: Sequence[Proof], question: Question) -> dict[str, str]:
    """Return what the run owed one check, as texts such as "40 found, 30 needed" by a short name.

    Args:
        proofs: the proofs that `gather` returned.
        question: the check.

    Returns:
        The texts; {} for a check without items.
    """
    if question.items is None:
        return {}
    name = question.name
    names = (("items", f"items: {name}"), ("covered", f"covered: {name}"), ("final_reads", f"final reads: {name}"))
    found = {
        short: f"{proof.found:g} found, {proof.needed:g} needed"
        for short, whole in names
        for proof in proofs
        if proof.name == whole
    }
    if "items" in found:
        return found
    return {**{proof.name: proof.text for proof in proofs if proof.name in ("faults", NOT_GATHERED)}, **found}


def damage(db: Connection) -> int:
    """Count the unusable lines within the journals and the ledger's record: ops may be missing from the history."""
    rows = """SELECT coalesce(sum(inner_lines), 0) FROM torn
        WHERE starts_with(file, 'journal') OR starts_with(file, 'ledger')"""
    return int(one(db, rows)[0])


def part_lost_s(db: Connection) -> float | None:
    """Return since when a part that the service needs, such as the store, may have been lost; None when none was.

    The loss is noticed up to `_NOTICED_S` seconds late, so that these are taken off.

    Returns:
        Seconds since the first op was invoked; may be negative.
    """
    noted, first = one(
        db, "SELECT (SELECT min(at_ns) FROM problem WHERE kind = 'part_lost'), (SELECT min(invoke_ns) FROM op)"
    )
    return None if noted is None else (noted - (first or 0)) / NS - _NOTICED_S


def _whole(db: Connection) -> Proof:
    lines = damage(db)
    text = f"{lines} damaged lines within the journals or the ledger's record" if lines else "no damage"
    return Proof("files whole", 0, lines, not lines, text)


def _problems(db: Connection) -> list[Proof]:
    rows = db.execute("SELECT kind, text FROM problem ORDER BY at_ns, kind").fetchall()
    return [Proof(f"problem: {kind}", 0, 1, False, str(text)) for kind, text in rows]
