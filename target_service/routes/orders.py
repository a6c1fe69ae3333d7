"""The endpoints of orders."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import answers, bodies
from target_service.headers import required_idempotency_key
from target_service.orders import Wanted
from target_service.problems import InProgress, NotFound, OrderTaken
from target_service.routes.common import JSON, Route, claims_of, refuses, service_of

router = APIRouter(route_class=Route)


@router.post("/process-order", status_code=201, response_model=answers.PlacedOrder)
@router.post("/api/orders", status_code=201, response_model=answers.PlacedOrder)
@refuses(OrderTaken, InProgress)
async def place(request: Request, body: bodies.Order) -> Response:
    """Place an order: the first who asks wins it, and it is processed once."""
    claims, key = claims_of(request), required_idempotency_key(request)
    wanted = Wanted(body.order_id, body.item, body.quantity)
    placed = await service_of(request).orders.place(claims, key, wanted)
    headers = {"Location": f"/api/orders/{body.order_id}"}
    if placed.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(placed.body, 201, headers, JSON)


@router.get("/api/orders/{id}", response_model=answers.PlacedOrder)
@refuses(NotFound)
async def show(request: Request, id: str) -> Response:
    """Show an order of the user."""
    return Response(await service_of(request).orders.show(claims_of(request), id), media_type=JSON)
