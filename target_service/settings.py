"""Configuration, from the environment only. Every problem is reported at once, in one line.

Durations are seconds (`*_s`), sizes are bytes (`*_bytes`), costs of argon2 are as RFC 9106 names them.
A service with a guessable signing secret does not start at all. One with a weak password hash or a seeded defect starts
only when it has declared itself a test (`TARGET_TEST_MODE=1`).
"""

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar
from urllib.parse import urlsplit

from target_service import state

T = TypeVar("T")

SECRET_MIN_BYTES = 32
"""RFC 7518 section 3.2: a key for HS256 has at least the size of the hash."""

SECRET_MIN_SYMBOLS = 8
"""A secret with fewer distinct characters is a placeholder ("xxxx…"), not a random one."""

ADMIN_PASSWORD_MIN = 16
"""How many characters the first admin's password has at least."""

ARGON2_MIN_TIME_COST = 2
ARGON2_MIN_MEMORY_KIB = 19456
"""OWASP Password Storage Cheat Sheet: argon2id with at least 19 MiB and two iterations."""

DEFAULT_SECRETS = ("changeme", "change-me", "secret", "password", "default", "example", "insecure")
"""How a secret begins that somebody forgot to replace."""


LIMIT = re.compile(r"([A-Z]+ /[^\s=]*)=(\d{1,9}(?:\.\d{1,9})?)/(\d{1,9})")
"""One limit of RATE_LIMITS: "METHOD /path=requests a second/burst"."""


class SettingsError(Exception):
    """The environment does not describe a service that may start. The text names each variable and its remedy."""


@dataclass(frozen=True)
class Settings:
    """The whole configuration of a replica or a worker.

    Each field is the environment variable of the same name in capitals; `test_mode` and `defects` are TARGET_TEST_MODE
    and TARGET_DEFECTS.
    """

    store_url: str
    ledger_url: str
    jwt_secret: str = field(repr=False)
    jwt_also_verify: tuple[str, ...] = field(default=(), repr=False)
    admin_username: str = ""
    admin_password: str = field(default="", repr=False)
    api_keys_per_user: int = 1000
    host: str = "127.0.0.1"
    port: int = 8000
    replica: str = "replica"
    test_mode: bool = False
    defects: tuple[str, ...] = ()
    jwt_issuer: str = "target-service"
    jwt_audience: str = "target-service"
    jwt_leeway_s: float = 5.0
    access_ttl_s: float = 900.0
    refresh_ttl_s: float = 3600.0
    refresh_grace_s: float = 10.0
    argon2_time_cost: int = 3
    argon2_memory_kib: int = 65536
    argon2_parallelism: int = 1
    argon2_threads: int = 4
    store_timeout_s: float = 2.0
    store_connections: int = 64
    ledger_timeout_s: float = 0.8
    idempotency_retention_s: float = 86400.0
    payment_lease_s: float = 1.0
    completer_poll_s: float = 0.5
    lease_s: float = 1.5
    reclaim_s: float = 0.5
    backoff_s: float = 0.5
    step_s: float = 0.05
    job_slots: int = 8
    job_attempts: int = 8
    job_retention_s: float = 86400.0
    cart_ttl_s: float = 30 * 86400.0
    cart_lines: int = 200
    limit_per_s: float = 4.0
    limit_burst: int = 4
    limit_fails_open: bool = False
    rate_limits: tuple[tuple[str, float, int], ...] = ()
    drain_s: float = 1.5
    max_body_bytes: int = 65536
    log_requests: bool = False


