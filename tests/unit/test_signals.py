"""The first signal interrupts a run that can be interrupted; the second is answered; others change nothing."""

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
from harness.signals import Stoppable, uninterrupted


@pytest.fixture(autouse=True)
def hangups_count() -> Iterator[None]:
    """As at a terminal, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_the_first_signal_interrupts_the_armed_and_the_second_is_answered():
    said: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    with Stoppable(said.append) as stoppable:
        with pytest.raises(Interrupted, match="interrupted by SIGTERM; it was healed"), stoppable.armed():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert said == [
        "SIGTERM: healing, cleaning up and reporting first",
        "still healing and cleaning up; `harness recover` does it after a kill",
    ]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("becomes", [None, EnvironmentFailure("the engine does not answer: interrupted")])
def test_a_signal_that_somebody_takes_for_another_error_interrupts_all_the_same(becomes: EnvironmentFailure | None):
    with (
        Stoppable(lambda text: None) as stoppable,
        pytest.raises(Interrupted, match="interrupted by SIGINT; it was healed"),
        stoppable.armed(),
    ):
        try:
            signal.raise_signal(signal.SIGINT)
        except Exception as error:
            if becomes:
                raise becomes from error


def test_a_signal_before_and_after_the_run_interrupts_nothing_midway():
    with Stoppable(lambda text: None) as stoppable:
        with stoppable.armed():
            pass
        signal.raise_signal(signal.SIGINT)
        reached = []
        with pytest.raises(Interrupted, match="before the run began"), stoppable.armed():
            reached.append(1)
        assert reached == []


def test_a_signal_is_not_kept_when_an_error_leaves_what_must_not_be_interrupted():
    with (
        Stoppable(lambda text: None) as stoppable,
        pytest.raises(Interrupted, match="interrupted by SIGINT"),
        stoppable.armed(),
        uninterrupted(),
    ):
        signal.raise_signal(signal.SIGINT)
        raise EnvironmentFailure("the disk is full")
    with uninterrupted():
        """Would raise here, in the midst of the cleaning up."""


def test_after_the_last_run_of_a_process_signals_change_its_answer_no_more():
    last = (
        "import signal\n"
        "from harness.signals import SIGNALS, Stoppable\n"
        "with Stoppable(print, last=True): pass\n"
        "for number in SIGNALS: signal.raise_signal(number)\n"
        "raise SystemExit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", last], timeout=60).returncode == 3


def test_other_threads_install_no_handlers():
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def other() -> None:
        with Stoppable(lambda text: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [before]


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
