"""One HTTP/1.1 response (RFC 9112), read from pieces of any size.

llhttp finds the boundaries; what it leaves open is decided here: interim responses are skipped, a response
to HEAD ends with its header, the end of the connection ends a response that has no length of its own, and
trailer fields are not headers. Empty lines after a response are dropped, as llhttp does.
"""

from __future__ import annotations

from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

LIMIT_BYTES = 8 * 1024 * 1024


class Malformed(Exception):
    """The bytes are not one HTTP/1.x response of at most 8 MiB, headers included."""


class Response:
    """`feed` it what arrived until `complete`; then read `status`, `headers`, `body`, `reusable`.

    `headers`: lower-case names; repeated fields joined by ", ". `reusable`: the connection may carry another
    exchange, as far as this response and the bytes read with it tell.
    """

    __slots__ = ("_bytes", "_parser", "_pieces", "_without_body", "complete", "headers", "reusable", "status")

    def __init__(self, without_body: bool = False) -> None:
        self.complete = False
        self.reusable = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self._bytes = 0
        self._pieces: list[bytes] = []
        self._without_body = without_body
        self._parser: Any = HttpResponseParser(self)

    @property
    def body(self) -> bytes:
        """The content, without transfer coding."""
        return b"".join(self._pieces)

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Malformed; bytes after the response only make it not reusable."""
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self.complete:
                raise Malformed(str(error)) from error
            self.reusable = False
        if self.complete:
            # The parser holds this object's methods: cut the cycle, or each exchange is work for the collector.
            self._parser = None
        elif self._bytes > LIMIT_BYTES:
            raise Malformed(f"more than {LIMIT_BYTES} bytes")

    def finish(self) -> bool:
        """Take the end of the connection; returns whether it completes the response."""
        if self.status >= 200:
            coding = self.headers.get("transfer-encoding")
            if coding is None:
                self.complete = "content-length" not in self.headers
            else:
                self.complete = coding.rpartition(",")[2].strip().lower() != "chunked"
        self._parser = None
        return self.complete

    # llhttp calls the methods below during feed.

    def on_message_begin(self) -> None:
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer field, or a response nobody asked for
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip(" \t")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        status = self._parser.get_status_code()
        if status < 200:
            if status < 100 or status == 101:
                raise Malformed(f"status {status}")
            self.headers = {}
            return
        if self._parser.get_http_version() not in ("1.1", "1.0"):
            raise Malformed("not HTTP/1.x")
        self.status = status
        if self._without_body:
            self._end()

    def on_body(self, piece: bytes) -> None:
        if self.complete:
            self.reusable = False
        else:
            self._pieces.append(piece)

    def on_chunk_header(self) -> None:
        if self.complete:
            self.reusable = False

    def on_message_complete(self) -> None:
        if self.status and not self.complete:
            self._end()

    def _end(self) -> None:
        self.complete = True
        self.reusable = bool(self._parser.should_keep_alive())
