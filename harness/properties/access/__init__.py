"""Access: a role, an API key or a session lets in whom it permits, and nobody after it was taken away."""

from __future__ import annotations

from collections.abc import Mapping

from harness.judging.check import Check, FinalReads, Items
from harness.properties.access import check
from harness.properties.access.contract import Access
from harness.properties.access.workload import AccessWorkload
from harness.properties.declared import Declared
from harness.properties.promises import CommonPromises
from harness.properties.property import Judged, Kind, Property
from harness.properties.visitor import SIGNUP, SIGNUP_AT

_Declared = Declared[Access, CommonPromises]

_KEYS = Items(
    "key", acknowledged="kind = 'key_create' AND outcome = 'ok'", read="kind = 'key_use' AND class IN ('ok', 'absent')"
)
_ACCOUNTS = Items('"user"', acknowledged="kind = 'signup' AND outcome = 'ok'", read="kind = 'see_own' AND class = 'ok'")
"""The items of a contract that has no API keys."""

_FINAL = FinalReads(
    "key",
    acknowledged="kind = 'key_create' AND outcome = 'ok'",
    read="kind = 'key_use' AND class IN ('ok', 'absent')",
    given_up="kind = 'key_revoke' AND outcome <> 'fail'",
)


def _items(declared: _Declared) -> Items:
    return _KEYS if declared.section.key_create else _ACCOUNTS


def _gaps(declared: _Declared) -> Mapping[str, str]:
    parts = (("grant", "roles"), ("key_create", "API keys"), ("logout_all", "the end of all sessions"))
    return {
        f"access: {what}": f"the contract has no `access.{name}`"
        for name, what in parts
        if getattr(declared.section, name) is None
    }


_SESSION = ("token", "username")

PROPERTY = Property(
    name=check.NAME,
    sentence="a role, an API key or a session lets in who may, and nobody once it was taken away",
    section=Access,
    workload=AccessWorkload,
    placeholders={
        "whoami": frozenset(_SESSION),
        "user": frozenset({*_SESSION, "id"}),
        "key_create": frozenset({*_SESSION, "name", "key"}),
        "key_use": frozenset({"key", "id"}),
        "key_revoke": frozenset({*_SESSION, "id"}),
        "logout_all": frozenset(_SESSION),
        "grant": frozenset({*_SESSION, "id", "role"}),
    },
    kinds={
        SIGNUP: Kind(SIGNUP_AT, in_every_window=False),
        "whoami": Kind("access.whoami", in_every_window=False),
        "see_own": Kind("access.user"),
        "see_other": Kind("access.user"),
        "key_create": Kind("access.key_create"),
        "key_use": Kind("access.key_use"),
        "key_revoke": Kind("access.key_revoke"),
        "logout_all": Kind("access.logout_all", "end_all"),
        "grant": Kind("access.grant", "end_all", in_every_window=False),
        "usurp": Kind("access.grant", in_every_window=False),
    },
    checks=(
        Judged(
            Check(check.NAME, check.SENTENCE, check.RULES, check.check),
            lambda declared: check.Criteria(declared.name),
            items=_items,
            final=lambda _: _FINAL,
            gaps=_gaps,
            needs="access.user",
        ),
    ),
    also_needs=(SIGNUP_AT,),
)
