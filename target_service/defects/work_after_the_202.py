"""The replica that accepts a job does it itself, in a task that it starts after its answer.

Seen in the wild: `BackgroundTasks` of FastAPI, `setImmediate`, `go func()`, a thread pool. The 202 has been sent and
the record says "running", but nobody else knows what is to be done, and the knowledge dies with the process.
"""

import asyncio

import orjson

from target_service import logs, work
from target_service.ids import NewId
from target_service.jobs import Jobs, job_key
from target_service.ledger import Effect, Ledger, LedgerUnavailable, StaleFence
from target_service.parts import Parts
from target_service.problems import Problem
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.store import Store
from target_service.tokens import Claims


class BackgroundJobs(Jobs):
    """Jobs that are recorded as they should be, and handed to no worker."""

    def __init__(self, store: Store, sessions: Sessions, settings: Settings, new_id: NewId) -> None:
        super().__init__(store, sessions, settings, new_id)
        self._ledger = Ledger(settings.ledger_url, settings.ledger_timeout_s)
        self._step_s = settings.step_s
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def record(self, claims: Claims, job: str, key: str, input: object, reference: str) -> str:
        """Write the record, and begin the work in this process."""
        known = await super().record(claims, job, key, input, reference)
        if known == job:
            task = asyncio.create_task(self._do(job, orjson.dumps(input), reference))
            self._tasks[job] = task
            task.add_done_callback(lambda _: self._tasks.pop(job, None))
        return known

    async def _do(self, job: str, input: bytes, reference: str) -> None:
        try:
            plan, partial = work.plan(input), b""
            for step in range(plan.steps):
                await asyncio.sleep(self._step_s)
                partial = plan.advance(partial, step)
                progress = f"{(step + 1) / (plan.steps + 1):.6f}"
                await self._store.command("HSET", job_key(job), "state", "running", "progress", progress)
            await self._ledger.post(Effect(reference, f"job:{job}", None, "job"))
            done = ("state", "done", "progress", "1", "output", partial)
            await self._store.command("HSET", job_key(job), *done)
        except (Problem, LedgerUnavailable, StaleFence) as error:
            logs.event("job_lost", job=job, why=repr(error))


def apply(parts: Parts) -> None:
    """Replace the jobs; a submit puts nothing into the stream."""
    queued = "redis.call('XADD', KEYS[4], '*', 'job', ARGV[2])\n"
    parts.lua["job_submit"] = parts.lua["job_submit"].replace(queued, "", 1)
    parts.jobs = BackgroundJobs
