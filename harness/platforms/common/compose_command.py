"""The `docker compose` commands of one run: what they are given, how long they may take, what their failures mean."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import EnvironmentFailure
from harness.redact import redact_patterns

Model = dict[str, Any]
"""A Compose file as `docker compose config --format json` gives it."""

_BUILD_S = 1800.0
_RESOLVE_S = 30.0
_INSTALL = "install Docker's Compose plugin, version 2 (`docker-compose-plugin`, `docker-compose-v2`)"
# What Compose and the engine say, and what to do about it; the first that fits is told.
_REMEDIES = [
    (
        r"is not a docker command|unknown shorthand flag|unknown command: docker compose",
        f"there is no `docker compose`: {_INSTALL}",
    ),
    (r"port is already allocated|address already in use", "a port is taken: end what listens on it, or run again"),
    (
        r"permission denied while trying to connect",
        "you have no permission on the engine's socket: add yourself to the group that owns it",
    ),
    (r"Cannot connect to the Docker daemon|error during connect", "the Docker engine is gone: start it again"),
    (
        r"non-overlapping IPv4 address pool",
        "the engine has no address range left for another network: `docker network prune`, or `harness recover`",
    ),
    (r"no space left on device", "the disk is full: `docker system df` shows what can go"),
    (
        r"pull access denied|manifest (for .* )?(unknown|not found)|failed to resolve|failed to do request|"
        r"dial tcp|repository does not exist|Client\.Timeout|No such image|not found: manifest",
        "an image is neither here nor can it be pulled: build or load it (`docker images` shows what is here),"
        " or correct its name in the Compose file",
    ),
    (r"is unhealthy|dependency failed to start", "a service did not become healthy: its log says why"),
]
_NOISE = re.compile(r"^ ?(Container|Network|Volume|Image) .* (Creat|Start|Wait|Healthy|Remov|Built|Build)|^#\d+ ")


def lacking() -> list[str]:
    """Return what is missing on this machine beside the engine, with how to get it."""
    try:
        done = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, timeout=10, check=False)
    except FileNotFoundError:
        return [f"there is no program `docker` on the PATH: install Docker's command line, and {_INSTALL}"]
    except subprocess.TimeoutExpired:
        return ["`docker compose version` does not end: see `docker info`"]
    version = done.stdout.decode(errors="replace").strip().lstrip("v")
    return [] if done.returncode == 0 and version[:2] != "1." else [f"there is no `docker compose`: {_INSTALL}"]


def project_of(run_id: str) -> str:
    """Return the name of a run's Compose project: the run's id in the letters that Compose allows."""
    return "harness-" + re.sub(r"[^a-z0-9_-]", "-", run_id.lower())


@dataclass
class Project:
    """One run's `docker compose`. `log` takes what the commands say, and how long each took."""

    run_id: str
    directory: Path
    file: str
    host: str
    log: Path

    @property
    def name(self) -> str:
        """The name of the project."""
        return project_of(self.run_id)

    def resolve(self) -> Model:
        """Return the user's file with all that it includes and interpolates.

        Raises:
            EnvironmentFailure: Compose cannot read the file.
        """
        place = self.directory / self.file
        if not place.is_file():
            raise EnvironmentFailure(f"there is no Compose file {place}: correct start.compose.file in the contract")
        said = self._say(["config", "--format", "json"], None, _RESOLVE_S, "read")
        try:
            model = json.loads(said)
        except ValueError as error:
            raise EnvironmentFailure(f"`docker compose config` of {place} gave no JSON: {_INSTALL}") from error
        assert isinstance(model, dict)
        return model

    def build(self, model: Model) -> None:
        """Build the images that the file says how to build; unchanged ones come from the engine's cache.

        Raises:
            EnvironmentFailure: An image cannot be built.
        """
        if any(service.get("build") for service in model["services"].values()):
            self._say(["build"], model, _BUILD_S, "build")

    def up(self, model: Model, counts: dict[str, int], deadline_s: float) -> None:
        """Create and start everything, with `counts` containers of the services named there.

        Raises:
            EnvironmentFailure: Something cannot be started.
        """
        scale = [word for name, count in counts.items() for word in ("--scale", f"{name}={count}")]
        self._say(["up", "--detach", "--no-build", "--no-color", *scale], model, deadline_s, "bring up")

    def _say(self, words: list[str], model: Model | None, deadline_s: float, what: str) -> str:
        place = self.directory / self.file
        file = str(place) if model is None else "-"
        command = ["docker", "compose", "--project-name", self.name, "--project-directory", str(place.parent)]
        given = b"" if model is None else json.dumps(model).encode()
        begun = time.monotonic()
        status, said, complaint = self._run([*command, "--file", file, *words], given, deadline_s, what)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{redact_patterns(complaint)}# {what}: {time.monotonic() - begun:.1f} s, status {status}\n")
        if status:
            raise self._failure(what, redact_patterns(complaint or said), status)
        return said

    def _run(self, command: list[str], given: bytes, deadline_s: float, what: str) -> tuple[int, str, str]:
        # The mark by which a run that died is recognised: an orphan would go on creating containers.
        marked = {"HARNESS_RUN": self.run_id, "HARNESS_NAME": "compose", "DOCKER_HOST": self.host}
        try:
            process = subprocess.Popen(
                command,
                env={**os.environ, **marked, "COMPOSE_PROGRESS": "plain", "BUILDKIT_PROGRESS": "plain"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise EnvironmentFailure(
                f"there is no program `docker` on the PATH: install Docker's command line, and {_INSTALL}"
            ) from error
        try:
            said, complaint = process.communicate(given, deadline_s)
        except subprocess.TimeoutExpired as error:
            raise EnvironmentFailure(
                f"the Compose project could not be {'built' if what == 'build' else 'brought up'} within"
                f" {deadline_s:.0f} s: raise target.deadline_s in the scenario, or see {self.log}"
            ) from error
        finally:
            _end(process)
        return process.returncode, said.decode(errors="replace"), complaint.decode(errors="replace")

    def _failure(self, what: str, said: str, status: int) -> EnvironmentFailure:
        remedy = next((text for pattern, text in _REMEDIES if re.search(pattern, said)), None)
        lines = [line for line in said.splitlines() if line.strip() and not _NOISE.match(line)][-12:]
        shown = "\n".join(f"    {line}" for line in lines) or f"    (nothing; status {status})"
        return EnvironmentFailure(
            f"could not {what} {self.directory / self.file}\n  `docker compose` says:\n{shown}\n"
            f"  Remedy: {remedy or 'correct what it complains about'}."
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Compose: asked first, it waits for what the engine is doing for it; killed if it does not end."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=5)
