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
        section: the property's section of the contract; None when the contract has none and the property needs none.
        promises: all promises of the contract; the property reads its own and the common ones.
        sections: every section that the contract has, by the name of its property.
        operations: every operation of the contract, by its dotted place, such as `cart.add`.
        users_from_file: whether users come from a file instead of signing up; then other agents may use the same users.
    """

    name: str
    section: Section
    promises: Promises
    sections: Mapping[str, Any]
    operations: Mapping[str, Operation]
    users_from_file: bool = False

    def section_of(self, place: str) -> Any:
        """Return the section, of any property, that holds an operation.

        Args:
            place: dotted place of the operation, such as `cart.add`.

        Returns:
            The section; None when the contract has no such operation.
        """
        return self.sections.get(place.partition(".")[0]) if place in self.operations else None
