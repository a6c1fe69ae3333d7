"""Runs the ledger as a program of its own.

    python -m harness.doubles.ledger --host 127.0.0.1 --port N --record PATH --delay-ms 50

Options take away what a good provider does, or let the ledger misbehave: --no-deduplicate, --no-fences, --fail-every N
and --answer-twice-every N.

In a container the same can be said by variables: LEDGER_RECORD, LEDGER_DELAY_MS, LEDGER_NO_DEDUPLICATE=1,
LEDGER_NO_FENCES=1, LEDGER_FAIL_EVERY, LEDGER_ANSWER_TWICE_EVERY. The command line wins. There is no LEDGER_PORT,
because a Service named `ledger` sets a variable of that name in Kubernetes, to something else. The variable
LEDGER_CONTROL holds the token that changes need (`harness.doubles.ledger.server.Settings`).

SIGTERM ends the ledger with status 0. A record that cannot be written ends the ledger with status 1: an effect that
leaves no trace would be worse than no ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from typing import Any

from harness.doubles.ledger.book import Book, Record
from harness.doubles.ledger.server import Connection, Settings


async def serve(host: str, port: int, settings: Settings) -> str | None:
    """Serve until SIGTERM or SIGINT.

    Returns:
        Why the ledger had to give up; None when a signal ended the ledger.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str | None] = loop.create_future()

    def finish(why: str | None) -> None:
        if not done.done():
            done.set_result(why)

    def broken(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        finish(f"{context.get('message')}: {context.get('exception')!r}")

    loop.set_exception_handler(broken)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, finish, None)
    server = await loop.create_server(lambda: Connection(settings), host, port, backlog=1024)
    why = await done
    server.close()
    return why


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError("a whole number from 0 up is wanted")
    return number


def _options() -> argparse.ArgumentParser:
    def said(name: str, otherwise: str | None = None) -> str | None:
        # argparse reads a default that is text as if it stood on the command line, and refuses a wrong one.
        return os.environ.get(f"LEDGER_{name}") or otherwise

    options = argparse.ArgumentParser(
        prog="python -m harness.doubles.ledger",
        description="The outside world of a run: takes effects, and counts them.",
    )
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=_count, required=True)
    record = said("RECORD")
    options.add_argument(
        "--record", default=record, required=not record, help="the file that every attempt is appended to"
    )
    options.add_argument(
        "--delay-ms", type=_count, default=said("DELAY_MS", "50"), help="how long an answer waits after its effect"
    )
    for name, text in (
        ("deduplicate", "an order with a known key has another effect"),
        ("fences", "a lower fence is not refused"),
    ):
        is_said = said(f"NO_{name.upper()}") == "1"
        options.add_argument(f"--no-{name}", action="store_true", default=is_said, help=text)
    every = {
        "fail": "answer 503 to every Nth attempt; 0: to none",
        "answer-twice": "answer every Nth effect twice; 0: none",
    }
    for name, text in every.items():
        default = said(f"{name}_EVERY".replace("-", "_").upper(), "0")
        options.add_argument(f"--{name}-every", type=_count, default=default, metavar="N", help=text)
    return options


def main() -> int:
    """Read the options, serve, and return the exit status."""
    given = _options().parse_args()
    book = Book(
        Record(given.record),
        deduplicates=not given.no_deduplicate,
        fences=not given.no_fences,
        fail_every=given.fail_every,
    )
    settings = Settings(book, given.delay_ms, os.environ.get("LEDGER_CONTROL", ""))
    settings.answer_twice_every = given.answer_twice_every
    why = asyncio.run(serve(given.host, given.port, settings))
    if why is not None:
        print(f"ledger: {why}", file=sys.stderr)
    return 0 if why is None else 1


if __name__ == "__main__":
    sys.exit(main())
