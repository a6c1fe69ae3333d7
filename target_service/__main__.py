"""A replica: `python -m target_service`.

Exit codes: 0 the replica left as it was asked to (SIGTERM, SIGINT), 1 the port cannot be had, 2 the environment is
wrong.
"""

import socket
import sys

import uvicorn

from target_service import logs
from target_service.app import create_app
from target_service.boot import assembled, identify, read_settings, run
from target_service.drain import DrainingServer
from target_service.settings import Settings

BACKLOG = 2048
"""How many connections may wait to be accepted."""
KEEP_ALIVE_S = 75
"""How many seconds an idle connection is kept. Balancers keep theirs for less, so it is the balancer that closes a
connection, and not this process in the moment in which a request comes."""


def main() -> None:
    """Run a replica until it is asked to leave; a port that cannot be had ends the process with 1."""
    settings = read_settings()
    boot = identify(settings, "replica")
    try:
        listener = _listen(settings.host, settings.port)
    except OSError as error:
        sys.stderr.write(f"target_service: cannot listen on {settings.host}:{settings.port}: {error.strerror}\n")
        sys.exit(1)
    run(_replica(settings, boot, listener))


async def _replica(settings: Settings, boot: str, listener: socket.socket) -> None:
    service = assembled(settings)
    config = uvicorn.Config(
        create_app(service),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Anybody who connects may write X-Forwarded-For, also from loopback: see limits.py.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        headers=[("X-Replica", settings.replica), ("X-Boot-Id", boot)],
    )
    server = DrainingServer(config, service.drain, settings.drain_s)
    logs.event("serving", host=settings.host, port=settings.port, defects=settings.defects)
    await server.serve(sockets=[listener])
    await service.close()
    logs.event("stopped")


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


if __name__ == "__main__":
    main()
