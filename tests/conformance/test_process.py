"""What only real processes can show."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.base import Launcher, Program, Slot
from harness.platforms.common import ledger_program, procfs
from harness.platforms.process.platform import ProcessPlatform
from harness.supervision.supervisor import Supervisor
from tests.support.conformance import deployment, eventually, tiny
from tests.support.traffic import ask

# Private names: `_deployed` leads to the child that a member is, so that it can be made one that does not die.


def processes(run_id: str) -> dict[str, procfs.Found]:
    return {found.name: found for found in procfs.of_runs(run_id)}


def test_every_answer_says_which_replica_gave_it(process: ProcessPlatform, tmp_path: Path) -> None:
    process.deploy(deployment(tmp_path, replicas=3, workers=0))
    boots = {member.name: member.boot for member in process.members()}
    headers = [ask(process.balancer())[1] for _ in range(6)]
    assert {h["x-harness-server"] for h in headers} == set(boots)
    assert all(h["x-harness-server"] == h["x-replica"] and boots[h["x-replica"]] == h["x-boot-id"] for h in headers)


def test_only_the_balancer_itself_can_say_that_nothing_was_delivered(process: ProcessPlatform, tmp_path: Path) -> None:
    process.deploy(deployment(tmp_path, replicas=1, workers=0))
    # The tiny service forges the header.
    assert "x-harness-no-effect" not in ask(process.balancer())[1]
    process.kill("replica-1")
    status, headers = ask(process.balancer())
    assert (status, headers["x-harness-no-effect"]) == (503, "1")
    assert "x-harness-server" not in headers


def test_requests_go_round_a_killed_replica_at_once(process: ProcessPlatform, tmp_path: Path) -> None:
    process.deploy(deployment(tmp_path, replicas=3, workers=0))
    process.kill("replica-2")
    answers = [ask(process.balancer()) for _ in range(9)]
    assert {status for status, _ in answers} == {200}
    assert {headers["x-replica"] for _, headers in answers} == {"replica-1", "replica-3"}


def test_a_replica_that_freezes_by_itself_is_unready_soon_and_hides_nobody(
    process: ProcessPlatform, tmp_path: Path
) -> None:
    wanted = deployment(tmp_path, replicas=3, workers=0)
    process.deploy(wanted)
    supervisor = Supervisor(process, {"replica": 3}, lambda members: None, replace_after_s=0.1)
    supervisor.start()
    try:
        os.kill(processes(wanted.run_id)["replica-1"].pid, signal.SIGSTOP)
        process.kill("replica-2")
        eventually(lambda: "replica-1" not in {m.name for m in supervisor.ready("replica")}, "replica-1 unready")
        eventually(lambda: "replica-4" in {m.name for m in supervisor.ready("replica")}, "replica-4 ready", 30)
        eventually(lambda: "replica-3" in {m.name for m in supervisor.ready("replica")}, "replica-3 ready as ever")
        assert {m.name: m.state for m in process.members()}["replica-1"] == "unready"
    finally:
        supervisor.stop()


def test_every_process_carries_its_run_and_name_in_a_session_of_its_own(
    process: ProcessPlatform, tmp_path: Path
) -> None:
    wanted = deployment(tmp_path)
    process.deploy(wanted)
    found = processes(wanted.run_id)
    assert set(found) == {"store", "ledger", "balancer", "replica-1", "replica-2", "worker-1"}
    assert all(os.getsid(part.pid) == part.pid for part in found.values())
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert all(m.port is None or not low <= m.port <= high for m in process.members())
    assert Path(f"/tmp/harness-{wanted.run_id}").stat().st_mode & 0o777 == 0o700


def test_what_a_member_begot_dies_and_freezes_with_it(process: ProcessPlatform, tmp_path: Path) -> None:
    plain = tiny()

    def in_a_shell(slot: Slot) -> Program:
        program = plain(slot)
        return Program(["sh", "-c", f"{' '.join(program.command)} & wait"], program.environment)

    wanted = deployment(tmp_path, replicas=2, workers=0, replica=in_a_shell)
    process.deploy(wanted)

    def mine(name: str) -> list[procfs.Found]:
        return [found for found in procfs.of_runs(wanted.run_id) if found.name == name]

    assert len(mine("replica-1")) == 2
    process.pause("replica-1")
    assert {state for found in mine("replica-1") for state in procfs.states(found.pid)} == {"T"}
    process.kill("replica-1")
    eventually(lambda: not mine("replica-1"), "shell and service gone")
    assert len(mine("replica-2")) == 2


def test_a_member_that_ignores_sigterm_is_a_fault_not_seen(process: ProcessPlatform, tmp_path: Path) -> None:
    process.deploy(deployment(tmp_path, replicas=1, workers=0, replica=tiny(TINY_IGNORE_TERM="1")))
    with pytest.raises(FaultNotSeen, match=r"replica-1 .*did not exit within 0.2 s after SIGTERM"):
        process.stop("replica-1", 0.2)
    assert process.members()[0].state == "gone"


def test_a_kill_of_what_has_died_by_itself_is_not_counted(process: ProcessPlatform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path, workers=0)
    process.deploy(wanted)
    victim = processes(wanted.run_id)["replica-1"]
    os.kill(victim.pid, signal.SIGKILL)
    eventually(lambda: process.members()[0].state == "gone", "seen dead")
    with pytest.raises(FaultNotSeen, match="dead already"):
        process.kill("replica-1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"replica": tiny(TINY_EXIT="cannot reach the database"), "replicas": 1, "deadline_s": 20},
            ["replica-1 did not come up: exited with status 3", "tiny.py", "cannot reach the database", "Remedy"],
        ),
        (
            {"replica": tiny(TINY_NEVER_READY="1"), "replicas": 1, "deadline_s": 4},
            ["not ready within 4 s", "GET /ready: answered 503", "up as replica-1"],
        ),
        ({"replica": lambda slot: Program(["/no/such/program"], {})}, ["replica-1 cannot be started", "/no/such"]),
        (
            {"worker": lambda slot: Program(["/bin/sh", "-c", "echo no queue; exit 3"], {})},
            ["worker-1 did not come up", "no queue"],
        ),
    ],
)
def test_a_target_that_does_not_come_up_says_why_and_leaves_nothing(
    process: ProcessPlatform, tmp_path: Path, changes: dict[str, object], said: list[str]
) -> None:
    wanted = deployment(tmp_path, **changes)
    with pytest.raises(EnvironmentFailure) as failure:
        process.deploy(wanted)
    assert [part for part in said if part not in str(failure.value)] == []
    assert failure.value.exit_code == 5
    assert process.leftovers(wanted.run_id) == []


UNWELL = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({"/health": int(os.environ["HEALTH"])}.get(self.path, 200))
        self.end_headers()
    def log_message(self, *_):
        pass
print("secret is", os.environ["SIGNING_KEY"], flush=True)
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def answering(health: int) -> Launcher:
    def launch(slot: Slot) -> Program:
        given = {"HOST": slot.host, "PORT": str(slot.port), "HEALTH": str(health), "SIGNING_KEY": "tr0ub4dor"}
        return Program([sys.executable, "-c", UNWELL, "tr0ub4dor"], given)

    return launch


def test_a_ready_replica_that_is_not_well_is_not_up_and_no_secret_is_told(
    process: ProcessPlatform, tmp_path: Path
) -> None:
    wanted = deployment(tmp_path, replicas=1, workers=0, replica=answering(500), boot_header=None, deadline_s=4)
    with pytest.raises(EnvironmentFailure, match=r"replica-1 did not.*\(GET /health: answered 500\)") as failure:
        process.deploy(wanted)
    assert "tr0ub4dor" not in str(failure.value) and "secret is [masked]" in str(failure.value)
    assert process.leftovers(wanted.run_id) == []


def test_a_well_replica_is_up_and_its_log_tells_no_secret(process: ProcessPlatform, tmp_path: Path) -> None:
    process.deploy(deployment(tmp_path, replicas=1, workers=0, replica=answering(204), boot_header=None))
    assert process.members()[0].state == "ready"
    assert process.log_tail("replica-1").splitlines()[0] == "secret is [masked]"


def test_the_ledger_is_started_as_the_deployment_says(process: ProcessPlatform, tmp_path: Path) -> None:
    lacking = {"ledger_deduplicates": False, "ledger_fences": False}
    wanted = deployment(tmp_path, replicas=0, workers=0, **lacking, ledger_fail_every=7, ledger_answer_twice_every=9)
    process.deploy(wanted)
    command = processes(wanted.run_id)["ledger"].command
    assert command.endswith("--no-deduplicate --no-fences --fail-every 7 --answer-twice-every 9")
    assert "--no" not in " ".join(ledger_program.command(deployment(tmp_path), 1))


def test_one_member_that_will_not_die_leaves_nothing_else_behind(
    process: ProcessPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = deployment(tmp_path)
    process.deploy(wanted)
    stubborn = process._deployed().members.rows["replica-1"].child

    def refuse() -> None:
        raise EnvironmentFailure("replica-1 does not exit after SIGKILL")

    with monkeypatch.context() as patched:
        patched.setattr(stubborn, "end", refuse)
        with pytest.raises(EnvironmentFailure, match="still there after tear-down: replica-1 does not exit"):
            process.tear_down()
    stubborn.wait(5)
    assert process.leftovers(wanted.run_id) == []


def test_a_run_that_is_in_progress_cannot_be_deployed_again(process: ProcessPlatform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path, replicas=1, workers=0)
    process.deploy(wanted)
    again = ProcessPlatform()
    with pytest.raises(EnvironmentFailure, match="work directory"):
        again.deploy(wanted)
    again.tear_down()
    assert process.ready(process.members()[0])


def test_a_store_that_dies_is_told(process: ProcessPlatform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path, replicas=1, workers=0)
    process.deploy(wanted)
    told: list[str] = []
    others: list[str] = []
    supervisor = Supervisor(
        process, {"replica": 1}, lambda members: None, on_problem=others.append, on_loss=told.append
    )
    supervisor.start()
    try:
        os.kill(processes(wanted.run_id)["store"].pid, signal.SIGKILL)
        eventually(lambda: told, "the dead store")
    finally:
        supervisor.stop()
    assert len(told) == 1 and told[0].startswith("store exited with status -9") and others == []
