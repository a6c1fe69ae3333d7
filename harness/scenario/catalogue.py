"""The catalogue of seeded defects: what the harness must be able to catch, by which check, in which scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, model_validator

from harness.contract.model import Contract
from harness.errors import UsageError
from harness.scenario.questions import CHECKS
from harness.yamlfile import Strict, nearest, read, validate


class Surroundings(Strict):
    """What is wrong in the deployment around the service.

    Attributes:
        sticky_cookie: name of a cookie by which the balancer sends a client back to the replica that answered the
            client first; clients send the cookie back.
        hides: names of the defects of the service that the sticky cookie hides from clients.
    """

    sticky_cookie: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    hides: list[str] = []


class Defect(Strict):
    """One bug seeded on purpose.

    Attributes:
        name: name of the defect.
        title: what the defect is, in a few words.
        what: what the defective service does.
        seen_in: where such a bug is met in real services.
        scenario: path of the scenario that must show the defect, relative to the start directory of the contract.
        check: name of the check that must catch the defect.
        deployment: what is wrong around the service; None when the defect is in the service alone.
        quick: whether the defect is one of the few telling ones to which `harness prove --quick` limits itself.
        waits_for: what the harness lacks to show the defect reliably, so that `prove` leaves the defect out; None when
            it lacks nothing.
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
    """The whole catalogue file."""

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
    """What a run with seeded defects is given.

    Attributes:
        service: names of the defects that the service switches on.
        sticky_cookie: name of the balancer's sticky cookie; None when there is none.
    """

    service: tuple[str, ...] = ()
    sticky_cookie: str | None = None


def read_catalogue(contract: Contract, contract_path: Path) -> list[Defect]:
    """Return the defects that a contract names; [] when the contract names none.

    Args:
        contract: the contract of the service.
        contract_path: the file of the contract, beside which the catalogue is looked for.

    Raises:
        UsageError: the catalogue cannot be used.
    """
    if contract.defects is None:
        return []
    path = contract_path.parent / contract.defects.catalogue
    document = read(path, "catalogue of defects")
    defects = validate(document, Catalogue, "catalogue of defects").defects
    today = {former: check.name for check in CHECKS.values() for former in check.formerly}
    found = [each.model_copy(update={"check": today.get(each.check, each.check)}) for each in defects]
    unknown = [
        document.problem(("defects", index, "check"), f"{each.check!r} is no check{nearest(each.check, CHECKS)}")
        for index, each in enumerate(found)
        if each.check not in CHECKS
    ]
    if unknown:
        raise UsageError(f"{path}: not a usable catalogue of defects:", unknown)
    return found


def known(defects: list[Defect], names: list[str]) -> None:
    """Refuse names that no defect has.

    Args:
        defects: the defects of the service.
        names: the names that a user gave.

    Raises:
        UsageError: some defect is unknown; one line for each, with the nearest name.
    """
    valid = [defect.name for defect in defects]
    wrong = [f"{name!r} is no defect of this service{nearest(name, valid)}" for name in names if name not in valid]
    if wrong:
        raise UsageError("--defect:", wrong)


def seeded(defects: list[Defect], names: list[str]) -> Seeded:
    """Return what a run is given to have the named defects.

    Args:
        defects: the defects of the service.
        names: names of some of them (see `known`).
    """
    chosen = [defect for name in names for defect in defects if defect.name == name]
    around = [defect.deployment for defect in chosen if defect.deployment]
    inside = [defect.name for defect in chosen if not defect.deployment]
    inside += [hidden for each in around for hidden in each.hides]
    return Seeded(tuple(dict.fromkeys(inside)), next((each.sticky_cookie for each in around), None))
