"""Runs the harness as a user does, and looks for what it left with own eyes: /proc, and a TMPDIR for each run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.support.paths import ROOT

SERVICES = ROOT / "tests" / "services"
DEADLINE_S = 120.0

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], what: str, deadline_s: float = 60.0) -> Found:
    """What `look` returns as soon as it is true."""
    until = time.monotonic() + deadline_s
    while not (found := look()):
        assert time.monotonic() < until, f"not within {deadline_s:g} s: {what}"
        time.sleep(0.02)
    return found


# -- what is there, as /proc says


def processes(mark: str) -> dict[int, str]:
    """Living processes with `mark` ("NAME=value") in their environment: pid to HARNESS_NAME."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in variables and state not in "ZX":
            names = [each.partition(b"=")[2].decode() for each in variables if each.startswith(b"HARNESS_NAME=")]
            found[int(entry.name)] = names[0] if names else "harness"
    return found


def _listening() -> dict[str, int]:
    """Inode to port of every listening TCP socket on 127.0.0.1 and 0.0.0.0."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9]: int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A"}


def ports_of(pids: Iterator[int] | list[int]) -> set[int]:
    """Ports that these processes listen on."""
    listening = _listening()
    held = set()
    for pid in pids:
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    held.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    return {port for inode, port in listening.items() if inode in held}


# -- a run of the harness


@dataclass
class Run:
    """One harness process with the run folder it writes; nothing else uses its reports folder or TMPDIR."""

    process: subprocess.Popen[bytes]
    reports: Path
    temporary: Path
    output: Path
    errors: Path
    ports: set[int] = field(default_factory=set)

    @property
    def folder(self) -> Path:
        (found,) = {path.parent for path in self.reports.glob("*/2*/run.jsonl")}
        return found

    def events(self) -> list[dict[str, Any]]:
        with suppress(ValueError, OSError):
            lines = (self.folder / "run.jsonl").read_text().split("\n")
            return [json.loads(line) for line in lines[:-1]]
        return []

    @property
    def id(self) -> str:
        return str(self.events()[0]["run"])

    def results(self) -> dict[str, Any]:
        """results.json of its folder."""
        found: dict[str, Any] = json.loads((self.folder / "results.json").read_text())
        return found

    def said(self) -> str:
        return self.errors.read_text()

    def phase(self) -> str:
        """The phase it is in; "" before the first, "exited" after the last."""
        if self.process.poll() is not None:
            return "exited"
        names = [event["name"] for event in self.events() if event["e"] == "phase"]
        return str(names[-1]) if names else ""

    def reach(self, *phases: str) -> None:
        """Wait until the run is in one of these phases, or beyond all of them."""
        order = ["", "deploy", "steady", "load", "heal", "quiet", "settle", "final", "tear_down", "end", "exited"]
        first = min(order.index(phase) for phase in phases)
        eventually(lambda: order.index(self.phase()) >= first, f"phase {phases}: {self.said()}", DEADLINE_S)
        self.look()

    def look(self) -> None:
        """Note which ports the processes of the run listen on now."""
        if self.events():
            self.ports |= ports_of(list(processes(f"HARNESS_RUN={self.id}")))

    def member(self, name: str) -> int:
        """Pid of the process that carries this name in this run."""
        (pid,) = [pid for pid, each in processes(f"HARNESS_RUN={self.id}").items() if each == name]
        return pid

    def interrupt(self) -> None:
        """Ctrl-C at a terminal: SIGINT to the whole foreground process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self) -> int:
        """Its exit code. The ports of the run are looked at meanwhile."""
        until = time.monotonic() + DEADLINE_S
        seen = ""
        while self.process.poll() is None:
            assert time.monotonic() < until, f"still running after {DEADLINE_S:g} s: {self.said()}"
            if self.phase() != seen:
                seen = self.phase()
                self.look()
            time.sleep(0.05)
        return self.process.returncode

    def left(self) -> list[str]:
        """Everything of the run that is still there beside its folder."""
        found = [f"process {pid} ({name})" for pid, name in processes(f"TMPDIR={self.temporary}").items()]
        if self.events():
            found += [f"process {pid} ({name})" for pid, name in processes(f"HARNESS_RUN={self.id}").items()]
        found += [f"port {port}" for port in self.ports & set(_listening().values())]
        return found + [f"file {path}" for path in self.temporary.iterdir()]


