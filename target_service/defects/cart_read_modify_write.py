"""A cart is one document: it is read, changed in the process, and written back whole.

Seen in the wild: carts kept as JSON in a session, a cache or a column. When two requests read before either has
written, one of their two changes is lost: an acknowledged line is gone, or a removed line is back.
"""

from typing import Any

import orjson

from target_service.accounts import user_key
from target_service.cart import Cart, Line, line_id
from target_service.parts import Parts
from target_service.problems import NotFound
from target_service.tokens import Claims


class DocumentCart(Cart):
    """A cart that loads the document, changes it and saves it."""

    async def add(self, claims: Claims, key: str, item: str, quantity: int) -> Line:
        """Add the line to the document."""
        line = Line(line_id(claims.user, key), item, quantity)
        document = await self._load(claims)
        document[line.id] = [item, quantity]
        await self._save(claims, document)
        return line

    async def lines(self, claims: Claims) -> list[Line]:
        """Return the lines of the document."""
        return [Line(name, item, quantity) for name, (item, quantity) in sorted((await self._load(claims)).items())]

    async def remove(self, claims: Claims, line: str) -> None:
        """Take the line out of the document."""
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
    """Replace the cart."""
    parts.cart = DocumentCart
