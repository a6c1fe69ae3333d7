"""The endpoints of preferences."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import answers, bodies
from target_service.headers import required_match
from target_service.preferences import Preferences
from target_service.problems import PreconditionFailed
from target_service.routes.common import Route, claims_of, json_response, refuses, service_of

router = APIRouter(route_class=Route)


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


@router.get("/api/preferences", response_model=answers.PreferencesShown)
async def preferences(request: Request) -> Response:
    """Show the preferences of the user, with their version as the ETag."""
    return _shown(await service_of(request).preferences.read(claims_of(request)))


@router.put("/api/preferences", response_model=answers.PreferencesShown)
@refuses(PreconditionFailed)
async def change_preferences(request: Request, body: bodies.Preferences) -> Response:
    """Replace the preferences, if their version is still the one that If-Match names."""
    claims, match = claims_of(request), required_match(request)
    book = service_of(request).preferences
    return _shown(await book.write(claims, match, body.theme, body.language, body.timezone))
