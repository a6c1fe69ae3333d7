"""What leased records have in common: how a wish is kept, and what an idempotency key of a user is called."""

import hashlib
from decimal import Decimal

import pytest

from target_service.cart import line_id
from target_service.ids import name_of_key
from target_service.jobs import submission_key
from target_service.leased import Wish
from target_service.orders import Wanted
from target_service.payments import Order

WISHES = [Order.of(Decimal("5.00"), "EUR", "r1"), Wanted("o1", "tea", 2)]


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: type(wish).__name__)
def test_a_wish_is_read_as_it_was_kept(wish: Wish) -> None:
    assert type(wish).decoded(wish.encoded().encode()) == wish


def test_what_the_store_holds_of_a_wish_is_what_earlier_versions_wrote() -> None:
    assert [wish.encoded() for wish in WISHES] == ['["5","EUR","r1"]', '["o1","tea",2]']
    assert WISHES[1].fingerprint() == hashlib.sha256(b'["o1","tea",2]').hexdigest()


@pytest.mark.parametrize("text", [b'{"amount": "5"}', b'["o1","tea",2,"more"]'], ids=["object", "more fields"])
def test_a_wish_of_another_version_is_refused(text: bytes) -> None:
    for wish in WISHES:
        with pytest.raises(TypeError):
            type(wish).decoded(text)


def test_a_key_has_one_name_for_each_user_which_is_the_one_earlier_versions_used() -> None:
    name = hashlib.sha256(b"2:ab:c").hexdigest()[:40]
    assert name_of_key("ab", "c") == name != name_of_key("a", "bc")
    assert line_id("ab", "c") == name[:32]
    assert submission_key("ab", "c") == f"job-key:{name}"
