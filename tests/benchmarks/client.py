"""How fast the load agent's client is, against Locust's own, on one trivial local server.

`python -m tests.benchmarks.client [--rounds N] [--seconds S]` pins the server to the first core and one client
process at a time to the last. Each round measures every part once, in turn, so that what else the machine does meets
all of them; medians are compared. Exit code 1 when a wanted ratio is missed.

Judged are ops a second of the time that the client had its core: on a busy machine the wall clock measures the
others. The table shows which share of its core the client had, and the ratios by the clock beside.

bare      the recording client: 100 greenlets, every op journalled before it is sent and after it is answered
contract  the sessions workload as the load agent runs it, driven by a contract: 100 Locust users without think time,
          both routings, every op journalled, classified and told to Locust
fast      Locust FastHttpUser, 100 users without wait time, that record nothing
http      Locust HttpUser, the same
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic, process_time
from typing import Any, NamedTuple

import psutil

# Enough that client and server seldom wait for each other: waking a sleeping core is dear on a virtual machine.
CLIENTS = 100
WARM_UP_S = 0.5
CORES = sorted(os.sched_getaffinity(0))
BUSY_LIMIT = 0.9


class Rate(NamedTuple):
    """Ops a second: by the clock on the wall, and of the time that the client's process ran on its core."""

    wall: float
    core: float


def bare(port: int, seconds: float) -> Rate:
    """Journalled ops a second of the recording client alone."""
    import gevent

    from harness.client.connection import Connections
    from harness.http.template import Template
    from harness.rundir.journal import Journal

    template = Template("GET", "/profile", {"Authorization": "Bearer {token}"}, None)
    host = f"127.0.0.1:{port}"

    def client(number: int, journal: Journal) -> None:
        connections = Connections()
        values = {"token": f"token-{number:04d}" * 20}
        began = {"c": number, "w": "session", "k": "read", "p": "load", "key": f"s{number}", "rt": "balancer"}
        while True:
            request = template.render(values, host)
            connection = connections.connect(("127.0.0.1", port))
            n = journal.invoke(began)
            answer = connection.exchange(request, 5.0)
            ended = {"o": "ok", "cl": "ok", "st": answer.status, "r": answer.headers["x-replica"]}
            journal.complete(n, ended | {"b": answer.headers["x-boot-id"]}, answer.returned_ns)

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal-1.jsonl")
        clients = [gevent.spawn(client, number, journal) for number in range(CLIENTS)]
        rate = _rate(gevent.sleep, lambda: journal.completed, seconds)
        if any(running.dead for running in clients):
            raise SystemExit("a client of the bare part failed: not a measurement")
        gevent.killall(clients)
        lines = (Path(folder) / "journal-1.jsonl").read_bytes().count(b"\n")
        if lines != journal.invoked + journal.completed:
            raise SystemExit(f"the journal has {lines} lines for {journal.invoked} ops: not a measurement")
        journal.close()
    return rate


def contract(port: int, seconds: float) -> Rate:
    """Journalled ops a second of the load agent, by the way that every run takes."""
    import gevent

    from tests.benchmarks.contract import Measured

    with tempfile.TemporaryDirectory() as folder:
        measured = Measured(port, CLIENTS, WARM_UP_S + seconds + 0.5, Path(folder))
        running = gevent.spawn(measured.agent.load)
        rate = _rate(gevent.sleep, measured.completed, seconds)
        running.get()
        measured.verify()
    return rate


def _locust(user_class: Any, port: int, seconds: float) -> Rate:
    import gevent
    from locust import constant, task
    from locust.env import Environment

    class User(user_class):  # type: ignore[misc]
        host = f"http://127.0.0.1:{port}"
        wait_time = constant(0)

        @task
        def read(self) -> None:
            self.client.get("/profile", headers={"Authorization": "Bearer " + "token-0001" * 20})

    environment = Environment(user_classes=[User])
    runner = environment.create_local_runner()
    runner.start(CLIENTS, spawn_rate=CLIENTS)
    while runner.user_count < CLIENTS:
        gevent.sleep(0.05)
    rate = _rate(gevent.sleep, lambda: environment.stats.total.num_requests, seconds)
    if environment.stats.total.num_failures:
        raise SystemExit(f"{environment.stats.total.num_failures} requests failed: not a measurement")
    runner.quit()
    return rate


def fast(port: int, seconds: float) -> Rate:
    """Requests a second of Locust's FastHttpUser."""
    from locust import FastHttpUser

    return _locust(FastHttpUser, port, seconds)


def http(port: int, seconds: float) -> Rate:
    """Requests a second of Locust's HttpUser."""
    from locust import HttpUser

    return _locust(HttpUser, port, seconds)


