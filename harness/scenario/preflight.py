"""Find out whether a platform can run a scenario, before anything is started, so that a refusal costs nothing."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from harness.contract.launch import FILLED_EVERYWHERE
from harness.contract.model import Contract
from harness.errors import UsageError
from harness.faults.base import Fault
from harness.placeholders import PLACEHOLDER
from harness.platforms import DESCRIPTIONS
from harness.platforms.abilities import WORDS, Attachable, offered, why_withheld
from harness.platforms.base import Platform
from harness.scenario import shipped
from harness.scenario.file import LoadedScenario


def require_fit(
    loaded: LoadedScenario, platform: Platform, also: Collection[type] = (), allowed: Collection[str] = ()
) -> None:
    """Check that the platform, and the contract's part for it, have all that the scenario asks for.

    Args:
        loaded: the scenario with its contract.
        platform: the platform on which the scenario is to be run.
        also: abilities of the platform (`WORDS`) that the run needs whatever the scenario says.
        allowed: names of targets that the harness did not create and may nevertheless load and break.

    Raises:
        UsageError: the platform, or the contract's part for it, lacks something; one line for each thing.
    """
    problems = not_startable(loaded.contract, platform.name)
    section = DESCRIPTIONS[platform.name].section
    attached = loaded.contract.start.attached_to(section)
    if attached is not None:
        also = {*also, Attachable}
        problems += _not_allowed(attached, allowed)
    else:
        problems += _not_there(loaded, platform.name) + shipped.lacking(loaded.contract, section)
    problems += _unseen(loaded.contract, platform.name) + _unfilled(loaded.contract, platform.name)
    problems += [
        f"the run needs `{word}`, which the platform {platform.name} does not declare"
        for word in sorted(WORDS[ability] for ability in also if offered(platform, ability) is None)
    ]
    for index, fault in enumerate(loaded.faults):
        problems += [f"faults.{index} ({fault.kind}): {why}" for why in _lacking(fault, loaded.contract, platform)]
    if problems:
        message = f"{loaded.path}: cannot be run on the platform {platform.name}; nothing was started:"
        raise UsageError(message, problems)


def not_startable(contract: Contract, platform: str) -> list[str]:
    """Return the problem that a contract does not say how to start the service on a platform.

    Args:
        contract: the contract of the service.
        platform: the name of the platform.

    Returns:
        One line with the remedy; [] when the contract says how.
    """
    ways = contract.start.ways
    if DESCRIPTIONS[platform].section in ways:
        return []
    others = ", ".join(name for name, each in DESCRIPTIONS.items() if each.section in ways)
    return [
        f"the contract of {contract.service} does not say how to start it on {platform}: add"
        f" `start.{DESCRIPTIONS[platform].section}`, or choose --platform {others}"
    ]


def _not_there(loaded: LoadedScenario, platform: str) -> list[str]:
    """Return the problems with files that the contract names for starting the service and that do not exist."""
    about = DESCRIPTIONS[platform]
    key, files = about.files(loaded.contract.start)
    directory = loaded.contract_path.parent / loaded.contract.start.directory
    return [
        f"there is no file {place}: correct start.{about.section}.{key} in {loaded.contract_path}"
        for place in (directory / each for each in files)
        if not place.is_file()
    ]


def _unseen(contract: Contract, platform: str) -> list[str]:
    """Return the problem that effects could not be counted on the platform, since no ledger is named.

    If the run went on, no effect would be seen, and a service that keeps its promise would be accused of losing them.
    """
    about = DESCRIPTIONS[platform]
    seen = [name for name, section in contract.sections.items() if getattr(section, "effects", None) == "ledger"]
    if not seen or about.sees_effects(contract.start):
        return []
    return [
        f"the contract's {' and '.join(seen)} has `effects: ledger`, but `start.{about.section}` names no ledger:"
        " name it, or say `effects: nowhere`"
    ]


def _unfilled(contract: Contract, platform: str) -> list[str]:
    """Return the problems with variables that would reach the service with an unfilled placeholder in their text."""
    about = DESCRIPTIONS[platform]
    if about.fills_all or about.section not in contract.start.ways:
        return []
    variables = {
        **contract.start.environment_of(about.section, "replica"),
        **contract.start.environment_of(about.section, "worker"),
    }
    found = []
    for name, text in variables.items():
        for each in PLACEHOLDER.findall(text):
            if not PLACEHOLDER.fullmatch(text) and each not in FILLED_EVERYWHERE and not each.startswith("secret:"):
                found.append(
                    f"start: the variable {name} holds {{{each}}}, which has no value on {platform}: give {name} its"
                    f" value there in `start.{about.section}.environment`"
                )
    return found


def _not_allowed(name: str, allowed: Collection[str]) -> list[str]:
    if name in allowed:
        return []
    return [
        f"the contract attaches to {name!r}, which the harness did not create, and whose members it would kill:"
        f" say --allow-target {name} if that is meant, or take `attach` out"
    ]


def require_near(host: str, allowed: Collection[str]) -> None:
    """Refuse to send load to another machine than this one, unless that machine is allowed by name.

    Args:
        host: the address of the target.
        allowed: the addresses that are allowed.

    Raises:
        UsageError: `host` is neither a loopback address nor among `allowed`.
    """
    try:
        is_near = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_near = False
    if not is_near and host not in allowed:
        raise UsageError(
            f"the target is reached at {host}, which is not this machine: say --allow-target {host} if it is meant to"
            " be loaded and broken"
        )


def _lacking(fault: Fault, contract: Contract, platform: Platform) -> list[str]:
    found = []
    if fault.needs and all(offered(platform, ability) is None for ability in fault.needs):
        reasons = [f" ({why})" for ability in fault.needs if (why := why_withheld(platform, ability))]
        found.append(
            f"the platform {platform.name} cannot {fault.kind}{''.join(reasons)}: take the fault out, or choose"
            " another one"
        )
    unmet = [DESCRIPTIONS[platform.name].unmet(contract.start, ability) for ability in fault.needs]
    found += [each for each in unmet if each]
    if fault.role == "worker" and not contract.start.has_workers(DESCRIPTIONS[platform.name].section):
        found.append(f"the contract starts no worker on {platform.name}: name one, or take the fault out")
    return found
