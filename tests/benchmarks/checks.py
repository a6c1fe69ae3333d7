"""Speed, memory and completeness of the checks on synthetic histories.

    python -m tests.benchmarks.checks [--ops 1000000 10000000] [--shapes spread hot] [--json]

Two shapes: `spread`, where an item has some twenty ops, and `hot`, where sixteen sessions, payments and jobs take all
of them; and two more, `shop` and `hot shop`, for the checks that those hold nothing for: orders, carts, preferences,
limits and access. A check is measured on the histories that are made for it. Into each the guilty histories of the
unit tests are planted; all of them must be found, and nothing else.
Every size and shape runs in a process of its own, whose peak memory is that of the history and all checks together.
Judged is the lesser of wall and CPU time: on a busy machine the wall clock measures the others.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from harness.history import connect, create_tables
from harness.judging.criteria import Criteria
from harness.judging.verdict import Verdict
from harness.properties.hostile import check as hostile
from harness.properties.idempotency import check as idempotency
from harness.properties.job import check as job
from harness.properties.session import check as session
from harness.properties.session import refresh
from harness.scenario.questions import CHECKS
from tests.benchmarks import synthetic, synthetic_shop

CRITERIA: dict[str, Any] = {
    "session": session.Criteria(session_ttl_s=100, refresh_grace_s=10),
    "refresh": refresh.Criteria(refresh_ttl_s=100, refresh_grace_s=10),
    "idempotency": idempotency.Criteria(retention_s=100, definite_answer_s=5),
    "job": job.Criteria(),
    "hostile": hostile.Criteria(),
    **dict.fromkeys(("steady", "unique_ids", "graceful", "accounting"), Criteria(metrics=True)),
}
Shape = tuple[Callable[[synthetic.Connection, int], synthetic.Expected], dict[str, Any]]
SHAPES: dict[str, Shape] = {
    "spread": (lambda db, ops: synthetic.fill_history(db, ops, "spread"), CRITERIA),
    "hot": (lambda db, ops: synthetic.fill_history(db, ops, "hot"), CRITERIA),
    "shop": (lambda db, ops: synthetic_shop.fill_history(db, ops, hot=False), synthetic_shop.CRITERIA),
    "hot shop": (lambda db, ops: synthetic_shop.fill_history(db, ops, hot=True), synthetic_shop.CRITERIA),
}
"""What fills a history of each shape, and what its checks judge by."""
LEAST_OPS_PER_S = 1_000_000
MOST_TIMES = 12.0
MOST_MEMORY_MIB = 1024
REPEATS = 3


def measure(ops: int, shape: str) -> dict[str, Any]:
    """One history, and over it every check that something is planted for."""
    fill, criteria = SHAPES[shape]
    db = connect()
    create_tables(db)
    started = time.perf_counter()
    expected = fill(db, ops)
    made_s = time.perf_counter() - started
    checks: dict[str, Any] = {}
    for name, violations in expected.items():
        times, cpu = [], []
        for _ in range(REPEATS):
            started, spent = time.perf_counter(), time.process_time()
            result = CHECKS[name].judge(db, criteria[name])
            times.append(time.perf_counter() - started)
            cpu.append(time.process_time() - spent)
        assert result is not None
        wanted = Counter(violations)
        right = Counter(result.violations) == wanted and result.verdict is not Verdict.UNKNOWN
        checks[name] = {
            "seconds": min(statistics.median(times), statistics.median(cpu)),
            "wall_s": statistics.median(times),
            "planted": wanted.total(),
            "found": sum(result.violations.values()),
            "exact": right,
            "violations": result.violations,
            "expected": dict(wanted),
        }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"ops": ops, "shape": shape, "made_s": made_s, "peak_mib": peak, "checks": checks}


def _child(ops: int, shape: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.checks", "--one", str(ops), shape]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _report(runs: list[dict[str, Any]]) -> list[str]:
    """Prints the tables; returns what misses its target."""
    missed = []
    for run in runs:
        print(f"\n{run['ops']:,} ops, {run['shape']}: made in {run['made_s']:.1f} s, peak {run['peak_mib']:.0f} MiB")
        rates = []
        for name, check in run["checks"].items():
            rate = run["ops"] / check["seconds"]
            rates.append(rate)
            smaller = [other for other in runs if other["shape"] == run["shape"] and other["ops"] * 10 == run["ops"]]
            times = check["seconds"] / smaller[0]["checks"][name]["seconds"] if smaller else None
            shown = f"   x{times:.1f} the time of a tenth" if times else ""
            print(
                f"  {name:12} {check['seconds']:7.3f} s ({check['wall_s']:.3f} on the wall)  {rate / 1e6:8.1f} M ops/s"
                f"   {check['found']}/{check['planted']} planted{shown}"
            )
            where = f"{name}, {run['ops']:,} {run['shape']}"
            if rate < LEAST_OPS_PER_S:
                missed.append(f"{where}: {rate:,.0f} ops/s")
            if times and times > MOST_TIMES:
                missed.append(f"{where}: {times:.1f} times the time")
            if not check["exact"]:
                missed.append(f"{where}: found {check['violations']}, planted {check['expected']}")
        print(f"  median of the checks {statistics.median(rates) / 1e6:.1f} M ops/s, least {min(rates) / 1e6:.1f}")
        if run["peak_mib"] > MOST_MEMORY_MIB:
            missed.append(f"{run['ops']:,} {run['shape']}: {run['peak_mib']:.0f} MiB")
    return missed


def main() -> int:
    """Runs the benchmark; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ops", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("OPS", "SHAPE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(int(options.one[0]), options.one[1])))
        return 0
    runs = [_child(ops, shape) for shape in options.shapes for ops in sorted(options.ops)]
    if options.json:
        print(json.dumps(runs, indent=2))
        return 0
    missed = _report(runs)
    if set(options.shapes) == set(SHAPES):
        missed += [f"{name}: not measured" for name in CHECKS if not any(name in run["checks"] for run in runs)]
    print("\n" + ("\n".join(["missed:", *missed]) if missed else "every target met"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