def load(environment: Mapping[str, str]) -> Settings:
    """Return the settings that an environment describes.

    Raises:
        SettingsError: Something is wrong; the text names every problem.
    """
    reader = _Reader(environment)
    settings = Settings(
        store_url=reader.url("STORE_URL", "redis"),
        ledger_url=reader.url("LEDGER_URL", "http"),
        jwt_secret=reader.text("JWT_SECRET"),
        jwt_also_verify=reader.names("JWT_ALSO_VERIFY"),
        admin_username=reader.text("ADMIN_USERNAME", Settings.admin_username),
        admin_password=reader.text("ADMIN_PASSWORD", Settings.admin_password),
        api_keys_per_user=reader.integer("API_KEYS_PER_USER", Settings.api_keys_per_user, least=1),
        host=reader.text("HOST", Settings.host),
        port=reader.integer("PORT", Settings.port, least=1),
        replica=reader.text("REPLICA", socket.gethostname()),
        test_mode=reader.flag("TARGET_TEST_MODE"),
        defects=reader.names("TARGET_DEFECTS"),
        jwt_issuer=reader.text("JWT_ISSUER", Settings.jwt_issuer),
        jwt_audience=reader.text("JWT_AUDIENCE", Settings.jwt_audience),
        jwt_leeway_s=reader.seconds("JWT_LEEWAY_S", Settings.jwt_leeway_s, least=0),
        access_ttl_s=reader.seconds("ACCESS_TTL_S", Settings.access_ttl_s),
        refresh_ttl_s=reader.seconds("REFRESH_TTL_S", Settings.refresh_ttl_s),
        refresh_grace_s=reader.seconds("REFRESH_GRACE_S", Settings.refresh_grace_s),
        argon2_time_cost=reader.integer("ARGON2_TIME_COST", Settings.argon2_time_cost, least=1),
        argon2_memory_kib=reader.integer("ARGON2_MEMORY_KIB", Settings.argon2_memory_kib, least=8),
        argon2_parallelism=reader.integer("ARGON2_PARALLELISM", Settings.argon2_parallelism, least=1),
        argon2_threads=reader.integer("ARGON2_THREADS", Settings.argon2_threads, least=1),
        store_timeout_s=reader.seconds("STORE_TIMEOUT_S", Settings.store_timeout_s),
        store_connections=reader.integer("STORE_CONNECTIONS", Settings.store_connections, least=2),
        ledger_timeout_s=reader.seconds("LEDGER_TIMEOUT_S", Settings.ledger_timeout_s),
        idempotency_retention_s=reader.seconds("IDEMPOTENCY_RETENTION_S", Settings.idempotency_retention_s),
        payment_lease_s=reader.seconds("PAYMENT_LEASE_S", Settings.payment_lease_s),
        completer_poll_s=reader.seconds("COMPLETER_POLL_S", Settings.completer_poll_s),
        lease_s=reader.seconds("LEASE_S", Settings.lease_s),
        reclaim_s=reader.seconds("RECLAIM_S", Settings.reclaim_s),
        backoff_s=reader.seconds("BACKOFF_S", Settings.backoff_s),
        step_s=reader.seconds("STEP_S", Settings.step_s),
        job_slots=reader.integer("JOB_SLOTS", Settings.job_slots, least=1),
        job_attempts=reader.integer("JOB_ATTEMPTS", Settings.job_attempts, least=1),
        job_retention_s=reader.seconds("JOB_RETENTION_S", Settings.job_retention_s),
        cart_ttl_s=reader.seconds("CART_TTL_S", Settings.cart_ttl_s),
        cart_lines=reader.integer("CART_LINES", Settings.cart_lines, least=1),
        limit_per_s=reader.rate("LIMIT_PER_S", Settings.limit_per_s),
        limit_burst=reader.integer("LIMIT_BURST", Settings.limit_burst, least=1),
        limit_fails_open=reader.flag("LIMIT_FAILS_OPEN"),
        rate_limits=reader.limits("RATE_LIMITS"),
        drain_s=reader.seconds("DRAIN_S", Settings.drain_s, least=0),
        max_body_bytes=reader.integer("MAX_BODY_BYTES", Settings.max_body_bytes, least=1024),
        log_requests=reader.flag("LOG_REQUESTS"),
    )
    problems = reader.problems or _contradictions(settings)
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def _contradictions(settings: Settings) -> list[str]:
    """Return the problems that no single variable shows: variables that contradict each other, and weak secrets."""
    problems = []
    for name, secret in (
        ("JWT_SECRET", settings.jwt_secret),
        *(("JWT_ALSO_VERIFY", each) for each in settings.jwt_also_verify),
    ):
        if len(secret.encode()) < SECRET_MIN_BYTES:
            problems.append(
                f"{name} is shorter than {SECRET_MIN_BYTES} bytes: use a random one, e.g. openssl rand -hex 32"
            )
        elif len(set(secret)) < SECRET_MIN_SYMBOLS or secret.lower().startswith(DEFAULT_SECRETS):
            problems.append(f"{name} is a default or a placeholder: use a random one, e.g. openssl rand -hex 32")
    if bool(settings.admin_username) != bool(settings.admin_password):
        problems.append("ADMIN_USERNAME and ADMIN_PASSWORD go together: set both, or neither")
    elif settings.admin_username and len(settings.admin_password) < ADMIN_PASSWORD_MIN:
        problems.append(f"ADMIN_PASSWORD has fewer than {ADMIN_PASSWORD_MIN} characters: use a random one")
    weak = settings.argon2_time_cost < ARGON2_MIN_TIME_COST or settings.argon2_memory_kib < ARGON2_MIN_MEMORY_KIB
    if weak and not settings.test_mode:
        problems.append(
            f"argon2 cost is weak: ARGON2_TIME_COST must be at least {ARGON2_MIN_TIME_COST} and ARGON2_MEMORY_KIB"
            f" at least {ARGON2_MIN_MEMORY_KIB}, or declare a test with TARGET_TEST_MODE=1"
        )
    if settings.defects and not settings.test_mode:
        problems.append("TARGET_DEFECTS needs a declared test: set TARGET_TEST_MODE=1, or unset it")
    if settings.access_ttl_s > settings.refresh_ttl_s:
        problems.append(
            "ACCESS_TTL_S must not exceed REFRESH_TTL_S: an access token would outlive its session's record"
        )
    for name, lease_s in (("PAYMENT_LEASE_S", settings.payment_lease_s), ("LEASE_S", settings.lease_s)):
        if settings.ledger_timeout_s >= lease_s:
            problems.append(
                f"LEDGER_TIMEOUT_S must be less than {name}: a call may not outlast the lease it is made under"
            )
    if settings.backoff_s > settings.lease_s:
        problems.append("BACKOFF_S must not exceed LEASE_S: the wait is measured from within the lease")
    return problems


