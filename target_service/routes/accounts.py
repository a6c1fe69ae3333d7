"""The endpoints of sign-up, sessions and the profile."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import answers, bodies
from target_service.parts import Service
from target_service.problems import CredentialsRefused, Forbidden, NotAuthenticated, UserExists
from target_service.routes.common import Route, claims_of, json_response, refuses, service_of
from target_service.sessions import Opened

router = APIRouter(route_class=Route)


def _tokens(service: Service, opened: Opened) -> Response:
    return json_response(
        {
            "access_token": service.tokens.access(opened.user, opened.session, opened.role),
            "refresh_token": service.tokens.refresh(opened.session, opened.generation, opened.user, opened.kid),
            "token_type": "Bearer",
            "expires_in": int(service.settings.access_ttl_s),
        }
    )


@router.post("/api/users", status_code=201, response_model=answers.NewAccount)
@refuses(UserExists)
async def sign_up(request: Request, body: bodies.SignUp) -> Response:
    """Create an account."""
    id = await service_of(request).accounts.create(body.username, body.password)
    return json_response({"user_id": id, "username": body.username}, 201)


@router.post("/api/login", response_model=answers.Session)
@refuses(CredentialsRefused)
async def login(request: Request, body: bodies.Login) -> Response:
    """Check a password and open a session."""
    service = service_of(request)
    user = await service.accounts.check(body.username, body.password)
    return _tokens(service, await service.sessions.open(user, service.tokens.kid))


@router.post("/api/refresh", response_model=answers.Session)
@refuses(NotAuthenticated)
async def refresh(request: Request, body: bodies.Refresh) -> Response:
    """Exchange a refresh token for the next one and a new access token."""
    service = service_of(request)
    token = service.tokens.read_refresh(body.refresh_token)
    return _tokens(service, await service.sessions.refresh(token, service.tokens.kid))


@router.post("/api/logout", status_code=204)
@refuses(Forbidden)
async def logout(request: Request) -> Response:
    """End the session of the token."""
    await service_of(request).sessions.revoke(claims_of(request))
    return Response(status_code=204)


@router.post("/api/logout-all", status_code=204)
@refuses(Forbidden)
async def logout_all(request: Request) -> Response:
    """End all sessions of the user."""
    await service_of(request).sessions.revoke_all(claims_of(request))
    return Response(status_code=204)


@router.get("/profile", response_model=answers.Account)
async def profile(request: Request) -> Response:
    """Show the account of the session's user."""
    claims = claims_of(request)
    shown = await service_of(request).sessions.profile(claims)
    return json_response(
        {"user_id": claims.user, "username": shown.username, "role": shown.role, "created_ms": shown.created_ms}
    )
