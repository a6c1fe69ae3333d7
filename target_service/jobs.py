"""Jobs: accepted once, done once, by whichever worker is alive.

Keys    job:<id>         hash: user, state (queued | running | done | dead | cancelled), input, reference, fence (number
                         of the claim), lease_until (ms), step and partial (the checkpoint), progress, attempts (claims
                         since the last checkpoint), committed (the last step is done), output or error. No TTL while it
                         is not over, JOB_RETENTION_S after.
        jobs             stream of {job}; consumer group `workers`. An entry leaves it when its job is over, never by
                         MAXLEN: trimmed entries would be dropped from the pending list, and their jobs forgotten.
        job-key:<name>   hash: job, fingerprint. <name> is a hash of user and idempotency key. Lives
                         IDEMPOTENCY_RETENTION_S.
        jobs:dead        stream of the dead letters, for a person to look at.
Owner   the user of the record for reading; for writing whoever holds the lease, proved by the fence.
Trips   submit 1, status 1, cancel 1. A worker: 1 to be given entries, 1 to claim, 1 a checkpoint, 1 to finish, and 1 a
        heartbeat, three in a lease, while one step or the effect takes long.
Crash   submit: record, entry and key are one script: all three or none, before the 202. A client that lost the reply
        submits again with its key and gets the same id.
        given an entry but not claimed: it stands in the group's pending list; once idle for a lease, another has it.
        claimed, or checkpointed: the lease ends, the next claim takes a higher fence and goes on from the checkpoint.
        effect in the ledger but not finished: the next owner asks for it again with the key job:<id>; the ledger
        replays it. finished: state, output, XACK and XDEL are one script.
        cancelled: state and a new fence are one script. The last checkpoint is where it becomes too late: a job is
        either cancelled and has no effect ever, or has it and is told to be done.
Work    done again after a crash is bounded by one step (`batch` numbers), from whichever checkpoint.
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
"""One consumer for all workers: who owns a job is said by its lease and fence, and consumers named after processes
would pile up in the group with every process that was killed."""


@dataclass(frozen=True)
class Entry:
    """A job as the stream hands it out."""

    entry: str
    job: str


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a job. `step`: steps done; `partial`: the checkpoint after them, JSON, "" before any."""

    entry: Entry
    fence: int
    step: int
    partial: bytes
    input: bytes
    reference: str


@dataclass(frozen=True)
class Status:
    """A job as its user sees it. `progress` from 0 to 1, 1 only when it is done."""

    job: str
    state: str
    progress: float
    output: Any
    error: str | None


class StaleClaim(Exception):
    """Another worker has the job, or may have it: nothing was written."""


def job_key(job: str) -> str:
    """The key of a job's record."""
    return f"job:{job}"


def submission_key(user: str, key: str) -> str:
    """The key under which a submission is remembered for (user, idempotency key)."""
    return f"job-key:{name_of_key(user, key)}"


class Jobs:
    """Jobs in the store: the users' side (submit, status) and the workers' side."""

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
        """Accepts a job and returns its id; the same id for the same key. Raises KeyReused."""
        return await self.record(claims, self._new_id("job"), key, input, reference)

    async def record(self, claims: Claims, job: str, key: str, input: object, reference: str) -> str:
        """Writes record, entry and key of a new job in one step, or finds what the key already stands for."""
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
        """The job, if it is the user's own; raises NotFound for another's just as for none."""
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
        """Ends the user's own job before its effect; harmless when it is done twice. Raises NotFound or TooLate."""
        outcome = await self._sessions.run(claims, "job_cancel", [job_key(job)], [self._retention_ms])
        if outcome == b"missing":
            raise NotFound()
        if outcome == b"late":
            raise TooLate()

    async def prepare(self) -> None:
        """Makes the group, from the very first entry on; harmless when it exists."""
        try:
            await self._store.command("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def given(self, most: int, wait_s: float) -> list[Entry]:
        """New entries, after waiting at most `wait_s` for the first; raises ResponseError if the group is gone."""
        command = ("XREADGROUP", "GROUP", GROUP, CONSUMER, "COUNT", most, "BLOCK", int(wait_s * 1000))
        reply = await self._store.command(*command, "STREAMS", STREAM, ">", wait_s=wait_s)
        return _entries(reply[0][1]) if reply else []

    async def abandoned(self, most: int) -> list[Entry]:
        """Entries that nobody has touched for a lease."""
        found: list[Entry] = []
        cursor = b"0-0"
        while len(found) < most:
            # One call looks at ten times its count; the rest of a long pending list is behind the cursor.
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
        """Takes the job under a new fence; None if it is held, over, or has just been given up as dead."""
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
        """Renews the lease; raises StaleClaim."""
        args: list[Word] = [claim.fence, claim.entry.entry, GROUP, CONSUMER, self._lease_ms]
        if not await self._store.run("job_beat", [job_key(claim.entry.job), STREAM], args):
            raise StaleClaim()

    async def checkpoint(self, claim: Claim, step: int, of: int, partial: bytes) -> None:
        """Records `step` steps `of` so many as done and renews the lease; raises StaleClaim.

        After the last one the job can no longer be cancelled. Its progress is below 1: that is kept for done.
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
        """Ends the job as done; raises StaleClaim."""
        args: list[Word] = [claim.fence, claim.entry.entry, GROUP, output, self._retention_ms]
        if not await self._store.run("job_finish", [job_key(claim.entry.job), STREAM], args):
            raise StaleClaim()

    async def release(self, claim: Claim, *, after_backoff: bool, counts: bool) -> None:
        """Hands the job back, free to take at once or after the backoff. `counts`: this was a failed attempt."""
        idle_ms = self._lease_ms - (self._backoff_ms if after_backoff else 0)
        args: list[Word] = [claim.fence, claim.entry.entry, GROUP, CONSUMER, idle_ms, int(counts)]
        await self._store.run("job_release", [job_key(claim.entry.job), STREAM], args)

    def effect(self, claim: Claim) -> Effect:
        """The job's effect on the world: one key for all attempts, the claim's number as the fence."""
        return Effect(claim.reference, f"job:{claim.entry.job}", claim.fence, "job")


def _entries(items: list[Any]) -> list[Entry]:
    return [Entry(entry.decode(), fields[1].decode()) for entry, fields in items]
