"""How a service is started: by commands, by a Compose file, by Kubernetes manifests. A contract may have all three."""

from __future__ import annotations

from pydantic import Field, model_validator

from harness.yamlfile import Strict


class Program(Strict):
    """A command, and the environment variables that it gets beside those common to all.

    Attributes:
        command: Program and arguments, with placeholders.
        environment: Variables of this role alone, with placeholders.
    """

    command: list[str] = Field(min_length=1)
    environment: dict[str, str] = {}


class Compose(Strict):
    """The service as a Compose file, for the platform `docker`. Paths are relative to `start.directory`.

    `replica`, `worker`, `balancer` and `ledger` name services of the file. The load goes to the port of 127.0.0.1 at
    which the container of `balancer` publishes its `balancer_port`. The harness asks each replica at `port` of its
    container whether the replica is ready. `attach` names a project of the file that runs already: the harness uses the
    project as it is, and leaves it as it was found. `front` names the network by which the balancer finds the replicas:
    to keep requests from a replica, the harness disconnects the replica from this network. Without `ledger`, effects
    cannot be seen.

    Attributes:
        file: The Compose file.
        replica: The Compose service that is the replica; the harness decides how many run.
        worker: The Compose service that is the job worker.
        balancer: The Compose service that spreads the load over the replicas.
        balancer_port: The balancer's port in its container; the load goes to where it is published.
        port: The port of each replica in its container, for readiness and metrics.
        ledger: The Compose service that is the ledger. Without one no effect is seen.
        front: The network by which the balancer finds replicas; `cut` and `switch` need it.
        attach: A project of this file that runs already; it is used and left as it was found.
        environment: Variables of replicas and workers in containers.
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

    `replica`, `worker` and `ledger` name Deployments of the manifests. The load goes to the Service `service`, at its
    port `service_port`. The harness asks each pod at `port` whether the pod is ready. Environment variables are set on
    the Deployments `replica` and `worker`. `attach` names a namespace in which the service runs already: the harness
    applies no manifest, and leaves the namespace as it was found.

    Attributes:
        manifests: Files that are applied to the namespace of the run.
        replica: The Deployment of replicas.
        worker: The Deployment of job workers.
        service: The Service that the load goes to.
        service_port: The port of that Service.
        port: The port of each pod, for readiness and metrics.
        ledger: The Deployment that is the ledger. Without one no effect is seen.
        attach: A namespace in which the service runs already; it is used and left as it was found.
        environment: Variables of replicas and workers in pods.
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

    `replica` and `worker` are commands for the platform `process`; `compose` and `kubernetes` describe the same service
    for the platforms `docker` and `kubernetes`. `environment` holds the variables common to all platforms. A variable
    whose whole text is a placeholder without a value on the platform (such as `{port}` in a container) is left out.

    Attributes:
        directory: Where commands run and from where files are named, relative to the contract file.
        replica: The command of one replica, for the platform `process`.
        worker: The command of one job worker, for the platform `process`.
        compose: The same service for the platform `docker`; see [On Docker](../docker.md).
        kubernetes: The same service for the platform `kubernetes`; see [On Kubernetes](../kubernetes.md).
        environment: Variables of replicas and workers on all platforms.
        health: Path that answers 2xx once the process is up.
        ready: Path that answers 2xx while the replica takes requests, and 503 when it does not.
        stop_grace_s: Seconds that a replica or worker has to exit after SIGTERM before it is killed.
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
        """The ways to start the service, by their keys in `start`; `worker` belongs to `replica` and is no key."""
        found = {name: getattr(self, name) for name in type(self).model_fields if name != "worker"}
        return {name: way for name, way in found.items() if isinstance(way, Program | Compose | Kubernetes)}

    def has_workers(self, section: str) -> bool:
        """Say whether a way to start the service starts workers.

        Args:
            section: the way's key in `start`, such as `compose`.
        """
        way = self.ways.get(section)
        return (self.worker if isinstance(way, Program) else way and way.worker) is not None

    def attached_to(self, section: str) -> str | None:
        """Return the name of the running project or namespace that the harness attaches to; None when it starts one.

        Args:
            section: the key in `start` of the way to start the service, such as `compose`.
        """
        way = self.ways.get(section)
        return None if way is None or isinstance(way, Program) else way.attach

    def environment_of(self, section: str, role: str) -> dict[str, str]:
        """Return the environment variables of a replica or worker, with their placeholders not yet filled.

        Args:
            section: the key in `start` of the way to start the service, such as `compose`.
            role: `replica` or `worker`.
        """
        own: Program | Compose | Kubernetes | None = self.ways.get(section)
        if isinstance(own, Program) and role == "worker":
            own = self.worker
        return {**self.environment, **(own.environment if own else {})}
