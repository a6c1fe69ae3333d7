"""Responses as bytes: framed, ended by the end of the connection, and malformed."""

from __future__ import annotations

OK = b"HTTP/1.1 200 OK\r\n"

# name: (bytes, status, body, reusable); all end by themselves.
FRAMED: dict[str, tuple[bytes, int, bytes, bool]] = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True),
    "empty": (OK + b"content-length: 0\r\n\r\n", 200, b"", True),
    "body like a header end": (OK + b"Content-Length: 6\r\n\r\n\r\n\r\n\r\n", 200, b"\r\n\r\n\r\n", True),
    "chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, b"hello", True),
    "chunk extension": (OK + b"Transfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", 200, b"hello", True),
    "trailer": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Late: 1\r\n\r\n", 200, b"x", True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304, b"", True),
    "100 first": (b"HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", 200, b"ok", True),
    "103 twice": (
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 2 + OK + b"Content-Length: 1\r\n\r\nx",
        200,
        b"x",
        True,
    ),
    "close": (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "1.0 kept": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "no reason": (b"HTTP/1.1 503\r\nContent-Length: 2\r\n\r\nno", 503, b"no", True),
    "upgrade offered": (OK + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
}

# name: (bytes, body); the end of the connection ends them.
UNFRAMED: dict[str, tuple[bytes, bytes]] = {
    "no length": (OK + b"Content-Type: text/plain\r\n\r\nhello", b"hello"),
    "1.0 no length": (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
    "other coding": (OK + b"Transfer-Encoding: gzip\r\n\r\nhello", b"hello"),
    "nothing": (OK + b"\r\n", b""),
}

MALFORMED: dict[str, bytes] = {
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "http/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 99": b"HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n",
    "status not a number": b"HTTP/1.1 abc OK\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "101 bare": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "negative length": OK + b"Content-Length: -1\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length and chunked": OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunk size": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "header without colon": OK + b"nonsense\r\n\r\n",
    "folded header": OK + b"X-A: 1\r\n 2\r\n\r\n",
}
