"""Bodies of answers, as /openapi.json describes them. Nothing is checked against these while serving: handlers answer
bytes that are ready, and the tests ask whether those are what is described here."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1)]


class Answer(BaseModel):
    """Members are those named here, and no others."""

    model_config = ConfigDict(extra="forbid")


class Alive(Answer):
    status: Literal["alive"]


class Ready(Answer):
    status: Literal["ready"]


class NewAccount(Answer):
    user_id: Id
    username: str


class Account(Answer):
    user_id: Id
    username: Id
    role: Literal["user", "admin"]
    created_ms: int = Field(gt=0)


class Session(Answer):
    access_token: Id
    refresh_token: Id
    token_type: Literal["Bearer"]
    expires_in: int = Field(gt=0)


class NewApiKey(Answer):
    key_id: Id
    key: str = Field(pattern=r"^ak1\.")


class ApiKeyEntry(Answer):
    key_id: Id
    name: Id


class ApiKeyList(Answer):
    keys: list[ApiKeyEntry]


class Charge(Answer):
    """`amount` in canonical form."""

    payment_id: Id
    status: Literal["charged"]
    amount: str = Field(pattern=r"^[0-9]+(\.[0-9]*[1-9])?$")
    currency: str = Field(pattern="^[A-Z]{3}$")
    reference: Id


class PlacedOrder(Answer):
    order_id: Id
    status: Literal["processing", "processed"]
    user_id: Id
    item: Id
    quantity: int = Field(ge=1)
    receipt: Id


class AcceptedJob(Answer):
    job_id: Id


class JobStatus(Answer):
    """`output` of a job that is done; `error` of one that is dead."""

    job_id: Id
    state: Literal["queued", "running", "done", "dead", "cancelled"]
    progress: float = Field(ge=0, le=1)
    output: Any = None
    error: str = ""


class CancelledJob(Answer):
    job_id: Id
    state: Literal["cancelled"]


class Line(Answer):
    line_id: Id
    item: Id
    quantity: int = Field(ge=1)


class CartContent(Answer):
    lines: list[Line]


class PreferencesShown(Answer):
    """`updated_at`: null if they were never changed."""

    theme: Id
    language: Id
    timezone: Id
    updated_at: AwareDatetime | None
    version: str = Field(pattern="^[0-9]+$")


class Admission(Answer):
    admitted: Literal[True]
