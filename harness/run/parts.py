"""One run under way: its plan, and the parts that have been started so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.faults.nemesis import Nemesis
from harness.load.handle import AgentHandle
from harness.platforms.base import Member, Platform
from harness.run.events import Observer
from harness.run.plan import Plan
from harness.run.run_record import RunRecord
from harness.run.service_metrics import Scraper
from harness.run.telling import Telling
from harness.supervision.supervisor import Supervisor


class Run:
    """What the phases of a run work on. A part that is None, or an agent that is not listed, was not started yet.

    Attributes:
        plan: what was settled before the run began.
        platform: where the target runs.
        record: the record in the run folder.
        telling: where everything that a person may want to know is put.
        agents: the load agents, in the order of their numbers.
        supervisor: keeps the wanted number of members alive.
        nemesis: injects the faults of the scenario.
        scraper: reads the service's own counts.
    """

    def __init__(self, plan: Plan, platform: Platform, observers: Sequence[Observer] = ()) -> None:
        """Open the record of the run; nothing of the target is started."""
        self.plan = plan
        self.platform = platform
        self.record = RunRecord(plan.folder)
        self.telling = Telling(self.record, observers, self.secrets)
        self.agents: list[AgentHandle] = []
        self.supervisor: Supervisor | None = None
        self.nemesis: Nemesis | None = None
        self.scraper: Scraper | None = None

    def secrets(self) -> set[str]:
        """Return all that must not leave this run: its own secrets, and tokens and passwords that its clients saw."""
        seen = {secret for agent in self.agents for secret in agent.secrets}
        return seen | self.plan.secrets

    def all_agents(self, phase: str, deadline_s: float) -> list[dict[str, Any]]:
        """Let every load agent do a phase, wait for all, and return what each said at its end.

        Raises:
            AgentDied: an agent ended, failed, or was not done after `deadline_s` seconds.
        """
        for agent in self.agents:
            agent.tell(phase)
        return [agent.wait(phase, deadline_s) for agent in self.agents]

    def members_changed(self, members: list[Member]) -> None:
        """Tell the observers and the load agents who is there and who is ready."""
        self.telling.members(members)
        self.push(members)

    def push(self, members: list[Member]) -> None:
        """Tell the load agents the address and the state of each replica."""
        pushed = [
            {"name": member.name, "host": member.host, "port": member.port, "state": member.state}
            for member in members
            if member.role == "replica"
        ]
        for agent in self.agents:
            agent.members(pushed)
