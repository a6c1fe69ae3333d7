"""A cart is one document: read, changed in the process, and written back whole.

Seen in the wild: carts kept as JSON in a session, a cache or a column. Two requests that read before either has
written lose one of the two changes: a line that was acknowledged is gone, or one that was removed is back.
"""

from typing import Any

import orjson

from target_service.accounts import user_key
from target_service.cart import Cart, Line, line_id
from target_service.parts import Parts
from target_service.problems import NotFound
from target_service.tokens import Claims


class DocumentCart(Cart):
    """Loads the document, changes it, saves it."""

    async def add(self, claims: Claims, key: str, item: str, quantity: int) -> Line:
        """Adds the line to the document."""
        line = Line(line_id(claims.user, key), item, quantity)
        document = await self._load(claims)
        document[line.id] = [item, quantity]
        await self._save(claims, document)
        return line

    async def lines(self, claims: Claims) -> list[Line]:
        """What the document holds."""
        return [Line(name, item, quantity) for name, (item, quantity) in sorted((await self._load(claims)).items())]

    async def remove(self, claims: Claims, line: str) -> None:
        """Takes the line out of the document."""
        document = await self._load(claims)
        if document.pop(line, None) is None:
            raise NotFound()
        await self._save(claims, document)

    async def _load(self, claims: Claims) -> dict[str, list[Any]]:
        await self._sessions.run(claims, "profile", [user_key(claims.user)])
        text = await self._store.command("GET", f"cart-document:{claims.user}")
        document: dict[str, list[Any]] = orjson.loads(text or b"{}")
        return document

    async def _save(self, claims: Claims, document: dict[str, list[Any]]) -> None:
        name = f"cart-document:{claims.user}"
        await self._store.command("SET", name, orjson.dumps(document), "PX", self._life_ms)


def apply(parts: Parts) -> None:
    """Exchanges the cart."""
    parts.cart = DocumentCart
