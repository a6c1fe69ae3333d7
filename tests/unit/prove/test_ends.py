"""A proof ends in bounded time: when it is interrupted, and whatever its runs do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import Interrupted
from harness.prove import prover
from harness.prove.prover import Finding, Prover, Trial
from harness.signals import Stoppable

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
