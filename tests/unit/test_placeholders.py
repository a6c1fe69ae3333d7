"""Placeholders, and the values that fill them."""

from __future__ import annotations

from harness.placeholders import fill, placeholders, secret

MASTER = bytes(range(32))


def test_placeholders_of_a_nested_value():
    nested = {"{a}": ["x {b}", {"c": "{secret:jwt} {{d}}"}], "e": 1}
    assert placeholders(nested) == {"a", "b", "secret:jwt"}


def test_a_secret_is_the_same_for_all_replicas_of_a_run_and_for_no_other_run():
    assert secret(MASTER, "jwt") == secret(bytes(range(32)), "jwt")
    assert len(bytes.fromhex(secret(MASTER, "jwt"))) == 32
    assert len({secret(MASTER, "jwt"), secret(MASTER, "other"), secret(bytes(32), "jwt"), MASTER.hex()}) == 4


def test_fill():
    values = {"name": "replica-1", "port": "80"}
    assert fill("{name}:{port}/{nobody}/{{name}}", values, MASTER) == "replica-1:80/{nobody}/{{name}}"
    assert fill("x{secret:jwt}", values, MASTER) == "x" + secret(MASTER, "jwt")
    assert fill("{name}", {"name": "{port}"}, MASTER) == "{port}", "values are not filled again"
