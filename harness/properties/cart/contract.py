"""The `cart` of a contract: lines that are added, shown and removed."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from harness.http.answers import MISSING, point
from harness.http.operation import Operation
from harness.properties.promises import CommonPromises
from harness.yamlfile import Strict


class Cart(Strict):
    """Operations on a cart. `show` extracts the list of `lines`; `line` is the JSON pointer to the id within each line.

    `add` extracts the `id` of the new line. With `retry: true`, a repeated `add` with the same key adds no second line.
    A `remove` is `ok` only if it removed a line.

    Attributes:
        add: Adds a line and extracts its `id`.
        show: Shows the cart and extracts the list of its `lines`.
        remove: Removes a line; `missing` if it is not there.
        line: Where the id stands in each of the `lines`.
    """

    add: Operation
    show: Operation
    remove: Operation
    line: str = Field(default="/id", pattern=r"^(/.*)?$")

    @model_validator(mode="after")
    def _said(self) -> Cart:
        for name, operation, field in (("add", self.add, "id"), ("show", self.show, "lines")):
            if field not in operation.extract:
                raise ValueError(f"`extract` of `{name}` must say where the `{field}` is")
        if not self.remove.answers.get("missing"):
            raise ValueError("`answers` of `remove` must name `missing`, what a line looks like that is not there")
        return self

    def holds(self, lines: Any, line: str) -> bool:
        """Say whether a cart holds a line.

        Args:
            lines: the lines of the cart, as `show` extracted them.
            line: the id of the line.
        """
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in self.line.split("/")[1:])
        found = [point(each, path) for each in lines] if isinstance(lines, list) else []
        return any(each is not MISSING and str(each) == line for each in found)


class CartPromises(CommonPromises):
    """How long an acknowledged line stays in its cart at least, in seconds. Left out: until the line is removed.

    Attributes:
        cart_ttl_s: A line of a cart lives at least this long.
    """

    cart_ttl_s: float | None = Field(default=None, gt=0)
