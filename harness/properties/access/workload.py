"""Access: users do what they may and try what they may not; sessions, API keys and roles are taken away again.

Every visitor has a user of its own, with sessions and API keys of its own, so that ending these hurts no other visitor.
The visitor uses a key through other replicas and revokes the key. It ends all sessions of the user at once and begins a
new one. It asks for the user's own account and for a stranger's. An admin gives the user the permitted role and takes
the role back, and the visitor tries the session from before again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.client.caller import Caller, Context, Op, Reply
from harness.placeholders import fill
from harness.properties.access.contract import Access
from harness.properties.declared import Declared
from harness.properties.promises import CommonPromises
from harness.properties.visitor import SIGNUP, SIGNUP_AT, SessionItem, Visitor, login, read_back
from harness.properties.workload import Workload

KEYS_A_PERSON = 4
SESSIONS_A_PERSON = 3
STRANGERS = 50
NEW_PERSON = 0.04


@dataclass(slots=True)
class ApiKey:
    """An API key as its owner knows it.

    Attributes:
        key: name of the key in the journal.
        id: the service's id of the key.
        secret: the key itself, which authenticates requests.
        replica: name of the replica that acknowledged the key; None when the answer named none.
        person: the owner.
        over: whether the key is revoked, may be revoked, or was refused.
    """

    key: str
    id: str
    secret: str
    replica: str | None
    person: Person
    over: bool = False


@dataclass(slots=True)
class Person:
    """A user whom one visitor alone uses.

    Attributes:
        name: name of the user.
        password: password of the user.
        id: the service's id of the user; "" until an answer gave it.
        role: the role that the user has.
        sessions: the user's sessions.
        keys: the user's API keys.
        lost: whether the user's sessions or role are no longer known for certain, so that the visitor needs a new user.
    """

    name: str
    password: str
    id: str = ""
    role: str = ""
    sessions: list[SessionItem] = field(default_factory=list)
    keys: list[ApiKey] = field(default_factory=list)
    lost: bool = False


class AccessWorkload(Workload[Access, CommonPromises]):
    """The workload that issues ops on accounts, API keys, roles and the end of all sessions."""

    def __init__(self, context: Context, declared: Declared[Access, CommonPromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        section = self.section
        self.has_keys = section.key_create is not None
        self.admin: tuple[str, str] | None = None
        if section.admin:
            self.admin = (section.admin.username, fill(section.admin.password, {}, context.master))
            context.secrets.append(self.admin[1])
        self.keys: list[ApiKey] = []
        self.strangers: list[Person] = []
        self.shows_user = "user" in section.user.extract
        answers = section.grant.answers if section.grant else {}
        self.turns_away = [name for name in ("refused", "missing") if answers.get(name)]
        """Classes of answer by which a grant turns a user away; without any, no user tries to give itself a role."""

    # -- what one visitor does

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        person = self._person(visitor)
        if not person or not self._enter(caller, person):
            return
        session, chance = caller.random.choice(person.sessions), caller.random.random()
        mine = [key for key in person.keys if not key.over]
        if self.has_keys and chance < 0.4:
            if mine and chance < 0.28:
                self.use_key(caller, caller.random.choice(mine))
            elif mine and (chance < 0.33 or len(mine) >= KEYS_A_PERSON):
                self._revoke_and_try(caller, session, caller.random.choice(mine))
            else:
                self.create_key(caller, person, session)
        elif self.section.logout_all and chance < 0.48:
            self._end_all(caller, person, session)
        elif self.section.grant and chance < 0.54:
            self._change_role(visitor, person)
        elif self.turns_away and chance < 0.6 and person.role == self.section.plain:
            self.usurp(caller, session, person)
        elif chance < 0.78:
            self.see(caller, session, person)
        else:
            self.see_other(caller, session)

    def _person(self, visitor: Visitor) -> Person | None:
        found = next((each for each in visitor.open if isinstance(each, Person)), None)
        if found and not found.lost and visitor.caller.random.random() > NEW_PERSON:
            return found
        visitor.open.clear()
        person = self._sign_up(visitor.caller)
        if person:
            visitor.open.append(person)
        return person

    def _sign_up(self, caller: Caller, expect: list[str] | None = None) -> Person | None:
        name, password = self.context.item("person"), f"{caller.random.getrandbits(96):024x}"
        self.context.secrets.append(password)
        op = Op(self.name, SIGNUP, name, user=name, expect=expect)
        reply = caller.call(SIGNUP_AT, op, {"username": name, "password": password})
        return Person(name, password, role=self.section.plain) if reply.ok else None

    def _enter(self, caller: Caller, person: Person, expect: list[str] | None = None) -> bool:
        """Log the person in if it has few sessions, learn its id, and say whether it has both a session and an id."""
        person.sessions = [each for each in person.sessions if each.live]
        if not person.sessions or (len(person.sessions) < SESSIONS_A_PERSON and caller.random.random() < 0.2):
            session = login(caller, self.name, expect, (person.name, person.password))
            if session:
                person.sessions.append(session)
        if person.sessions and not person.id:
            reply = self.whoami(caller, person.sessions[-1], expect)
            if reply.ok:
                person.id = str(reply.fields["id"])
                self.strangers = [*self.strangers, person][-STRANGERS:]
        return bool(person.sessions and person.id)

    def _end_all(self, caller: Caller, person: Person, session: SessionItem) -> None:
        before = list(person.sessions)
        self.logout_all(caller, person, session)
        for each in before:
            self.whoami(caller, each)
        if not person.lost:
            self._enter(caller, person)

    def _revoke_and_try(self, caller: Caller, session: SessionItem, key: ApiKey) -> None:
        self.revoke_key(caller, session, key)
        self.use_key(caller, key)

    def _change_role(self, visitor: Visitor, person: Person) -> None:
        """Give the person its other role, then look at a stranger with a session from before and with a new one."""
        caller, section = visitor.caller, self.section
        admin = self._admin(visitor)
        if not admin:
            return
        before = person.sessions[-1]
        self.grant(caller, admin, person, section.plain if person.role == section.permitted else section.permitted)
        self.see_other(caller, before)
        if not person.lost and self._enter(caller, person):
            self.see_other(caller, person.sessions[-1])

    def _admin(self, visitor: Visitor, expect: list[str] | None = None) -> SessionItem | None:
        visitor.sessions = [each for each in visitor.sessions if each.live]
        if not visitor.sessions and self.admin:
            session = login(visitor.caller, self.name, expect, self.admin)
            if session:
                visitor.sessions.append(session)
        return visitor.sessions[-1] if visitor.sessions else None

    # -- single operations

    def whoami(
        self, caller: Caller, session: SessionItem, expect: list[str] | None = None, through: str | None = None
    ) -> Reply:
        """Ask which user a session belongs to."""
        op = Op(self.name, "whoami", session.key, session=session.key, user=session.user, expect=expect)
        return _noted(session, caller.call("access.whoami", op, _values(session), through=through))

    def see(self, caller: Caller, session: SessionItem, person: Person, expect: list[str] | None = None) -> Reply:
        """Ask for the account of the session's own user."""
        return self._see(caller, "see_own", session, person, expect)

    def see_other(self, caller: Caller, session: SessionItem, expect: list[str] | None = None) -> Reply | None:
        """Ask for the account of another user, and return the reply; None when no other user is known."""
        others = [each for each in self.strangers if each.name != session.user]
        return self._see(caller, "see_other", session, caller.random.choice(others), expect) if others else None

    def _see(self, caller: Caller, kind: str, session: SessionItem, person: Person, expect: list[str] | None) -> Reply:
        fingerprint = self.context.fingerprint
        op = Op(self.name, kind, session.key, session=session.key, user=session.user, arg=person.name, expect=expect)
        if self.shows_user:
            op.want = fingerprint(person.name)

        def observe(fields: dict[str, Any]) -> dict[str, Any]:
            return {"value": fingerprint(str(fields["user"]))}

        values = {**_values(session), "id": person.id}
        return _noted(session, caller.call("access.user", op, values, observe if self.shows_user else None))

    def create_key(
        self, caller: Caller, person: Person, session: SessionItem, expect: list[str] | None = None
    ) -> ApiKey | None:
        """Create an API key, and return it; None when the service did not acknowledge one."""
        item = self.context.item("k")
        op = Op(self.name, "key_create", item, session=session.key, user=session.user, expect=expect)
        values = {**_values(session), "name": item, "key": item}
        reply = _noted(
            session, caller.call("access.key_create", op, values, lambda fields: {"given_id": str(fields["id"])})
        )
        if not reply.ok:
            return None
        key = ApiKey(item, str(reply.fields["id"]), str(reply.fields["key"]), reply.replica, person)
        self.context.secrets.append(key.secret)
        person.keys = [*(each for each in person.keys if not each.over), key]
        self.keys.append(key)
        return key

    def use_key(
        self,
        caller: Caller,
        key: ApiKey,
        expect: list[str] | None = None,
        avoid: str | None = None,
        through: str | None = None,
    ) -> Reply:
        """Make a request that the API key authenticates."""
        op = Op(self.name, "key_use", key.key, user=key.person.name, expect=expect)
        reply = caller.call("access.key_use", op, {"key": key.secret, "id": key.person.id}, None, avoid, through)
        key.over = key.over or reply.kind == "absent"
        return reply

    def revoke_key(self, caller: Caller, session: SessionItem, key: ApiKey, expect: list[str] | None = None) -> Reply:
        """Revoke the API key."""
        op = Op(self.name, "key_revoke", key.key, session=session.key, user=session.user, expect=expect)
        reply = _noted(session, caller.call("access.key_revoke", op, {**_values(session), "id": key.id}))
        key.over = key.over or reply.ok or reply.doubtful
        return reply

    def logout_all(
        self, caller: Caller, person: Person, session: SessionItem, expect: list[str] | None = None
    ) -> Reply:
        """End every session of the person."""
        op = Op(self.name, "logout_all", person.name, session=session.key, user=person.name, expect=expect)
        reply = _noted(session, caller.call("access.logout_all", op, _values(session)))
        for each in person.sessions:
            each.revoked = each.revoked or reply.ok
        person.lost = person.lost or reply.doubtful
        return reply

    def grant(
        self, caller: Caller, admin: SessionItem, person: Person, role: str, expect: list[str] | None = None
    ) -> Reply:
        """Give the person a role. The person's sessions may end with that, since their tokens may hold the old role."""
        op = Op(self.name, "grant", person.name, session=admin.key, user=person.name, expect=expect)
        op.arg = "permitted" if role == self.section.permitted else "plain"
        values = {**_values(admin), "id": person.id, "role": role}
        reply = _noted(admin, caller.call("access.grant", op, values))
        if reply.ok:
            person.role = role
            for each in person.sessions:
                each.revoked = True
        person.lost = person.lost or reply.doubtful
        return reply

    def usurp(self, caller: Caller, session: SessionItem, person: Person, expect: list[str] | None = None) -> Reply:
        """Try to give the person the permitted role by its own session; if that may have worked, it is `lost`."""
        op = Op(self.name, "usurp", person.name, session=session.key, user=person.name, arg="permitted", expect=expect)
        values = {**_values(session), "id": person.id, "role": self.section.permitted}
        reply = _noted(session, caller.call("access.grant", op, values))
        person.lost = person.lost or reply.ok or reply.doubtful
        return reply

    # -- the other phases

    def steady(self, caller: Caller) -> None:
        """See `Workload.steady`."""
        other, person = self._sign_up(caller, ["ok"]), self._sign_up(caller, ["ok"])
        if not (other and person and self._enter(caller, other, ["ok"]) and self._enter(caller, person, ["ok"])):
            return
        session = person.sessions[-1]
        self.see(caller, session, person, ["ok"])
        self.see_other(caller, session, ["refused", "missing"])
        key = self.create_key(caller, person, session, ["ok"]) if self.has_keys else None
        if key:
            for name, _ in self.context.members.ready:
                self.use_key(caller, key, ["ok"], through=name if self.context.settings.hop else None)
            self.revoke_key(caller, session, key, ["ok"])
            self.use_key(caller, key, ["absent"])
        if self.section.logout_all:
            self.logout_all(caller, person, session, ["ok"])
            self.whoami(caller, session, ["absent"])
            self._enter(caller, person, ["ok"])
        if self.turns_away and person.sessions:
            self.usurp(caller, person.sessions[-1], person, self.turns_away)
        admin = self._admin(Visitor(caller), ["ok"]) if self.section.grant and not person.lost else None
        if admin:
            self.grant(caller, admin, person, self.section.permitted, ["ok"])
            if self._enter(caller, person, ["ok"]):
                self.see_other(caller, person.sessions[-1], ["ok"])

    def final(self) -> None:
        """See `Workload.final`."""
        read_back(self.context, self.keys, self.use_key)


def _values(session: SessionItem) -> dict[str, Any]:
    return {"token": session.token, "username": session.user}


def _noted(session: SessionItem, reply: Reply) -> Reply:
    """Note in the session whether the reply says that it is absent, so that it is not used again; return the reply."""
    session.lost = session.lost or reply.kind == "absent"
    return reply
