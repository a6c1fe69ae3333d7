"""The contract file: how to start the service, which operations it has, and what it promises.

The file is composed of the properties' parts: a section for each property that the service promises, and one section of
promises for all properties. The models of the parts that belong to no property (start, identity, users, metrics,
defects) stand here.

The definitive example is `target_service/contract.yaml`; `harness validate` reports every problem of a file. A property
that a contract leaves out is not tested, and the report says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from harness.contract.start import Start
from harness.http.operation import Operation
from harness.properties import PROPERTIES
from harness.properties.declared import Declared
from harness.properties.promises import CommonPromises
from harness.yamlfile import Strict


class Identity(Strict):
    """Response headers by which an answer says which replica gave it.

    Attributes:
        replica: Response header with the replica's name. Docker and Kubernetes need it for any evidence.
        boot: Response header with an id that is new with every start of the process.
    """

    replica: str | None = None
    boot: str | None = None


class Users(Strict):
    """Where users come from: a CSV file of `username,password` lines, or a sign-up request.

    Attributes:
        count: How many users sign up, or are taken from the file.
        file: A CSV file of `username,password` lines without a header, relative to the contract.
        signup: The request that makes a user.
    """

    count: int = Field(default=24, ge=1, le=100_000)
    file: str | None = None
    signup: Operation | None = None

    @model_validator(mode="after")
    def _one(self) -> Users:
        if (self.file is None) == (self.signup is None):
            raise ValueError("give either `file` (a CSV of username,password) or `signup` (an operation)")
        return self


class Metrics(Strict):
    """Where the service publishes its own count of the requests that it answered.

    Attributes:
        path: Where each replica shows its metrics, in the Prometheus text format.
        counter: The counter of answered requests.
        label: The label of that counter that names the route.
        routes: The routes that are compared; other requests are not.
    """

    path: str = "/metrics"
    counter: str
    label: str = "route"
    routes: list[str] = Field(min_length=1)


class Defects(Strict):
    """A catalogue of bugs seeded in the service on purpose, and the environment variable that switches bugs on.

    Attributes:
        catalogue: The catalogue of defects, relative to the contract file.
        variable: The variable that switches defects on, their names divided by commas.
    """

    catalogue: str
    variable: str = "TARGET_DEFECTS"


def _promises() -> tuple[type[CommonPromises], ...]:
    """Return the model of each property's own promises, without the common model that they extend."""
    found = dict.fromkeys(each.promises for each in PROPERTIES.values())
    return tuple(each for each in found if each is not CommonPromises) or (CommonPromises,)


if TYPE_CHECKING:

    class Promises(CommonPromises):
        """All promises of a contract: the common ones, and those of every property."""

else:
    Promises = create_model("Promises", __base__=_promises(), __module__=__name__, __doc__=CommonPromises.__doc__)


class Parts(Strict):
    """The parts of a contract that belong to no property.

    Attributes:
        contract: The version of this format.
        service: What the service is called in reports.
        start: How to start the service: a command, a Compose file, manifests, or several of them.
        identity: How an answer says which replica gave it.
        users: Where users come from.
        promises: What clients were promised, in numbers.
        defects: A catalogue of bugs seeded on purpose, for `harness prove` and `harness run --defect`.
    """

    contract: Literal[1]
    service: str = Field(min_length=1)
    start: Start
    identity: Identity = Identity()
    users: Users
    metrics: Metrics | None = None
    promises: Promises = Promises()
    defects: Defects | None = None

    @property
    def sections(self) -> dict[str, Any]:
        """The sections of the properties that the contract declares, by name."""
        there = {name: getattr(self, name, None) for name in PROPERTIES}
        return {name: section for name, section in there.items() if section is not None}

    def promising(self, otherwise: Mapping[str, Any]) -> Self:
        """Return the same contract with other values of some promises.

        Args:
            otherwise: the new values, by the names of the promises.

        Raises:
            ValueError: there is no such promise, or it cannot have such a value.
        """
        promises = Promises.model_validate({**self.promises.model_dump(), **otherwise})
        return self.model_copy(update={"promises": promises})

    def operations(self) -> dict[str, Operation]:
        """Return every operation by its dotted place in the file, such as `cart.add`."""
        found: dict[str, Operation] = {}
        for part in type(self).model_fields:
            section = getattr(self, part)
            for name in type(section).model_fields if isinstance(section, Strict) else ():
                value = getattr(section, name)
                if isinstance(value, Operation):
                    found[f"{part}.{name}"] = value
        return found

    def declared(self, name: str) -> Declared[Any, Any]:
        """Return what the contract declares, as one property sees it.

        Args:
            name: the name of the property.
        """
        sections = self.sections
        from_file = self.users.file is not None
        return Declared(name, sections.get(name), self.promises, sections, self.operations(), from_file)


if TYPE_CHECKING:

    class Contract(Parts):
        """The whole contract file."""

else:
    Contract = create_model(
        "Contract",
        __base__=Parts,
        __module__=__name__,
        __doc__="The whole file.",
        **{name: (each.section | None, None) for name, each in PROPERTIES.items()},
    )

SECRET_PLACES = frozenset((each.name, key) for each in PROPERTIES.values() for key in each.secrets)
"""Sections and keys of a contract whose value is a secret although the key does not sound like one."""
