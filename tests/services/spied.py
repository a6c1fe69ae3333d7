"""A service under observation: every secret that it takes or gives is written to the file SPY.

And to its log, as careless services do. `python spied.py stranger` is the stranger's service, `python spied.py target`
the reference service.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable

KINDS = ("pass", "password", "sid", "access_token", "refresh_token")


def note(secrets: Iterable[str]) -> None:
    with open(os.environ["SPY"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write("".join(f"{secret}\n" for secret in secrets if secret))


def note_body(body: bytes) -> None:
    try:
        document = json.loads(body)
    except ValueError:
        return
    if isinstance(document, dict):
        found = {kind: str(document[kind]) for kind in KINDS if kind in document}
        note(found.values())
        print("seen:", found, " ".join(found.values()), flush=True)


def stranger_service() -> None:
    import stranger
    from flask import Response, request

    @stranger.app.before_request
    def asked() -> None:
        note_body(request.get_data())
        note([request.headers.get("X-Session", "")])

    @stranger.app.after_request
    def answered(response: Response) -> Response:
        note_body(response.get_data())
        return response

    stranger.main()


def target_service() -> None:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    import target_service.__main__ as service

    create_app = service.create_app

    def spied(*parts: object) -> ASGIApp:
        inner = create_app(*parts)  # type: ignore[arg-type]

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            note(value.decode().removeprefix("Bearer ") for name, value in scope["headers"] if name == b"authorization")

            async def asked() -> Message:
                message = await receive()
                note_body(message.get("body", b""))
                return message

            async def answered(message: Message) -> None:
                note_body(message.get("body", b""))
                await send(message)

            await inner(scope, asked, answered)

        return application

    service.create_app = spied  # type: ignore[assignment]
    note([os.environ["JWT_SECRET"]])
    service.main()


if __name__ == "__main__":
    {"stranger": stranger_service, "target": target_service}[sys.argv[1]]()
