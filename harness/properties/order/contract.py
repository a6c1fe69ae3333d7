"""The `order` of a contract: something that several ask for at once and one of them gets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.http.operation import Operation
from harness.placeholders import placeholders
from harness.properties.promises import CommonPromises
from harness.yamlfile import Location, Strict


class OrderStates(Strict):
    """The service's own names of the states of an order."""

    pending: list[str] = []
    done: list[str] = Field(min_length=1)


class Order(Strict):
    """Place and show of orders. `{reference}` is the order's id, which all who ask for it send; `{key}` is each one's.

    `refused` of `place` says that another has the order. `show` answers the one who has it, and `missing` to others.
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
    """Return what is wrong with a section whose operations are right by themselves, each with its place within it."""
    written = placeholders([section.place.path, section.place.headers, section.place.body])
    return [
        (("place",), f"the `{{{name}}}` stands nowhere in the request")
        for name in sorted({"key", "reference"} - written)
    ]
