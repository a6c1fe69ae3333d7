"""Preferences: one register for each user, which all of the user's clients read and change.

Each change writes a value never written before. A client reads, and often replaces the value that it has read. Where
the contract has versions, a change names the version that it replaces, and of two changes at once one is refused. After
an accepted change the client reads the register through another replica.
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
    """The register of one user.

    Attributes:
        user: name of the user.
        session: the newest session of the user, which reads and changes the register.
        replica: name of the replica that acknowledged the last change.
        changed: whether a change was acknowledged.
    """

    user: str
    session: SessionItem
    replica: str | None = None
    changed: bool = False


class PreferenceWorkload(Workload[Preference, PreferencePromises]):
    """The workload that issues reads and changes of registers."""

    def __init__(self, context: Context, declared: Declared[Preference, PreferencePromises]) -> None:
        """Begin with no items. The arguments are those of `Workload`."""
        super().__init__(context, declared)
        self.registers: dict[str, Register] = {}

    def step(self, visitor: Visitor) -> None:
        """See `Workload.step`."""
        caller = visitor.caller
        if caller.random.random() < 0.05:
            # Change to another user, so that all registers are used, and some by several clients.
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
        """Replace the value that was `found` by a new one, which the reply's fields hold as `written`."""
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
        """Return the journal fields of a read: values that this workload wrote in clear, others as a fingerprint.

        Any other value may be a user's own, and must not stand in the journal in clear.
        """
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
        """See `Workload.steady`."""
        session = login(caller, self.name, ["ok"])
        if not session:
            return
        register = self._register(session)
        found = self.get(caller, register, ["ok"])
        # All agents share the users of a file, so that a change of another agent may come between.
        alone = not self.declared.users_from_file
        written = self.put(caller, register, found.fields, ["ok"] if alone else None)
        want = str(written.fields["written"]) if alone else None
        for name, _ in self.context.members.ready:
            self.get(caller, register, ["ok"], through=name if self.context.settings.hop else None, want=want)
        if self.section.versioned and self.section.put.answers.get("mismatch"):
            self.put(caller, register, found.fields, ["mismatch"])

    def final(self) -> None:
        """See `Workload.final`."""
        read_back(self.context, [each for each in self.registers.values() if each.changed], self.get)
