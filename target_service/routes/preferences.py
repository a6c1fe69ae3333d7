"""Preferences."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import bodies
from target_service.headers import required_match
from target_service.preferences import Preferences
from target_service.routes.common import claims_of, json_response, service_of

router = APIRouter()


def _shown(found: Preferences) -> Response:
    response = json_response(
        {
            "theme": found.theme,
            "language": found.language,
            "timezone": found.timezone,
            "updated_at": found.updated_at,
            "version": str(found.version),
        }
    )
    response.headers["ETag"] = f'"{found.version}"'
    return response


@router.get("/api/preferences")
async def preferences(request: Request) -> Response:
    return _shown(await service_of(request).preferences.read(claims_of(request)))


@router.put("/api/preferences")
async def change_preferences(request: Request, body: bodies.Preferences) -> Response:
    claims, match = claims_of(request), required_match(request)
    book = service_of(request).preferences
    return _shown(await book.write(claims, match, body.theme, body.language, body.timezone))
