"""The load agent as its parent sees it: no way in which it ends is silent."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from harness.load import handle
from harness.load.handle import AgentDied, AgentHandle
from harness.platforms.common.lock import hold_name
from tests.support.agents import DEADLINE_S, agent, do, journal, ops
from tests.support.service import Service

# Private names: `_process` is the agent itself, to be killed, stopped and looked at from outside; `_writer` and
# `_reader` are threads that must not outlive it.


def test_an_agent_killed_meanwhile_is_a_death_that_names_its_log(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 1}, duration_s=30) as made:
        do(made, "steady")
        made.tell("load")
        made.wait_window(DEADLINE_S)
        os.kill(made._process.pid, signal.SIGKILL)
        with pytest.raises(AgentDied, match=r"load agent 0 died in load: it ended \(see agent-0.log\)"):
            made.wait("load", DEADLINE_S)
        with pytest.raises(AgentDied):
            do(made, "quiet")


def test_an_agent_that_is_late_is_a_death_too(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 1}, duration_s=30) as made:
        do(made, "steady")
        made.tell("load")
        with pytest.raises(AgentDied, match=r"was not done with load after 0 s \(see agent-0.log\)"):
            made.wait("load", 0.3)
        made.close(grace_s=0.2)
        assert made._process.returncode is not None


def test_settings_that_cannot_be_used_are_a_death_at_the_start(tmp_path: Path, service: Service):
    (tmp_path / "journal-0.jsonl").write_text("")
    with pytest.raises(AgentDied, match=r"died in start: it ended \(see agent-0.log\)"), agent(tmp_path, service, {}):
        pass
    assert "use a new run folder" in (tmp_path / "agent-0.log").read_text()


BUG = """
import sys
from harness.properties.{module} import workload as broken
def bug(*_, **__):
    raise ZeroDivisionError("a bug")
broken.{name} = bug
from harness.load.agent import serve
sys.exit(serve())
"""


@pytest.mark.parametrize(
    ("module", "name", "workload", "phase"),
    [
        ("session", "SessionWorkload.step", "session", "load"),
        ("session", "SessionWorkload.steady", "session", "steady"),
        ("session", "SessionWorkload.quiet", "session", "quiet"),
        ("job", "JobWorkload.final", "job", "final"),
    ],
)
def test_a_bug_in_a_workload_is_never_silent(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch, module: str, name: str, workload: str, phase: str
):
    script = BUG.format(module=module, name=name)
    start = handle.subprocess.Popen
    monkeypatch.setattr(
        handle.subprocess, "Popen", lambda command, **more: start([sys.executable, "-c", script], **more)
    )
    died = pytest.raises(AgentDied, match=rf"died in \w+: {phase}: ZeroDivisionError: a bug")
    with agent(tmp_path, service, {f"{workload}/hop": 3}) as made, died:
        for each in ("steady", "load", "quiet", "settle", "final"):
            do(made, each)
    assert "a bug" in (tmp_path / "agent-0.log").read_text()


SECOND = """
import sys
from harness.properties.idempotency import workload as payments
whole = payments.IdempotencyWorkload.attempt
def bug(self, caller, *rest, **more):
    if caller.routing == "second":
        raise ZeroDivisionError("a bug of the second client")
    return whole(self, caller, *rest, **more)
payments.IdempotencyWorkload.attempt = bug
made = payments.Caller
payments.Caller = lambda context, routing, seed: made(context, "second", seed)
from harness.load.agent import serve
sys.exit(serve())
"""


def test_the_death_of_the_second_of_two_clients_is_not_silent(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
):
    start = handle.subprocess.Popen
    monkeypatch.setattr(
        handle.subprocess, "Popen", lambda command, **more: start([sys.executable, "-c", SECOND], **more)
    )
    with agent(tmp_path, service, {"idempotency/hop": 3}, duration_s=1.5) as made:
        do(made, "steady")
        with pytest.raises(AgentDied, match="a bug of the second client"):
            do(made, "load")


def test_an_agent_whose_parent_dies_ends_by_itself(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 2}, duration_s=30) as made:
        do(made, "steady")
        made.tell("load")
        made.wait_window(DEADLINE_S)
        assert made._process.stdin is not None
        made._process.stdin.close()
        assert made._process.wait(DEADLINE_S) == 3
    assert ops(tmp_path), "what was journalled stays"


def test_close_is_idempotent_and_ends_an_agent_that_works(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"session/hop": 2}, duration_s=30) as made:
        do(made, "steady")
        made.tell("load")
        made.wait_window(DEADLINE_S)
        made.close()
        made.close()
        assert made._process.returncode == 0
    assert journal(tmp_path)[-1]["e"] == "summary"


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
