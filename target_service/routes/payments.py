"""The endpoint of payments."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import answers, bodies
from target_service.headers import required_idempotency_key
from target_service.payments import Order
from target_service.problems import InProgress
from target_service.routes.common import JSON, Route, claims_of, refuses, service_of

router = APIRouter(route_class=Route)


@router.post("/payment", status_code=201, response_model=answers.Charge)
@refuses(InProgress)
async def payment(request: Request, body: bodies.Payment) -> Response:
    """Charge a payment, once for an idempotency key."""
    claims, key = claims_of(request), required_idempotency_key(request)
    order = Order.of(body.amount, body.currency, body.reference)
    answer = await service_of(request).payments.pay(claims, key, order)
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else None
    return Response(answer.body, 201, headers, JSON)
