"""Cookies of a balancer, which clients honour only where a run seeds a sticky one."""

from __future__ import annotations

import pytest

from harness.client.caller import set_cookies, with_cookies


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("SERVER=replica-1; path=/", {"SERVER": "replica-1"}),
        ("A=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/, B=2; HttpOnly", {"A": "1", "B": "2"}),
    ],
)
def test_what_a_balancer_sets(header: str, cookies: dict[str, str]):
    assert set_cookies(header) == cookies


def test_they_stand_in_one_header_after_the_request_line():
    request = b"POST /x HTTP/1.1\r\nHost: a\r\n\r\n{}\r\n"
    assert with_cookies(request, {"A": "1", "B": "2"}) == (
        b"POST /x HTTP/1.1\r\nCookie: A=1; B=2\r\nHost: a\r\n\r\n{}\r\n"
    )
