from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure, UsageError
from harness.platforms.common import binaries, procfs
from harness.platforms.common.lock import check_run_id, hold_name, name_is_held
from harness.platforms.common.ports import HOST, Ports, candidates
from harness.platforms.process import leftovers
from harness.platforms.process.children import Child, tail
from harness.platforms.process.haproxy import Balancer


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


@pytest.mark.live
def test_a_held_name_is_seen_and_given_back() -> None:
    run_id = f"hold-{os.getpid()}"
    assert not name_is_held(run_id)
    with hold_name(run_id):
        with hold_name(run_id):
            assert name_is_held(run_id)
        assert name_is_held(run_id)
        script = f"from harness.platforms.common.lock import hold_name\nwith hold_name({run_id!r}): pass"
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert other.returncode == 1 and "already in progress in another process" in other.stderr
    assert not name_is_held(run_id)


@pytest.mark.parametrize("run_id", ["", "a/b", "..", "-x", "a" * 49, "a b"])
def test_a_run_id_that_could_name_another_place_is_refused(run_id: str) -> None:
    with pytest.raises(UsageError, match="run id"):
        check_run_id(run_id)


@pytest.mark.live
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


def test_a_directory_that_no_run_marked_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (tmp_path / "harness-mine").mkdir()
    (tmp_path / "harness-mine" / "precious").write_text("x")
    assert leftovers.remove_work_directory("mine") == [] and leftovers.leftovers("mine") == []
    with pytest.raises(EnvironmentFailure, match="cannot be made"):
        leftovers.make_work_directory("mine")
    place = leftovers.make_work_directory("run")
    (place / "store").mkdir()
    (place / "store" / "data").write_text("x")
    assert leftovers.leftovers("run") == [f"directory {place}"]
    assert leftovers.remove("run") == [f"removed directory {place}"] and not place.exists()
    assert (tmp_path / "harness-mine" / "precious").exists()


@pytest.mark.parametrize(
    ("name", "mode", "holds", "is_ours"),
    [
        ("kill-12-00-00Z-0a1b2c", 0o700, {}, True),
        ("kill-12-00-00Z-0a1b2c", 0o700, {"run-id": ""}, True),
        ("kill-12-00-00Z-0a1b2c", 0o755, {}, False),
        ("kill-12-00-00Z-0a1b2c", 0o700, {"run-id": "", "precious": "x"}, False),
        ("kill-12-00-00Z-0a1b2c", 0o700, {"run-id": "kill-12-00-00Z-ffffff"}, False),
        ("notes", 0o700, {}, False),
        ("history-x-0a1b2c", 0o700, {}, False),
        ("notes", 0o755, {"run-id": "notes", "store": "x"}, True),
    ],
)
def test_without_its_mark_only_what_a_run_alone_makes_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: int, holds: dict[str, str], is_ours: bool
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    place = tmp_path / f"harness-{name}"
    place.mkdir()
    for entry, text in holds.items():
        (place / entry).write_text(text)
    place.chmod(mode)
    assert (name in leftovers.runs()) is is_ours
    assert leftovers.remove_work_directory(name) == ([f"removed directory {place}"] if is_ours else [])
    assert place.exists() is not is_ours


def test_only_folders_that_a_dead_check_made_are_its_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

    def made(name: str, *holds: str, mode: int = 0o700) -> Path:
        (tmp_path / name).mkdir()
        for entry in holds:
            (tmp_path / name / entry).write_text("x")
        (tmp_path / name).chmod(mode)
        return tmp_path / name

    dead = made("harness-history-abcd_123", "history.duckdb", "history.duckdb.wal", "spill", "lines-x_1.jsonl")
    old = made("harness-history-old00000")
    os.utime(old, (1, 1))
    made("harness-history-others00", "history.duckdb", "tmpx_1.jsonl")
    made("harness-history-fresh000")
    made("harness-history-notes", "history.duckdb")
    made("harness-history-mixed000", "history.duckdb", "precious")
    made("harness-history-open0000", "history.duckdb", mode=0o755)
    assert leftovers.scratch() == [dead, old]


def test_a_program_is_chosen_by_variable_then_package_then_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> str:
        raise FileNotFoundError

    monkeypatch.delenv("HARNESS_X", raising=False)
    assert binaries.find("shell", "HARNESS_X", lambda: "/packaged", ["sh"]) == "/packaged"
    assert binaries.find("shell", "HARNESS_X", nothing, ["no-such", "sh"]).endswith("/sh")
    with pytest.raises(EnvironmentFailure, match="no shell fits this machine: install no-such, or set HARNESS_X"):
        binaries.find("shell", "HARNESS_X", nothing, ["no-such"])
    monkeypatch.setenv("HARNESS_X", "sh")
    assert binaries.find("shell", "HARNESS_X", lambda: "/packaged", []).endswith("/sh")
    monkeypatch.setenv("HARNESS_X", "/no/such")
    with pytest.raises(EnvironmentFailure, match="HARNESS_X=/no/such: no such program"):
        binaries.find("shell", "HARNESS_X", lambda: "/packaged", [])


def test_an_admin_socket_with_too_long_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="TMPDIR"):
        Balancer(tmp_path / ("x" * 90), 1, "/ready")


def test_the_balancer_is_sticky_only_when_a_run_seeds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Balancer, "_say", lambda self, line: said.append(line) or "New server registered.")
    for cookie in (None, "SERVER"):
        made = Balancer(tmp_path, 1, "/ready", cookie)
        made.command()
        made.add("replica-1", 2)
        assert ("cookie SERVER insert" in (tmp_path / "haproxy.cfg").read_text()) == (cookie is not None)
    assert [line.endswith(" cookie replica-1") for line in said if line.startswith("add server")] == [False, True]


@pytest.mark.live
def test_a_child_has_a_log_and_no_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child("c", ["sh", "-c", "echo $HARNESS_NAME $A; cat; exit 7"], {"A": "b"}, tmp_path, log)
    assert child.wait(5) == 7 and child.wait(0) == 7 and child.status() == 7
    assert log.read_text() == "c b\n"
    child.end()


def test_the_tail_of_a_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 100_000 + b"\nlast\xff\n")
    assert tail(log, 1) == "last\N{REPLACEMENT CHARACTER}"
    assert len(tail(log)) < 17_000
    assert tail(tmp_path / "none") == ""
