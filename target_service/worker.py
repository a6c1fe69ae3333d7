"""A job worker: it does jobs step by step, has their effects in the ledger, and completes what was abandoned.

Run it as `python -m target_service.worker`. It keeps nothing: all it knows of a job is the checkpoint that came with
the claim. SIGKILL at any moment loses at most one step; jobs.py, payments.py and orders.py say what each gap leaves. On
SIGTERM the worker takes no more jobs, hands each job back after the step it is in, and exits 0.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from redis.exceptions import ResponseError

from target_service import logs, work
from target_service.boot import assembled, identify, read_settings, run
from target_service.completer import complete_abandoned
from target_service.jobs import Claim, Entry, Jobs, StaleClaim
from target_service.leased import LeasedRecords
from target_service.ledger import Ledger, LedgerUnavailable, StaleFence
from target_service.problems import Unavailable
from target_service.settings import Settings

WAIT_FOR_NEW_S = 0.2
"""How many seconds one read waits for new entries, and so how long a SIGTERM may have to wait for the read."""


BEATS_A_LEASE = 3
"""How often a lease is renewed before it would end, so that one renewal may be lost."""


class Worker:
    """Does several jobs at once in one process. Each waits most of the time, and none keeps the processor for long."""

    def __init__(self, jobs: Jobs, leased: Sequence[LeasedRecords[Any]], ledger: Ledger, settings: Settings) -> None:
        self._jobs = jobs
        self._leased = leased
        self._ledger = ledger
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._reclaim_at_s = 0.0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin to stop: nothing more is taken."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stop() is called, and return when every job is finished or handed back."""
        await asyncio.gather(
            self._repeat(self._take_jobs, 0.0),
            *(
                self._repeat(partial(complete_abandoned, each), self._settings.completer_poll_s)
                for each in self._leased
            ),
        )
        await asyncio.gather(*self._tasks)

    async def _repeat(self, turn: Callable[[], Awaitable[None]], every_s: float) -> None:
        while not self._stopping.is_set():
            try:
                await turn()
                pause_s = every_s
            except Unavailable:
                pause_s = self._settings.backoff_s
            except ResponseError as error:
                # A store that lost its data has no group. A new group begins at the first entry, so it misses nothing.
                logs.event("store_refused", why=str(error))
                pause_s = self._settings.backoff_s
                if str(error).startswith("NOGROUP"):
                    pause_s = 0.0
                    await self._prepare()
            except Exception as error:
                # One turn may meet a record that this version cannot read; the other turns of this worker go on.
                logs.event("turn_failed", why=repr(error))
                pause_s = self._settings.backoff_s
            if pause_s:
                await self._pause(pause_s)

    async def _prepare(self) -> None:
        try:
            await self._jobs.prepare()
        except Unavailable:
            await self._pause(self._settings.backoff_s)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but no longer than until stop() is called."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _take_jobs(self) -> None:
        """Fill the free slots: with abandoned jobs when it is time to look for them, else with new ones."""
        if len(self._tasks) >= self._settings.job_slots:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        free = self._settings.job_slots - len(self._tasks)
        if time.monotonic() >= self._reclaim_at_s:
            entries = await self._jobs.abandoned(free)
            if len(entries) < free:
                self._reclaim_at_s = time.monotonic() + self._settings.reclaim_s
        else:
            entries = await self._jobs.given(free, WAIT_FOR_NEW_S)
        for entry in entries:
            task = asyncio.create_task(self._handle(entry))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle(self, entry: Entry) -> None:
        try:
            claim = await self._jobs.claim(entry)
            if claim is not None:
                await self._attempt(claim)
        except Unavailable as error:
            # Whatever state of this job the store holds, the next claim goes on from it.
            logs.event("store_unavailable", job=entry.job, why=str(error))
        except Exception as error:
            # This version cannot read the record of the job. The entry stays, and is looked at again.
            logs.event("job_not_done", job=entry.job, why=repr(error))

    async def _attempt(self, claim: Claim) -> None:
        about: dict[str, Any] = {"job": claim.entry.job, "fence": claim.fence}
        try:
            await self._do(claim)
        except StaleClaim:
            logs.event("job_stale", **about)
        except StaleFence:
            # Usually there is a newer owner, and a stale release cannot disturb it. But clients choose the references.
            # A reference that something else has used has the fences of that too, which is no failure of this job.
            # The release frees the job, and its next claims take higher fences until they are past the other's.
            logs.event("job_fenced_off", **about)
            await self._jobs.release(claim, after_backoff=True, counts=False)
        except LedgerUnavailable as error:
            logs.event("ledger_unavailable", **about, why=str(error))
            await self._jobs.release(claim, after_backoff=True, counts=False)
        except Unavailable:
            raise
        except Exception as error:
            # A job may fail in any way, but it may not stop the worker, and it may not be tried for ever.
            logs.event("job_failed", **about, why=repr(error))
            await self._jobs.release(claim, after_backoff=True, counts=True)

    async def _do(self, claim: Claim) -> None:
        """Do the steps from the checkpoint on, have the effect and finish, under a lease that is renewed meanwhile."""
        beating = asyncio.create_task(self._beat(claim))
        working = asyncio.create_task(self._work(claim))
        try:
            await asyncio.wait((beating, working), return_when=asyncio.FIRST_COMPLETED)
            # When the lease is lost the work stops where it is, even in the middle of a step.
            await (working if working.done() else beating)
        finally:
            for task in (beating, working):
                task.cancel()
            await asyncio.gather(beating, working, return_exceptions=True)

    async def _beat(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_s / BEATS_A_LEASE)
            try:
                await self._jobs.beat(claim)
            except Unavailable:
                # The lease is long enough for another try.
                logs.event("beat_failed", job=claim.entry.job)

    async def _work(self, claim: Claim) -> None:
        plan = work.plan(claim.input)
        partial = claim.partial
        for step in range(claim.step, plan.steps):
            if self._stopping.is_set():
                await self._jobs.release(claim, after_backoff=False, counts=False)
                return
            await asyncio.sleep(self._settings.step_s)
            partial = plan.advance(partial, step)
            await self._jobs.checkpoint(claim, step + 1, plan.steps, partial)
        await self._ledger.post(self._jobs.effect(claim))
        await self._jobs.finish(claim, partial)


async def serve(worker: Worker) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    logs.event("ready")
    await worker.run()
    logs.event("stopped")


async def _serve(settings: Settings) -> None:
    service = assembled(settings)
    await serve(Worker(service.jobs, (service.payments, service.orders), service.ledger, settings))
    await service.close()


def main() -> None:
    """Run a job worker; end the process with 2 when the environment is wrong."""
    settings = read_settings()
    identify(settings, "worker")
    run(_serve(settings))


if __name__ == "__main__":
    main()
