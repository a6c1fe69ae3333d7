"""Jobs: clients submit jobs, ask for their state, progress and output, and cancel some of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import gevent

from harness.client.caller import Caller, Context, Op, Reply, spread
from harness.properties.declared import Declared
from harness.properties.job.contract import Job
from harness.properties.promises import CommonPromises
from harness.properties.visitor import SessionItem, Visitor, login, read_back, seen, session_of
from harness.properties.workload import Workload

OPEN_A_VISITOR = 3
ENDED_A_VISITOR = 6
ATTEMPTS = 4
CANCELLED = 0.06
"""Share of the steps with an open job in which the job is cancelled."""
ENDED = ("done", "failed", "cancelled")


@dataclass(slots=True)
class SubmittedJob:
    """One submitted job.

    Attributes:
        key: name of the job in the journal, and its idempotency key.
        example: name of the example in the contract that the job is made from.
        session: the session that submits the job.
        id: the service's id of the job; None until a submit is acknowledged.
        replica: name of the replica that acknowledged the submit.
        ended: whether the job is known to be in a terminal state.
    """

    key: str
    example: str
    session: SessionItem
    id: str | None = None
    replica: str | None = None
    ended: bool = False


class JobWorkload(Workload[Job, CommonPromises]):
    """The workload that issues submits, status requests and cancels of jobs."""

    def __init__(self, context: Context, declared: Declared[Job, CommonPromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        section = self.section
        names = section.states
        self.states = {
            **dict.fromkeys(names.pending, "pending"),
            **dict.fromkeys(names.running, "running"),
            **dict.fromkeys(names.done, "done"),
            **dict.fromkeys(names.failed, "failed"),
            **dict.fromkeys(names.cancelled, "cancelled"),
        }
        self.want = {
            name: context.fingerprint(repr(_plain(example.output))) if example.output is not None else None
            for name, example in section.examples.items()
        }
        self.jobs: list[SubmittedJob] = []

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        session = session_of(visitor, self.name)
        if not session:
            return
        mine = [job for job in visitor.open if isinstance(job, SubmittedJob) and not job.session.lost]
        if len(mine) < OPEN_A_VISITOR and caller.random.random() < 0.5:
            job = self._submit(caller, session)
            if job.id:
                visitor.open.append(job)
            return
        ended = [job for job in visitor.ended if isinstance(job, SubmittedJob)]
        if mine and (not ended or caller.random.random() < 0.7):
            job = caller.random.choice(mine)
            if self.section.cancel and caller.random.random() < CANCELLED:
                self.cancel(caller, job)
            else:
                self.status(caller, job)
            if job.ended:
                visitor.open.remove(job)
                visitor.ended = [*visitor.ended, job][-ENDED_A_VISITOR:]
        elif ended:
            self.status(caller, caller.random.choice(ended))

    def _submit(
        self, caller: Caller, session: SessionItem, expect: list[str] | None = None, name: str = ""
    ) -> SubmittedJob:
        example = name or caller.random.choice(sorted(self.section.examples))
        job = SubmittedJob(self.context.item("j"), example, session)
        self.jobs.append(job)
        values = {
            "token": session.token,
            "username": session.user,
            "key": job.key,
            "reference": job.key,
            "input": self.section.examples[example].input,
        }
        for _ in range(ATTEMPTS if self.section.submit.retry else 1):
            op = Op(self.name, "submit", job.key, session=session.key, arg=example, expect=expect)
            reply = caller.call("job.submit", op, values, lambda fields: {"given_id": str(fields["id"])})
            seen(session, reply)
            if reply.ok:
                job.id, job.replica = str(reply.fields["id"]), reply.replica
            if not (reply.doubtful or reply.kind in ("in_progress", "no_effect")) or self.context.stopping:
                break
            gevent.sleep(0.05)
        return job

    def status(
        self,
        caller: Caller,
        job: SubmittedJob,
        expect: list[str] | None = None,
        avoid: str | None = None,
        through: str | None = None,
    ) -> Reply:
        """Ask for the state of a job, and journal the state, the progress and the output."""

        def observe(fields: dict[str, object]) -> dict[str, object]:
            state = self.states.get(str(fields["state"]), "running")
            shown: dict[str, object] = {"state": state}
            progress = fields.get("progress")
            if isinstance(progress, int | float):
                shown["number"] = float(progress)
            if state == "done" and "output" in fields:
                shown["value"] = self.context.fingerprint(repr(_plain(fields["output"])))
            job.ended = job.ended or state in ENDED
            return shown

        op = Op(self.name, "status", job.key, session=job.session.key, arg=job.example, expect=expect)
        op.want = self.want[job.example]
        values = {
            "token": job.session.token,
            "username": job.session.user,
            "id": job.id or "",
            "reference": job.key,
        }
        return seen(job.session, caller.call("job.status", op, values, observe, avoid, through))

    def cancel(self, caller: Caller, job: SubmittedJob) -> Reply:
        """Ask the service to cancel a job that may have begun; the service may refuse that as too late."""
        op = Op(self.name, "cancel", job.key, session=job.session.key, arg=job.example)
        values = {"token": job.session.token, "username": job.session.user, "id": job.id or "", "reference": job.key}
        reply = caller.call("job.cancel", op, values, lambda _: {"state": "cancelled"})
        job.ended = job.ended or reply.ok
        return seen(job.session, reply)

    def steady(self, caller: Caller) -> None:
        """Submit one job of each example, and wait for its output, with which later outputs are compared."""
        session = login(caller, self.name, ["ok"])
        if not session:
            return
        jobs = [self._submit(caller, session, ["ok"], name) for name in sorted(self.section.examples)]
        deadline = time.monotonic() + self.promises.quiet_deadline_s
        for job in jobs:
            while job.id and not job.ended and time.monotonic() < deadline:
                if not self.status(caller, job, ["ok"]).ok:
                    return
                gevent.sleep(0.05)

    def quiet(self) -> list[str]:
        """See `Workload.quiet`. The deadline is three times the sum of lease, reclaim and back-off time."""
        deadline = time.monotonic() + self.promises.quiet_deadline_s

        def wait(caller: Caller, job: SubmittedJob) -> None:
            while not job.ended and not job.session.lost and time.monotonic() < deadline:
                if self.status(caller, job).kind == "missing":
                    return
                gevent.sleep(0.1)

        spread(self.context, "hop", [job for job in self.jobs if job.id and not job.ended], wait, width=32)
        return [job.key for job in self.jobs if job.id and not job.ended]

    def final(self) -> None:
        """See `Workload.final`."""
        read_back(self.context, [job for job in self.jobs if job.id], self.status)


def _plain(value: object) -> object:
    """Return a JSON value in a canonical form: 3.0 becomes 3, and keys are ordered."""
    if isinstance(value, dict):
        return sorted((key, _plain(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
