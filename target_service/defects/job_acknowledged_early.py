"""A job is acknowledged when it is in a list of the process, and written to the store a moment later.

Seen in the wild: fire-and-forget background tasks (FastAPI's BackgroundTasks, a channel drained by a goroutine,
write-behind batching). Jobs that were acknowledged and not yet written are lost with the process.
"""

import asyncio

from target_service import logs
from target_service.ids import NewId
from target_service.jobs import Jobs, Status, submission_key
from target_service.parts import Parts
from target_service.problems import Problem
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.store import Store
from target_service.tokens import Claims

WRITTEN_AFTER_S = 0.8
"""How long a job is in the memory of the process only, in seconds."""


class EarlyJobs(Jobs):
    """Jobs that are acknowledged first and written afterwards."""

    def __init__(self, store: Store, sessions: Sessions, settings: Settings, new_id: NewId) -> None:
        super().__init__(store, sessions, settings, new_id)
        self._ids: dict[str, str] = {}
        self._unwritten: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, claims: Claims, key: str, input: object, reference: str) -> str:
        """Accept a job into the memory of this process."""
        job = self._new_id("job")
        name = submission_key(claims.user, key)
        if name in self._ids:
            return self._ids[name]
        self._ids[name] = job
        self._unwritten.add(job)
        task = asyncio.create_task(self._write(claims, job, key, input, reference))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def status(self, claims: Claims, job: str) -> Status:
        """Return the job, which is queued as far as this process knows."""
        if job in self._unwritten:
            return Status(job, "queued", 0.0, None, None)
        return await super().status(claims, job)

    async def _write(self, claims: Claims, job: str, key: str, input: object, reference: str) -> None:
        await asyncio.sleep(WRITTEN_AFTER_S)
        try:
            await self.record(claims, job, key, input, reference)
        except Problem as error:
            logs.event("job_lost", job=job, why=repr(error))
        finally:
            self._unwritten.discard(job)


def apply(parts: Parts) -> None:
    """Replace the jobs."""
    parts.jobs = EarlyJobs
