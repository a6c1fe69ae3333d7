"""What must be shown before `valid` means anything: that the faults happened, and that something could have broken.

    faults landed        every fault of the schedule was seen to take effect while the load ran
    faults healed        and was seen to be undone
    killed boots silent  no killed replica's boot id answers an op that was invoked after its end was seen
    new version answers  after a rollout landed none of the old boot ids answers, and another one does
    items: <property>    items acknowledged before a landed fault, and read after it through another replica
    covered: <property>  share of the landed faults with at least one such item
    ops in windows       ops of every kind in the mix within each fault's window
    final reads          every item acknowledged under load, and not given up, was read in the final phase
    files whole          no damage within the journals or the ledger's record
    problem: <kind>      what the run itself reported: a crashed agent, a guard, no quiet, a lost store

An item counts for a fault if it was acknowledged before the injection, and its latest answered read through a replica
other than the one that acknowledged it was invoked after the landing; so one aggregation by item serves all faults.
A scenario without faults needs only the last three, and says that it proves only steady behaviour.
Cost: one aggregation by item per property. O(n).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.judging.criteria import Terms
from harness.judging.findings import Connection, counts, one
from harness.judging.verdict import INF, NS, Proof

_ITEMS = {
    "session": ("session", "kind = 'login' AND outcome = 'ok'", "seen IS NOT NULL AND kind <> 'logout'"),
    "refresh": (
        "token",
        "kind IN ('login', 'refresh') AND outcome = 'ok'",
        "kind = 'refresh' AND class IN ('ok', 'refused')",
    ),
    "idempotency": ("key", "kind = 'pay' AND outcome = 'ok'", "kind = 'pay' AND class IN ('ok', 'mismatch')"),
    "order": ("key", "kind = 'place' AND outcome = 'ok'", "kind = 'inspect' AND class = 'ok'"),
    "job": ("key", "kind = 'submit' AND outcome = 'ok'", "kind = 'status' AND class IN ('ok', 'missing')"),
    "cart": ("key", "kind = 'add' AND outcome = 'ok'", "kind = 'look' AND outcome = 'ok'"),
    "preference": ("key", "kind = 'put' AND outcome = 'ok'", "kind = 'get' AND outcome = 'ok'"),
    "rate_limit": ("key", "kind = 'hit' AND outcome = 'ok'", "kind = 'hit' AND class IN ('ok', 'limited')"),
    "access": ("key", "kind = 'key_create' AND outcome = 'ok'", "kind = 'key_use' AND class IN ('ok', 'absent')"),
}
"""Per property: the column that names an item, which ops acknowledge one, and which read one."""

_ACCOUNTS = (
    '"user"',
    "workload = 'access' AND kind = 'signup' AND outcome = 'ok'",
    "kind = 'see_own' AND class = 'ok'",
)
"""The items of `access` where a contract has no API keys."""

NOT_GATHERED = "evidence"
"""Name of the one proof there is when the others could not be looked for."""

_UNNAMED = ": no answer said which replica gave it; name the header that does, `identity.replica` in the contract"

_NOTICED_S = 5.0

_LANDED = "landed_ns IS NOT NULL AND injected_ns IS NOT NULL AND failed IS NULL"


def gather(db: Connection, terms: Terms) -> list[Proof]:
    """Every proof that the run owes, met or not, in a fixed order."""
    proofs: list[Proof] = []
    scheduled = int(one(db, "SELECT count(*) FROM fault")[0])
    if terms.expects_faults or scheduled:
        proofs += [_landed(db, terms, scheduled), _healed(db), _silent(db), *_renewed(db)]
        for name in _ITEMS:
            if name in terms.properties:
                proofs += _items(db, terms, name)
        proofs.append(_windows(db, terms))
    else:
        proofs.append(Proof("faults", 0, 0, True, "no fault was declared: this proves only steady behaviour"))
    proofs += [_final(db, terms, name) for name in _FINAL if name in terms.properties]
    proofs.append(_whole(db))
    return proofs + _problems(db)


def _landed(db: Connection, terms: Terms, scheduled: int) -> Proof:
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
    needed = round(terms.faults_landed * scheduled, 3) if scheduled else 1
    text = f"{found} of {scheduled} faults landed while the load ran" if scheduled else "no fault was injected"
    met = scheduled > 0 and found > 0 and share >= terms.faults_landed
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
    """Replicas alone: a worker answers nobody, so its silence shows nothing."""
    killed = f"kind = 'kill' AND role = 'replica' AND {_LANDED}"
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
    """Of replicas alone. Nothing is owed where no rollout landed; that it did not is told elsewhere."""
    rows = db.execute(f"""WITH landed AS (
          SELECT fault, landed_ns FROM fault
          WHERE kind IN ('restart', 'roll', 'switch') AND role = 'replica' AND {_LANDED}),
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


