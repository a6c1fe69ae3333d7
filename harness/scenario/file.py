"""The scenario file: what is deployed, which load and which faults it gets, and what counts as evidence.

Every problem of a file is reported at once, each with its line and the nearest valid name.
"""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from harness.contract.model import Contract
from harness.contract.read import read_contract, read_users
from harness.errors import UsageError
from harness.faults import FAULTS
from harness.faults.base import Fault
from harness.platforms import DEFAULT, PLATFORMS
from harness.properties import PROPERTIES, renamed
from harness.yamlfile import Document, Strict, check, nearest, read, validate


class Target(Strict):
    """What is deployed. `contract` is the path of the contract, relative to the scenario file.

    `environment` holds variables that the target gets beside those of the contract. `promises` replaces promises of the
    contract that do not hold with these variables. The ledger answers `ledger_delay_ms` after an effect. It fails every
    `ledger_fail_every` attempts, and answers twice every `ledger_answer_twice_every` attempts (0: never).

    Attributes:
        contract: The contract, relative to the scenario file.
        replicas: How many replicas are started.
        workers: How many job workers are started, where the contract has any.
        environment: Variables beside those of the contract; these win.
        promises: Promises of the contract that this target makes otherwise, by name.
        replace_after_s: Seconds until the harness starts another member in place of a dead one; Kubernetes does so
            itself.
        ledger_delay_ms: How long after an effect the ledger answers, so that kills fall in between.
        ledger_fail_every: Every so many attempts the ledger answers 503 without an effect; 0: never.
        ledger_answer_twice_every: Every so many answers to an effect are sent twice; 0: never.
        deadline_s: How long the deployment may take.
    """

    contract: str
    replicas: int = Field(default=3, ge=1, le=100)
    workers: int = Field(default=2, ge=0, le=100)
    environment: dict[str, str] = {}
    promises: dict[str, bool | float] = {}
    replace_after_s: float = Field(default=1.0, ge=0)
    ledger_delay_ms: int = Field(default=50, ge=0, le=10_000)
    ledger_fail_every: int = Field(default=0, ge=0)
    ledger_answer_twice_every: int = Field(default=0, ge=0)
    deadline_s: float = Field(default=60, gt=0)


class Load(Strict):
    """Closed model: `users` clients, each of which waits `think_s` between ops. Open model: `rate_per_s` arrivals.

    Attributes:
        duration_s: How long the load lasts.
        users: How many clients ask.
        rate_per_s: Open model: so many steps a second begin, however slow the answers are. Left out: closed model.
        think_s: Closed model: shortest and longest wait of a client between two steps.
        mix: Name of a property to its share of the clients; see [Checks](checks.md).
        routing: Share of clients that go to another replica with each request (`hop`), and of those that go through
            the balancer. Docker and Kubernetes always use the balancer.
        timeout_s: A client gives up on an answer after this long; nobody knows then what came of the request.
        agents: How many load agents (processes) share the clients.
    """

    duration_s: float = Field(gt=0, le=24 * 3600)
    users: int = Field(default=40, ge=1, le=10_000)
    rate_per_s: float | None = Field(default=None, gt=0)
    think_s: tuple[float, float] = (0.05, 0.15)
    mix: dict[str, float] = Field(min_length=1)
    routing: dict[Literal["hop", "balancer"], float] = {"hop": 0.7, "balancer": 0.3}
    timeout_s: float = Field(default=2.0, gt=0, le=60)
    agents: int = Field(default=1, ge=1, le=16)

    @field_validator("mix", mode="before")
    @classmethod
    def _names_of_today(cls, value: Any) -> Any:
        """Return the mix with the names that properties have today; former names are accepted."""
        if not isinstance(value, dict):
            return value
        known = renamed()
        named = {known.get(name, name): weight for name, weight in value.items()}
        if len(named) < len(value):
            twice = sorted({known[name] for name in value if name in known and known[name] in value})
            raise ValueError(
                f"names {', '.join(twice)} twice, once as the property was called before: keep one of them"
            )
        return named

    @model_validator(mode="after")
    def _weights(self) -> Load:
        for what, weights in (("mix", self.mix), ("routing", self.routing)):
            if any(weight < 0 for weight in weights.values()) or not sum(weights.values()):
                raise ValueError(f"`{what}` needs weights that are not negative, one of them above 0")
        if not 0 <= self.think_s[0] <= self.think_s[1]:
            raise ValueError("`think_s` is [shortest, longest]")
        return self


