"""Processes as /proc shows them."""

from __future__ import annotations

import os
import signal
import subprocess

from harness.platforms.common import procfs
from harness.platforms.common.procfs import Found


def test_a_process_is_recognised_by_its_start_time_and_never_by_pid_alone() -> None:
    environment = {**os.environ, "HARNESS_RUN": f"proc-{os.getpid()}", "HARNESS_NAME": "victim"}
    command = ["sh", "-c", "echo; read line"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # Only after its exec does /proc show the environment.
        assert process.stdout is not None and process.stdout.readline() == b"\n"
        (found,) = procfs.of_runs(f"proc-{os.getpid()}")
        assert (found.pid, found.name, found.command) == (process.pid, "victim", " ".join(command))
        stranger = procfs.Found(found.pid, found.start + 1, found.run, found.name, found.command)
        assert procfs.end(stranger) and process.poll() is None
        process.send_signal(signal.SIGSTOP)
        assert procfs.end(found) and process.wait(5) == -signal.SIGKILL
    assert procfs.of_runs(f"proc-{os.getpid()}") == []


HEX = "0123456789abcdef" * 4


def test_a_left_process_without_a_name_is_shown_masked() -> None:
    assert str(Found(7, 1, "r", "", f"serve --jwt {HEX}")) == "process 7 (serve --jwt [masked])"
