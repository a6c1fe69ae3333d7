"""The node of a cluster when it is this very machine: then /proc shows the processes inside of its pods.

They are recognised by their control group, whose path holds the runtime's id of the container, or the pod's uid.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from harness.errors import FaultNotSeen
from harness.platforms.common import procfs
from harness.platforms.common.procfs import Found

_LANDING_S = 5.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def kernel() -> str:
    """Return the id of this boot of this machine's kernel; a cluster's nodes name theirs."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def is_mine(boots: Iterable[str]) -> bool:
    """Say whether the nodes with these boot ids of their kernels are this machine, and its processes can be ended."""
    found = set(boots)
    return found == {kernel()} and os.geteuid() == 0


def processes(mark: str) -> list[Found]:
    """Return the living processes in a control group whose path holds this text: a container's id, or a pod's uid."""
    found = []
    # Where systemd keeps the groups, dashes of a uid are underscores.
    marks = {mark, mark.replace("-", "_")} if mark else set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            group = (entry / "cgroup").read_text()
        except OSError:
            continue
        if any(each in group for each in marks):
            start = procfs.start_time(int(entry.name))
            if start is not None:
                found.append(Found(int(entry.name), start, "", mark[:12], ""))
    return found


def is_there(found: list[Found]) -> bool:
    """Say whether any of these processes lives."""
    return any(procfs.start_time(each.pid) == each.start for each in found)


def kill(container: str, what: str) -> str:
    """Send SIGKILL to all processes of a container, and return how they were seen to be gone.

    Raises:
        FaultNotSeen: There is no process, or one is still there.
    """
    found = processes(container)
    if not found:
        raise FaultNotSeen(f"{what} has no process on this machine: it is dead already, or runs elsewhere")
    left = [each for each in found if not procfs.end(each, _LANDING_S)]
    if left:
        raise FaultNotSeen(f"{what}: processes {_pids(left)} were sent SIGKILL but are still there")
    return f"processes {_pids(found)} were killed"


def freeze(container: str, what: str) -> str:
    """Send SIGSTOP to all processes of a container, and return how all their threads were seen to stand still.

    Raises:
        FaultNotSeen: There is no process, or some thread still runs.
    """
    return _signalled(container, what, signal.SIGSTOP, lambda states: states == {"T"}, "frozen")


def thaw(container: str, what: str) -> str:
    """Send SIGCONT to all processes of a container, and return how none of their threads was seen to be stopped.

    Raises:
        FaultNotSeen: There is no process, or some thread is still stopped.
    """
    return _signalled(container, what, signal.SIGCONT, procfs.is_running, "running again")


def _signalled(container: str, what: str, number: signal.Signals, holds: Callable[[set[str]], bool], said: str) -> str:
    found, states = procfs.send_until(lambda: processes(container), number, holds, _LANDING_S)
    if not found:
        raise FaultNotSeen(f"{what} has no process on this machine: it is dead already, or runs elsewhere")
    if not holds(states):
        raise FaultNotSeen(f"{what} is not {said}: its threads are in the states {sorted(states)}")
    return f"processes {_pids(found)} are {said}"


def end_all(marks: Iterable[str]) -> list[str]:
    """Kill whatever is in these pods; return what would not die."""
    left = []
    for mark in marks:
        left += [str(each) for each in processes(mark) if not procfs.end(each)]
    return left


def _pids(found: list[Found]) -> str:
    return ", ".join(str(each.pid) for each in found)
