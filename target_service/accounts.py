"""Accounts: who may log in, and what the profile shows.

Keys    login:<username>  hash: id, password (argon2id, encoded). Lives for ever.
        user:<id>         hash: username, role, created_ms, epoch (how often all sessions were ended). Lives for ever.
                          The id is random: it is what tokens and other kinds of state call the user by.
Owner   the user; written by the sign-up, role and epoch by the scripts that change them.
Trips   sign-up 1 (one script); check of a password 1 (HMGET).
Crash   before the script: nothing was written, sign up again. After it: the account exists, and a client that has
        lost the reply signs up again and is told so (409), which it may take for success: it knows the password.

The first admin comes from the environment (ADMIN_USERNAME, ADMIN_PASSWORD) and is created by the first log-in with
that password; nobody can sign up under that name. No request can name a role for itself.

Hashing takes milliseconds to hundreds of them, so it runs in threads of its own: argon2 releases the interpreter
lock, and the event loop goes on serving.
"""

import asyncio
import hmac
import secrets
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
        Key("login:*", "hash", None, "the user; written once, by the sign-up", "id, password (argon2id)"),
        Key(
            "user:*",
            "hash",
            None,
            "the user; role and epoch by the scripts that change them",
            "username, role, created_ms, epoch: how often all sessions were ended",
        ),
    ),
    scripts=("account_create",),
    trips={"POST /api/users": 1},
    crash="""Before the script nothing was written: sign up again. After it the account exists, and a client that lost
    the reply is told so (409), which it may take for success: it knows the password.""",
)


def user_key(id: str) -> str:
    """The key of the account with this id."""
    return f"user:{id}"


def _login_key(username: str) -> str:
    return f"login:{username}"


class Accounts:
    """Sign-up and check of passwords."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._admin = (settings.admin_username, settings.admin_password)
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
        )
        self._threads = ThreadPoolExecutor(settings.argon2_threads, thread_name_prefix="argon2")
        # Verified in place of an unknown user's hash, so that both take the same time and tell nothing.
        self._nobody = self._hasher.hash("nobody")

    async def create(self, username: str, password: str) -> str:
        """Creates the account and returns its id; raises UserExists."""
        if username == self._admin[0]:
            raise UserExists()
        return await self._create(username, password, "user")

    async def check(self, username: str, password: str) -> str:
        """The id of the user; raises CredentialsRefused unless this is the password of that user."""
        id, stored = await self._store.command("HMGET", _login_key(username), "id", "password")
        if not stored and self._is_first_admin(username, password):
            return await self._first_admin()
        hashed = stored.decode() if stored else self._nobody
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self._threads, self._matches, hashed, password)
        if not (stored and matches):
            raise CredentialsRefused()
        return str(id.decode())

    async def _create(self, username: str, password: str, role: str) -> str:
        loop = asyncio.get_running_loop()
        hashed = await loop.run_in_executor(self._threads, self._hasher.hash, password)
        id = secrets.token_hex(16)
        made = [_login_key(username), user_key(id)]
        if not await self._store.run("account_create", made, [id, username, hashed, role]):
            raise UserExists()
        return id

    def _is_first_admin(self, username: str, password: str) -> bool:
        name, expected = self._admin
        return bool(name) and username == name and hmac.compare_digest(password.encode(), expected.encode())

    async def _first_admin(self) -> str:
        name, password = self._admin
        try:
            return await self._create(name, password, "admin")
        except UserExists:
            # Another replica was asked at the same moment.
            return await self.check(name, password)

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
