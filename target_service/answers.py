"""Bodies of answers, as /openapi.json describes them.

Nothing is compared with these models while serving: handlers answer bytes that are ready. The tests ask whether the
bytes are what is described here.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1)]


class Answer(BaseModel):
    """An answer. Its members are those named here, and no others."""

    model_config = ConfigDict(extra="forbid")


class Alive(Answer):
    """This process lives."""

    status: Literal["alive"]


class Ready(Answer):
    """Requests may be sent to this replica."""

    status: Literal["ready"]


class NewAccount(Answer):
    """The account that a sign-up created."""

    user_id: Id
    username: str


class Account(Answer):
    """An account as it is shown to its user, or to an admin."""

    user_id: Id
    username: Id
    role: Literal["user", "admin"]
    created_ms: int = Field(gt=0)


class Session(Answer):
    """The tokens of a session; the access token lives `expires_in` seconds."""

    access_token: Id
    refresh_token: Id
    token_type: Literal["Bearer"]
    expires_in: int = Field(gt=0)


class NewApiKey(Answer):
    """An API key, shown to its maker alone."""

    key_id: Id
    key: str = Field(pattern=r"^ak1\.")


class ApiKeyEntry(Answer):
    """An API key as the list shows it."""

    key_id: Id
    name: Id


class ApiKeyList(Answer):
    """The API keys of a user."""

    keys: list[ApiKeyEntry]


class Charge(Answer):
    """A payment that was charged; `amount` is in canonical form."""

    payment_id: Id
    status: Literal["charged"]
    amount: str = Field(pattern=r"^[0-9]+(\.[0-9]*[1-9])?$")
    currency: str = Field(pattern="^[A-Z]{3}$")
    reference: Id


class PlacedOrder(Answer):
    """An order, as its winner sees it."""

    order_id: Id
    status: Literal["processing", "processed"]
    user_id: Id
    item: Id
    quantity: int = Field(ge=1)
    receipt: Id


class AcceptedJob(Answer):
    """The id of a job that was accepted."""

    job_id: Id


class JobStatus(Answer):
    """A job; `output` is there when it is done, `error` when it is dead."""

    job_id: Id
    state: Literal["queued", "running", "done", "dead", "cancelled"]
    progress: float = Field(ge=0, le=1)
    output: Any = None
    error: str = ""


class CancelledJob(Answer):
    """A job that was cancelled."""

    job_id: Id
    state: Literal["cancelled"]


class Line(Answer):
    """One line of a cart."""

    line_id: Id
    item: Id
    quantity: int = Field(ge=1)


class CartContent(Answer):
    """All lines of a cart."""

    lines: list[Line]


class PreferencesShown(Answer):
    """The preferences of a user; `updated_at` is null if they were never changed."""

    theme: Id
    language: Id
    timezone: Id
    updated_at: AwareDatetime | None
    version: str = Field(pattern="^[0-9]+$")


class Admission(Answer):
    """The rate limit has admitted the request."""

    admitted: Literal[True]