def _rate(sleep: Callable[[float], None], counted: Callable[[], int], seconds: float) -> Rate:
    sleep(WARM_UP_S)
    begin, ran_s, before = monotonic(), process_time(), counted()
    sleep(seconds)
    done, ran_s, elapsed_s = counted() - before, process_time() - ran_s, monotonic() - begin
    return Rate(done / elapsed_s, done / ran_s)


PARTS: dict[str, Callable[[int, float], Rate]] = {"bare": bare, "contract": contract, "fast": fast, "http": http}

# (part, compared with, wanted ratio of their medians)
WANTED: list[tuple[str, str, float]] = [("bare", "fast", 2.0), ("bare", "http", 6.0), ("contract", "fast", 1.2)]


@dataclass
class Part:
    """What was measured of one part, one figure a round: ops/s, and the server's share of its core."""

    rates: list[Rate] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Median of ops a second by the clock."""
        return median(rate.wall for rate in self.rates)

    @property
    def core(self) -> float:
        """Median of ops a second of the client's own time."""
        return median(rate.core for rate in self.rates)


def measure(rounds: int, seconds: float) -> dict[str, Part]:
    """Run every part `rounds` times, in turn, against one server."""
    server = [sys.executable, "-m", "tests.benchmarks.trivial_server", "--core", str(CORES[0])]
    measured = {part: Part() for part in PARTS}
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdin and serving.stdout
        try:
            port = serving.stdout.readline().strip()
            for number in range(rounds):
                for part, kept in measured.items():
                    rate, busy = _measure_once(part, port, seconds, serving.pid)
                    kept.rates.append(rate)
                    kept.busy.append(busy)
                    shown = f"{rate.core:>10,.0f} ops/s of its core, {rate.wall:,.0f} by the clock"
                    print(f"round {number + 1} of {rounds}  {part:<10}{shown}", flush=True)
        finally:
            serving.stdin.close()
    return measured


def _measure_once(part: str, port: str, seconds: float, server: int) -> tuple[Rate, float]:
    command = [sys.executable, "-m", "tests.benchmarks.client", "--part", part, "--port", port]
    before_s = sum(psutil.Process(server).cpu_times()[:2])
    done = subprocess.run([*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True, check=True)
    used_s = sum(psutil.Process(server).cpu_times()[:2]) - before_s
    return Rate(*json.loads(done.stdout.splitlines()[-1])), used_s / (seconds + WARM_UP_S)


def ratios(measured: dict[str, Part]) -> list[tuple[str, float, float, float]]:
    """What is judged: (name, ratio of core times, wanted, ratio by the clock)."""
    return [
        (
            f"{name} / {other}",
            measured[name].core / measured[other].core,
            wanted,
            measured[name].wall / measured[other].wall,
        )
        for name, other, wanted in WANTED
    ]


def report(measured: dict[str, Part]) -> bool:
    """Print medians and ratios; whether every wanted ratio was reached."""
    columns = ("lowest", "highest", "by clock", "had core", "server")
    print(f"\n{'part':<18}{'ops/core-s':>12}" + "".join(f"{name:>10}" for name in columns))
    for name, part in measured.items():
        busy, cores = median(part.busy), [rate.core for rate in part.rates]
        note = "   the server is the limit" if busy > BUSY_LIMIT else ""
        figures = f"{part.core:>12,.0f}{min(cores):>10,.0f}{max(cores):>10,.0f}{part.wall:>10,.0f}"
        print(f"{name:<18}{figures}{part.wall / part.core:>10.0%}{busy:>10.0%}{note}")
    print(f"\n{'ratio':<18}{'measured':>12}{'wanted':>10}{'by clock':>10}")
    for name, ratio, wanted, by_clock in ratios(measured):
        missed = "" if ratio >= wanted else "   MISSED"
        print(f"{name:<18}{ratio:>12.2f}{wanted:>10.1f}{by_clock:>10.2f}{missed}")
    if len(CORES) < 2:
        print("\nOnly one core: client and server shared it.")
    return all(ratio >= wanted for _, ratio, wanted, _ in ratios(measured))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", action="store_true", help="the ratios once more, as JSON on the last line")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        os.sched_setaffinity(0, {CORES[-1]})
        print(json.dumps(PARTS[arguments.part](arguments.port, arguments.seconds)))
        return 0
    measured = measure(arguments.rounds, arguments.seconds)
    reached = report(measured)
    if arguments.json:
        print(
            json.dumps(
                [{"name": name, "measured": ratio, "wanted": least} for name, ratio, least, _ in ratios(measured)]
            )
        )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
