"""Ports: none is given twice, and none that is in use."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common.ports import HOST, Ports, candidates

# Private names: `_mark` is what another run does to a port, and `_left` are the ports not yet tried: thousands would
# have to be taken to see the end of them.


def test_ports_are_outside_the_ephemeral_range_and_never_given_twice() -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    one, other = Ports(), Ports()
    taken = [ports.take() for _ in range(200) for ports in (one, other)]
    assert len(set(taken)) == 400
    assert all(not low <= port <= high and port >= 10_000 for port in taken)
    assert set(taken) <= set(candidates())
    one.release()
    other.release()


def test_a_port_in_use_or_marked_by_another_run_is_passed_over() -> None:
    ports = Ports()
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        port = busy.getsockname()[1]
        assert Ports._mark(port) is None
    mark = Ports._mark(port)
    assert mark is not None and Ports._mark(port) is None
    mark.close()
    ports._left = []
    with pytest.raises(EnvironmentFailure, match="no free port"):
        ports.take()
