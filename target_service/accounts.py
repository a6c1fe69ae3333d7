"""Accounts: who may log in, and what the profile shows.

Keys    login:<username>  hash: id, password (argon2id, encoded). Lives for ever.
        user:<id>         hash: username, role, created_ms, epoch (how often all sessions were ended). Lives for ever.
                          The id is random. Tokens and the other kinds of state call the user by it.
Owner   the user. The sign-up writes both keys; role and epoch are written by the scripts that change them.
Trips   sign-up 1 (one script); check of a password 1 (HMGET).
Crash   A replica that dies before the script leaves nothing: the client signs up again. One that dies after it leaves
        an account whose reply was lost. The client signs up again and gets 409, which it may take for success, because
        it knows the password.

The first admin comes from the environment (ADMIN_USERNAME, ADMIN_PASSWORD). The first log-in with that password
creates the account, and nobody can sign up under that name. No request can choose a role for its own account.

Hashing a password takes up to hundreds of milliseconds, so it runs in threads of its own: argon2 releases the
interpreter lock, and the event loop goes on serving.
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
    """Return the key of the account with this id."""
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
        # Verified when there is no such user, so that the time of the answer does not tell an unknown user from a wrong
        # password.
        self._nobody = self._hasher.hash("nobody")

    async def create(self, username: str, password: str) -> str:
        """Create an account with the role `user`.

        Both keys are written by one script and live for ever. A replica that dies before the script leaves nothing.

        Args:
            username: The name for the log-in; an account's name never changes.
            password: The password; its argon2id hash is stored.

        Returns:
            The id of the new account.

        Raises:
            UserExists: The name is taken, or is the first admin's.
            Unavailable: The store did not answer.
        """
        if username == self._admin[0]:
            raise UserExists()
        return await self._create(username, password, "user")

    async def check(self, username: str, password: str) -> str:
        """Return the id of the user whose name and password these are.

        The first log-in of the first admin also creates the account.

        Raises:
            CredentialsRefused: There is no such user, or the password is another one.
            Unavailable: The store did not answer.
        """
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
            # Another replica created the account at the same moment.
            return await self.check(name, password)

    def close(self) -> None:
        """End the threads that hash passwords."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
