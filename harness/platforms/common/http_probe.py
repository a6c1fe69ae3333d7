"""One bounded HTTP request to a part of the target: is it there, is it ready, who is it?"""

from __future__ import annotations

import http.client

from harness.platforms.common.ports import HOST

_TIMEOUT_S = 0.35


def get(port: int, path: str, host: str = HOST) -> tuple[int, dict[str, str]]:
    """Send one GET, and return the status and the headers of the answer, their names in lower case.

    The status is 0 when there was no answer in time.
    """
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


def is_good(status: int) -> bool:
    """Say whether a status means yes: any 2xx does."""
    return 200 <= status < 300


def said(path: str, status: int) -> str:
    """Return what came of a request, for an error text."""
    return f"GET {path}: {f'answered {status}' if status else 'no answer'}"
