"""Jobs: accepted once, done once, by whichever worker is alive.

Keys    job:<id>         hash: user, state (queued | running | done | dead | cancelled), input, reference, fence (number
                         of the claim), lease_until (ms), step and partial (the checkpoint), progress, attempts (claims
                         since the last checkpoint), committed (the last step is done), output or error. No TTL while
                         the job is not over, JOB_RETENTION_S after.
        jobs             stream of {job}; its consumer group is `workers`. An entry leaves the stream when its job is
                         over, never by MAXLEN: trimmed entries would be dropped from the pending list, and their jobs
                         forgotten.
        job-key:<name>   hash: job, fingerprint. <name> is a hash of user and idempotency key. Lives
                         IDEMPOTENCY_RETENTION_S.
        jobs:dead        stream of the dead letters, for a person to look at.
Owner   for reading, the user of the record; for writing, whoever holds the lease, proved by the fence.
Trips   submit 1, status 1, cancel 1. A worker: 1 to be given entries, 1 to claim, 1 a checkpoint, 1 to finish, and 1 a
        heartbeat: three in a lease, while one step or the effect takes long.
Crash   Replicas and workers may die at any of these points:
        submit        Record, entry and key are one script: all three are written or none, and before the 202. A client
                      that lost the reply submits again with its key and gets the same id.
        given         The job was given to a worker and not claimed. Its entry stands in the pending list of the group;
                      when it has been idle for a lease, another worker gets it.
        claimed       Also after a checkpoint: the lease ends, and the next claim takes a higher fence and goes on from
                      the checkpoint.
        effect had    The ledger has the effect and the job is not finished. The next owner asks for the effect again
                      with the key job:<id>; the ledger replays it.
        finished      State, output, XACK and XDEL are one script.
        cancelled     State and a new fence are one script. After the last checkpoint it is too late to cancel: a job is
                      either cancelled and never has an effect, or has it and ends as done.
Work    At most one step (`batch` numbers) is done again after a crash, from whichever checkpoint.
A worker that was frozen past its lease finds its fence or its lease gone at the next write, and drops the job.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from redis.exceptions import ResponseError

from target_service.ids import NewId, name_of_key
from target_service.ledger import Effect
from target_service.problems import KeyReused, NotFound, TooLate
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.store import Store, Word
from target_service.tokens import Claims

STATE = State(
    name="Jobs",
    keys=(
        Key(
            "job:*",
            "hash",
            "none while it is not over; JOB_RETENTION_S after",
            "the user for reading; for writing whoever holds the lease, proved by its fence",
            "input, state, checkpoint, fence, lease, output: where the next worker goes on",
        ),
        Key("job-key:*", "hash", "IDEMPOTENCY_RETENTION_S", "the submit", "which job a key of a user stands for"),
        Key("jobs", "stream", None, "its group; entries leave when their job is over", "who has to do what"),
        Key("jobs:dead", "stream", None, "the claim that gives up", "dead letters, for a person to look at"),
    ),
    scripts=(
        "job_submit",
        "job_status",
        "job_cancel",
        "job_claim",
        "job_beat",
        "job_checkpoint",
        "job_finish",
        "job_release",
    ),
    trips={
        "POST /api/process": 1,
        "GET /api/status/{id}": 1,
        "POST /api/cancel/{id}": 1,
        "worker: be given entries": 1,
        "worker: claim": 1,
        "worker: checkpoint": 1,
        "worker: heartbeat": 1,
        "worker: finish": 1,
    },
    crash="""Submit: record, entry and key are one script, before the 202. Given but not claimed: the entry stands in
    the pending list and goes to another after a lease. Claimed or checkpointed: the next claim takes a higher fence
    and goes on from the checkpoint. Effect had but not finished: asked for again with the job's key, and replayed.""",
)


STREAM, GROUP, DEAD = "jobs", "workers", "jobs:dead"
CONSUMER = "worker"
"""The one consumer for all workers. The lease and the fence say who owns a job; consumers named after processes
would pile up in the group with every process that was killed."""


@dataclass(frozen=True)
class Entry:
    """A job as the stream hands it out: the id of the entry, and the id of the job."""

    entry: str
    job: str


@dataclass(frozen=True)
class Claim:
    """A worker's claim on a job.

    Attributes:
        entry: The entry of the job in the stream.
        fence: The number of the claim.
        step: How many steps have been done.
        partial: The checkpoint after them, in JSON; empty before any.
        input: The input of the job, in JSON.
        reference: The client's name for the job.
    """

    entry: Entry
    fence: int
    step: int
    partial: bytes
    input: bytes
    reference: str


