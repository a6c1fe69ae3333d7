"""The load agent: a child process in which Locust runs the clients. Started as `python -m harness.load.agent`.

Importing Locust patches the interpreter. So this is the only module that imports Locust, and the clients of Docker,
Kubernetes and Redis live in the parent process. The parent writes JSON lines to the agent's standard input: the
settings, then commands. The agent answers on its standard output. Only the journal records what happened: Locust's
request event serves for counting.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import Any

import gevent
import orjson
from gevent.fileobject import FileObjectPosix
from gevent.lock import Semaphore
from gevent.queue import Empty, Queue
from locust import User, constant, task
from locust.env import Environment

from harness.client.caller import Caller, Context, Op, spread
from harness.load.arrivals import arrivals
from harness.load.settings import AgentSettings
from harness.properties import PROPERTIES
from harness.properties.visitor import SIGNUP, SIGNUP_AT, Visitor
from harness.properties.workload import Workload
from harness.rundir.journal import Journal

LAG_STEP_S = 0.02
"""The interval in seconds at which the agent measures how late it wakes up."""


class Agent:
    """One load agent. The parent leads it through `steady`, `load`, `quiet`, `settle`, `final` and `quit`.

    Args:
        settings: what the parent told the agent at its start.
        say: sends one message to the parent.
    """

    def __init__(self, settings: AgentSettings, say: Any) -> None:
        self.settings = settings
        self.say = say
        self.journal = Journal(Path(settings.journal))
        self.contract = settings.contract
        identity = self.contract.identity
        headers = {"replica_header": identity.replica, "boot_header": identity.boot}
        self.context = Context(settings.model_copy(update=headers), self.contract.operations(), self.journal)
        self.dropped = 0
        self.slots: Queue = Queue()
        names = sorted({place.split("/")[0] for place in settings.clients})
        self.workloads: dict[str, Workload[Any, Any]] = {
            name: PROPERTIES[name].workload(self.context, self.contract.declared(name)) for name in names
        }
        self.environment = Environment(user_classes=self._user_classes(), stop_timeout=settings.timeout_s * 4 + 4)
        self.runner = self.environment.create_local_runner()
        self.context.answered = self._answered
        self.counted: dict[str, int] = {}
        self.failures = 0
        self.outcomes = {"ok": 0, "info": 0}

    def _user_classes(self) -> list[type[User]]:
        """Return one Locust user class, with a fixed number of clients, for each pair of workload and routing."""
        made: list[type[User]] = []
        for place, count in self.settings.clients.items():
            name, routing = place.split("/")
            body = {
                "abstract": False,
                "fixed_count": count,
                "wait_time": constant(0),
                "agent": self,
                "work": self.workloads[name],
                "routing": routing,
            }
            made.append(type(f"{name.capitalize()}_{routing}", (Client,), body))
        return made

    def _answered(self, workload: str, kind: str, latency_ms: float, size: int, error: str | None) -> None:
        self.outcomes["info" if error else "ok"] += 1
        self.environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=workload,
            name=kind,
            response_time=latency_ms,
            response_length=size,
            exception=RuntimeError(error) if error else None,
            context={},
        )

    def steady(self) -> None:
        """Sign users up, then let every workload do one pass in which every answer must be correct."""
        users = self.contract.users
        if users.signup:
            chooser = random.Random(f"users {self.settings.seed} {self.settings.agent}")
            wanted = [
                (f"user-{self.settings.tag}{self.settings.agent}-{index}", f"{chooser.getrandbits(96):024x}")
                for index in range(users.count)
            ]
            self.context.secrets += [password for _, password in wanted]
            spread(self.context, "balancer", wanted, self._sign_up, width=8)
        if self.context.users:
            passes = [
                gevent.spawn(workload.steady, Caller(self.context, "hop", self.settings.seed + index))
                for index, workload in enumerate(self.workloads.values())
            ]
            gevent.joinall(passes, raise_error=True)

    def _sign_up(self, caller: Caller, user: tuple[str, str]) -> None:
        op = Op("users", SIGNUP, user[0], user=user[0], expect=["ok"])
        if caller.call(SIGNUP_AT, op, {"username": user[0], "password": user[1]}).ok:
            self.context.users.append(user)

    def load(self) -> None:
        """Run the clients for the declared time; each client then finishes the step that it is in."""
        self._count()
        self.context.phase = "load"
        total = sum(self.settings.clients.values())
        begun = time.monotonic_ns()
        self.say({"window": {"start_ns": begun, "end_ns": begun + int(self.settings.duration_s * 1e9)}})
        helpers = [gevent.spawn(self._arrive, begun)] if self.settings.rate_per_s else []
        self.runner.start(total, spawn_rate=total)
        gevent.sleep(max(0.0, self.settings.duration_s - (time.monotonic_ns() - begun) / 1e9))
        self.context.stopping = True
        while not self.slots.empty():
            # A client that waits for an arrival would go on waiting until Locust ends the client by force.
            self.slots.get_nowait().put(None)
        self.runner.stop()
        gevent.killall(helpers)
        self._count()

    def _arrive(self, begun_ns: int) -> None:
        """Hand each arrival of the open model to a free client; count the arrival as dropped when no client is free."""
        assert self.settings.rate_per_s is not None
        seed = self.settings.seed * 31 + self.settings.agent
        for due_s in arrivals(self.settings.rate_per_s, self.settings.duration_s, seed):
            due_ns = begun_ns + int(due_s * 1e9)
            gevent.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
            try:
                self.slots.get_nowait().put(due_ns)
            except Empty:
                self.dropped += 1

    def _count(self) -> None:
        """Add what Locust has counted since the last call; Locust forgets its counts at its next start."""
        for (name, workload), entry in self.environment.stats.entries.items():
            place = f"{workload}/{name}"
            self.counted[place] = self.counted.get(place, 0) + entry.num_requests
            self.failures += entry.num_failures
        self.environment.stats.clear_all()

    def quiet(self) -> dict[str, Any]:
        """Wait until acknowledged work has ended, or until the promised time has passed.

        Returns:
            `open`: keys of up to twenty items whose work did not end in time; `count`: the number of such items.
        """
        self.context.phase, self.context.stopping = "settle", False
        open_items = [key for workload in self.workloads.values() for key in workload.quiet()]
        return {"open": open_items[:20], "count": len(open_items)}

    def phase(self, name: str) -> dict[str, Any]:
        """Do one phase of the run.

        Args:
            name: `steady`, `load`, `quiet`, `settle` or `final`.

        Returns:
            What the parent needs to know, as JSON values: `surprises` after `steady`, `open` and `count` after `quiet`.
        """
        if name == "steady":
            self.steady()
            return {"surprises": self.context.surprises[:20]}
        if name == "load":
            self.load()
            return {}
        if name == "quiet":
            return self.quiet()
        self.context.phase = name
        for workload in self.workloads.values():
            workload.settle() if name == "settle" else workload.final()
        return {}

    def finish(self) -> None:
        """Write Locust's own counts, which are compared with the journal later, and close the journal."""
        self._count()
        self.journal.event(
            {
                "e": "summary",
                "requests": sum(self.counted.values()),
                "failures": self.failures,
                "by_kind": self.counted,
                "dropped": self.dropped,
            }
        )
        self.journal.close()

    def tell_secrets(self) -> None:
        """Tell the parent which tokens and passwords are new, so that they can be taken out of the target's logs."""
        secrets, self.context.secrets = self.context.secrets, []
        if secrets:
            self.say({"secrets": secrets})

    def watch_lag(self) -> None:
        """Record and report once a second how late this process woke up at worst, and what the clients did.

        A latency shorter than this lag means nothing, since the lag may be a part of it.
        """
        while True:
            worst, until = 0.0, time.monotonic() + 1
            while time.monotonic() < until:
                before = time.monotonic()
                gevent.sleep(LAG_STEP_S)
                worst = max(worst, time.monotonic() - before - LAG_STEP_S)
            self.journal.event({"e": "lag", "ms": round(worst * 1000, 3)})
            self.tell_secrets()
            counted = {"ops": self.journal.completed, **self.outcomes, "dropped": self.dropped}
            self.say({"status": counted, "tally": self.context.tally.take()})


