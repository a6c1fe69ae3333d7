"""The way through: deploy, steady state, load and faults, heal, quiet, settle, final reads, tear down, judge.

Written in phases, so that a crash in one loses nothing of those before. Whatever way out is taken, faults are
healed and everything that was started is removed; what is left is the run folder.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import harness
from harness import rundir
from harness.cli.console import Progress
from harness.contract.catalogue import Seeded
from harness.contract.model import SECRET_PLACES
from harness.errors import Aborted, EnvironmentFailure, HarnessError, Interrupted
from harness.faults.nemesis import Nemesis
from harness.faults.schedule import plan
from harness.load.handle import AgentDied, AgentHandle
from harness.offline import check_folder, report_folder
from harness.placeholders import own_secrets
from harness.platforms import PLATFORMS
from harness.platforms.abilities import Hoppable, Sticky, offered
from harness.platforms.base import Member, Platform
from harness.redact import redact_files, redact_text, redact_yaml
from harness.run.liveness import Lease, hold
from harness.run.plan import Orders
from harness.run.service_metrics import Scraper
from harness.run.stop_condition import Guard
from harness.scenario.file import LoadedScenario
from harness.scenario.preflight import require_fit, require_near
from harness.signals import Stoppable, uninterrupted
from harness.supervision.supervisor import Supervisor

COUNTED_AFTER_S = 0.3
ABORTED_S = 10.0
ATTACHED_S = 30.0
PHASE_TEXT = {
    "deploy": "deploying",
    "steady": "steady state: is it right before any fault",
    "load": "load and faults",
    "heal": "healing",
    "quiet": "waiting until acknowledged work has ended",
    "settle": "settling doubtful operations",
    "final": "reading everything acknowledged back",
    "tear_down": "tearing down",
    "check": "checking",
}


@dataclass
class Options:
    """What the command line adds to a scenario."""

    seed: int | None = None
    platform: str | None = None
    defects: list[str] = field(default_factory=list)
    reports: Path = Path("reports")
    command: str = ""
    seeded: Seeded = field(default_factory=Seeded)
    allowed: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What became of a run. `error` is what ended it early."""

    folder: Path
    results: dict[str, Any]
    exit_code: int
    error: HarnessError | None = None


