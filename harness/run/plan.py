"""From a scenario and its contract to the orders of one run: what the platform deploys, what each load agent does."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from harness.contract.catalogue import Seeded
from harness.contract.launch import command, variables
from harness.contract.read import read_users
from harness.load.settings import AgentSettings, shares
from harness.platforms.base import ROLES, Deployment, Launcher, Program, Role, Slot
from harness.rundir import FOUND
from harness.scenario.file import LoadedScenario


@dataclass(frozen=True)
class Orders:
    """`master` is the run's secret: every other is made from it, it is in memory only, and goes with the run."""

    loaded: LoadedScenario
    platform: str
    run_id: str
    folder: Path
    seed: int
    seeded: Seeded = field(default_factory=Seeded)
    master: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def desired(self) -> dict[Role, int]:
        """How many members of each role the scenario declares."""
        target, start = self.loaded.scenario.target, self.loaded.contract.start
        return {"replica": target.replicas, "worker": target.workers if start.has_workers(self.platform) else 0}

    def deployment(self) -> Deployment:
        """What the platform brings up."""
        target, start = self.loaded.scenario.target, self.loaded.contract.start
        return Deployment(
            run_id=self.run_id,
            logs=self.folder / "logs",
            ledger_record=self.folder / "ledger.jsonl",
            found=self.folder / FOUND,
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
            ledger_deduplicates=self.loaded.contract.promises.ledger_deduplicates,
            ledger_fences=self.loaded.contract.promises.ledger_fences,
            ledger_fail_every=target.ledger_fail_every,
            ledger_answer_twice_every=target.ledger_answer_twice_every,
            deadline_s=target.deadline_s,
            boot_header=self.loaded.contract.identity.boot,
            sticky_cookie=self.seeded.sticky_cookie,
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
        return variables(contract, self.platform, role, values, self.master, extra)

    def agents(self, balancer: tuple[str, int], hop: bool) -> list[AgentSettings]:
        """One agent's share each; the rate of an open model is divided, the clients of a closed one are too.

        Raises:
            UsageError: the contract's file of users cannot be used.
        """
        load = self.loaded.scenario.load
        routing = {str(name): part for name, part in load.routing.items()} if hop else {"balancer": 1.0}
        users = read_users(self.loaded.contract, self.loaded.contract_path)
        # What was there before this run remembers the names of runs before it: their users, keys and orders.
        attached = self.loaded.contract.start.attached_to(self.platform) is not None
        return [
            AgentSettings(
                agent=number,
                seed=self.seed,
                journal=str(self.folder / f"journal-{number}.jsonl"),
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
                replica_header=self.loaded.contract.identity.replica,
                boot_header=self.loaded.contract.identity.boot,
                tag=f"{self.run_id[-6:]}-" if attached else "",
            )
            for number in range(load.agents)
        ]

    def _clients(self, routing: dict[str, float], total: int) -> dict[str, int]:
        """Clients of one agent by "workload/routing": at least one for each workload, none too many in all."""
        each = shares(self.loaded.scenario.load.mix, total)
        split = {name: shares(routing, count, least=0) for name, count in each.items()}
        return {f"{name}/{way}": count for name, ways in split.items() for way, count in ways.items() if count}
