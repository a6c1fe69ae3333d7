"""Turns the requests of a contract into bytes: each request is compiled once, and rendered for every op.

In the path, in header values and in the strings of the JSON body, `{name}` stands for a value, and `{{` and `}}` stand
for braces. A JSON string that is one placeholder and nothing else becomes the value with its own type; in any other
place, a value that is not a string is written as its JSON text.

    Template("POST", "/carts/{user}", {}, {"count": "{n}", "note": "for {user}"})
        .render({"user": "ann", "n": 3}, "127.0.0.1:80")  gives the path /carts/ann and {"count":3,"note":"for ann"}
"""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson

_TOKEN = re.compile(r"\{\{|\}\}|\{([A-Za-z_][\w:.-]*)\}|[{}]")
_METHOD = re.compile(r"[A-Z]+\Z")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_NOT_IN_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_PATH = re.compile(r"/[!-\"$-~]*\Z")  # printable ASCII without space and '#': the rest must come encoded
_FRAMING = {"content-length", "transfer-encoding"}
_WITH_LENGTH = {"POST", "PUT", "PATCH"}

Encode = Callable[[object], bytes]


class Template:
    """One request of a contract, compiled.

    `Content-Length` is computed. `Host` and `Content-Type: application/json` are added unless `headers` has them.

    Args:
        method: The HTTP method, in capital letters.
        path: The path and query, with placeholders.
        headers: The values of the headers, with placeholders, by name.
        json: The JSON body, with placeholders in its strings; None for no body.

    Attributes:
        placeholders: The names of all placeholders of the request.

    Raises:
        ValueError: The parts cannot become a request; the message names the place.
    """

    def __init__(self, method: str, path: str, headers: Mapping[str, str], json: object | None) -> None:
        if not _METHOD.match(method):
            raise ValueError(f"method {method!r}: write it in capital letters, as GET or POST")
        given = {name.lower() for name in headers}
        head = _Pieces()
        head.literal(f"{method} ")
        head.text(path, "path", _path_literal, _path_value)
        head.literal(" HTTP/1.1\r\n")
        for name, value in headers.items():
            if not _HEADER_NAME.match(name) or name.lower() in _FRAMING:
                raise ValueError(f"header {name!r}: not a name that can be set here; the length is computed")
            head.literal(f"{name}: ")
            head.text(value, f"header {name}", _header_literal, _header_value)
            head.literal("\r\n")
        if json is not None and "content-type" not in given:
            head.literal("Content-Type: application/json\r\n")
        body = _Pieces()
        if json is not None:
            _compile_json(json, body, "json")
        self.placeholders: frozenset[str] = frozenset(name for name, _ in [*head.slots, *body.slots])
        # The two last slots are filled by `render`: the Host line and the length.
        with_length = json is not None or method in _WITH_LENGTH
        self._length = "Content-Length: %d\r\n\r\n" if with_length else "\r\n"
        self._host = "" if "host" in given else "Host: %s\r\n"
        self._head, self._head_slots = head.format, tuple(head.slots)
        self._body, self._body_slots = body.format, tuple(body.slots)

    def render(self, values: Mapping[str, object], host: str) -> bytes:
        """Return the bytes of the request with its placeholders filled.

        Args:
            values: A value for every placeholder; names that the request does not use are ignored.
            host: The value of the `Host` header, such as `127.0.0.1:8080`.

        Raises:
            KeyError: A placeholder has no value; the key is its name.
            ValueError: A value cannot stand in a header.
            TypeError: A value is not JSON.
        """
        body = self._body % tuple([encode(values[name]) for name, encode in self._body_slots])
        head = self._head % tuple([encode(values[name]) for name, encode in self._head_slots])
        host_line = self._host and self._host % host
        length = self._length % len(body) if "%" in self._length else self._length
        return b"".join((head, (host_line + length).encode("ascii"), body))


@dataclass
class _Pieces:
    """A format for `bytes % tuple` that grows piece by piece, with one `%b` for each placeholder."""

    format: bytes = b""
    slots: list[tuple[str, Encode]] = field(default_factory=list)

    def literal(self, text: str) -> None:
        self.format += text.encode("latin-1").replace(b"%", b"%%")

    def raw(self, data: bytes) -> None:
        self.format += data.replace(b"%", b"%%")

    def slot(self, name: str, encode: Encode) -> None:
        self.format += b"%b"
        self.slots.append((name, encode))

    def text(self, text: str, place: str, literal: Callable[[str], bytes], encode: Encode) -> None:
        parts = _split(text, place)
        try:
            for kind, part in parts:
                if kind == "slot":
                    self.slot(part, encode)
                else:
                    self.raw(literal(part))
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        if place == "path" and not text.startswith("/"):
            raise ValueError(f"path {text!r}: must begin with '/'")


def _split(text: str, place: str) -> list[tuple[str, str]]:
    """Return `text` in order as parts ("text", literal) and ("slot", name); adjacent literals are one part."""
    parts: list[tuple[str, str]] = []
    literal, end = "", 0
    for match in _TOKEN.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        token = match.group()
        if match.group(1) is not None:
            parts += [("text", literal)] if literal else []
            parts.append(("slot", match.group(1)))
            literal = ""
        elif len(token) == 2:
            literal += token[0]
        else:
            raise ValueError(f"{place}: a single {token!r} in {text!r}; write {{name}}, or {token * 2} for a brace")
    literal += text[end:]
    return [*parts, ("text", literal)] if literal else parts


def _compile_json(node: object, out: _Pieces, place: str) -> None:
    if isinstance(node, Mapping):
        out.raw(b"{")
        for index, (key, value) in enumerate(node.items()):
            if not isinstance(key, str):
                raise ValueError(f"{place}: the key {key!r} is not a string; put it in quotes")
            out.raw((b"," if index else b"") + _json(key) + b":")
            _compile_json(value, out, f"{place}.{key}")
        out.raw(b"}")
    elif isinstance(node, list | tuple):
        out.raw(b"[")
        for index, value in enumerate(node):
            out.raw(b"," if index else b"")
            _compile_json(value, out, f"{place}[{index}]")
        out.raw(b"]")
    elif isinstance(node, str):
        _compile_string(node, out, place)
    else:
        try:
            out.raw(_json(node))
        except TypeError as error:
            raise ValueError(f"{place}: {error}") from None


def _compile_string(text: str, out: _Pieces, place: str) -> None:
    parts = _split(text, place)
    if len(parts) == 1 and parts[0][0] == "slot":
        out.slot(parts[0][1], _json)
        return
    out.raw(b'"')
    for kind, part in parts:
        if kind == "slot":
            out.slot(part, _json_inside)
        else:
            out.raw(_json_inside(part))
    out.raw(b'"')


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # Integers beyond 64 bits and lone surrogates are JSON too.
        return json_module.dumps(value, allow_nan=False).encode("ascii")


def _json_inside(value: object) -> bytes:
    return _json(_text(value))[1:-1]


def _text(value: object) -> str:
    return value if isinstance(value, str) else _json(value).decode()


def _path_value(value: object) -> bytes:
    return quote(_text(value), safe="").encode("ascii")


def _path_literal(text: str) -> bytes:
    if not _PATH.match("/" + text):
        raise ValueError(f"{text!r} has characters that a path cannot have; percent-encode them")
    return text.encode("ascii")


def _header_value(value: object) -> bytes:
    return _header_literal(_text(value))


def _header_literal(text: str) -> bytes:
    if not (text.isascii() and text.isprintable()) and (bad := _NOT_IN_HEADER.search(text)):
        raise ValueError(f"a header value cannot hold {bad.group()!r}")
    return text.encode("latin-1")
