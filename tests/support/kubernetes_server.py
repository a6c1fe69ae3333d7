"""A server in the place of a cluster's, and a configuration that leads to it."""

from __future__ import annotations

import http.server
import json
from pathlib import Path
from typing import Any


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers 200 with `server.body` to whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        body: bytes = self.server.body  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


def configure(file: Path, server: str, user: dict[str, str]) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
        "current-context": "c",
    }
    file.write_text(json.dumps(config))
