"""A service of a few lines for testing platforms: no store, no framework.

GET /health /ready /whoami; the answers carry X-Replica and X-Boot-Id. SIGTERM: not ready, a short drain, exit.
Behaviour is chosen by the environment: TINY_EXIT=text exits at once with that text; TINY_NEVER_READY=1;
TINY_IGNORE_TERM=1; TINY_DRAIN_S=seconds. `python tiny.py worker` serves nothing and waits for SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import uuid

BOOT = uuid.uuid4().hex
NAME = os.environ.get("REPLICA") or socket.gethostname()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, draining: asyncio.Event) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    path = head.split(b" ", 2)[1]
    is_ready = not draining.is_set() and "TINY_NEVER_READY" not in os.environ
    status = b"503 Service Unavailable" if path == b"/ready" and not is_ready else b"200 OK"
    name = NAME.encode()
    fields = [b"HTTP/1.1 " + status, b"X-Replica: " + name, b"X-Boot-Id: " + BOOT.encode()]
    fields += [
        b"X-Harness-No-Effect: forged",
        b"Content-Length: " + str(len(name)).encode(),
        b"Connection: close",
    ]
    writer.write(b"\r\n".join(fields) + b"\r\n\r\n" + name)
    await writer.drain()
    writer.close()


async def main() -> None:
    if os.environ.get("TINY_EXIT"):
        print(os.environ["TINY_EXIT"], flush=True)
        sys.exit(3)
    draining = asyncio.Event()
    if "TINY_IGNORE_TERM" in os.environ:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, draining.set)
    print(f"up as {NAME}", flush=True)
    if sys.argv[1:] != ["worker"]:
        await asyncio.start_server(lambda r, w: answer(r, w, draining), os.environ["HOST"], int(os.environ["PORT"]))
    await draining.wait()
    await asyncio.sleep(float(os.environ.get("TINY_DRAIN_S", "0.1")))


asyncio.run(main())
