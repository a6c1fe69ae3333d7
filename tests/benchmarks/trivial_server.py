"""The smallest HTTP server that a load generator can be measured against: one fixed answer to any request.

`python -m tests.benchmarks.trivial_server [--core N]` listens on a free port of 127.0.0.1, prints the port on
one line, and serves until its standard input is closed. It answers some tens of thousands requests a second
on one core, so that what is measured is the client.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import cast

import httptools
import uvloop

# Everything that an operation of the contract benchmark takes from an answer, tokens at their usual length.
BODY = b'{"username":"user-0001","access_token":"%b","refresh_token":"%b"}' % (b"a" * 250, b"r" * 43)
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-replica: replica-1\r\n"
    b"x-boot-id: 0123456789abcdef\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


class Answering(asyncio.Protocol):
    """One connection: every complete request gets the fixed answer, pipelined ones too."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_complete(self) -> None:
        self.transport.write(ANSWER)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The end of standard input is the only signal that also arrives when the parent was killed.
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int)
    core = parser.parse_args().core
    if core is not None:
        os.sched_setaffinity(0, {core})
    uvloop.run(serve())


if __name__ == "__main__":
    main()
