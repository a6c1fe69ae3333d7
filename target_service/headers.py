"""What requests say in their headers: who they are from, and which operation they repeat."""

import re

from fastapi import Request

from target_service.problems import KeyMissing, Malformed, NotAuthenticated, PreconditionRequired

KEY_HEADERS = ("idempotency-key", "x-idempotency-key")
KEY = re.compile(r"[\x21-\x7e]{1,255}")
ENTITY_TAG = re.compile(r'"[\x21\x23-\x7e]{1,64}"')
QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


def bearer(request: Request) -> str:
    """Return the token of the header `Authorization: Bearer …`.

    Raises:
        NotAuthenticated: There is no such header.
    """
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and token:
                return str(token.strip())
            break
    raise NotAuthenticated()


def idempotency_key(request: Request) -> str | None:
    """Return the idempotency key, written plainly or as a quoted string (IETF draft); None if there is none.

    Raises:
        Malformed: The key is given twice with different values, or is not 1 to 255 visible ASCII characters.
    """
    keys = {_unquoted(value.strip()) for name in KEY_HEADERS for value in request.headers.getlist(name)}
    if len(keys) > 1:
        raise Malformed("Idempotency-Key is given more than once, with different values")
    for key in keys:
        if not KEY.fullmatch(key):
            raise Malformed("Idempotency-Key must be 1 to 255 visible ASCII characters")
        return key
    return None


def required_idempotency_key(request: Request) -> str:
    """Return the idempotency key, written plainly or as a quoted string (IETF draft).

    Raises:
        KeyMissing: There is none.
        Malformed: The key is given twice with different values, or is not 1 to 255 visible ASCII characters.
    """
    key = idempotency_key(request)
    if key is None:
        raise KeyMissing()
    return key


def required_match(request: Request) -> str:
    """Return the one version that If-Match names, without its quotes, or `*`.

    Raises:
        PreconditionRequired: There is no such header.
        Malformed: The header is not one strong entity tag.
    """
    given = [value.strip() for value in request.headers.getlist("if-match")]
    if not given:
        raise PreconditionRequired()
    if given != ["*"] and not (len(given) == 1 and ENTITY_TAG.fullmatch(given[0])):
        raise Malformed('If-Match must be one strong entity tag, as "3", or *')
    # A star without quotes stands for any version. With quotes it is a tag, which no version of ours has.
    return given[0] if given[0] in ("*", '"*"') else given[0].strip('"')


def _unquoted(value: str) -> str:
    match = QUOTED.fullmatch(value)
    return re.sub(r"\\(.)", r"\1", match[1]) if match else value
