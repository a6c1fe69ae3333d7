"""The `order` of a contract: something that several users ask for at once and one of them gets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.http.operation import Operation
from harness.placeholders import placeholders
from harness.properties.promises import CommonPromises
from harness.yamlfile import Location, Strict


class OrderStates(Strict):
    """The service's own names of the states of an order.

    Attributes:
        pending: States of an order that is in processing.
        done: States of an order that is processed.
    """

    pending: list[str] = []
    done: list[str] = Field(min_length=1)


class Order(Strict):
    """Operations on orders. `{reference}` is the id of the order; `{key}` is the idempotency key of one user's request.

    All users who ask for one order send the same `{reference}`, each with a `{key}` of its own. The answer `refused` of
    `place` says that another user has the order. `show` shows an order to the user who has it; others get `missing`.

    Attributes:
        place: Asks for the order; `refused` says that another has it.
        show: Shows the order to who has it, with its `state`; `missing` to everybody else.
        states: The service's own names of the states of an order.
        effects: Where the effect of an order is counted.
    """

    place: Operation
    show: Operation
    states: OrderStates
    effects: Literal["ledger", "nowhere"] = "nowhere"

    @model_validator(mode="after")
    def _said(self) -> Order:
        if not self.place.answers.get("refused"):
            raise ValueError("`answers` of `place` must name `refused`, what is told to those who come too late")
        if "state" not in self.show.extract:
            raise ValueError("`extract` of `show` must say where the `state` is")
        return self


def problems(section: Order, promises: CommonPromises | None) -> list[tuple[Location, str]]:
    """Return what is wrong with a section whose operations are right by themselves.

    Args:
        section: the section.
        promises: the contract's promises; None when they are unusable.

    Returns:
        Each problem as its place within the section, and a text that says what is wrong.
    """
    written = placeholders([section.place.path, section.place.headers, section.place.body])
    return [
        (("place",), f"the `{{{name}}}` stands nowhere in the request")
        for name in sorted({"key", "reference"} - written)
    ]
