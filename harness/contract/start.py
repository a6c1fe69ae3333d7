"""How a service is started: by commands, by a Compose file, by Kubernetes manifests. A contract may have all three."""

from __future__ import annotations

from pydantic import Field, model_validator

from harness.yamlfile import Strict


class Program(Strict):
    """A command, and the environment it gets beside the one common to all."""

    command: list[str] = Field(min_length=1)
    environment: dict[str, str] = {}


class Compose(Strict):
    """The service as a Compose file, for the platform `docker`. Paths are relative to `start.directory`.

    `replica`, `worker`, `balancer` and `ledger` are services of the file. The load goes to the port that `balancer`
    publishes on 127.0.0.1 for its container port `balancer_port`; readiness is asked of each replica at `port` in its
    own container. `attach` names a project of that file that runs already: it is used as it is, and left as it was
    found. `front` is the network by which the balancer finds the replicas: a replica that is to be held back
    from requests, or cut off from them, is taken out of it. Without `ledger` no effect is seen.
    """

    file: str
    replica: str
    worker: str | None = None
    balancer: str
    balancer_port: int = Field(ge=1, le=65_535)
    port: int = Field(ge=1, le=65_535)
    ledger: str | None = None
    front: str | None = None
    attach: str | None = None
    environment: dict[str, str] = {}


class Kubernetes(Strict):
    """The service as manifests, for the platform `kubernetes`. Paths are relative to `start.directory`.

    `replica`, `worker` and `ledger` are Deployments of the manifests. The load goes to the Service `service`, at its
    port `service_port`; readiness is asked of each pod at `port`. Variables go into `replica` and `worker`. `attach`
    names a namespace in which it runs already: nothing is applied, and it is left as it was found.
    """

    manifests: list[str] = Field(min_length=1)
    replica: str
    worker: str | None = None
    service: str
    service_port: int = Field(ge=1, le=65_535)
    port: int = Field(ge=1, le=65_535)
    ledger: str | None = None
    attach: str | None = None
    environment: dict[str, str] = {}


class Start(Strict):
    """How to start the service. `directory` is relative to the contract file.

    `replica` and `worker` are commands (platform `process`), `compose` and `kubernetes` describe the same service for
    the platforms `docker` and `kubernetes`. `environment` is common to all; a variable that is nothing but a
    placeholder without a value there (`{port}` in a container) is left out.
    """

    directory: str = "."
    replica: Program | None = None
    worker: Program | None = None
    compose: Compose | None = None
    kubernetes: Kubernetes | None = None
    environment: dict[str, str] = {}
    health: str = "/health"
    ready: str = "/ready"
    stop_grace_s: float = Field(default=10, gt=0, le=300)

    @model_validator(mode="after")
    def _some_way(self) -> Start:
        if not self.ways:
            raise ValueError("say how to start the service: `replica` (a command), `compose` or `kubernetes`")
        return self

    @property
    def ways(self) -> dict[str, Program | Compose | Kubernetes]:
        """The ways in which the service can be started, by the key that holds each; `worker` belongs to `replica`."""
        found = {name: getattr(self, name) for name in type(self).model_fields if name != "worker"}
        return {name: way for name, way in found.items() if isinstance(way, Program | Compose | Kubernetes)}

    def has_workers(self, section: str) -> bool:
        """Say whether workers are started in the way that `section` holds."""
        way = self.ways.get(section)
        return (self.worker if isinstance(way, Program) else way and way.worker) is not None

    def attached_to(self, section: str) -> str | None:
        """Return the name of the project or namespace that runs already, and that the harness did not create."""
        way = self.ways.get(section)
        return None if way is None or isinstance(way, Program) else way.attach

    def environment_of(self, section: str, role: str) -> dict[str, str]:
        """Return the variables of a `replica` or `worker`, their placeholders not yet filled."""
        own: Program | Compose | Kubernetes | None = self.ways.get(section)
        if isinstance(own, Program) and role == "worker":
            own = self.worker
        return {**self.environment, **(own.environment if own else {})}