class Client(User):
    """A Locust user that acts as one visitor of one workload.

    Attributes:
        agent: the agent that the user belongs to.
        work: the workload.
        routing: `hop` or `balancer`.
    """

    abstract = True
    agent: Agent
    work: Workload[Any, Any]
    routing: str

    def on_start(self) -> None:
        """Make the visitor, with random choices that the run's seed and the client's number decide."""
        seed = random.Random(f"{self.agent.settings.seed} {self.routing} {self.agent.context.client_id()}")
        self.visitor = Visitor(Caller(self.agent.context, self.routing, seed.getrandbits(48)))
        self.due: Queue = Queue()

    @task
    def act(self) -> None:
        """Do one step of the workload: after a pause in the closed model, at the next arrival in the open model."""
        if self.agent.context.stopping:
            return
        if self.agent.settings.rate_per_s:
            self.agent.slots.put(self.due)
            self.visitor.caller.intended_ns = self.due.get()
        else:
            self.visitor.caller.pause()
        if not self.agent.context.stopping:
            try:
                self.work.step(self.visitor)
            except Exception as error:
                # Locust would log the error and go on, and nobody would notice that clients are missing.
                self.agent.say({"failed": "load", "error": f"{type(error).__name__}: {error}"})
                raise


def serve() -> int:
    """Run the agent: read the settings, then obey commands until `quit`, or until the input ends as the parent died.

    Returns:
        The exit status: 0 after `quit`, 3 when the parent died.
    """
    standard_input = FileObjectPosix(0, "rb", close=False)
    output = FileObjectPosix(1, "wb", buffering=0, close=False)

    turn = Semaphore()

    def say(message: dict[str, Any]) -> None:
        left = memoryview(orjson.dumps(message) + b"\n")
        # A pipe takes a long line in parts, and no line of another greenlet may come between the parts.
        with turn:
            while left:
                left = left[output.write(left) :]

    agent = Agent(AgentSettings.model_validate_json(standard_input.readline()), say)
    helpers = [gevent.spawn(agent.watch_lag)]
    say({"done": "start"})
    current: gevent.Greenlet | None = None
    for line in standard_input:
        command = orjson.loads(line)
        if command["do"] == "members":
            agent.context.gone += agent.context.members.update(command["members"])
        elif command["do"] == "quit":
            break
        else:
            current = gevent.spawn(run_phase, agent, command["do"], say)
    else:
        return 3
    if current is not None:
        current.kill()
    gevent.killall(helpers)
    agent.tell_secrets()
    agent.finish()
    say({"done": "quit"})
    return 0


def run_phase(agent: Agent, name: str, say: Any) -> None:
    """Run one phase of the run, and report its end, or its error, to the parent.

    Args:
        agent: the agent.
        name: the name of the phase.
        say: sends one message to the parent.

    Raises:
        BaseException: any error of the phase, after it was reported.
    """
    try:
        say({"done": name, **agent.phase(name)})
    except gevent.GreenletExit:
        raise
    except BaseException as error:
        say({"failed": name, "error": f"{type(error).__name__}: {error}"})
        raise


if __name__ == "__main__":
    sys.exit(serve())
