"""The first phase: bring up the load agents, the target, and what watches the target."""

from __future__ import annotations

from functools import partial

from harness.load.handle import AgentHandle
from harness.platforms.abilities import Hoppable, offered
from harness.run.parts import Run
from harness.run.service_metrics import Scraper
from harness.rundir import files
from harness.scenario.preflight import require_near
from harness.signals import uninterrupted
from harness.supervision.supervisor import Supervisor

_AGENT_STARTS_S = 30


def deploy(run: Run) -> None:
    """Start the parts of a run and wait until the target is ready and the load agents know its members.

    Raises:
        UsageError: the target is on another machine, which was not allowed, or the file of users cannot be used.
        EnvironmentFailure: the target did not come up.
        AgentDied: a load agent did not start.
    """
    run.telling.phase("deploy")
    # First, because their imports take a while, and the target comes up meanwhile.
    _start_agents(run)
    run.platform.deploy(run.plan.deployment())
    require_near(run.platform.balancer()[0], run.plan.options.allowed)
    _give_settings(run)
    supervisor = _supervise(run)
    _scrape(run, supervisor)
    for agent in run.agents:
        agent.wait("start", _AGENT_STARTS_S)
    run.push(supervisor.members())


def _start_agents(run: Run) -> None:
    for number in range(run.plan.loaded.scenario.load.agents):
        log = run.plan.folder / files.LOGS / f"agent-{number}.log"
        with uninterrupted():
            run.agents.append(AgentHandle(number, run.plan.run_id, log, run.telling.agent_status))


def _give_settings(run: Run) -> None:
    # A balancer that binds clients to replicas is seen only by those who come through it.
    hop = offered(run.platform, Hoppable) is not None and not run.plan.seeded.sticky_cookie
    for agent, settings in zip(run.agents, run.plan.agents(run.platform.balancer(), hop), strict=True):
        agent.begin(settings)


def _supervise(run: Run) -> Supervisor:
    loaded = run.plan.loaded
    run.supervisor = Supervisor(
        run.platform,
        run.plan.desired,
        run.members_changed,
        stop_grace_s=loaded.contract.start.stop_grace_s,
        replace_after_s=loaded.scenario.target.replace_after_s,
        on_problem=partial(run.telling.problem, "environment"),
        on_loss=partial(run.telling.problem, "part_lost"),
    )
    run.supervisor.start()
    return run.supervisor


def _scrape(run: Run, supervisor: Supervisor) -> None:
    contract = run.plan.loaded.contract
    if contract.metrics:
        run.scraper = Scraper(contract.metrics, run.telling.tell, supervisor.members, contract.identity.boot)
        run.scraper.start()