class Evidence(Strict):
    """Thresholds for the proof that the checks could have failed. Below any of them the verdict is `unknown`.

    Attributes:
        items_per_property: Items of each property acknowledged before a fault that landed, and read after it
            through another replica.
        faults_covered: Share of the landed faults that have at least one such item.
        ops_per_window: Operations of each kind in each fault's window.
        faults_landed: Share of the planned faults that were seen to land.
    """

    items_per_property: int = Field(default=30, ge=0)
    faults_covered: float = Field(default=0.8, ge=0, le=1)
    ops_per_window: int = Field(default=1, ge=0)
    faults_landed: float = Field(default=1.0, ge=0, le=1)


class Slos(Strict):
    """Service-level objectives. A missed one makes a valid run exit with 3, and never makes a run invalid.

    Attributes:
        availability: Share of operations that were answered definitely and not turned away.
        recovery_s: Longest time from a fault to the last operation after it that was not.
        latency_p50_ms: Median latency of answered operations.
        latency_p99_ms: 99th percentile of the latency of answered operations.
        lag_ms: When a load agent itself was later than this, latencies are not measured.
    """

    availability: float | None = Field(default=None, ge=0, le=1)
    recovery_s: float | None = Field(default=None, gt=0)
    latency_p50_ms: float | None = Field(default=None, gt=0)
    latency_p99_ms: float | None = Field(default=None, gt=0)
    lag_ms: float = Field(default=250, gt=0)


class StopWhen(Strict):
    """The guard: the run is healed and ended when one of these bounds is exceeded over `window_s` seconds of load.

    `error_rate` is the share of ops that got no definite answer or were turned away. A guard that cannot be evaluated
    ends the run as well.

    Attributes:
        error_rate: The run ends when the share of operations without a definite answer, or turned away, is above
            this.
        latency_p99_ms: The run ends when the 99th percentile of the latency is above this.
        window_s: Both are taken over the last so many seconds of the load.
    """

    error_rate: float | None = Field(default=None, ge=0, lt=1)
    latency_p99_ms: float | None = Field(default=None, gt=0)
    window_s: float = Field(default=5, ge=2, le=3600)

    @model_validator(mode="after")
    def _some_bound(self) -> StopWhen:
        if self.error_rate is None and self.latency_p99_ms is None:
            raise ValueError("give `error_rate`, `latency_p99_ms`, or both")
        return self


class Scenario(Strict):
    """The whole scenario file; `LoadedScenario.faults` holds the faults with their own parameters.

    Attributes:
        title: The first line of the verdict and of the report.
        proves: What a `valid` run shows, in one sentence.
        platform: Where the target runs: `process`, `docker` or `kubernetes`.
        target: What is deployed.
        load: Who asks for what, how often and for how long.
        faults: What is done to the target, and when; see [Faults](faults.md).
        evidence: What must be shown before `valid` means anything.
        slos: Service-level objectives.
        stop_when: A guard that ends the run early.
        seed: Fixes the plan: times of faults, victims, users, keys. `--seed` wins.
    """

    title: str = Field(min_length=1)
    proves: str = Field(min_length=1)
    platform: str = DEFAULT
    target: Target
    load: Load
    faults: list[dict[str, Any]] = []
    evidence: Evidence = Evidence()
    slos: Slos = Slos()
    stop_when: StopWhen | None = None
    seed: int = Field(default=1, ge=0, lt=2**63)

    @property
    def properties(self) -> list[str]:
        """Names of the properties that the load exercises, in the order of the mix."""
        return [name for name, weight in self.load.mix.items() if weight > 0]


class LoadedScenario:
    """A scenario together with its file, its contract and its faults.

    Attributes:
        path: path of the scenario file.
        text: content of the scenario file.
        scenario: the scenario as read.
        contract: the contract, with the scenario's promises in place of its own.
        faults: the faults, in the order of the file.
        contract_path: path of the contract file.
        name: the name of the scenario, after which the folder of its runs is called.
    """

    def __init__(self, path: Path, text: str, scenario: Scenario, contract: Contract, faults: list[Fault]) -> None:
        self.path = path
        self.text = text
        self.scenario = scenario
        self.contract = contract
        self.faults = faults
        self.contract_path = path.parent / scenario.target.contract
        self.name = path.stem if path.parent.name in ("scenarios", "") else f"{path.parent.name}-{path.stem}"


