"""The plan of one run: what is deployed, what each load agent does, and under which names.

A plan is made from a scenario, its contract and the options of whoever starts the run, before anything is started.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from harness import rundir
from harness.contract.launch import command, variables
from harness.contract.read import read_users
from harness.load.settings import AgentSettings, shares
from harness.placeholders import own_secrets
from harness.platforms import DESCRIPTIONS
from harness.platforms.base import ROLES, Deployment, Launcher, Program, Role, Slot
from harness.rundir import files
from harness.scenario.catalogue import Seeded
from harness.scenario.file import LoadedScenario


@dataclass(frozen=True)
class RunOptions:
    """What whoever starts a run adds to its scenario.

    Attributes:
        seed: the seed of schedule, users and keys; None takes the scenario's.
        platform: the name of the platform; None takes the scenario's.
        defects: the names of the defects to switch on, as they are recorded.
        seeded: what these defects come to, for the service and for the balancer.
        reports: the folder in which the run folder is made.
        command: the command that repeats the run, for the report.
        allowed: targets that the harness did not create, or that are on other machines, and that may be broken.
    """

    seed: int | None = None
    platform: str | None = None
    defects: list[str] = field(default_factory=list)
    seeded: Seeded = field(default_factory=Seeded)
    reports: Path = Path("reports")
    command: str = ""
    allowed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """Everything about one run that is settled before it begins.

    Attributes:
        loaded: the scenario and its contract.
        platform: the name of the platform.
        run_id: the id of the run; everything that the run starts carries it.
        folder: the run folder.
        seed: the seed of schedule, users and keys.
        seeded: the defects that are switched on.
        options: what whoever starts the run asked for.
        master: the secret from which every other secret of the run is made. It is in memory only.
    """

    loaded: LoadedScenario
    platform: str
    run_id: str
    folder: Path
    seed: int
    seeded: Seeded = field(default_factory=Seeded)
    options: RunOptions = field(default_factory=RunOptions)
    master: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def section(self) -> str:
        """The key of the contract's `start` that says how the service is started on the platform."""
        return DESCRIPTIONS[self.platform].section

    @property
    def desired(self) -> dict[Role, int]:
        """How many members of each role the scenario declares."""
        target, start = self.loaded.scenario.target, self.loaded.contract.start
        return {"replica": target.replicas, "worker": target.workers if start.has_workers(self.section) else 0}

    @property
    def attached(self) -> str | None:
        """The name of a target that ran before this run, to which the run attaches; None when it deploys its own."""
        return self.loaded.contract.start.attached_to(self.section)

    @property
    def secrets(self) -> set[str]:
        """The secrets that the run makes for the service."""
        return own_secrets(self.loaded.contract.model_dump(), self.master)

    def deployment(self) -> Deployment:
        """Return what the platform has to bring up."""
        target, start = self.loaded.scenario.target, self.loaded.contract.start
        promises = self.loaded.contract.promises
        return Deployment(
            run_id=self.run_id,
            logs=self.folder / files.LOGS,
            ledger_record=self.folder / files.LEDGER,
            found=self.folder / files.FOUND,
            replicas=self.desired["replica"],
            workers=self.desired["worker"],
            directory=(self.loaded.contract_path.parent / start.directory).resolve(),
            replica=self._launcher("replica"),
            worker=self._launcher("worker") if start.worker else None,
            compose=start.compose,
            kubernetes=start.kubernetes,
            environment={role: self._environment(role, {"run": self.run_id}) for role in ROLES},
            health=start.health,
            ready=start.ready,
            stop_grace_s=start.stop_grace_s,
            ledger_delay_ms=target.ledger_delay_ms,
            ledger_deduplicates=promises.ledger_deduplicates,
            ledger_fences=promises.ledger_fences,
            ledger_fail_every=target.ledger_fail_every,
            ledger_answer_twice_every=target.ledger_answer_twice_every,
            deadline_s=target.deadline_s,
            boot_header=self.loaded.contract.identity.boot,
            sticky_cookie=self.seeded.sticky_cookie,
            allowed=self.options.allowed,
        )

    def _launcher(self, role: Role) -> Launcher:
        contract = self.loaded.contract

        def launch(slot: Slot) -> Program:
            values = {"host": slot.host, "name": slot.name, "run": self.run_id}
            values |= {"store_url": slot.store_url, "ledger_url": slot.ledger_url}
            if slot.port is not None:
                values["port"] = str(slot.port)
            return Program(command(contract, role, values, self.master), self._environment(role, values))

        return launch

    def _environment(self, role: Role, values: dict[str, str]) -> dict[str, str]:
        contract = self.loaded.contract
        extra = dict(self.loaded.scenario.target.environment)
        if self.seeded.service and contract.defects:
            extra[contract.defects.variable] = ",".join(self.seeded.service)
        return variables(contract, self.section, role, values, self.master, extra)

    def agents(self, balancer: tuple[str, int], hop: bool) -> list[AgentSettings]:
        """Return the settings of each load agent; rate and clients of the scenario are divided among the agents.

        Args:
            balancer: host and port of the balancer.
            hop: whether clients can send requests to single replicas; else all go through the balancer.

        Raises:
            UsageError: the contract's file of users cannot be used.
        """
        load = self.loaded.scenario.load
        routing = {str(name): part for name, part in load.routing.items()} if hop else {"balancer": 1.0}
        users = read_users(self.loaded.contract, self.loaded.contract_path)
        return [
            AgentSettings(
                agent=number,
                seed=self.seed,
                journal=str(self.folder / files.journal(number)),
                master=self.master.hex(),
                contract=self.loaded.contract,
                users=users,
                balancer=balancer,
                hop=hop,
                clients=self._clients(routing, load.users // load.agents + (number < load.users % load.agents)),
                rate_per_s=load.rate_per_s / load.agents if load.rate_per_s else None,
                duration_s=load.duration_s,
                think_s=load.think_s,
                timeout_s=load.timeout_s,
                cookies=self.seeded.sticky_cookie is not None,
                # A target that ran before knows the users, keys and orders of earlier runs with the same seed.
                tag=f"{self.run_id[-6:]}-" if self.attached is not None else "",
            )
            for number in range(load.agents)
        ]

    def _clients(self, routing: dict[str, float], total: int) -> dict[str, int]:
        """Return the number of clients of one agent by "workload/routing": `total` in all, each workload has some."""
        each = shares(self.loaded.scenario.load.mix, total)
        split = {name: shares(routing, count, least=0) for name, count in each.items()}
        return {f"{name}/{way}": count for name, ways in split.items() for way, count in ways.items() if count}


def make_plan(loaded: LoadedScenario, options: RunOptions) -> Plan:
    """Give a run its folder, its id and its seed, and return its plan.

    Raises:
        EnvironmentFailure: the run folder cannot be made.
    """
    folder = rundir.create(options.reports, loaded.name)
    # A scenario may be called anything; a run id names directories, sockets and variables.
    named = re.sub(r"[^A-Za-z0-9._-]", "-", f"{loaded.name}-{folder.name}")
    return Plan(
        loaded=loaded,
        platform=options.platform or loaded.scenario.platform,
        run_id=f"{named[-40:].lstrip('._-')}-{secrets.token_hex(3)}",
        folder=folder,
        seed=loaded.scenario.seed if options.seed is None else options.seed,
        seeded=options.seeded,
        options=options,
    )
