"""Preferences: a register a user, shared by all of the user's clients. Each change writes a value never written before.

A client reads, and often replaces what it has read: where the contract knows versions, a change names the one it
replaces, and of two at once one is refused. After an accepted change the register is read through another replica.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.client.caller import Caller, Context, Op, Reply
from harness.properties.declared import Declared
from harness.properties.preference.contract import Preference, PreferencePromises
from harness.properties.visitor import SessionItem, Visitor, login, read_back, seen, session_of
from harness.properties.workload import Workload

OURS = re.compile(r"v-(?:[0-9a-f]+-)?\d+-\d+")


@dataclass(slots=True)
class Register:
    """One user's, by any session of the user. `replica` acknowledged the last change."""

    user: str
    session: SessionItem
    replica: str | None = None
    changed: bool = False


class PreferenceWorkload(Workload[Preference, PreferencePromises]):
    """Issue the ops as the module says."""

    def __init__(self, context: Context, declared: Declared[Preference, PreferencePromises]) -> None:
        """Begin with no items."""
        super().__init__(context, declared)
        self.registers: dict[str, Register] = {}

    def step(self, visitor: Visitor) -> None:
        """Do what one visitor does next."""
        caller = visitor.caller
        if caller.random.random() < 0.05:
            # Another user next, so that every register is used, and some by several clients.
            visitor.sessions = []
        session = session_of(visitor, self.name)
        if not session:
            return
        register = self._register(session)
        reply = self.get(caller, register)
        if reply.ok and caller.random.random() < 0.4:
            caller.pause()
            if self.put(caller, register, reply.fields).ok:
                self.get(caller, register, avoid=register.replica)

    def _register(self, session: SessionItem) -> Register:
        register = self.registers.setdefault(session.user, Register(session.user, session))
        register.session = session
        return register

    def get(
        self,
        caller: Caller,
        register: Register,
        expect: list[str] | None = None,
        avoid: str | None = None,
        through: str | None = None,
        want: str | None = None,
    ) -> Reply:
        """Read the register."""
        op = self._op("get", register, expect)
        op.want = want
        return seen(
            register.session,
            caller.call("preference.get", op, self._values(register), self._observe, avoid, through),
        )

    def put(
        self, caller: Caller, register: Register, found: dict[str, object], expect: list[str] | None = None
    ) -> Reply:
        """Replace what was `found` by a value of its own; the Reply's fields hold it as `written`."""
        value = self.context.item("v")
        op = self._op("put", register, expect)
        op.arg = value
        values = {**self._values(register), "value": value, "version": found.get("version", "")}
        reply = caller.call("preference.put", op, values, self._version)
        if reply.ok:
            register.changed, register.replica = True, reply.replica
        reply.fields = {**reply.fields, "written": value}
        return seen(register.session, reply)

    def _observe(self, fields: dict[str, object]) -> dict[str, object]:
        """Values of our own are shown as they are; whatever else there is may be somebody's."""
        value = str(fields["value"])
        return {"value": value if OURS.fullmatch(value) else self.context.fingerprint(value), **self._version(fields)}

    @staticmethod
    def _version(fields: dict[str, object]) -> dict[str, object]:
        return {"state": str(fields["version"])} if "version" in fields else {}

    def _op(self, kind: str, register: Register, expect: list[str] | None) -> Op:
        return Op(self.name, kind, register.user, session=register.session.key, user=register.user, expect=expect)

    @staticmethod
    def _values(register: Register) -> dict[str, object]:
        return {"token": register.session.token, "username": register.user}

    def steady(self, caller: Caller) -> None:
        """Make one correct pass before any fault."""
        session = login(caller, self.name, ["ok"])
        if not session:
            return
        register = self._register(session)
        found = self.get(caller, register, ["ok"])
        # Users of a file are those of every agent, whose changes may come between.
        alone = not self.declared.users_from_file
        written = self.put(caller, register, found.fields, ["ok"] if alone else None)
        want = str(written.fields["written"]) if alone else None
        for name, _ in self.context.members.ready:
            self.get(caller, register, ["ok"], through=name if self.context.settings.hop else None, want=want)
        if self.section.versioned and self.section.put.answers.get("mismatch"):
            self.put(caller, register, found.fields, ["mismatch"])

    def final(self) -> None:
        """Read back what was acknowledged."""
        read_back(self.context, [each for each in self.registers.values() if each.changed], self.get)
