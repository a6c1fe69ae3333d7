"""Sessions: an acknowledged session exists until it ends, and never after. Refresh tokens are judged here too."""

from __future__ import annotations

from collections.abc import Mapping

from harness.judging.check import Check, FinalReads, Items
from harness.properties.declared import Declared
from harness.properties.property import Judged, Kind, Property
from harness.properties.session import check, refresh
from harness.properties.session.contract import Session, SessionPromises, problems
from harness.properties.session.workload import SessionWorkload
from harness.properties.visitor import LOGIN

_Declared = Declared[Session, SessionPromises]

_ITEMS = Items(
    "session",
    acknowledged="session_use = 'begin' AND outcome = 'ok'",
    read="seen IS NOT NULL AND session_use <> 'end'",
    everywhere=True,
)
_TOKENS = Items(
    "arg",
    acknowledged="session_use IN ('begin', 'renew') AND outcome = 'ok'",
    read="session_use = 'renew' AND class IN ('ok', 'refused')",
    acknowledged_in="value",
    everywhere=True,
)


def _criteria(declared: _Declared) -> check.Criteria:
    promises = declared.promises
    return check.Criteria(declared.name, promises.session_ttl_s, promises.refresh_grace_s)


def _final(declared: _Declared) -> FinalReads:
    return FinalReads(
        "session",
        acknowledged="session_use = 'begin' AND outcome = 'ok'",
        read="seen IS NOT NULL",
        given_up="session_use = 'end' AND outcome <> 'fail'",
        life_s=declared.promises.session_ttl_s,
        everywhere=True,
    )


def _gaps(declared: _Declared) -> Mapping[str, str]:
    return {
        f"{name}: expiry": f"not promised: the contract names no {promise}"
        for name, promise in (("session", "session_ttl_s"), ("refresh", "refresh_ttl_s"))
        if getattr(declared.promises, promise) is None
    }


def _refresh_criteria(declared: _Declared) -> refresh.Criteria:
    promises = declared.promises
    return refresh.Criteria(
        declared.name, promises.refresh_ttl_s, promises.refresh_grace_s, promises.refresh_reuse_revokes
    )


def _refresh_gaps(declared: _Declared) -> Mapping[str, str]:
    gaps = {}
    if declared.promises.refresh_grace_s is None:
        gaps["refresh: lost replies"] = "not promised: the contract names no refresh_grace_s"
    if not declared.promises.refresh_reuse_revokes:
        gaps["refresh: reuse"] = "not promised: the contract says no refresh_reuse_revokes"
    return gaps


PROPERTY = Property(
    name=check.NAME,
    sentence="an acknowledged session is there until it is revoked or expires, and never after",
    section=Session,
    promises=SessionPromises,
    workload=SessionWorkload,
    placeholders={
        "login": frozenset({"username", "password"}),
        "read": frozenset({"token", "username"}),
        "refresh": frozenset({"token", "refresh"}),
        "logout": frozenset({"token", "refresh"}),
    },
    kinds={
        LOGIN: Kind("session.login", "begin"),
        "read": Kind("session.read"),
        "refresh": Kind("session.refresh", "renew"),
        "logout": Kind("session.logout", "end"),
    },
    checks=(
        Judged(
            Check(check.NAME, check.SENTENCE, check.RULES, check.check),
            _criteria,
            items=lambda _: _ITEMS,
            final=_final,
            gaps=_gaps,
            always=True,
        ),
        Judged(
            Check(refresh.NAME, refresh.SENTENCE, refresh.RULES, refresh.check),
            _refresh_criteria,
            items=lambda _: _TOKENS,
            gaps=_refresh_gaps,
            needs="session.refresh",
        ),
    ),
    needs_session=False,
    gives_sessions=True,
    formerly=("sessions",),
    problems=problems,
)
