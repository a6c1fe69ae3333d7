"""What a contract declares, as one property sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harness.http.operation import Operation
from harness.properties.promises import CommonPromises

Section = TypeVar("Section")
Promises = TypeVar("Promises", bound=CommonPromises)


@dataclass(frozen=True)
class Declared(Generic[Section, Promises]):
    """What a contract declares, as one property sees it.

    Attributes:
        name: the name under which the property is declared; its ops bear it in the journal.
        section: the property's part of the contract; None where the contract has none and the property needs none.
        promises: all promises of the contract, of which the property reads its own and the common ones.
        sections: every property's part of the contract that there is, by name.
        operations: every operation of the contract, by its dotted place, such as `cart.add`.
        users_from_file: users come from a file, so that others may use them too, and do not sign up.
    """

    name: str
    section: Section
    promises: Promises
    sections: Mapping[str, Any]
    operations: Mapping[str, Operation]
    users_from_file: bool = False

    def section_of(self, place: str) -> Any:
        """Return the section that holds the operation at `place`, of whatever property; None when there is none."""
        return self.sections.get(place.partition(".")[0]) if place in self.operations else None
