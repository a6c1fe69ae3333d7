"""Carts: lines with ids of their own, each added once and removed at most once; no cart is read and written back whole.

Keys    cart:<user>          hash: line id -> [item, quantity] (JSON). Lives CART_TTL_S from its last change.
        cart-added:<line>    string: what the line holds, or held. It says that the line was added, whether the line
                             is still there or not. Lives CART_TTL_S, or IDEMPOTENCY_RETENTION_S if that is longer,
                             from the add, and again from the removal.
Owner   the user; only the scripts below write the keys.
Trips   1 each: every change is one command on one line, within the script that checks the session.
Crash   add: the line and the memory of it are one script, so both are written or neither. A client that lost the reply
        adds again with its key. The line id is a hash of user and key, so it is the same line. A line that has been
        removed meanwhile stays removed when the repetition comes within the life of a cart; a later one adds it anew.
        remove: one script. A client that lost the reply asks again and gets 404: the line is gone, as it wished.
"""

from dataclasses import dataclass

import orjson

from target_service.ids import name_of_key
from target_service.problems import CartFull, KeyReused, NotFound
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.store import Store
from target_service.tokens import Claims

STATE = State(
    name="Cart",
    keys=(
        Key(
            "cart:*",
            "hash",
            "CART_TTL_S from the last change",
            "the user; one line at a time",
            "lines by their ids: two replicas that change two lines never write over each other",
        ),
        Key(
            "cart-added:*",
            "string",
            "CART_TTL_S, or IDEMPOTENCY_RETENTION_S if longer, from the add and from the removal",
            "the add, the removal",
            "what was added, so that a repetition within that time does not bring back what was removed",
        ),
    ),
    scripts=("cart_add", "cart_lines", "cart_remove"),
    trips={"POST /api/cart/lines": 1, "GET /api/cart": 1, "DELETE /api/cart/lines/{id}": 1},
    crash="""Add: line and memory of it are one script; added again with its key it is the same line, and for the life
    of a cart it stays removed if it was. Remove: one script; asked again it answers 404, which is what was wanted.""",
)


@dataclass(frozen=True)
class Line:
    """One line of a cart: its id, what is wanted, and how many."""

    id: str
    item: str
    quantity: int


def cart_key(user: str) -> str:
    """Return the key of a user's cart."""
    return f"cart:{user}"


def added_key(line: str) -> str:
    """Return the key under which it is remembered that a line was added."""
    return f"cart-added:{line}"


def line_id(user: str, key: str) -> str:
    """Return the id of the line that an idempotency key of a user stands for."""
    return name_of_key(user, key)[:32]


class Cart:
    """Carts in the store."""

    def __init__(self, store: Store, sessions: Sessions, settings: Settings) -> None:
        self._store = store
        self._sessions = sessions
        self._most_lines = settings.cart_lines
        self._life_ms = int(settings.cart_ttl_s * 1000)
        self._memory_ms = int(max(settings.cart_ttl_s, settings.idempotency_retention_s) * 1000)

    async def add(self, claims: Claims, key: str, item: str, quantity: int) -> Line:
        """Add a line, or find the line that this idempotency key has added.

        The line lives CART_TTL_S from the last change of the cart. A replica that dies after the script leaves a line
        whose reply was lost; adding it again with the same key changes nothing.

        Args:
            claims: Whose cart it is.
            key: The idempotency key.
            item: What is wanted.
            quantity: How many.

        Raises:
            KeyReused: The key has added another line.
            CartFull: The cart holds CART_LINES lines.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        line = Line(line_id(claims.user, key), item, quantity)
        text = orjson.dumps([item, quantity]).decode()
        (outcome,) = await self._sessions.run(
            claims,
            "cart_add",
            [cart_key(claims.user), added_key(line.id)],
            [line.id, text, self._most_lines, self._life_ms, self._memory_ms],
        )
        if outcome == b"mismatch":
            raise KeyReused()
        if outcome == b"full":
            raise CartFull()
        return line

    async def lines(self, claims: Claims) -> list[Line]:
        """Return all lines of the user's cart, in the order of their ids.

        Raises:
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        flat = await self._sessions.run(claims, "cart_lines", [cart_key(claims.user)])
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return sorted((Line(name.decode(), *orjson.loads(text)) for name, text in pairs), key=lambda line: line.id)

    async def remove(self, claims: Claims, line: str) -> None:
        """Remove a line of the user's cart.

        Raises:
            NotFound: There is no such line. Of two removals of one line, one alone succeeds.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        keys, lives = [cart_key(claims.user), added_key(line)], [self._life_ms, self._memory_ms]
        if not await self._sessions.run(claims, "cart_remove", keys, [line, *lives]):
            raise NotFound()
