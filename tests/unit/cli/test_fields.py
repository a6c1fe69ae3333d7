"""The fields that `harness list` shows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.cli.fields import LEFT_OUT, NEEDED, OPERATION, fields_of, own_fields
from harness.faults import FAULTS
from harness.http.operation import Operation
from harness.yamlfile import Strict


class Inner(Strict):
    count: int = 3
    names: list[str] = Field(min_length=1)


class Outer(Strict):
    title: str
    from_s: float | None = Field(default=None, alias="from")
    mode: Literal["a", "b"] = "a"
    always: Inner
    maybe: Inner | None = None
    ask: Operation
    tell: Operation | None = None
    where: Literal["here"] | Operation = "here"


def test_every_field_with_its_default():
    assert fields_of(Outer) == {
        "title": NEEDED,
        "from": LEFT_OUT,
        "mode": "a | b",
        "always.count": "3",
        "always.names": NEEDED,
        "maybe": LEFT_OUT,
        "maybe.count": "3",
        "maybe.names": NEEDED,
        "ask": OPERATION,
        "tell": f"{LEFT_OUT}, or {OPERATION}",
        "where": f"here, or {OPERATION}",
    }


def test_what_a_fault_takes_of_its_own():
    assert own_fields(FAULTS["scale"]).startswith(f"to: {NEEDED}, ")
    assert own_fields(FAULTS["noop"]) == ""
