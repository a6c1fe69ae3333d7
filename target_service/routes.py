"""The endpoints: what is asked of which state, and how it is answered. Nothing is decided here.

Every handler is a coroutine that awaits the store at most as often as the state file says, and answers bytes that
are ready: no response model is walked on the way out.
"""

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import bodies
from target_service.headers import bearer, idempotency_key, required_idempotency_key
from target_service.parts import Service
from target_service.payments import Order
from target_service.problems import problem_response
from target_service.sessions import Opened
from target_service.tokens import Claims

JSON = "application/json"
router = APIRouter()


def _service(request: Request) -> Service:
    service: Service = request.scope["app"].state.service
    return service


def _claims(request: Request) -> Claims:
    return _service(request).tokens.verify(bearer(request))


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type=JSON)


def _tokens(service: Service, opened: Opened) -> Response:
    return _json(
        {
            "access_token": service.tokens.access(opened.user, opened.session),
            "refresh_token": service.tokens.refresh(opened.session, opened.generation),
            "token_type": "Bearer",
            "expires_in": int(service.settings.access_ttl_s),
        }
    )


@router.post("/api/users")
async def sign_up(request: Request, body: bodies.SignUp) -> Response:
    await _service(request).accounts.create(body.username, body.password)
    return _json({"username": body.username}, 201)


@router.post("/api/login")
async def login(request: Request, body: bodies.Login) -> Response:
    service = _service(request)
    await service.accounts.check(body.username, body.password)
    return _tokens(service, await service.sessions.open(body.username))


@router.post("/api/refresh")
async def refresh(request: Request, body: bodies.Refresh) -> Response:
    service = _service(request)
    token = service.tokens.read_refresh(body.refresh_token)
    return _tokens(service, await service.sessions.refresh(token))


@router.post("/api/logout")
async def logout(request: Request) -> Response:
    await _service(request).sessions.revoke(_claims(request))
    return Response(status_code=204)


@router.get("/profile")
async def profile(request: Request) -> Response:
    shown = await _service(request).sessions.profile(_claims(request))
    return _json({"username": shown.username, "created_ms": shown.created_ms})


@router.post("/payment")
async def payment(request: Request, body: bodies.Payment) -> Response:
    claims, key = _claims(request), required_idempotency_key(request)
    order = Order.of(body.amount, body.currency, body.reference)
    answer = await _service(request).payments.pay(claims, key, order)
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else None
    return Response(answer.body, 201, headers, JSON)


@router.post("/api/process")
async def process(request: Request, body: bodies.Process) -> Response:
    claims, key = _claims(request), idempotency_key(request)
    job = await _service(request).jobs.submit(claims, key, body.input.model_dump(), body.reference)
    response = _json({"job_id": job}, 202)
    response.headers["Location"] = f"/api/status/{job}"
    return response


@router.get("/api/status/{id}")
async def status(request: Request, id: str) -> Response:
    found = await _service(request).jobs.status(_claims(request), id)
    shown: dict[str, object] = {"job_id": found.job, "state": found.state, "progress": found.progress}
    if found.output is not None:
        shown["output"] = found.output
    if found.error is not None:
        shown["error"] = found.error
    return _json(shown)


@router.get("/health")
async def health() -> Response:
    """Whether this process lives; says nothing of its store, or a store that is gone would have replicas killed."""
    return _json({"status": "alive"})


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Whether requests should be sent here: not when leaving, and not without the store."""
    service = _service(request)
    if service.drain.draining:
        return problem_response(503, "urn:problem:draining", "This replica is leaving")
    if not await service.store.alive():
        return problem_response(503, "urn:problem:store-gone", "The store does not answer")
    return _json({"status": "ready"})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    counters = _service(request).metrics
    return Response(counters.text(), media_type=counters.content_type)
