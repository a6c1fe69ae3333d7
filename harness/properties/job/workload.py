"""Jobs: what was acknowledged ends, once, with the right output, and its progress never goes back."""

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
"""Share of the steps with an open job in which it is cancelled."""
ENDED = ("done", "failed", "cancelled")


@dataclass(slots=True)
class SubmittedJob:
    """One submitted job. `id` is None until a submit was acknowledged."""

    key: str
    example: str
    session: SessionItem
    id: str | None = None
    replica: str | None = None
    ended: bool = False


class JobWorkload(Workload[Job, CommonPromises]):
    """Issue the ops as the module says."""

    def __init__(self, context: Context, declared: Declared[Job, CommonPromises]) -> None:
        """Begin with no items."""
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
        """Do what one visitor does next."""
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
        """Ask for a job's state; its progress and output are journalled."""

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
        """Cancel a job, at once after its submit or in the middle of it; too late is an answer like any other."""
        op = Op(self.name, "cancel", job.key, session=job.session.key, arg=job.example)
        values = {"token": job.session.token, "username": job.session.user, "id": job.id or "", "reference": job.key}
        reply = caller.call("job.cancel", op, values, lambda _: {"state": "cancelled"})
        job.ended = job.ended or reply.ok
        return seen(job.session, reply)

    def steady(self, caller: Caller) -> None:
        """One job of each example; their outputs are what later ones are compared with."""
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
        """See `Workload.quiet`. The deadline is three times lease, reclaim and back-off together."""
        deadline = time.monotonic() + self.promises.quiet_deadline_s

        def wait(caller: Caller, job: SubmittedJob) -> None:
            while not job.ended and not job.session.lost and time.monotonic() < deadline:
                if self.status(caller, job).kind == "missing":
                    return
                gevent.sleep(0.1)

        spread(self.context, "hop", [job for job in self.jobs if job.id and not job.ended], wait, width=32)
        return [job.key for job in self.jobs if job.id and not job.ended]

    def final(self) -> None:
        """Read back what was acknowledged."""
        read_back(self.context, [job for job in self.jobs if job.id], self.status)


def _plain(value: object) -> object:
    """JSON values in one canonical form: 3.0 is 3, keys are ordered."""
    if isinstance(value, dict):
        return sorted((key, _plain(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
