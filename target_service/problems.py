"""Errors as a client sees them: problem+json (RFC 9457), each kind with its own `type`.

The tree:

    Problem                    500  urn:problem:internal
    ├── Malformed              400  urn:problem:malformed          a body, header or path that is not what it must be
    ├── KeyMissing             400  urn:problem:key-missing        no Idempotency-Key where one is needed
    ├── NotAuthenticated       401  urn:problem:not-authenticated  no live session behind the token
    ├── CredentialsRefused     401  urn:problem:credentials-refused  the password is not this user's
    ├── Forbidden              403  urn:problem:forbidden          known, and not permitted
    ├── NotFound               404  urn:problem:not-found          also for what is another user's
    ├── UserExists             409  urn:problem:user-exists        the name is taken
    ├── CartFull               409  urn:problem:cart-full          remove a line first
    ├── TooManyKeys            409  urn:problem:too-many-keys      revoke an API key first
    ├── OrderTaken             409  urn:problem:order-taken        by somebody else, or with another key
    ├── InProgress             409  urn:problem:in-progress        ask again after Retry-After
    ├── AnswerGone             410  urn:problem:answer-gone        the work was done; its answer cannot be given again
    ├── PreconditionFailed     412  urn:problem:precondition-failed    the record was changed since it was read
    ├── TooLate                409  urn:problem:too-late           a job that is over, or whose effect is on its way
    ├── TooLarge               413  urn:problem:too-large          a body of more than MAX_BODY_BYTES
    ├── KeyReused              422  urn:problem:key-reused         one idempotency key, two bodies
    ├── PreconditionRequired   428  urn:problem:precondition-required  no If-Match where one is needed
    ├── Limited                429  urn:problem:limited            ask again after Retry-After
    └── Unavailable            503  urn:problem:unavailable        nobody knows whether it took effect
        ├── Draining           503  urn:problem:draining           /ready of a replica that is leaving
        ├── StoreGone          503  urn:problem:store-gone         /ready of a replica without its store
        └── StoreUnreachable   503  urn:problem:store-unreachable  provably without effect: X-No-Effect: 1
"""

from collections.abc import Mapping
from math import ceil

import orjson
from fastapi.responses import Response

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """An error with an answer of its own. `detail` is shown to the client: never a secret, never an input."""

    status = 500
    type = "urn:problem:internal"
    title = "Internal error"
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail

    def response(self) -> Response:
        """Return the answer: problem+json with the status and the headers of this kind."""
        return problem_response(self.status, self.type, self.title, self.detail, self.headers)


class Malformed(Problem):
    """A body, a header or a path is not what it must be."""

    status, type, title = 400, "urn:problem:malformed", "Malformed request"


class KeyMissing(Problem):
    """A request that needs an idempotency key has none."""

    status, type, title = 400, "urn:problem:key-missing", "Idempotency-Key is missing"


class NotAuthenticated(Problem):
    """There is no live session, or no such API key, behind the token."""

    status, type, title = 401, "urn:problem:not-authenticated", "Not authenticated"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class CredentialsRefused(Problem):
    """The password is not this user's, or there is no such user."""

    status, type, title = 401, "urn:problem:credentials-refused", "Credentials refused"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Forbidden(Problem):
    """The user is known, and is not permitted to do this."""

    status, type, title = 403, "urn:problem:forbidden", "Not permitted"


class NotFound(Problem):
    """There is no such thing, or it is another user's."""

    status, type, title = 404, "urn:problem:not-found", "Not found"


class UserExists(Problem):
    """The name of the account is taken."""

    status, type, title = 409, "urn:problem:user-exists", "User exists"


class CartFull(Problem):
    """The cart holds as many lines as it may."""

    status, type, title = 409, "urn:problem:cart-full", "The cart holds as many lines as it may"


class TooManyKeys(Problem):
    """The user has as many API keys as anybody may."""

    status, type, title = 409, "urn:problem:too-many-keys", "Too many API keys"


class OrderTaken(Problem):
    """Another user has won the order, or the same user with another idempotency key."""

    status, type, title = 409, "urn:problem:order-taken", "The order is somebody else's, or was placed with another key"


class InProgress(Problem):
    """Another request with the same idempotency key is being processed."""

    status, type, title = 409, "urn:problem:in-progress", "In progress"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class AnswerGone(Problem):
    """The work was done, and its answer cannot be given again."""

    status, type, title = 410, "urn:problem:answer-gone", "It was done, and its answer cannot be given again"


class PreconditionFailed(Problem):
    """The record was changed since the client read it."""

    status, type, title = 412, "urn:problem:precondition-failed", "It was changed since it was read"


class TooLate(Problem):
    """The job is over, or its effect is on its way."""

    status, type, title = 409, "urn:problem:too-late", "Too late to cancel"


class TooLarge(Problem):
    """The body has more bytes than are accepted."""

    status, type, title = 413, "urn:problem:too-large", "Body too large"


class KeyReused(Problem):
    """The idempotency key was used before, with another body."""

    status, type, title = 422, "urn:problem:key-reused", "Idempotency-Key was used with another body"


class PreconditionRequired(Problem):
    """The request does not say which version it replaces."""

    status, type, title = 428, "urn:problem:precondition-required", "If-Match must name the version to replace"


class Limited(Problem):
    """There is no turn now; after `wait_s` seconds there is one again."""

    status, type, title = 429, "urn:problem:limited", "Too many requests"

    def __init__(self, wait_s: float) -> None:
        super().__init__()
        self.headers = {"Retry-After": str(max(ceil(wait_s), 1))}


class Unavailable(Problem):
    """The request cannot be answered now, and nobody knows whether it took effect."""

    status, type, title = 503, "urn:problem:unavailable", "Temporarily unavailable"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class Draining(Unavailable):
    """This replica is leaving."""

    type, title = "urn:problem:draining", "This replica is leaving"


class StoreGone(Unavailable):
    """The store of this replica does not answer."""

    type, title = "urn:problem:store-gone", "The store does not answer"


class StoreUnreachable(Unavailable):
    """The store could not be reached: nothing was sent, so the request provably took no effect."""

    type, title = "urn:problem:store-unreachable", "The store cannot be reached; nothing was done"
    headers: Mapping[str, str] = {"Retry-After": "1", "X-No-Effect": "1"}


def problem_response(
    status: int, type: str, title: str, detail: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a problem+json answer, for a status that no Problem stands for (405, say, which the framework answers)."""
    body = {"type": type, "title": title, "status": status}
    if detail:
        body["detail"] = detail
    return Response(orjson.dumps(body), status, dict(headers or {}), CONTENT_TYPE)
