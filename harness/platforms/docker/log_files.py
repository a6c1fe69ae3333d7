"""What is kept of a run's containers before they are removed: their logs, and the record of the ledger."""

from __future__ import annotations

import io
import re
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import docker
from docker.errors import DockerException, NotFound

from harness.contract.start import Compose
from harness.errors import EnvironmentFailure
from harness.platforms.base import Deployment
from harness.platforms.common.log_tail import tail
from harness.platforms.docker.engine import GONE, LABEL, translated
from harness.redact import redact_patterns, redact_values

_SERVICE = "com.docker.compose.service"
_NUMBER = "com.docker.compose.container-number"
_THREADS = 8
_LEDGER_ENDS_S = 5
# For all that is kept of a run: an engine that hangs must not keep it from its end.
_KEPT_S = 60.0


def containers(api: docker.APIClient, run_id: str) -> list[tuple[str, str]]:
    """Return service and id of every container of a run, in Compose's order."""
    found = api.containers(all=True, filters={"label": f"{LABEL}={run_id}"})
    found.sort(key=lambda each: (each["Labels"].get(_SERVICE, ""), int(each["Labels"].get(_NUMBER, 0))))
    return [(each["Labels"].get(_SERVICE, ""), each["Id"]) for each in found]


def _record_of(api: docker.APIClient, container: str) -> str | None:
    given = api.inspect_container(container)["Config"].get("Env") or []
    return dict(each.partition("=")[::2] for each in given).get("LEDGER_RECORD")


def check_ledger(api: docker.APIClient, compose: Compose, parts: Mapping[str, str]) -> None:
    """Check that the service that shall be the ledger says where its record is.

    Raises:
        EnvironmentFailure: It does not.
    """
    for container, service in parts.items():
        if service == compose.ledger and _record_of(api, container) is None:
            raise EnvironmentFailure(
                f"service {service} of {compose.file} has no variable LEDGER_RECORD: the contract names it as the"
                " ledger, so it must be the harness's own (harness/doubles/ledger/Dockerfile). Correct"
                " start.compose.ledger"
            )


def last_lines(
    api: docker.APIClient, container: str, lines: int = 20, environment: Mapping[str, str] | None = None
) -> str:
    """Return the end of a container's log, without the secrets it was given; empty when it cannot be had."""
    with suppress(EnvironmentFailure), translated("reading a log"):
        raw: bytes = api.logs(container, tail=lines)
        return redact_values(raw.decode(errors="replace").strip(), environment or {})
    return ""


def saved_tail(log: Path, lines: int) -> str:
    """Return the end of a log that was kept."""
    return redact_patterns(tail(log, lines))


def save_log(api: docker.APIClient, container: str, log: Path, until: float | None = None) -> None:
    """Keep all that a container wrote.

    Raises:
        EnvironmentFailure: It has not come in time.
    """

    def copy() -> None:
        for piece in api.logs(container, stream=True, follow=False):
            file.write(piece)

    # Closed when it is given up, so that nothing is written to it after it was searched for secrets.
    with log.open("ab") as file:
        _within(until, f"keeping {log.name}", copy)


def _within(until: float | None, what: str, read: Callable[[], None]) -> None:
    """Read what the engine sends, but no longer than this: the SDK sets no limit to what comes as a stream."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            read()
        except Exception as error:
            raised.append(error)

    # No thread of a pool: those are waited for at the end of the process.
    reader = threading.Thread(target=run, name="keep", daemon=True)
    left_s = _KEPT_S if until is None else max(0.0, until - time.monotonic())
    reader.start()
    reader.join(left_s)
    if reader.is_alive():
        raise EnvironmentFailure(f"{what}: the Docker engine did not send all of it within {_KEPT_S:g} s; {GONE}")
    for error in raised:
        if isinstance(error, DockerException | OSError):
            raise error
        # A stream that breaks off fails in as many ways as it has layers.
        raise EnvironmentFailure(f"{what}: it broke off: {type(error).__name__}: {error}; {GONE}") from error


def logs_named_in(api: docker.APIClient, deployment: Deployment, complaint: str) -> str:
    """Return the last lines of the containers that a complaint of Compose names as broken, for the error text."""
    found = re.findall(r"container (\S+) (?:is unhealthy|exited)", complaint)
    environment = {name: text for each in deployment.environment.values() for name, text in each.items()}
    shown = [(name, last_lines(api, name, 12, environment)) for name in dict.fromkeys(found)]
    return "".join(
        f"\n  the last lines of {name}:\n    " + text.replace("\n", "\n    ") for name, text in shown if text
    )


def keep(api: docker.APIClient, deployment: Deployment, compose: Compose, names: Mapping[str, str]) -> None:
    """End the members, then the ledger; keep the ledger's record and all logs.

    In this order, so that no effect is recorded after the record was copied.

    Raises:
        EnvironmentFailure: Saying what could not be kept, after everything else was.
    """
    until = time.monotonic() + _KEPT_S
    with translated("looking for the containers of the run"):
        found = containers(api, deployment.run_id)
    ledgers = [container for service, container in found if service == compose.ledger]
    others = {container: service for service, container in found if container not in names}
    with ThreadPoolExecutor(_THREADS, "keep") as pool:
        list(pool.map(lambda container: _end(api, container), names))
        for ledger in ledgers:
            _end(api, ledger, gently=True)
        logs = {container: deployment.logs / f"{name}.log" for container, name in {**others, **names}.items()}
        texts = pool.map(lambda container: _try_log(api, container, logs[container], until), logs)
        failed = [text for text in texts if text]
    for ledger in ledgers:
        failed += save_record(api, ledger, deployment.ledger_record, until)
    if failed:
        raise EnvironmentFailure("; ".join(failed))


def _end(api: docker.APIClient, container: str, gently: bool = False) -> None:
    # One that has ended already, or cannot be ended, is removed all the same.
    with suppress(EnvironmentFailure), translated("ending a container"):
        if gently:
            api.stop(container, timeout=_LEDGER_ENDS_S)
        else:
            api.kill(container, "SIGKILL")


def _try_log(api: docker.APIClient, container: str, log: Path, until: float) -> str | None:
    try:
        with translated(f"keeping {log.name}"):
            save_log(api, container, log, until)
    except EnvironmentFailure as error:
        return None if isinstance(error.__cause__, NotFound) else str(error)
    return None


def save_record(api: docker.APIClient, ledger: str, record: Path, until: float | None = None) -> list[str]:
    """Copy what the ledger wrote to `record`; return why not, if that could not be done in time."""
    came = io.BytesIO()

    def copy() -> None:
        for piece in api.get_archive(ledger, place)[0]:
            came.write(piece)

    try:
        with translated("keeping the ledger's record"):
            place = _record_of(api, ledger)
            if place is None:
                return []
            _within(until, "keeping the ledger's record", copy)
            came.seek(0)
            with tarfile.open(fileobj=came) as archive:
                inside = archive.extractfile(archive.getmembers()[0])
                record.write_bytes(inside.read() if inside else b"")
    except (EnvironmentFailure, tarfile.TarError, IndexError) as error:
        said = str(error) if isinstance(error, EnvironmentFailure) else f"the engine sent no archive: {error}"
        return [said]
    return []
