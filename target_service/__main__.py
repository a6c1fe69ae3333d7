"""Entry points: `python -m target_service` is a replica, `python -m target_service.worker` a worker.

Exit codes: 0 left as asked (SIGTERM, SIGINT), 1 the port cannot be had, 2 the environment is wrong.
"""

import asyncio
import logging
import os
import secrets
import socket
import sys
from collections.abc import Coroutine
from typing import Any

import uvicorn
import uvloop

from target_service import logs
from target_service.app import create_app
from target_service.drain import DrainingServer
from target_service.parts import Service, assemble, chosen_parts
from target_service.settings import Settings, SettingsError, load
from target_service.worker import Worker
from target_service.worker import serve as serve_worker

BACKLOG = 2048
KEEP_ALIVE_S = 75
"""Longer than balancers keep an idle connection, so that it is they who close it, not we under their request."""


def main() -> None:
    """Runs a replica."""
    settings = _settings()
    boot = _identify(settings, "replica")
    try:
        listener = _listen(settings.host, settings.port)
    except OSError as error:
        sys.stderr.write(f"target_service: cannot listen on {settings.host}:{settings.port}: {error.strerror}\n")
        sys.exit(1)
    _run(_replica(settings, boot, listener))


def main_worker() -> None:
    """Runs a job worker."""
    settings = _settings()
    _identify(settings, "worker")
    _run(_worker(settings))


async def _replica(settings: Settings, boot: str, listener: socket.socket) -> None:
    service = _assembled(settings)
    config = uvicorn.Config(
        create_app(service),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        headers=[("X-Replica", settings.replica), ("X-Boot-Id", boot)],
    )
    server = DrainingServer(config, service.drain, settings.drain_s)
    logs.event("serving", host=settings.host, port=settings.port, defects=settings.defects)
    await server.serve(sockets=[listener])
    await service.close()
    logs.event("stopped")


async def _worker(settings: Settings) -> None:
    service = _assembled(settings)
    await serve_worker(Worker(service.jobs, service.payments, service.ledger, settings))
    await service.close()


def _settings() -> Settings:
    try:
        settings = load(os.environ)
        chosen_parts(settings.defects)
    except SettingsError as error:
        sys.stderr.write(f"target_service: refuses to start: {error}\n")
        sys.exit(2)
    return settings


def _assembled(settings: Settings) -> Service:
    return assemble(settings, chosen_parts(settings.defects))


def _identify(settings: Settings, role: str) -> str:
    boot = secrets.token_hex(8)
    logs.identify(role=role, replica=settings.replica, boot=boot)
    logging.basicConfig(handlers=[logs.Handler()], level=logging.WARNING, force=True)
    return boot


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


if __name__ == "__main__":
    main()