def load_scenario(path: Path) -> LoadedScenario:
    """Read and check a scenario and its contract.

    Args:
        path: path of the scenario file.

    Raises:
        UsageError: the scenario or the contract is not usable; one line for every problem of either file.
    """
    document = read(path, "scenario")
    problems: list[str] = []
    try:
        scenario = validate(document, Scenario, "scenario")
    except UsageError as error:
        problems, scenario = list(error.problems), None
    faults, fault_problems = _faults(document)
    problems += [*fault_problems, *_names(document)]
    contract = None
    if scenario:
        try:
            contract = read_contract(path.parent / scenario.target.contract)
            read_users(contract, path.parent / scenario.target.contract)
        except UsageError as error:
            place = ("target", "contract")
            problems += error.problems or [document.problem(place, str(error))]
        if contract:
            try:
                contract = contract.promising(scenario.target.promises)
            except ValidationError as error:
                place = ("target", "promises")
                problems += [
                    document.problem((*place, *each["loc"]), f"cannot be promised: {each['msg'].lower()}")
                    for each in error.errors()
                ]
        if contract:
            problems += _held_together(document, scenario, contract, faults)
    if problems or not scenario or not contract:
        raise UsageError(f"{path}: not a usable scenario:", problems)
    return LoadedScenario(path, document.text, scenario, contract, faults)


def _faults(document: Document) -> tuple[list[Fault], list[str]]:
    entries = document.data.get("faults") or []
    faults: list[Fault] = []
    problems: list[str] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        place = ("faults", index)
        if not isinstance(entry, dict):
            continue
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in FAULTS:
            problems.append(document.problem((*place, "kind"), f"{kind!r} is no fault{nearest(str(kind), FAULTS)}"))
            continue
        fault, wrong = check(document, FAULTS[kind], entry, place)
        problems += wrong
        if fault:
            faults.append(fault)
    return faults, problems


def _names(document: Document) -> list[str]:
    """Return the problems with names of platforms and properties that are not registered.

    The names are looked up in the raw data, so that these problems are reported together with all others.
    """
    problems = []
    platform = document.data.get("platform", DEFAULT)
    if isinstance(platform, str) and platform not in PLATFORMS:
        problems.append(document.problem(("platform",), f"{platform!r} is no platform{nearest(platform, PLATFORMS)}"))
    load = document.data.get("load")
    mix = load.get("mix") if isinstance(load, dict) else None
    for name in mix if isinstance(mix, dict) else ():
        if name not in PROPERTIES and name not in renamed():
            message = f"{name!r} is no property{nearest(str(name), PROPERTIES)}"
            problems.append(document.problem(("load", "mix", name), message))
    return problems


def _held_together(document: Document, scenario: Scenario, contract: Contract, faults: list[Fault]) -> list[str]:
    problems = []
    written = {renamed().get(name, name): name for name in document.data["load"]["mix"]}
    for name in scenario.load.mix:
        for part in _needed(name):
            if attrgetter(part)(contract) is None:
                called = written[name]
                message = (
                    f"the mix has {called}, but {scenario.target.contract} has no `{part}`: add it or drop {called}"
                )
                problems.append(document.problem(("load", "mix", called), message))
    for index, fault in enumerate(faults):
        starts_workers = any(contract.start.has_workers(name) for name in contract.start.ways)
        if fault.role == "worker" and not (starts_workers and scenario.target.workers):
            message = "is for workers, but the contract starts none or `target.workers` is 0"
            problems.append(document.problem(("faults", index), message))
    problems += _never_spared(document, scenario, faults)
    needed = len(scenario.load.mix) * scenario.load.agents
    if needed > scenario.load.users:
        each = "one for each property of the mix and each load agent"
        message = f"{scenario.load.users} users are too few: {needed} are needed, {each}"
        problems.append(document.problem(("load", "users"), message))
    return problems


def _needed(name: str) -> list[str]:
    """Return the dotted places of the contract that must be there before a property can be in the mix."""
    if name not in PROPERTIES:
        return []
    each = PROPERTIES[name]
    sessions = [other.name for other in PROPERTIES.values() if other.gives_sessions and each.needs_session]
    return [*sessions, *([name] if each.needs_section else []), *each.also_needs]


def _never_spared(document: Document, scenario: Scenario, faults: list[Fault]) -> list[str]:
    """Return the problems with faults that could never be injected, because no member of their role can be spared."""
    most = {"replica": scenario.target.replicas, "worker": scenario.target.workers}
    for fault in faults:
        most[fault.role] = max(most[fault.role], fault.wanted or 0)
    return [
        document.problem(
            ("faults", index),
            f"could never be injected: there are at most {most[fault.role]} {fault.role}s and {fault.min_ready} must "
            f"stay ready. Raise `target.{fault.role}s`, or set `min_ready: 0` on the fault",
        )
        for index, fault in enumerate(faults)
        if fault.needs_target and 0 < most[fault.role] <= fault.min_ready
    ]
