"""What must end in bounded time whatever others do: children, stopped members, load agents, proving."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure, Interrupted
from harness.load.handle import AgentDied, AgentHandle
from harness.platforms.base import Deployment, Program
from harness.platforms.common.lock import hold_name
from harness.platforms.memory.platform import MemoryPlatform
from harness.platforms.process.children import Child, end_all
from harness.prove import prover
from harness.prove.prover import Finding, Prover, Trial
from harness.signals import Stoppable
from harness.supervision.supervisor import Supervisor


def test_a_child_that_will_not_die_keeps_no_other_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    children = [Child(f"c{n}", ["sleep", "60"], {}, tmp_path, tmp_path / "log") for n in range(3)]

    def refuse() -> None:
        raise EnvironmentFailure("c0 does not exit after SIGKILL")

    monkeypatch.setattr(children[0], "end", refuse)
    assert end_all(children) == {children[0].pid: "c0 does not exit after SIGKILL"}
    assert None not in [child.status() for child in children[1:]]
    children[0].wait(5)


class Draining(MemoryPlatform):
    """Members that drain until `let_go`, as one with a long grace does."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def stop(self, name: str, grace_s: float) -> str:
        self.let_go.wait(grace_s)
        raise EnvironmentFailure(f"{name} did not exit")


def test_the_supervisor_does_not_wait_for_what_drains_and_tells_nothing_after_its_end(tmp_path: Path) -> None:
    platform, told = Draining(), list[str]()
    program = Program(["x"], {})
    platform.deploy(Deployment("drain", tmp_path, tmp_path / "l", 2, 0, tmp_path, lambda s: program, None, "/h", "/r"))
    supervisor = Supervisor(platform, {"replica": 2}, lambda _: None, stop_grace_s=60, on_problem=told.append)
    supervisor.start()
    try:
        assert supervisor.set_desired("replica", 1) == ["replica-2"]
        begun = time.monotonic()
        supervisor.stop(deadline_s=0.1)
        assert time.monotonic() - begun < 10
    finally:
        platform.let_go.set()
    for thread in supervisor._stopping:
        thread.join(5)
    assert "replica-2" in supervisor.stop_failures and told == []


def test_an_agent_that_does_not_listen_holds_up_nobody_and_is_killed(tmp_path: Path) -> None:
    run_id = f"deaf-agent-{os.getpid()}"
    with hold_name(run_id):
        agent = AgentHandle(0, run_id, tmp_path / "agent-0.log", lambda *_: None)
        try:
            os.kill(agent._process.pid, signal.SIGSTOP)
            begun = time.monotonic()
            members = [{"name": "replica-1", "note": "x" * 1000}]
            for _ in range(700):
                agent.members(members)
            with pytest.raises(AgentDied, match="it does not listen"):
                agent.wait("load", 5)
        finally:
            agent.close(grace_s=0.2)
        assert time.monotonic() - begun < 10
    assert agent._process.returncode == -signal.SIGKILL
    assert not agent._writer.is_alive() and not agent._reader.is_alive()
    agent.close(grace_s=0.2)


# -- proving

CHILD = """
import signal, sys, time
def end(*_):
    print('{"verdict": "unknown", "checks": []}'); sys.exit(130)
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[2:] == ["deaf"] else end)
open(sys.argv[1], "w").close()
time.sleep(60)
"""


class Proof:
    """A prover whose runs are small scripts; their `Popen`s are kept."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
        self.up = folder / "up"
        self.children: list[subprocess.Popen[bytes]] = []
        start = subprocess.Popen

        def popen(command: list[str], **options: object) -> subprocess.Popen[bytes]:
            child = start([sys.executable, "-c", CHILD, str(self.up), *arguments], **options)  # type: ignore[call-overload]
            self.children.append(child)
            # Its time begins when it is returned: a child that is slow to start is not to spend it on that.
            self.wait_up()
            return child  # type: ignore[no-any-return]

        monkeypatch.setattr(prover.subprocess, "Popen", popen)
        self.problems: list[str] = []
        self.prover = Prover(folder, folder, 1, on_problem=self.problems.append)
        self.heard: list[Finding] = []

    def wait_up(self) -> None:
        until = time.monotonic() + 20
        while not self.up.exists():
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.fixture(autouse=True)
def hangups_count() -> Iterator[None]:
    """As at a terminal, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_runs_of_a_proof_and_waits_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    proof = Proof(tmp_path, monkeypatch)

    def send() -> None:
        proof.wait_up()
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    threading.Thread(target=send, daemon=True).start()
    trials = [Trial("a.yaml", None, seed) for seed in (1, 2)]
    with (
        Stoppable(lambda text: None) as stoppable,
        pytest.raises(Interrupted, match=f"interrupted by {number.name}") as interrupted,
    ):
        proof.prover.prove(trials, proof.heard.append, stoppable)
    assert interrupted.value.exit_code == 130
    assert [child.returncode for child in proof.children] == [130] and proof.heard == []
    assert signal.getsignal(number) is before


def test_a_run_that_ends_neither_in_time_nor_when_asked_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prover, "RUN_DEADLINE_S", 0.5)
    monkeypatch.setattr(prover, "GRACE_S", 0.3)
    proof = Proof(tmp_path, monkeypatch, "deaf")
    found = proof.prover.prove([Trial("a.yaml", None, 1)], proof.heard.append)
    assert [(each.verdict, each.exit_code, each.right) for each in found] == [("unknown", 5, False)]
    assert [text.partition(": the run ended")[0] for text in proof.problems] == ["a.yaml"]
    assert "the run ended with -9 and no result" in proof.problems[0]
    assert [child.returncode for child in proof.children] == [-signal.SIGKILL]


# -- a closed terminal


def test_an_ignored_hangup_stays_ignored_and_a_handled_one_interrupts() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stoppable(lambda text: None) as stoppable, stoppable.armed():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    with (
        Stoppable(lambda text: None) as stoppable,
        pytest.raises(Interrupted, match="by SIGHUP"),
        stoppable.armed(),
    ):
        signal.raise_signal(signal.SIGHUP)


HUNG_UP = """
import sys, time
from pathlib import Path
from harness.errors import Interrupted
from harness.signals import Stoppable
folder = Path(sys.argv[1])
try:
    with Stoppable(lambda text: print(text, flush=True)) as stoppable, stoppable.armed():
        (folder / "up").touch()
        time.sleep(60)
except Interrupted as error:
    print("healing", flush=True)
    (folder / "healed").write_text(str(error))
"""


def test_what_heals_after_its_terminal_was_closed_may_go_on_printing(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", HUNG_UP, str(tmp_path)])
    until = time.monotonic() + 20
    while not (tmp_path / "up").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert "by SIGHUP" in (tmp_path / "healed").read_text()
