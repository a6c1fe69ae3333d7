"""Bodies of requests, as pydantic models.

A body that does not fit its model is answered 400. The status 422 has a meaning of its own here: an idempotency key was
reused with another body.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from target_service.work import Config, DataSource, Input

Reference = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[str, Field(min_length=1, max_length=1024)]


class Body(BaseModel):
    """A body. Unknown members are refused: to drop one silently would change what the client asked for."""

    model_config = ConfigDict(extra="forbid")


class SignUp(Body):
    """A new account."""

    username: str = Field(pattern=r"^[A-Za-z0-9._@+-]{1,64}$")
    password: Password


class Login(Body):
    """The name and the password of an account."""

    username: str = Field(max_length=64)
    password: Password


class Refresh(Body):
    """A refresh token to exchange for the next one."""

    refresh_token: str = Field(max_length=512)


class Role(Body):
    """The role that an account is to have."""

    role: Literal["user", "admin"]


class ApiKey(Body):
    """What a new API key is to be called."""

    name: str = Field(min_length=1, max_length=64)


class Payment(Body):
    """A charge. `reference` is the client's own name for it."""

    amount: Decimal = Field(gt=0, max_digits=14, decimal_places=4)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    reference: Reference


class Order(Body):
    """An order under the name that the clients gave it. It names no user: an order is the token's."""

    order_id: str = Field(pattern=r"^[A-Za-z0-9._~-]{1,64}$")
    item: Reference
    quantity: int = Field(ge=1, le=9_999)


class CartLine(Body):
    """A line to add to the cart."""

    item: Reference
    quantity: int = Field(ge=1, le=9_999)


class Preferences(Body):
    """Preferences that replace all those of the user."""

    theme: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    language: str = Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")
    timezone: str = Field(pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+){0,2}$", max_length=64)


class Process(Body):
    """A job in the short form: its numbers as they are, or with a configuration."""

    input: Input
    reference: Reference

    def job(self) -> tuple[Input, str]:
        """Return the input of the job and the client's reference."""
        return self.input, self.reference


class DataProcessing(Body):
    """A job as a data-processing request: a source of data, what is done to them, and the client's own id for it."""

    processing_id: Reference
    data_source: DataSource
    config: Config = Config()

    def job(self) -> tuple[Input, str]:
        """Return the input of the job and the client's reference."""
        return Input(numbers=self.data_source.listed(), config=self.config), self.processing_id
