"""Reads one HTTP/1.1 response (RFC 9112) from pieces of any size.

The parser llhttp finds the boundaries. What llhttp leaves open is decided here: interim responses (1xx) are skipped; a
response to HEAD ends with its headers; the end of the connection ends a response that has no length of its own; trailer
fields are not headers. Empty lines after a response are dropped, as llhttp does.
"""

from __future__ import annotations

from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

LIMIT_BYTES = 8 * 1024 * 1024
"""The most bytes that one response may have, headers included."""


class Malformed(Exception):
    """The bytes are not one HTTP/1.x response of at most `LIMIT_BYTES`, headers included."""


class Response:
    """One response in the making: give what arrives to `feed` until `complete` is true, then read the other attributes.

    Args:
        without_body: Whether the response ends with its headers, as the response to a HEAD request does.

    Attributes:
        complete: Whether the whole response has arrived.
        status: The HTTP status; 0 until the headers have arrived.
        headers: The headers by lower-case name; repeated ones are joined by ", ".
        reusable: Whether the connection may carry another exchange, as far as this response and the bytes read with it
            show.
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
        """Take the next bytes; bytes after the end of the response only make the connection not reusable.

        Raises:
            Malformed: The bytes do not continue a response, or the response is too large.
        """
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
        """Take the end of the connection, and return whether the response is now complete."""
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
        """Note that a message begins; one after the response is more than was asked for."""
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; trailer fields and headers of a second response are left out."""
        if self.status:
            return  # a trailer field, or a response nobody asked for
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip(" \t")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Take the status, forget an interim response, and end a response that has no body."""
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
        """Take one piece of the content."""
        if self.complete:
            self.reusable = False
        else:
            self._pieces.append(piece)

    def on_chunk_header(self) -> None:
        """Note that a chunk begins; one after the response is more than was asked for."""
        if self.complete:
            self.reusable = False

    def on_message_complete(self) -> None:
        """Note that the response has ended, unless it was an interim response."""
        if self.status and not self.complete:
            self._end()

    def _end(self) -> None:
        self.complete = True
        self.reusable = bool(self._parser.should_keep_alive())