def _item_of(db: Connection, name: str) -> tuple[str, str, str]:
    if name == "access" and not one(db, "SELECT count(*) FROM op WHERE kind = 'key_create'")[0]:
        return _ACCOUNTS
    return _ITEMS[name]


def _item_rows(column: str, acknowledges: str, reads: str) -> str:
    if column == "token":
        given = f"SELECT value AS item, replica, invoke_ns, return_ns, true AS ack FROM op WHERE {acknowledges}"
        asked = f"SELECT arg, replica, invoke_ns, return_ns, false FROM op WHERE {reads}"
        rows = f"{given} UNION ALL {asked}"
    else:
        rows = f"""SELECT {column} AS item, replica, invoke_ns, return_ns, coalesce({acknowledges}, false) AS ack
            FROM op WHERE ({acknowledges}) OR ({reads})"""
    return f"""SELECT item, min(return_ns) FILTER (ack) AS given, arg_min(replica, return_ns) FILTER (ack) AS giver,
          max(invoke_ns) AS latest FROM ({rows}) WHERE item IS NOT NULL GROUP BY item HAVING given IS NOT NULL"""


def _items(db: Connection, terms: Terms, name: str) -> list[Proof]:
    """`elsewhere` is the latest read through another replica than the one that acknowledged the item."""
    column, acknowledges, reads = _item_of(db, name)
    read = "arg" if column == "token" else column
    db.execute(f"CREATE OR REPLACE TEMP TABLE owned AS {_item_rows(column, acknowledges, reads)}")
    db.execute(f"""CREATE OR REPLACE TEMP TABLE moved AS
        SELECT item, any_value(given) AS given, max(o.invoke_ns) AS elsewhere FROM owned
        JOIN op o ON o.{read} = item WHERE {reads} AND replica <> giver AND o.invoke_ns >= given GROUP BY item""")
    landed = int(one(db, f"SELECT count(*) FROM fault WHERE {_LANDED} AND kind <> 'noop'")[0])
    joined = f"""FROM (SELECT * FROM fault WHERE {_LANDED} AND kind <> 'noop') f
        JOIN moved m ON m.given <= f.injected_ns AND m.elsewhere >= f.landed_ns"""
    items, faults = one(db, f"SELECT count(DISTINCT item), count(DISTINCT fault) {joined}")
    share = round(faults / landed, 3) if landed else 0.0
    unnamed = items == 0 and not one(db, "SELECT count(replica) FROM op")[0]
    return [
        Proof(
            f"items: {name}",
            terms.items_per_property,
            items,
            items >= terms.items_per_property,
            f"{items} items of {name}, {terms.items_per_property} needed, were acknowledged before a fault "
            "and read after it through another replica" + (_UNNAMED if unnamed else ""),
        ),
        Proof(
            f"covered: {name}",
            terms.faults_covered,
            share,
            share >= terms.faults_covered,
            f"{faults} of {landed} landed faults, {terms.faults_covered:.0%} needed, have such an item of {name}",
        ),
    ]


def _windows(db: Connection, terms: Terms) -> Proof:
    """From injection to heal, two seconds at least. One that the end of the load cuts below a second is left out.

    Shorter ones hold no fair share of the rarer kinds.
    """
    windows = db.execute(f"""SELECT fault, greatest(injected_ns, start_ns) AS a,
        least(greatest(coalesce(healed_ns, 0), injected_ns + {2 * NS}), end_ns) AS b
        FROM fault, load_window WHERE {_LANDED} AND b - a >= {NS} ORDER BY fault""").fetchall()
    columns = {str(fault): f"count(*) FILTER (invoke_ns BETWEEN {a} AND {b})" for fault, a, b in windows}
    fewest, short = None, []
    for kind in terms.kinds if windows else ():
        workload, _, name = (part.replace("'", "''") for part in kind.partition("/"))
        found = counts(db, columns, f"op WHERE workload = '{workload}' AND kind = '{name}'")
        for fault, ops in found.items():
            fewest = ops if fewest is None else min(fewest, ops)
            if ops < terms.ops_per_window:
                short.append(f"{ops} of {kind} in the window of fault {fault}, {terms.ops_per_window} needed")
    text = f"at least {fewest or 0} ops of each of {len(terms.kinds)} kinds in each of {len(windows)} fault windows"
    if short:
        text = "; ".join(short[:6]) + (f"; and {len(short) - 6} more" if len(short) > 6 else "")
    met = (bool(windows) and not short) or not terms.ops_per_window
    return Proof("ops in windows", terms.ops_per_window, fewest or 0, met, text if windows else "no fault window")


