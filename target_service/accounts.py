"""Accounts: who may log in, and what the profile shows.

Keys    user:<username>   hash: username, password (argon2id, encoded), created_ms. Lives for ever.
Owner   the user; written once, by the sign-up.
Trips   sign-up 1 (one script); check of a password 1 (HGET).
Crash   before the script: nothing was written, sign up again. After it: the account exists, and a client that has
        lost the reply signs up again and is told so (409), which it may take for success: it knows the password.

Hashing takes milliseconds to hundreds of them, so it runs in threads of its own: argon2 releases the interpreter
lock, and the event loop goes on serving.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from target_service.problems import CredentialsRefused, UserExists
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.store import Store

STATE = State(
    name="Accounts",
    keys=(
        Key(
            "user:*",
            "hash",
            None,
            "the user; written once, by the sign-up",
            "username, password (argon2id), created_ms",
        ),
    ),
    scripts=("account_create",),
    trips={"POST /api/users": 1},
    crash="""Before the script nothing was written: sign up again. After it the account exists, and a client that lost
    the reply is told so (409), which it may take for success: it knows the password.""",
)


def user_key(username: str) -> str:
    """The key of an account."""
    return f"user:{username}"


class Accounts:
    """Sign-up and check of passwords."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
        )
        self._threads = ThreadPoolExecutor(settings.argon2_threads, thread_name_prefix="argon2")
        # Verified in place of an unknown user's hash, so that both take the same time and tell nothing.
        self._nobody = self._hasher.hash("nobody")

    async def create(self, username: str, password: str) -> None:
        """Creates the account; raises UserExists."""
        loop = asyncio.get_running_loop()
        hashed = await loop.run_in_executor(self._threads, self._hasher.hash, password)
        if not await self._store.run("account_create", [user_key(username)], [username, hashed]):
            raise UserExists()

    async def check(self, username: str, password: str) -> None:
        """Raises CredentialsRefused unless this is the password of that user."""
        stored = await self._store.command("HGET", user_key(username), "password")
        hashed = stored.decode() if stored else self._nobody
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self._threads, self._matches, hashed, password)
        if not (stored and matches):
            raise CredentialsRefused()

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