class Run:
    """One execution of a scenario. `execute` is the whole of it, top to bottom."""

    def __init__(self, loaded: LoadedScenario, options: Options, progress: Progress, stoppable: Stoppable) -> None:
        self.loaded = loaded
        self.options = options
        self.scenario = loaded.scenario
        self.contract = loaded.contract
        self.seed = loaded.scenario.seed if options.seed is None else options.seed
        self.platform_name = options.platform or loaded.scenario.platform
        self.progress = progress
        self.stoppable = stoppable
        self.platform: Platform = PLATFORMS[self.platform_name]()
        require_fit(loaded, self.platform, {Sticky} if options.seeded.sticky_cookie else (), options.allowed)
        self.attached = loaded.contract.start.attached_to(self.platform_name)
        self.folder = rundir.create(options.reports, loaded.name)
        # A scenario may be called anything; a run id names directories, sockets and variables.
        named = re.sub(r"[^A-Za-z0-9._-]", "-", f"{loaded.name}-{self.folder.name}")
        self.id = f"{named[-40:].lstrip('._-')}-{secrets.token_hex(3)}"
        self.orders = Orders(loaded, self.platform_name, self.id, self.folder, self.seed, options.seeded)
        self.record = rundir.Record(self.folder / "run.jsonl")
        self.metrics = rundir.Record(self.folder / "metrics.jsonl")
        self.agents: list[AgentHandle] = []
        self.keeper: Supervisor | None = None
        self.nemesis: Nemesis | None = None
        self.scraper: Scraper | None = None
        self.aborted = False
        self._states: dict[str, tuple[str, str | None]] = {}
        self._told: set[str] = set()

    def execute(self) -> Outcome:
        """Run the scenario and judge it. Never raises a `HarnessError`: it is in the outcome."""
        error: HarnessError | None = None
        with hold(self.id, self.folder), Lease(self.platform, partial(self._problem, "environment")):
            try:
                self._declare()
                with self.stoppable.armed():
                    self._deploy()
                    self._through()
            except Aborted as tripped:
                self.aborted = True
                self._problem("guard", str(tripped))
            except HarnessError as early:
                error = early
                self._problem("interrupted" if isinstance(early, Interrupted) else "environment", str(early))
            except AgentDied as died:
                self._problem("agent_crashed", str(died))
            except Exception as unforeseen:
                error = self._own_fault(unforeseen)
            finally:
                error = self._clean_up(error) or error
        return self._judge(error)

    def _own_fault(self, error: Exception) -> EnvironmentFailure:
        """A bug of the harness, or a machine that refuses it something: nothing can be said of the service."""
        text = self._masked(f"{type(error).__name__}: {error}")
        with contextlib.suppress(OSError):
            (self.folder / "logs" / "harness.log").write_text(self._masked(traceback.format_exc()), encoding="utf-8")
        with contextlib.suppress(HarnessError):
            self._problem("environment", text)
        return EnvironmentFailure(f"{self.id}: the harness failed: {text}. See {self.folder}/logs/harness.log.")

    def _masked(self, text: str) -> str:
        return redact_text(text, self._secrets())

    def _secrets(self) -> set[str]:
        """All that must not leave this run: its own secrets, and the tokens and passwords its clients have seen."""
        seen = {secret for agent in self.agents for secret in agent.secrets}
        return seen | own_secrets(self.contract.model_dump(), self.orders.master)

    def _declare(self) -> None:
        (self.folder / "scenario.yaml").write_text(redact_yaml(self.loaded.text), encoding="utf-8")
        contract = self.loaded.contract_path.read_text(encoding="utf-8")
        (self.folder / "contract.yaml").write_text(redact_yaml(contract, SECRET_PLACES), encoding="utf-8")
        self.record.write(
            "declared",
            run=self.id,
            scenario=self.loaded.name,
            title=self.scenario.title,
            seed=self.seed,
            started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            platform=self.platform_name,
            harness=harness.__version__,
            defects=self.options.defects,
            command=self.options.command,
            attached=self.attached,
            allowed=self.options.allowed,
        )
        if self.options.allowed:
            self.progress.event(
                "target", f"allowed, although not made by the harness: {', '.join(self.options.allowed)}"
            )

    def _through(self) -> None:
        if self._steady():
            self._load()
            self._heal()
            self._quiet()
            for phase in ("settle", "final"):
                self._phase(phase)
                # As many items as the load left, so the longer it was, the longer they may take.
                self._all_agents(phase, deadline_s=120 + 2 * self.scenario.load.duration_s)
        if self.scraper:
            # A count taken sooner after the last answer proves less: see `harness.judging.accounting`.
            time.sleep(COUNTED_AFTER_S)
            self.scraper.once()

    # -- phases

    def _phase(self, name: str) -> None:
        self.record.write("phase", name=name)
        self.progress.event("phase", PHASE_TEXT.get(name, name))

    def _deploy(self) -> None:
        self._phase("deploy")
        for number in range(self.scenario.load.agents):
            log = self.folder / "logs" / f"agent-{number}.log"
            with uninterrupted():
                self.agents.append(AgentHandle(number, self.id, log, self.progress.status))
        self.platform.deploy(replace(self.orders.deployment(), allowed=self.options.allowed))
        require_near(self.platform.balancer()[0], self.options.allowed)
        # A balancer that binds clients to replicas is seen only by those who come through it.
        hop = offered(self.platform, Hoppable) is not None and not self.options.seeded.sticky_cookie
        for agent, settings in zip(self.agents, self.orders.agents(self.platform.balancer(), hop), strict=True):
            agent.begin(settings)
        self.keeper = Supervisor(
            self.platform,
            self.orders.desired,
            self._members_changed,
            stop_grace_s=self.contract.start.stop_grace_s,
            replace_after_s=self.scenario.target.replace_after_s,
            on_problem=lambda text: self._problem("environment", text),
            on_loss=lambda text: self._problem("part_lost", text),
        )
        self.keeper.start()
        metrics, boot_header = self.contract.metrics, self.contract.identity.boot
        if metrics:
            self.scraper = Scraper(metrics, self.metrics, self.keeper.members, boot_header)
            self.scraper.start()
        for agent in self.agents:
            agent.wait("start", 30)
        self._push(self.keeper.members())

    def _steady(self) -> bool:
        """True when the target is healthy and right, so that a load says something about faults."""
        self._phase("steady")
        answers = self._all_agents("steady", deadline_s=self.contract.promises.quiet_deadline_s + 60)
        wrong = [text for answer in answers for text in answer.get("surprises", [])]
        if wrong:
            some = "; ".join(wrong[:3])
            self._problem("stopped", f"stopped before the load: the service was wrong before any fault: {some}")
        return not wrong

    def _load(self) -> None:
        assert self.keeper
        self._phase("load")
        load = self.scenario.load
        faults = plan(self.loaded.faults, load.duration_s, self.seed)
        self.nemesis = Nemesis(
            faults,
            self.platform,
            self.keeper,
            self.folder / "faults.jsonl",
            on_event=self._fault_event,
            on_problem=lambda text: self._problem("fault_error", text),
        )
        for agent in self.agents:
            agent.tell("load")
        windows = [agent.wait_window(15) for agent in self.agents]
        start_ns = min(window["start_ns"] for window in windows)
        end_ns = max(window["end_ns"] for window in windows)
        self.record.write("window", start_ns=start_ns, end_ns=end_ns)
        self.nemesis.start(start_ns)
        guard = self._guard(end_ns)
        for agent in self.agents:
            agent.wait("load", load.duration_s + load.timeout_s * 8 + 30, guard)

    def _guard(self, end_ns: int) -> Callable[[], None]:
        """What raises `Aborted` when the scenario's stop condition holds before the load has ended."""
        if self.scenario.stop_when is None:
            return lambda: None
        guard = Guard(self.scenario.stop_when, [agent.number for agent in self.agents], end_ns / 1e9)
        for agent in self.agents:
            agent.on_tally = guard.hear
        return guard.check

    def _heal(self) -> None:
        self._phase("heal")
        if self.nemesis:
            self.nemesis.heal_all()

    def _quiet(self) -> None:
        self._phase("quiet")
        answers = self._all_agents("quiet", deadline_s=self.contract.promises.quiet_deadline_s + 60)
        open_items = [key for answer in answers for key in answer["open"]]
        if open_items:
            promised = self.contract.promises.quiet_deadline_s
            self.progress.event("problem", f"not ended after {promised:g} s: {', '.join(open_items[:5])}")

    def _all_agents(self, phase: str, deadline_s: float) -> list[dict[str, Any]]:
        for agent in self.agents:
            agent.tell(phase)
        return [agent.wait(phase, deadline_s) for agent in self.agents]

    # -- what others tell

    def _members_changed(self, members: list[Member]) -> None:
        for member in members:
            if self._states.get(member.name) != (member.state, member.boot):
                self._states[member.name] = (member.state, member.boot)
                self.metrics.write("member", name=member.name, role=member.role, boot=member.boot, state=member.state)
        ready = [sum(m.role == role and m.state == "ready" for m in members) for role in ("replica", "worker")]
        self.progress.members(f"{ready[0]} replicas, {ready[1]} workers ready")
        self._push(members)

    def _push(self, members: list[Member]) -> None:
        pushed = [
            {"name": member.name, "host": member.host, "port": member.port, "state": member.state}
            for member in members
            if member.role == "replica"
        ]
        for agent in self.agents:
            agent.members(pushed)

    def _fault_event(self, line: dict[str, Any]) -> None:
        number = line["fault"]
        if line["e"] == "intent" and line["target"]:
            self.progress.event("fault", f"fault {number}: {line['kind']} {line['target']}")
        elif line["e"] == "healed":
            self.progress.event("heal", f"fault {number}: {line['how']}")
        elif line["e"] == "failed":
            self.progress.event("problem", f"fault {number} failed: {line['why']}")

    def _problem(self, kind: str, text: str) -> None:
        text = self._masked(text)
        if text not in self._told:
            self._told.add(text)
            self.record.write("problem", kind=kind, text=text)
            self.progress.event("problem", text)

    # -- the way out

    def _how(self, error: HarnessError | None) -> str:
        if isinstance(error, Interrupted):
            return "interrupted"
        return "environment" if error else "aborted" if self.aborted else "complete"

    def _clean_up(self, error: HarnessError | None) -> HarnessError | None:
        """Heal, end and remove everything, in the order that leaves evidence whole. What failed is returned."""
        failed: list[str] = []

        def attempt(what: Callable[[], object]) -> None:
            try:
                what()
            except Exception as error:
                failed.append(str(error) or type(error).__name__)

        attempt(lambda: self._phase("tear_down"))
        nemesis, keeper, scraper = self.nemesis, self.keeper, self.scraper
        if nemesis:
            why = "the run ended before it was due"
            # What is not removed is waited for.
            wait_s = ATTACHED_S if self.attached else ABORTED_S if self.aborted else 0
            attempt(lambda: nemesis.heal_all(why, wait_s))
        closing = [threading.Thread(target=attempt, args=(agent.close,)) for agent in self.agents]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
        if scraper:
            attempt(scraper.stop)
        if keeper:
            attempt(keeper.stop)
        attempt(self.platform.tear_down)
        files = [*sorted((self.folder / "logs").glob("*.log")), self.folder / "faults.jsonl"]
        attempt(lambda: redact_files(files, self._secrets()))
        for text in list(failed):
            attempt(lambda text=text: self._problem("not_cleaned_up", text))  # type: ignore[misc]
        how = "environment" if failed else self._how(error)
        attempt(lambda: self.record.write("phase", name="end"))
        attempt(lambda: self.record.write("ended", how=how, bytes=rundir.sizes(self.folder)))
        if failed:
            return EnvironmentFailure(
                self._masked(f"{self.id}: not all could be cleaned up: {'; '.join(failed)}. Run `harness recover`.")
            )
        return None

    def _judge(self, error: HarnessError | None) -> Outcome:
        self.record.close()
        self.metrics.close()
        self.progress.event("phase", PHASE_TEXT["check"])
        results = check_folder(self.folder)
        report_folder(self.folder)
        return Outcome(self.folder, results, int(results["exit_code"]), error)


def run(loaded: LoadedScenario, options: Options, progress: Progress, stoppable: Stoppable) -> Outcome:
    """Execute a scenario; see the module."""
    begun = time.monotonic()
    outcome = Run(loaded, options, progress, stoppable).execute()
    progress.event("phase", f"done after {time.monotonic() - begun:.1f} s")
    return outcome