class Place:
    """Where one test, or one module, runs the harness."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs: list[Run] = []

    def start(self, *arguments: str | Path, environment: dict[str, str] | None = None) -> Run:
        """Start `harness ARGUMENTS --reports …` with folders of its own."""
        number = len(self._runs) + 1
        reports = self.folder / f"reports-{number}"
        # Short, because the name of a unix socket has at most 107 bytes.
        temporary = Path(tempfile.mkdtemp(prefix="e2e-", dir="/tmp"))
        output, errors = self.folder / f"out-{number}", self.folder / f"err-{number}"
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "harness", *map(str, arguments), "--reports", str(reports)],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(temporary), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self._runs.append(run := Run(process, reports, temporary, output, errors))
        return run

    def run(self, *arguments: str | Path) -> Run:
        """Start it, wait for its end, and see that nothing is left."""
        run = self.start("run", *arguments)
        run.wait()
        assert run.left() == []
        return run

    def close(self) -> None:
        """End whatever a failed test left."""
        for run in self._runs:
            if run.process.poll() is None:
                run.process.kill()
                run.process.wait()
            for _ in range(3):
                for pid in processes(f"TMPDIR={run.temporary}"):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            shutil.rmtree(run.temporary, ignore_errors=True)


@contextmanager
def place_in(folder: Path) -> Iterator[Place]:
    """A `Place` that is cleaned up, whatever the test did."""
    place = Place(folder)
    try:
        yield place
    finally:
        place.close()


def command(*arguments: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """One harness command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


# -- scenarios and contracts made for one test


def stranger(folder: Path, script: str = "stranger.py", *arguments: str, **environment: str) -> Path:
    """The stranger's contract with another script and more environment."""
    contract = yaml.safe_load((SERVICES / "stranger.yaml").read_text())
    contract["start"]["directory"] = str(SERVICES)
    contract["start"]["replica"]["command"] = ["{python}", script, *arguments]
    contract["start"]["environment"] |= {"USERS": str(SERVICES / "users.csv"), **environment}
    contract["users"]["file"] = str(SERVICES / "users.csv")
    path = folder / "contract.yaml"
    path.write_text(yaml.safe_dump(contract, sort_keys=False))
    return path


def scenario(folder: Path, contract: Path, name: str = "made", **changes: Any) -> Path:
    """A short run of `contract`; a dictionary in `changes` is merged, everything else replaces."""
    document: dict[str, Any] = {
        "title": "Made for a test",
        "proves": "Nothing but what the test looks at.",
        "target": {"contract": str(contract), "replicas": 2, "workers": 0, "replace_after_s": 0.2},
        "load": {"duration_s": 2.0, "users": 8, "think_s": [0.03, 0.1], "mix": {"session": 2, "idempotency": 1}},
        "faults": [{"kind": "kill", "at": 0.5}],
    }
    for key, value in changes.items():
        document[key] = {**document[key], **value} if isinstance(value, dict) and key in document else value
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def verdicts(results: dict[str, Any]) -> dict[str, str]:
    """Check to verdict."""
    return {check["name"]: check["verdict"] for check in results["checks"]}


def unmet(results: dict[str, Any]) -> list[str]:
    """Names of the evidence that was missing."""
    return [proof["name"] for proof in results["evidence"] if not proof["met"]]


def why(results: dict[str, Any]) -> str:
    """What speaks against the run, for a failing test to show: run folders of tests are soon gone."""
    wrong = [check for check in results["checks"] if check["verdict"] != "valid"]
    shown = [{name: check[name] for name in ("name", "reason", "violations", "witnesses")} for check in wrong]
    return json.dumps({"reasons": results["reasons"], "checks": shown}, indent=1)


def reference(folder: Path, **changes: Any) -> Path:
    """A run with everything that can be left: workers, jobs, and a replica that is frozen for long."""
    wanted: dict[str, Any] = {
        "target": {"workers": 1},
        "load": {"duration_s": 3, "mix": {"session": 2, "idempotency": 1, "job": 1}},
        "faults": [{"kind": "pause", "at": 0.4, "for": 20}],
    }
    return scenario(folder, ROOT / "target_service" / "contract.yaml", **{**wanted, **changes})


def faults_of(run: Run) -> list[str]:
    path = run.folder / "faults.jsonl"
    return [json.loads(line)["e"] for line in path.read_text().splitlines()] if path.is_file() else []


def ended(run: Run) -> list[str]:
    return [event["how"] for event in run.events() if event["e"] == "ended"]