@dataclass(frozen=True)
class Status:
    """A job as its user sees it.

    Attributes:
        job: The id of the job.
        state: queued, running, done, dead or cancelled.
        progress: From 0 to 1, and 1 only when the job is done.
        output: The result of a job that is done, else None.
        error: Why a job is dead, else None.
    """

    job: str
    state: str
    progress: float
    output: Any
    error: str | None


class StaleClaim(Exception):
    """Another worker has the job, or may have it: nothing was written."""


def job_key(job: str) -> str:
    """Return the key of a job's record."""
    return f"job:{job}"


def submission_key(user: str, key: str) -> str:
    """Return the key under which it is remembered what an idempotency key of a user submitted."""
    return f"job-key:{name_of_key(user, key)}"


class Jobs:
    """Jobs in the store: the users' side (submit, status, cancel) and the workers' side."""

    def __init__(self, store: Store, sessions: Sessions, settings: Settings, new_id: NewId) -> None:
        self._store = store
        self._sessions = sessions
        self._new_id = new_id
        self._lease_ms = int(settings.lease_s * 1000)
        self._backoff_ms = int(settings.backoff_s * 1000)
        self._attempts = settings.job_attempts
        self._key_retention_ms = int(settings.idempotency_retention_s * 1000)
        self._retention_ms = int(settings.job_retention_s * 1000)

    async def submit(self, claims: Claims, key: str, input: object, reference: str) -> str:
        """Accept a job. The same key gets the same job.

        The job is in the store before this returns. A replica that dies after the script leaves a job whose id was
        lost; the client submits again with its key and gets the id.

        Args:
            claims: Whose job it is.
            key: The idempotency key.
            input: The input, as values that JSON knows.
            reference: The client's name for the job.

        Returns:
            The id of the job.

        Raises:
            KeyReused: The key has submitted another input or another reference.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        return await self.record(claims, self._new_id("job"), key, input, reference)

    async def record(self, claims: Claims, job: str, key: str, input: object, reference: str) -> str:
        """Write record, entry and key of a new job in one step, or find what the key has submitted.

        The parameters and errors are those of submit(); `job` is the id that a new job gets. The key is remembered for
        IDEMPOTENCY_RETENTION_S, the record has no TTL until the job is over.
        """
        text = orjson.dumps(input, option=orjson.OPT_SORT_KEYS).decode()
        fingerprint = hashlib.sha256(orjson.dumps([text, reference])).hexdigest()
        outcome, *rest = await self._sessions.run(
            claims,
            "job_submit",
            [job_key(job), STREAM, submission_key(claims.user, key)],
            [job, text, reference, fingerprint, self._key_retention_ms],
        )
        if outcome != b"ok":
            raise KeyReused()
        return str(rest[0].decode())

    async def status(self, claims: Claims, job: str) -> Status:
        """Return a job of the user.

        Raises:
            NotFound: There is no such job, or it is another user's.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        user, state, progress, output, error = await self._sessions.run(claims, "job_status", [job_key(job)])
        if user is None or user.decode() != claims.user:
            raise NotFound()
        return Status(
            job,
            state.decode(),
            float(progress),
            orjson.loads(output) if output is not None else None,
            error.decode() if error is not None else None,
        )

    async def cancel(self, claims: Claims, job: str) -> None:
        """End a job of the user before its effect. Cancelling a job twice is harmless.

        State and a new fence are one script, so a worker that has the job can write nothing more. The record lives
        JOB_RETENTION_S from then on. A replica that dies after the script leaves a cancelled job.

        Raises:
            NotFound: There is no such job, or it is another user's.
            TooLate: The job is over, or its effect is on its way.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        outcome = await self._sessions.run(claims, "job_cancel", [job_key(job)], [self._retention_ms])
        if outcome == b"missing":
            raise NotFound()
        if outcome == b"late":
            raise TooLate()

    async def prepare(self) -> None:
        """Make the consumer group, from the very first entry on; harmless when the group exists.

        Raises:
            Unavailable: The store did not answer.
        """
        try:
            await self._store.command("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def given(self, most: int, wait_s: float) -> list[Entry]:
        """Return new entries for this worker. Each stands in the pending list of the group until its job is over.

        Args:
            most: How many entries at most.
            wait_s: How long to wait for the first, in seconds.

        Raises:
            ResponseError: There is no group, because the store has lost its data.
            Unavailable: The store did not answer.
        """
        command = ("XREADGROUP", "GROUP", GROUP, CONSUMER, "COUNT", most, "BLOCK", int(wait_s * 1000))
        reply = await self._store.command(*command, "STREAMS", STREAM, ">", wait_s=wait_s)
        return _entries(reply[0][1]) if reply else []

    async def abandoned(self, most: int) -> list[Entry]:
        """Return entries that no worker has touched for a lease, at most `most`.

        Raises:
            ResponseError: There is no group, because the store has lost its data.
            Unavailable: The store did not answer.
        """
        found: list[Entry] = []
        cursor = b"0-0"
        while len(found) < most:
            # One call looks at ten times as many entries as its count; the cursor leads to the rest of a long list.
            command = (
                "XAUTOCLAIM",
                STREAM,
                GROUP,
                CONSUMER,
                self._lease_ms,
                cursor,
                "COUNT",
                most - len(found),
            )
            reply = await self._store.command(*command)
            cursor = reply[0]
            found += _entries(reply[1])
            if cursor == b"0-0":
                break
        return found

    async def claim(self, entry: Entry) -> Claim | None:
        """Claim a job under the next fence and a new lease.

        A worker that dies after this leaves a lease that ends; the next claim goes on from the checkpoint.

        Returns:
            The claim; None if the job is held by another worker, is over, or has just been given up as dead.

        Raises:
            Unavailable: The store did not answer.
        """
        outcome, *rest = await self._store.run(
            "job_claim",
            [job_key(entry.job), STREAM, DEAD],
            [entry.entry, GROUP, CONSUMER, self._lease_ms, self._attempts, self._retention_ms, entry.job],
        )
        if outcome != b"yours":
            return None
        fence, step, partial, input, reference = rest
        return Claim(entry, fence, step, partial, input, reference.decode())

    async def beat(self, claim: Claim) -> None:
        """Renew the lease of a claim.

        Raises:
            StaleClaim: The lease has ended, or another worker has the job.
            Unavailable: The store did not answer.
        """
        args: list[Word] = [claim.fence, claim.entry.entry, GROUP, CONSUMER, self._lease_ms]
        if not await self._store.run("job_beat", [job_key(claim.entry.job), STREAM], args):
            raise StaleClaim()

    async def checkpoint(self, claim: Claim, step: int, of: int, partial: bytes) -> None:
        """Record that steps are done, and renew the lease.

        After the last step the job can no longer be cancelled. Its progress stays below 1, which is kept for a job that
        is done. A worker that dies after this loses nothing: the next claim goes on from here.

        Args:
            claim: The claim.
            step: How many steps are done.
            of: How many there are.
            partial: The checkpoint after these steps, in JSON.

        Raises:
            StaleClaim: The lease has ended, or another worker has the job.
            Unavailable: The store did not answer.
        """
        args: list[Word] = [
            claim.fence,
            claim.entry.entry,
            GROUP,
            CONSUMER,
            self._lease_ms,
            step,
            f"{step / (of + 1):.6f}",
            partial,
            int(step == of),
        ]
        if not await self._store.run("job_checkpoint", [job_key(claim.entry.job), STREAM], args):
            raise StaleClaim()

    async def finish(self, claim: Claim, output: bytes) -> None:
        """End a job as done, and store its output for JOB_RETENTION_S.

        Raises:
            StaleClaim: Another worker has the job.
            Unavailable: The store did not answer.
        """
        args: list[Word] = [claim.fence, claim.entry.entry, GROUP, output, self._retention_ms]
        if not await self._store.run("job_finish", [job_key(claim.entry.job), STREAM], args):
            raise StaleClaim()

    async def release(self, claim: Claim, *, after_backoff: bool, counts: bool) -> None:
        """Hand a job back, so that another worker may claim it.

        Args:
            claim: The claim; a stale one changes nothing.
            after_backoff: Whether the next worker is given the job after the backoff, and not at once.
            counts: Whether this was a failed attempt of the job.

        Raises:
            Unavailable: The store did not answer.
        """
        idle_ms = self._lease_ms - (self._backoff_ms if after_backoff else 0)
        args: list[Word] = [claim.fence, claim.entry.entry, GROUP, CONSUMER, idle_ms, int(counts)]
        await self._store.run("job_release", [job_key(claim.entry.job), STREAM], args)

    def effect(self, claim: Claim) -> Effect:
        """Return the effect of a job: the same key at every attempt, and the number of the claim as the fence."""
        return Effect(claim.reference, f"job:{claim.entry.job}", claim.fence, "job")


def _entries(items: list[Any]) -> list[Entry]:
    return [Entry(entry.decode(), fields[1].decode()) for entry, fields in items]
