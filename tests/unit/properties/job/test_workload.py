"""The job workload cancels: what it asks for, and what it takes the answers for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from harness.client.caller import Op, Reply
from harness.contract.model import Contract
from harness.properties.job.workload import JobWorkload, SubmittedJob
from harness.properties.visitor import SessionItem, Visitor
from tests.support.agents import agent, do, ops
from tests.support.service import CONTRACT, Service

CANCEL = {
    "request": "POST /jobs/{id}/cancel",
    "headers": {"Authorization": "Bearer {token}"},
    "extract": {"state": "/state"},
    "answers": {"ok": [200], "refused": [409], "missing": [404], "absent": [401]},
}


class Answering:
    """A caller that answers everything the same."""

    def __init__(self, reply: Reply) -> None:
        self.context = SimpleNamespace(fingerprint=str)
        self.random = Random(1)
        self.reply = reply
        self.asked: list[tuple[str, Op, dict[str, object]]] = []
        self.observed: list[dict[str, Any]] = []

    def call(
        self,
        operation: str,
        op: Op,
        values: dict[str, object],
        observe: Callable[[dict[str, Any]], dict[str, Any]],
        *_: object,
    ) -> Reply:
        self.asked.append((operation, op, values))
        if self.reply.ok:
            self.observed.append(observe({"state": "queued"}))
        return self.reply


def cancelling(contract: dict[str, Any], reply: Reply) -> tuple[JobWorkload, Answering, SubmittedJob]:
    """A workload, a caller and an open job."""
    caller = Answering(reply)
    declared = Contract.model_validate(contract).declared("job")
    job = SubmittedJob("j-0-1", "one", SessionItem("s-0-1", "ada", "token", None), id="7")
    return JobWorkload(caller.context, declared), caller, job  # type: ignore[arg-type]


WITH_CANCEL = {**CONTRACT, "job": {**CONTRACT["job"], "cancel": CANCEL}}


@pytest.mark.parametrize(
    ("reply", "ended", "lost"),
    [
        (Reply("ok", "ok", 200), True, False),
        (Reply("fail", "refused", 409), False, False),
        (Reply("info", "error"), False, False),
        (Reply("fail", "absent", 401), False, True),
    ],
)
def test_a_job_has_ended_only_when_its_cancel_was_acknowledged(reply: Reply, ended: bool, lost: bool):
    workload, caller, job = cancelling(WITH_CANCEL, reply)
    workload.cancel(caller, job)  # type: ignore[arg-type]
    ((operation, op, values),) = caller.asked
    assert (operation, op.kind, op.key, op.session, values["id"]) == ("job.cancel", "cancel", "j-0-1", "s-0-1", "7")
    assert (job.ended, job.session.lost) == (ended, lost)
    assert caller.observed == ([{"state": "cancelled"}] if reply.ok else [])


@pytest.mark.parametrize("contract", [CONTRACT, WITH_CANCEL])
def test_some_open_jobs_are_cancelled_where_the_contract_says_how(contract: dict[str, Any]):
    workload, caller, job = cancelling(contract, Reply("fail", "refused", 409))
    visitor = Visitor(caller, [job.session], [job] * 3)  # type: ignore[arg-type]
    for _ in range(200):
        workload.step(visitor)
    kinds = [op.kind for _, op, _ in caller.asked]
    assert set(kinds) == ({"status", "cancel"} if contract is WITH_CANCEL else {"status"})
    assert kinds.count("cancel") < 40


def test_one_correct_pass_of_jobs(tmp_path: Path, service: Service):
    with agent(tmp_path, service, {"job/balancer": 1}) as made:
        assert do(made, "steady")["surprises"] == []
        assert do(made, "quiet")["open"] == []
    jobs = [(start, end) for start, end in ops(tmp_path) if start["w"] == "job" and start["k"] == "status"]
    assert [end["state"] for _, end in jobs[:2]] == ["pending", "done"]
    assert [end["num"] for _, end in jobs[:2]] == [0.5, 1.0]
    assert "v" not in jobs[0][1]
    assert jobs[1][0]["want"] == jobs[1][1]["v"], "3.0 is 3"
