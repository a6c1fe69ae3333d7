"""Bodies of requests. What does not fit is answered 400: 422 is taken, for a key reused with another body."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from target_service.work import Config, DataSource, Input

Reference = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[str, Field(min_length=1, max_length=1024)]


class Body(BaseModel):
    """Unknown members are refused: silently dropping one would change what the client asked for."""

    model_config = ConfigDict(extra="forbid")


class SignUp(Body):
    username: str = Field(pattern=r"^[A-Za-z0-9._@+-]{1,64}$")
    password: Password


class Login(Body):
    username: str = Field(max_length=64)
    password: Password


class Refresh(Body):
    refresh_token: str = Field(max_length=512)


class Role(Body):
    role: Literal["user", "admin"]


class ApiKey(Body):
    name: str = Field(min_length=1, max_length=64)


class Payment(Body):
    amount: Decimal = Field(gt=0, max_digits=14, decimal_places=4)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    reference: Reference


class Order(Body):
    """No user: an order is the token's."""

    order_id: str = Field(pattern=r"^[A-Za-z0-9._~-]{1,64}$")
    item: Reference
    quantity: int = Field(ge=1, le=9_999)


class CartLine(Body):
    item: Reference
    quantity: int = Field(ge=1, le=9_999)


class Preferences(Body):
    theme: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    language: str = Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")
    timezone: str = Field(pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+){0,2}$", max_length=64)


class Process(Body):
    """A job in short: its numbers as they are, or with a configuration."""

    input: Input
    reference: Reference

    def job(self) -> tuple[Input, str]:
        """Input and reference."""
        return self.input, self.reference


class DataProcessing(Body):
    """A job as a data-processing request: whatever is done to whichever data, under the client's own id for it."""

    processing_id: Reference
    data_source: DataSource
    config: Config = Config()

    def job(self) -> tuple[Input, str]:
        """Input and reference."""
        return Input(numbers=self.data_source.listed(), config=self.config), self.processing_id
