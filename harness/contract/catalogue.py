"""The catalogue of seeded defects: what the harness must be able to catch, by which check, in which scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, model_validator

from harness.contract.model import Contract
from harness.errors import UsageError
from harness.yamlfile import Strict, nearest, read, validate


class Surroundings(Strict):
    """What is wrong around the service.

    Attributes:
        sticky_cookie: By this cookie the balancer brings a client back to the replica that answered the client first,
            and clients send the cookie back.
        hides: The defects of the service that nobody notices because of it.
    """

    sticky_cookie: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    hides: list[str] = []


class Defect(Strict):
    """One bug seeded on purpose. `scenario` is relative to the start directory of the contract.

    `deployment`: it is not, or not only, in the service. `quick`: one of the most telling, of which `harness prove
    --quick` makes do. `waits_for`: what it takes to show it reliably; until then `prove` leaves it out.
    """

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    what: str
    seen_in: str
    scenario: str
    check: str
    deployment: Surroundings | None = None
    quick: bool = False
    waits_for: str | None = None


class Catalogue(Strict):
    """The whole file."""

    defects: list[Defect] = Field(min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> Catalogue:
        names = [defect.name for defect in self.defects]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two defects have one name: {', '.join(twice)}")
        for defect in self.defects:
            for hidden in defect.deployment.hides if defect.deployment else ():
                if hidden not in names or hidden == defect.name:
                    raise ValueError(f"{defect.name} hides {hidden!r}, which is no other defect of this catalogue")
        return self


@dataclass(frozen=True)
class Seeded:
    """What a run is given: defects by name for the service, and a sticky cookie for the balancer."""

    service: tuple[str, ...] = ()
    sticky_cookie: str | None = None


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


def seeded(defects: list[Defect], names: list[str]) -> Seeded:
    """What the named defects, all of them known, come to."""
    chosen = [defect for name in names for defect in defects if defect.name == name]
    around = [defect.deployment for defect in chosen if defect.deployment]
    inside = [defect.name for defect in chosen if not defect.deployment]
    inside += [hidden for each in around for hidden in each.hides]
    return Seeded(tuple(dict.fromkeys(inside)), next((each.sticky_cookie for each in around), None))
