"""The `access` of a contract: what it must say, and what it may leave out."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from harness.contract.read import read_contract
from harness.properties.access.contract import Access
from tests.support.paths import REFERENCE_CONTRACT as REFERENCE

GIVEN: dict[str, Any] = yaml.safe_load(REFERENCE.read_text(encoding="utf-8"))["access"]


def changed(change: Any) -> dict[str, Any]:
    given = deepcopy(GIVEN)
    change(given)
    return given


def test_the_reference_contract_says_all_of_it():
    access = read_contract(REFERENCE).access
    assert access is not None
    assert all(getattr(access, name) is not None for name in Access.model_fields)
    assert (access.permitted, access.plain) == ("admin", "user")


@pytest.mark.parametrize("left_out", [("key_create", "key_use", "key_revoke"), ("logout_all",), ("admin", "grant")])
def test_what_may_be_left_out(left_out: tuple[str, ...]):
    Access.model_validate({name: value for name, value in GIVEN.items() if name not in left_out})


WRONG = [
    (lambda given: given["whoami"].pop("extract"), "`extract` of `whoami` must say where the `id`"),
    (
        lambda given: [given["user"]["answers"].pop(name) for name in ("refused", "missing")],
        "`answers` of `user` must name `refused`",
    ),
    (lambda given: given.pop("key_use"), "`key_create`, `key_use` and `key_revoke` go together"),
    (lambda given: given["key_create"]["extract"].pop("key"), "must say where the `id` and the `key` are"),
    (lambda given: given["key_use"]["answers"].pop("absent"), "`answers` of `key_use` must name `absent`"),
    (lambda given: given.pop("admin"), "`grant` needs an `admin`"),
    (lambda given: given.pop("grant"), "`grant` needs an `admin`"),
]


@pytest.mark.parametrize(("change", "problem"), WRONG)
def test_what_must_be_said(change: Any, problem: str):
    with pytest.raises(ValidationError, match="1 validation error") as caught:
        Access.model_validate(changed(change))
    assert problem in str(caught.value)