_FINAL = {
    "session": (
        "session",
        "kind = 'login' AND outcome = 'ok'",
        "kind = 'logout' AND outcome <> 'fail'",
        "seen IS NOT NULL",
    ),
    "idempotency": (
        "key",
        "kind = 'pay' AND outcome = 'ok'",
        "false",
        "kind = 'pay' AND class IN ('ok', 'mismatch', 'missing', 'in_progress')",
    ),
    "order": ("key", "kind = 'place' AND outcome = 'ok'", "false", "kind = 'inspect' AND class IN ('ok', 'missing')"),
    "job": ("key", "kind = 'submit' AND outcome = 'ok'", "false", "kind = 'status' AND class IN ('ok', 'missing')"),
    "cart": (
        "key",
        "kind = 'add' AND outcome = 'ok'",
        "kind = 'remove' AND outcome <> 'fail'",
        "kind = 'look' AND outcome = 'ok'",
    ),
    "preference": ("key", "kind = 'put' AND outcome = 'ok'", "false", "kind = 'get' AND outcome = 'ok'"),
    "access": (
        "key",
        "kind = 'key_create' AND outcome = 'ok'",
        "kind = 'key_revoke' AND outcome <> 'fail'",
        "kind = 'key_use' AND class IN ('ok', 'absent')",
    ),
}
"""Per property: the item, what acknowledges it, what gives it up, and what reads it."""


def _final(db: Connection, terms: Terms, name: str) -> Proof:
    """Sessions that may have expired by the final phase need not be read; nor those of other workloads' log-ins."""
    column, acknowledges, gives_up, reads = _FINAL[name]
    expired = "NULL"
    if name == "session" and terms.session_ttl_s is not None:
        expired = str(int((terms.session_ttl_s - 1) * NS))
        acknowledges += " AND workload = 'sessions'"
    elif name == "session":
        acknowledges += " AND workload = 'sessions'"
    needed, found = one(
        db,
        f"""WITH item AS (
          SELECT {column} AS item, bool_or(phase = 'load' AND {acknowledges}) AS given, bool_or({gives_up}) AS over,
            min(invoke_ns) FILTER ({acknowledges}) AS since, bool_or(phase = 'final' AND {reads}) AS seen_again
          FROM op WHERE {column} IS NOT NULL AND (({acknowledges}) OR ({gives_up}) OR ({reads})) GROUP BY {column})
        SELECT count(*), count(*) FILTER (seen_again) FROM item
        WHERE given AND NOT coalesce(over, false)
          AND (seen_again OR since + {expired} IS NULL
            OR since + {expired} > coalesce((SELECT min(at_ns) FROM phase WHERE name = 'final'), 0))""",
    )
    text = f"{found} of {needed} acknowledged items of {name} were read again after the faults were healed"
    return Proof(f"final reads: {name}", needed, found, found >= needed, text)


def of_property(proofs: Sequence[Proof], name: str) -> dict[str, str]:
    """What was found and needed for one property, for the result of its check; empty for one that has no items."""
    if name not in _ITEMS:
        return {}
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
    """Unusable lines within the journals or the ledger's record: ops may be missing from the history."""
    rows = """SELECT coalesce(sum(inner_lines), 0) FROM torn
        WHERE starts_with(file, 'journal') OR starts_with(file, 'ledger')"""
    return int(one(db, rows)[0])


def part_lost_s(db: Connection) -> float | None:
    """From when on a part that the service needs may have been lost, in seconds since the first op; None if none was.

    Its loss is noticed up to `_NOTICED_S` late.
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
