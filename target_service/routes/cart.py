"""The endpoints of the cart."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import answers, bodies
from target_service.cart import Line
from target_service.headers import required_idempotency_key
from target_service.problems import CartFull, NotFound
from target_service.routes.common import Route, claims_of, json_response, refuses, service_of

router = APIRouter(route_class=Route)


def _shown(line: Line) -> dict[str, object]:
    return {"line_id": line.id, "item": line.item, "quantity": line.quantity}


@router.post("/api/cart/lines", status_code=201, response_model=answers.Line)
@refuses(CartFull)
async def add_line(request: Request, body: bodies.CartLine) -> Response:
    """Add a line to the cart, once for an idempotency key."""
    claims, key = claims_of(request), required_idempotency_key(request)
    line = await service_of(request).cart.add(claims, key, body.item, body.quantity)
    return json_response(_shown(line), 201)


@router.get("/api/cart", response_model=answers.CartContent)
async def cart(request: Request) -> Response:
    """Show all lines of the cart."""
    lines = await service_of(request).cart.lines(claims_of(request))
    return json_response({"lines": [_shown(line) for line in lines]})


@router.delete("/api/cart/lines/{id}", status_code=204)
@refuses(NotFound)
async def remove_line(request: Request, id: str) -> Response:
    """Remove a line from the cart."""
    await service_of(request).cart.remove(claims_of(request), id)
    return Response(status_code=204)
