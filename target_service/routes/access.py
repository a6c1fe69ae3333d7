"""Users, roles and API keys."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import bodies
from target_service.routes.common import claims_of, json_response, service_of

router = APIRouter()


@router.get("/api/users/{id}")
async def user(request: Request, id: str) -> Response:
    shown = await service_of(request).users.show(claims_of(request), id)
    return json_response(
        {"user_id": shown.id, "username": shown.username, "role": shown.role, "created_ms": shown.created_ms}
    )


@router.put("/api/users/{id}/role")
async def role(request: Request, id: str, body: bodies.Role) -> Response:
    await service_of(request).users.set_role(claims_of(request), id, body.role)
    return Response(status_code=204)


@router.post("/api/keys")
async def create_key(request: Request, body: bodies.ApiKey) -> Response:
    made = await service_of(request).api_keys.create(claims_of(request), body.name)
    return json_response({"key_id": made.id, "key": made.key}, 201)


@router.get("/api/keys")
async def list_keys(request: Request) -> Response:
    names = await service_of(request).api_keys.names(claims_of(request))
    return json_response({"keys": [{"key_id": id, "name": name} for id, name in sorted(names.items())]})


@router.delete("/api/keys/{id}")
async def revoke_key(request: Request, id: str) -> Response:
    await service_of(request).api_keys.revoke(claims_of(request), id)
    return Response(status_code=204)
