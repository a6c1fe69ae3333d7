"""The endpoints of users, roles and API keys."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import answers, bodies
from target_service.headers import required_idempotency_key
from target_service.problems import AnswerGone, Forbidden, NotFound, TooManyKeys
from target_service.routes.common import Route, claims_of, json_response, refuses, service_of

router = APIRouter(route_class=Route)


@router.get("/api/users/{id}", response_model=answers.Account)
@refuses(Forbidden, NotFound)
async def user(request: Request, id: str) -> Response:
    """Show an account: one's own, or any account to an admin."""
    shown = await service_of(request).users.show(claims_of(request), id)
    return json_response(
        {"user_id": shown.id, "username": shown.username, "role": shown.role, "created_ms": shown.created_ms}
    )


@router.put("/api/users/{id}/role", status_code=204)
@refuses(Forbidden, NotFound)
async def role(request: Request, id: str, body: bodies.Role) -> Response:
    """Give an account a role, and end the sessions whose tokens say another one."""
    await service_of(request).users.set_role(claims_of(request), id, body.role)
    return Response(status_code=204)


@router.post("/api/keys", status_code=201, response_model=answers.NewApiKey)
@refuses(Forbidden, TooManyKeys, AnswerGone)
async def create_key(request: Request, body: bodies.ApiKey) -> Response:
    """Make an API key, or show the one that this idempotency key has made."""
    claims, key = claims_of(request), required_idempotency_key(request)
    made = await service_of(request).api_keys.create(claims, key, body.name)
    response = json_response({"key_id": made.id, "key": made.key}, 201)
    if made.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@router.get("/api/keys", response_model=answers.ApiKeyList)
@refuses(Forbidden)
async def list_keys(request: Request) -> Response:
    """List the API keys of the user, without the keys themselves."""
    names = await service_of(request).api_keys.names(claims_of(request))
    return json_response({"keys": [{"key_id": id, "name": name} for id, name in sorted(names.items())]})


@router.delete("/api/keys/{id}", status_code=204)
@refuses(Forbidden, NotFound)
async def revoke_key(request: Request, id: str) -> Response:
    """Revoke an API key. Once this is answered, no replica accepts the key."""
    await service_of(request).api_keys.revoke(claims_of(request), id)
    return Response(status_code=204)
