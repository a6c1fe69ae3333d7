"""What a job computes: numbers are filtered, transformed and summed up, one batch a step.

The functions are pure. The same input gives the same steps and, from any checkpoint, the same output, so a checkpoint
is all that a job has to keep. The bounds keep every sum within 64 bits: 1000 numbers of at most 2^31, multiplied by at
most 100 three times.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

LARGEST = 2**31
"""The largest number of an input, and the smallest with a minus before it."""
MOST_NUMBERS = 1000
"""How many numbers an input has at most."""

Number = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Parity(_Strict):
    """Keeps even numbers only, or odd ones only."""

    keep: Literal["even", "odd"]

    def keeps(self, number: int) -> bool:
        """Return whether a number goes on."""
        return number % 2 == (self.keep == "odd")


class Bound(_Strict):
    """Keeps numbers that are not below `value`, or those that are not above it."""

    keep: Literal["at_least", "at_most"]
    value: Number

    def keeps(self, number: int) -> bool:
        """Return whether a number goes on."""
        return number >= self.value if self.keep == "at_least" else number <= self.value


class Sign(_Strict):
    """Changes the sign of a number, or takes it away."""

    do: Literal["negate", "absolute"]

    def changed(self, number: int) -> int:
        """Return what becomes of a number."""
        return -number if self.do == "negate" else abs(number)


class Arithmetic(_Strict):
    """Adds `by` to a number, or multiplies the number by it."""

    do: Literal["add", "multiply"]
    by: int = Field(ge=-100, le=100)

    def changed(self, number: int) -> int:
        """Return what becomes of a number."""
        return number + self.by if self.do == "add" else number * self.by


Filter = Annotated[Parity | Bound, Field(discriminator="keep")]
Transform = Annotated[Sign | Arithmetic, Field(discriminator="do")]


class Config(_Strict):
    """What is done to the numbers: filters first, then transforms, each in order.

    `batch` is how many numbers a step takes, and so how many are done again at most after a crash.
    """

    filters: list[Filter] = Field(default=[], max_length=8)
    transforms: list[Transform] = Field(default=[], max_length=3)
    batch: int = Field(default=1, ge=1, le=100)


class Input(_Strict):
    """The input of a job."""

    numbers: list[Number] = Field(min_length=1, max_length=MOST_NUMBERS)
    config: Config = Config()


class Inline(_Strict):
    """A source whose data are in the request."""

    kind: Literal["inline"]
    numbers: list[Number] = Field(min_length=1, max_length=MOST_NUMBERS)

    def listed(self) -> list[int]:
        """Return the data."""
        return self.numbers


class Range(_Strict):
    """A source that counts upwards: `count` numbers from `first` on."""

    kind: Literal["range"]
    first: int = Field(ge=-LARGEST, le=LARGEST - MOST_NUMBERS)
    count: int = Field(ge=1, le=MOST_NUMBERS)

    def listed(self) -> list[int]:
        """Return the data."""
        return list(range(self.first, self.first + self.count))


DataSource = Annotated[Inline | Range, Field(discriminator="kind")]
"""Where the data of a data-processing request come from."""


@dataclass(frozen=True)
class Plan:
    """A job's input as the worker goes through it: `steps` batches, each from one checkpoint to the next."""

    input: Input

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return -(-len(self.input.numbers) // self.input.config.batch)

    def advance(self, partial: bytes, step: int) -> bytes:
        """Return the checkpoint after a step.

        Args:
            partial: The checkpoint before the step; empty before the first.
            step: The number of the step, from 0.
        """
        done: dict[str, Any] = orjson.loads(partial) if partial else {"sum": 0, "count": 0, "max": None}
        batch = self.input.config.batch
        for number in self.input.numbers[step * batch : (step + 1) * batch]:
            if all(rule.keeps(number) for rule in self.input.config.filters):
                for change in self.input.config.transforms:
                    number = change.changed(number)
                largest = number if done["max"] is None else max(done["max"], number)
                done = {"sum": done["sum"] + number, "count": done["count"] + 1, "max": largest}
        return orjson.dumps(done)


def plan(input: bytes) -> Plan:
    """Return the plan of an input as the record of a job keeps it.

    Raises:
        ValidationError: The record is torn, or of another version of the service.
    """
    return Plan(Input.model_validate_json(input))