class _Reader:
    """Reads typed variables, and collects all that is wrong with them instead of stopping at the first problem."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environment.get(name) or default
        if value is None:
            self.problems.append(f"{name} is not set and has no default: set it in the environment")
            return ""
        return value

    def url(self, name: str, scheme: str) -> str:
        value = self.text(name)
        if value and (urlsplit(value).scheme != scheme or not urlsplit(value).hostname):
            self.problems.append(f"{name} must be a URL of the form {scheme}://host:port")
        return value

    def integer(self, name: str, default: int, least: int) -> int:
        return self._number(name, default, int, least)

    def seconds(self, name: str, default: float, least: float = 0.001) -> float:
        return self._number(name, default, float, least)

    def rate(self, name: str, default: float) -> float:
        return self._number(name, default, float, 0.001)

    def limits(self, name: str) -> tuple[tuple[str, float, int], ...]:
        """Of "POST /payment=5/10, GET /profile=100/200": what is limited, requests a second, burst."""
        found = []
        for part in self.names(name):
            match = LIMIT.fullmatch(part)
            if match is None or not float(match[2]) or not int(match[3]):
                self.problems.append(f"{name}: {part!r} does not read METHOD /path=requests a second/burst")
                continue
            if match[1] not in (routes := state.endpoints()):
                (nearest,) = get_close_matches(match[1], routes, n=1, cutoff=0.0)
                self.problems.append(f"{name}: {match[1]!r} is no route: did you mean {nearest!r}?")
                continue
            found.append((match[1], float(match[2]), int(match[3])))
        return tuple(found)

    def flag(self, name: str) -> bool:
        value = self._environment.get(name, "0")
        if value not in ("", "0", "1"):
            self.problems.append(f"{name} must be 0 or 1")
        return value == "1"

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self._environment.get(name, "").split(",") if part.strip())

    def _number(self, name: str, default: T, kind: Callable[[str], T], least: float) -> T:
        raw = self._environment.get(name)
        if not raw:
            return default
        try:
            value = kind(raw)
        except ValueError:
            self.problems.append(f"{name} must be a number")
            return default
        if not least <= value < float("inf"):  # type: ignore[operator]
            self.problems.append(f"{name} must be at least {least}")
        return value
