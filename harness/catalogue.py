"""The catalogue of seeded defects: what the harness must be able to catch, by which check, in which scenario."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.contract.model import Contract
from harness.contract.operation import Strict
from harness.document import nearest, read, validate
from harness.errors import UsageError


class Defect(Strict):
    """One bug seeded on purpose. `scenario` is relative to the start directory of the contract."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    what: str
    seen_in: str
    scenario: str
    check: str


class Catalogue(Strict):
    """The whole file."""

    defects: list[Defect] = Field(min_length=1)


def read_catalogue(contract: Contract, contract_path: Path) -> list[Defect]:
    """The defects a contract names; [] when it names none.

    Raises:
        UsageError: the catalogue cannot be used.
    """
    if contract.defects is None:
        return []
    path = contract_path.parent / contract.defects.catalogue
    return validate(read(path, "catalogue of defects"), Catalogue, "catalogue of defects").defects


def known(defects: list[Defect], names: list[str]) -> None:
    """Refuse a name that no defect has.

    Raises:
        UsageError: with the nearest name.
    """
    valid = [defect.name for defect in defects]
    wrong = [f"{name!r} is no defect of this service{nearest(name, valid)}" for name in names if name not in valid]
    if wrong:
        raise UsageError("--defect:", wrong)
