"""The endpoints of background jobs: a job is submitted, and asked for afterwards."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import answers, bodies
from target_service.headers import required_idempotency_key
from target_service.problems import NotFound, TooLate
from target_service.routes.common import Route, claims_of, json_response, refuses, service_of

router = APIRouter(route_class=Route)


@router.post("/api/process", status_code=202, response_model=answers.AcceptedJob)
async def process(request: Request, body: bodies.Process | bodies.DataProcessing) -> Response:
    """Accept a job, once for an idempotency key. It is done later; its status says when."""
    claims, key = claims_of(request), required_idempotency_key(request)
    input, reference = body.job()
    job = await service_of(request).jobs.submit(claims, key, input.model_dump(exclude_defaults=True), reference)
    response = json_response({"job_id": job}, 202)
    response.headers["Location"] = f"/api/status/{job}"
    return response


@router.get("/api/status/{id}", response_model=answers.JobStatus)
@refuses(NotFound)
async def status(request: Request, id: str) -> Response:
    """Show the state, the progress and, in the end, the output of a job."""
    found = await service_of(request).jobs.status(claims_of(request), id)
    shown: dict[str, object] = {"job_id": found.job, "state": found.state, "progress": found.progress}
    if found.output is not None:
        shown["output"] = found.output
    if found.error is not None:
        shown["error"] = found.error
    return json_response(shown)


@router.post("/api/cancel/{id}", response_model=answers.CancelledJob)
@refuses(NotFound, TooLate)
async def cancel(request: Request, id: str) -> Response:
    """Cancel a job that has had no effect yet."""
    await service_of(request).jobs.cancel(claims_of(request), id)
    return json_response({"job_id": id, "state": "cancelled"})
